"""The tests of the shim fail when it stops working, and when it stops being needed."""

import subprocess
import sys
from importlib.metadata import version

import numpy as np
import pytest

from reinspect.tools.vision.torchvision_ops import mend_torchvision, nms
from support.requirements import Late

pytestmark = [pytest.mark.model, pytest.mark.needs("torch", "torchvision")]

torch = Late("torch")


def reference(boxes: np.ndarray, scores: np.ndarray, threshold: float) -> list[int]:
    """The textbook loop, box by box, in double precision."""
    left, kept = sorted(range(len(boxes)), key=lambda i: -scores[i]), []
    while left:
        best = left.pop(0)
        kept.append(best)
        left = [i for i in left if not overlap(boxes[best], boxes[i]) > threshold]
    return kept


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    shared = max(width, 0.0) * max(height, 0.0)
    sizes = [(b[2] - b[0]) * (b[3] - b[1]) for b in (one, other)]
    return shared / (sum(sizes) - shared) if sum(sizes) else float("nan")


@pytest.mark.parametrize("seed", range(20))
def test_nms_is_that_of_the_textbook(seed: int) -> None:
    rng = np.random.default_rng(seed)
    count = int(rng.integers(0, 120))
    low = rng.integers(0, 60, (count, 2))
    boxes = np.hstack([low, low + rng.integers(0, 40, (count, 2))]).astype(np.float64)
    scores = rng.permutation(count) / max(count, 1)  # no ties
    threshold = float(rng.uniform(0.1, 0.9))
    kept = nms(torch.from_numpy(boxes), torch.from_numpy(scores), threshold)
    assert kept.tolist() == reference(boxes, scores, threshold)


def test_of_equals_the_first_stays() -> None:
    boxes = torch.tensor([[0.0, 0, 9, 9], [0, 0, 9, 9], [20, 20, 30, 30]])
    assert nms(boxes, torch.tensor([0.5, 0.5, 0.5]), 0.5).tolist() == [0, 2]


def test_torchvisions_own_functions_work() -> None:
    mend_torchvision()
    import torchvision

    boxes = torch.tensor([[0.0, 0, 10, 10], [1, 1, 10, 10], [20, 20, 30, 30]])
    scores = torch.tensor([0.5, 0.9, 0.1])
    assert torchvision.ops.nms(boxes, scores, 0.5).tolist() == [1, 2]
    assert torchvision.ops.nms(boxes.half(), scores.half(), 0.5).tolist() == [1, 2]
    groups = torch.tensor([0, 1, 0])
    assert torchvision.ops.batched_nms(boxes, scores, groups, 0.5).tolist() == [1, 0, 2]


@pytest.mark.process
def test_it_steps_in_exactly_where_torchvision_alone_fails() -> None:
    alone = subprocess.run(
        [sys.executable, "-c", "import torchvision"], capture_output=True, text=True, timeout=300
    )
    assert mend_torchvision() is (alone.returncode != 0), alone.stderr[-300:]
    if alone.returncode:
        assert "torchvision::nms does not exist" in alone.stderr


def test_it_is_needed_where_this_is_tested() -> None:
    """Fails once CPU builds of torch have a torchvision that fits: the shim can go then."""
    if torch.version.cuda is not None or version("torchvision").endswith("+cpu"):
        pytest.skip("torch and torchvision are builds of one kind")
    assert mend_torchvision()
