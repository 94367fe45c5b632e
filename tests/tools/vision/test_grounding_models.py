"""Both models of GroundingDINO, tiny and random: the packages' own code, from loader to boxes."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from reinspect.images import Pixels
from reinspect.pictures import write_image
from reinspect.tools.grounding.tool import Grounding
from reinspect.tools.vision.prompts import Finder, Prompt
from reinspect.tools.vision.runtime import VisionError
from reinspect.trace import Trace
from reinspect.vocabulary import Sample, View
from support.starting import marking
from support.tiny_grounding import TinyGroundingDino, draw_weights, write_vocabulary

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning:groundingdino")

PROMPTS: tuple[Prompt, ...] = (("scratch", "deep dent"), ("zebra",))
Opens = Callable[..., Finder]


def picture(height: int, width: int, seed: int = 0) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


@pytest.fixture
def opens_package(tiny: TinyGroundingDino) -> Opens:
    from reinspect.tools.vision.grounding_dino import GroundingDino

    def opened(**options: object) -> Finder:
        given = {**tiny._asdict(), "side": 64, "device": "cpu", **options}
        return GroundingDino(**given)

    return opened


@pytest.fixture
def opens_port(tiny_port: Path) -> Opens:
    from reinspect.tools.vision.grounding_port import GroundingPort

    return lambda **options: GroundingPort(**{"folder": tiny_port, "device": "cpu", **options})


@pytest.fixture(params=["package", "port"])
@marking(pytest.mark.model, pytest.mark.needs("torch", "transformers", "groundingdino"))
def opens(request: pytest.FixtureRequest) -> Opens:
    return request.getfixturevalue(f"opens_{request.param}")


def test_every_prompt_has_its_boxes(opens: Opens) -> None:
    answers = opens()(picture(120, 160), PROMPTS, least=0.0)
    assert len(answers) == len(PROMPTS)
    for prompt, answer in zip(PROMPTS, answers, strict=True):
        assert answer
        for found in answer:
            assert 0 <= found.score <= 1
            assert -1 < min(found.corners) < max(found.corners) < 2
            assert found.phrase in (*prompt, "")
    assert {found.phrase for found in answers[0]} & set(PROMPTS[0])


def test_the_answer_is_of_the_picture_and_the_words_alone(opens: Opens) -> None:
    finder, image = opens(), picture(120, 160)
    once = finder(image, PROMPTS, least=0.0)
    finder(picture(90, 90, seed=1), PROMPTS, least=0.0)
    assert finder(image, PROMPTS, least=0.0) == once
    assert finder(picture(120, 160, seed=1), PROMPTS, least=0.0) != once
    assert finder(image, (("hole",), ("zebra",)), least=0.0)[0] != once[0]


def test_prompts_in_any_company(opens: Opens) -> None:
    """Five prompts at once give what each gives alone, but for rounding."""
    finder, image = opens(), picture(120, 160)
    prompts = (("scratch",), ("deep dent", "hole"), ("crack",), ("stain",), ("zebra",))
    together = finder(image, prompts, least=0.0)
    alone = [finder(image, (prompt,), least=0.0)[0] for prompt in prompts]
    for one, other in zip(together, alone, strict=True):
        scores = [sorted(found.score for found in answer) for answer in (one, other)]
        assert scores[0] == pytest.approx(scores[1], abs=1e-4)


def test_only_what_scores_more_is_given(opens: Opens) -> None:
    finder, image = opens(), picture(120, 160)
    scores = sorted(found.score for found in finder(image, PROMPTS, least=0.0)[0])
    middle = scores[len(scores) // 2]
    assert all(found.score > middle for found in finder(image, PROMPTS, least=middle)[0])
    assert finder(image, PROMPTS, least=1.0) == [(), ()]


@pytest.mark.parametrize(
    ("height", "width"),
    [
        pytest.param(1, 1, id="a pixel"),
        pytest.param(3, 3, id="smaller than a patch"),
        pytest.param(5, 20, id="a strip"),
    ],
)
def test_small_pictures(opens: Opens, height: int, width: int) -> None:
    for answer in opens()(picture(height, width), PROMPTS, least=0.0):
        assert all(np.isfinite(found.corners).all() for found in answer)


@pytest.mark.parametrize(
    ("height", "width"),
    [pytest.param(1, 200, id="a line"), pytest.param(200, 2, id="a thin column")],
)
def test_strips_are_padded_by_the_tool(
    opens: Opens, tmp_path: Path, height: int, width: int
) -> None:
    sha256 = write_image(tmp_path / "strip.png", picture(height, width))
    view = View(path=str(tmp_path / "strip.png"), sha256=sha256)
    tool = Grounding(opens(), box_threshold=0.0, margin=0.0)
    said = tool(Trace(sample=Sample(id="strip", views=(view,))))
    assert said.measurements["found"] > 0


def test_three_hundred_phrases_fit(opens: Opens) -> None:
    finder = opens()
    phrases = [f"scratch number {place}" for place in range(300)]
    prompts = finder.prompts(phrases)
    assert [phrase for prompt in prompts for phrase in prompt] == phrases
    assert 1 < len(prompts) < 100
    answers = finder(picture(60, 80), prompts[:3], least=0.0)
    assert all(answers)


def test_a_phrase_longer_than_a_prompt_is_cut(opens: Opens) -> None:
    finder = opens()
    prompts = finder.prompts(["q " * 300, "dent", "crack"])
    assert [len(prompt) for prompt in prompts] == [1, 2]
    assert all(finder(picture(60, 80), prompts, least=0.0))


def test_half_precision_finds_nearly_the_same(opens_package: Opens, opens_port: Opens) -> None:
    """In the CPU's kind of half precision: that of a GPU has more digits."""
    import torch

    from reinspect.tools.vision.runtime import ComputeDevice, Resident

    for finder in (opens_package(), opens_port()):
        full = finder(picture(120, 160), PROMPTS, least=0.0)
        whole = finder._model
        finder._model = Resident("half", whole._load, [ComputeDevice("cpu", half=True)])
        half = finder(picture(120, 160), PROMPTS, least=0.0)
        best = [np.mean([found.score for found in answer[0]]) for answer in (full, half)]
        assert best[1] == pytest.approx(best[0], abs=0.05)
        assert torch.is_inference_mode_enabled() is False


