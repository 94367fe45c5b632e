"""What pictures look like to the encoders of models that segment."""

from pathlib import Path

import numpy as np
import pytest

from reinspect.graph import tools_of
from reinspect.graph.build import BuildContext, build_pipeline
from reinspect.graph.recipe import RecipeError, parse_recipe
from reinspect.tools.expert import Embedder
from reinspect.tools.reference import AlignedReference
from reinspect.tools.vision.embedding import file_key
from reinspect.tools.vision.sam import Sam
from reinspect.tools.vision.sam_ports import SamPort
from support import tiny_sam

pytestmark = [
    pytest.mark.model,
    pytest.mark.needs("torch", "torchvision", "transformers", "segment_anything"),
]


def picture(seed: int, height: int = 120, width: int = 160) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), np.uint8)
    return np.kron(coarse, np.ones((height // 6, width // 8, 1), np.uint8))


@pytest.fixture(params=["package", "sam", "sam2", "sam3"])
def model(request: pytest.FixtureRequest, tmp_path: Path) -> Embedder:
    if request.param == "package":
        return Sam("support.tiny_sam:build", tiny_sam.save(tmp_path / "tiny.pth"), device="cpu")
    return SamPort(tiny_sam.save_port(tmp_path / "port", request.param), device="cpu")


def test_alike_is_what_shows_the_same(model: Embedder) -> None:
    seen = picture(0)
    noise = np.random.default_rng(9).integers(0, 6, seen.shape)
    same = np.clip(seen.astype(int) + noise, 0, 255).astype(np.uint8)
    vectors = [model.embedding(image) for image in (seen, same, picture(1), seen)]
    assert all(vector.dtype == np.float32 for vector in vectors)
    assert all(vector.shape == (16 * tiny_sam.WIDTH,) for vector in vectors)
    assert np.linalg.norm(vectors[0]) == pytest.approx(1, abs=1e-4)
    assert np.array_equal(vectors[0], vectors[3])
    near, far = (np.abs(vectors[0] - other).mean() for other in vectors[1:3])
    assert near < far / 2


@pytest.mark.parametrize("shape", [(1, 1), (3, 200), (300, 2)])
def test_pictures_of_any_shape(model: Embedder, shape: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    assert np.isfinite(model.embedding(image)).all()


def test_other_weights_have_another_key(tmp_path: Path) -> None:
    one, other = tmp_path / "a.pth", tmp_path / "b.pth"
    one.write_bytes(b"1")
    other.write_bytes(b"22")
    keys = {file_key("vit_b", one), file_key("vit_b", other), file_key("vit_l", one)}
    assert len(keys) == 3
    assert file_key("vit_b", one) in keys


def test_a_recipe_says_whether_to_use_it(tmp_path: Path) -> None:
    weights = tiny_sam.save(tmp_path / "tiny.pth")
    sam = (
        "{kind: segmentation, backend: segment-anything, device: cpu, "
        f"model: 'support.tiny_sam:build', weights: {weights}}}"
    )
    for tools, by_model in (
        (f"{sam}, reference", True),
        (f"reference, {sam}", True),
        (f"{sam}, {{kind: reference, nearest: embedding}}", True),
        (f"{sam}, {{kind: reference, nearest: features}}", False),
        ("segmentation, reference", False),
        ("reference", False),
    ):
        made = tools_of(parse_recipe(f"tools: [{tools}]"))["reference"]
        assert isinstance(made, AlignedReference)
        assert (made._alike is not None) is by_model, tools
    asked = parse_recipe("tools: [segmentation, {kind: reference, nearest: embedding}]")
    with pytest.raises(RecipeError, match=r"tools\.1: nearest: .* needs a tool segmentation"):
        build_pipeline(BuildContext(recipe=asked))
    for wrong in (
        "{kind: reference, nearest: fish}",
        "reference, {kind: segmentation, weights: 5}",
    ):
        with pytest.raises(RecipeError, match=r"^tools\.\d\.(nearest|weights): Input should be"):
            build_pipeline(BuildContext(recipe=parse_recipe(f"tools: [{wrong}]")))
