"""The tests of the shim fail when it stops working, and when it stops being needed."""

import subprocess
import sys
from types import SimpleNamespace

import pytest

from reinspect.tools.vision.bert import (
    get_extended_attention_mask,
    get_head_mask,
    invert_attention_mask,
    mend_bert,
)
from support.requirements import Late

pytestmark = [pytest.mark.model, pytest.mark.needs("torch", "transformers")]

torch, transformers = Late("torch"), Late("transformers")


@pytest.mark.process
def test_it_is_needed_with_transformers_5_and_a_no_op_before() -> None:
    """In a process of its own: mending is for good."""
    code = "from reinspect.tools.vision.bert import mend_bert as m; print(len(m()), len(m()))"
    said = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=300
    ).stdout
    needed = 3 if int(transformers.__version__.split(".")[0]) >= 5 else 0
    assert said.split() == [str(needed), "0"]


def test_what_was_gone_is_there() -> None:
    mend_bert()
    config = transformers.BertConfig(
        vocab_size=9, hidden_size=8, num_hidden_layers=1, num_attention_heads=2
    )
    bert = transformers.BertModel(config)
    assert bert.get_head_mask(None, 1) == [None]
    assert bert.config.use_return_dict is True


@pytest.mark.parametrize(
    "mask",
    [
        pytest.param([[1, 1, 0]], id="tokens"),
        pytest.param([[[1, 0, 0], [1, 1, 0], [0, 0, 1]]], id="pairs"),
    ],
)
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_masks_hide_what_is_not_to_be_seen(mask: list, dtype: str) -> None:
    given = torch.tensor(mask)
    model = SimpleNamespace(dtype=getattr(torch, dtype))
    added = get_extended_attention_mask(model, given, given.shape)
    assert added.shape == ((1, 1, 3, 3) if given.ndim == 3 else (1, 1, 1, 3))
    assert added.dtype is model.dtype
    weights = (torch.zeros(1, 2, 3, 3) + added).softmax(dim=-1)
    seen = given.reshape(1, 1, -1, 3).expand(1, 2, 3, 3).bool()
    assert (weights[~seen] == 0).all()
    assert torch.allclose(weights.sum(dim=-1), torch.ones(1, 2, 3))
    assert torch.equal(invert_attention_mask(model, given), added)


def test_what_was_never_asked_for_is_refused() -> None:
    with pytest.raises(NotImplementedError):
        get_head_mask(None, torch.ones(2), 2)
    with pytest.raises(ValueError, match="neither of tokens nor of pairs"):
        get_extended_attention_mask(SimpleNamespace(dtype=torch.float32), torch.ones(3), (3,))
