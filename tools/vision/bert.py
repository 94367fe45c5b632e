"""What groundingdino-py takes from transformers' BertModel, put back where it is gone.

groundingdino-py 0.4.0 borrows three methods of BertModel and one setting, which transformers 5
no longer has. With those of transformers 4 its masks are added to the attention's logits: 0 where a
token may look, the lowest number there is where it may not.
"""

from __future__ import annotations

from typing import Any

from reinspect.tools.vision.runtime import needs
from reinspect.tools.vision.torchvision_ops import mend_torchvision


def mend_bert() -> tuple[str, ...]:
    """Give BertModel the methods that groundingdino-py asks of it.

    Returns:
        The names of those that were missing: none from the second call on.

    Raises:
        VisionError: transformers, torch or torchvision is missing.
    """
    needs("transformers")
    mend_torchvision()  # transformers imports it beside BertModel
    from transformers import BertConfig, BertModel

    methods = (get_head_mask, get_extended_attention_mask, invert_attention_mask)
    missing = [method for method in methods if not hasattr(BertModel, method.__name__)]
    for method in missing:
        setattr(BertModel, method.__name__, method)
    if missing:
        BertConfig.use_return_dict = True  # gone, or deprecated and complained about
    return tuple(method.__name__ for method in missing)


def get_head_mask(self: Any, head_mask: Any, num_hidden_layers: int) -> list[None]:  # noqa: ARG001
    """One mask a layer: none, as groundingdino-py never masks a head."""
    if head_mask is not None:
        raise NotImplementedError("masks of heads")
    return [None] * num_hidden_layers


def get_extended_attention_mask(
    self: Any,
    attention_mask: Any,
    input_shape: Any,  # noqa: ARG001
    device: Any = None,  # noqa: ARG001
) -> Any:
    """A mask of tokens (B, T), or of pairs (B, T, T), for all heads: (B, 1, 1 or T, T)."""
    return _added(attention_mask, self.dtype)


def invert_attention_mask(self: Any, encoder_attention_mask: Any) -> Any:
    """The same for attention to another text."""
    return _added(encoder_attention_mask, self.dtype)


def _added(mask: Any, dtype: Any) -> Any:
    import torch

    if mask.ndim not in (2, 3):
        raise ValueError(f"a mask of shape {tuple(mask.shape)} is neither of tokens nor of pairs")
    heads = mask[:, None] if mask.ndim == 3 else mask[:, None, None]
    return (1.0 - heads.to(dtype)) * torch.finfo(dtype).min