def test_under_the_shim_it_finds_what_it_finds_without(opens_package: Opens) -> None:
    """Against the answer recorded with transformers 4.57.6, which needs no shim.

    `python tests/tools/vision/record_groundingdino.py` in an environment with that release wrote
    it; the tiny model's weights are drawn by numpy, so they are the same everywhere.
    """
    recorded = json.loads(Path(__file__).with_name("groundingdino.json").read_text("utf-8"))
    answers = opens_package(side=96)(picture(120, 160), PROMPTS, least=0.0)
    assert len(answers) == len(recorded["answers"])
    for answer, expected in zip(answers, recorded["answers"], strict=True):
        found = np.array([(*one.corners, one.score) for one in answer])
        np.testing.assert_allclose(found, expected, atol=2e-4)


def test_weights_of_another_model_are_refused(
    tiny: TinyGroundingDino, opens_package: Opens, tmp_path: Path
) -> None:
    import torch

    whole = torch.load(tiny.weights, weights_only=True)["model"]
    first = next(iter(whole))
    another = {
        "lacks.pth": {"model": {name: whole[name] for name in whole if name != first}},
        "shape.pth": {"model": {**whole, first: torch.zeros(3, 5)}},
        "sam.pth": {"image_encoder.pos_embed": torch.zeros(3)},
    }
    said = []
    for name, content in another.items():
        torch.save(content, tmp_path / name)
        with pytest.raises(VisionError) as refused:
            opens_package(weights=tmp_path / name)(picture(9, 9), PROMPTS, least=0.5)
        said.append(str(refused.value))
        assert "\n" not in said[-1]
        assert name in said[-1]
    assert f"1 tensors are missing, such as {first}" in said[0]
    assert "size mismatch" in said[1]
    assert "no checkpoint of GroundingDINO" in said[2]


def test_an_unloadable_pickle_is_refused(opens_package: Opens, tmp_path: Path) -> None:
    (tmp_path / "junk.pth").write_bytes(b"\x80\x02junk" * 9)
    with pytest.raises(VisionError, match=r"junk\.pth can't be loaded") as refused:
        opens_package(weights=tmp_path / "junk.pth")(picture(9, 9), PROMPTS, least=0.5)
    assert "\n" not in str(refused.value)


def test_a_folder_with_another_model_is_refused(
    tiny: TinyGroundingDino, tiny_port: Path, opens_port: Opens, tmp_path: Path
) -> None:
    with pytest.raises(VisionError, match="a bert, not a grounding-dino"):
        opens_port(folder=tiny.text_encoder)(picture(9, 9), PROMPTS, least=0.5)
    from safetensors.torch import load_file, save_file

    for file in tiny_port.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    tensors = load_file(tiny_port / "model.safetensors")
    lacking = {name: tensors[name] for name in tensors if "decoder.layers.1" not in name}
    save_file(lacking, tmp_path / "model.safetensors", {"format": "pt"})
    with pytest.raises(VisionError, match=r"not of its config: \d+ tensors are missing"):
        opens_port(folder=tmp_path)(picture(9, 9), PROMPTS, least=0.5)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        pytest.param({"weights": "none.pth"}, "no such file", id="weights"),
        pytest.param({"config": "swin_x"}, "neither swin_t, swin_b nor a .py file", id="config"),
        pytest.param({"text_encoder": "bert"}, "no folder with a config.json", id="encoder"),
        pytest.param({"device": "cuda:77"}, "torch sees", id="device"),
    ],
)
def test_what_is_missing_is_said_before_anything_is_loaded(
    opens_package: Opens, options: dict[str, str], words: str
) -> None:
    with pytest.raises(VisionError, match=words):
        opens_package(**options)


def test_a_truncated_folder_is_refused(tiny_port: Path, opens_port: Opens, tmp_path: Path) -> None:
    for name in ("config.json", "model.safetensors"):
        content = (tiny_port / name).read_bytes()
        (tmp_path / name).write_bytes(content if name == "config.json" else content[:-9])
    with pytest.raises(VisionError, match=r"model\.safetensors: truncated"):
        opens_port(folder=tmp_path)
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(VisionError, match="no weights there"):
        opens_port(folder=tmp_path)


@pytest.mark.parametrize("config", ["swin_t", "swin_b"])
def test_the_packages_own_configs_are_found(opens_package: Opens, config: str) -> None:
    opens_package(config=config)


@pytest.mark.model
@pytest.mark.needs("torch")
def test_drawn_weights_are_the_same_everywhere(tmp_path: Path) -> None:
    import torch

    layer = torch.nn.Linear(2, 2)
    draw_weights(layer, seed=0)
    assert layer.weight.flatten().tolist() == pytest.approx(
        [-1.114357, -0.898614, 0.758292, -0.181344], abs=1e-5
    )
    write_vocabulary(tmp_path)
    assert "zebra" in (tmp_path / "vocab.txt").read_text("utf-8").split()
