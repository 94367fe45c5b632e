"""Networks of timm: which layers serve, where weights come from, and what is refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reinspect.errors import ReinspectError
from reinspect.tools.features.fit import FeatureFit
from reinspect.tools.features.timm_model import TimmFeatures, TimmNetwork, open_timm
from support.plates import plate
from support.requirements import Late
from support.tiny_timm import put_timm, timm

torch = Late("torch")

pytestmark = [
    pytest.mark.model,
    pytest.mark.needs("timm", "torch", "torchvision"),
]

TRANSFORMER, CONVOLUTIONAL = "test_vit.r160_in1k", "test_resnet.r160_in1k"
FOLDER = "timm--test_vit.r160_in1k"


def network(name: str, file: Path | str | None = None, **options: Any) -> TimmNetwork:
    given = {"timm": name, "weights": str(file) if file else None, "device": "cpu", **options}
    return open_timm(TimmFeatures.model_validate(given), options.pop("folder", None))


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    folder = tmp_path_factory.mktemp("timm")

    def of(name: str) -> Path:
        file = folder / f"{name}.safetensors"
        return file if file.exists() else put_timm(file, name)

    return of


@pytest.mark.parametrize(
    ("name", "options", "channels", "grid"),
    [
        pytest.param(TRANSFORMER, {}, (64,), (15, 26), id="the-last-block"),
        pytest.param(TRANSFORMER, {"layers": [1, -1]}, (64, 64), (15, 26), id="two-blocks"),
        pytest.param(TRANSFORMER, {"side": 160}, (64,), (8, 13), id="another-side"),
        pytest.param("test_vit4", {}, (96,), (15, 26), id="registers"),
        pytest.param(CONVOLUTIONAL, {}, (192, 96), (16, 26), id="the-deepest-maps"),
        pytest.param(CONVOLUTIONAL, {"layers": [2]}, (48,), (32, 52), id="another-map"),
        pytest.param("test_efficientnet", {}, (48, 64), (16, 26), id="efficientnet"),
        pytest.param("test_mambaout", {}, (48, 64), (16, 26), id="others"),
    ],
)
def test_maps_and_tokens_are_grids(
    name: str,
    options: dict[str, Any],
    channels: tuple[int, ...],
    grid: tuple[int, int],
    weights: Callable[[str], Path],
) -> None:
    opened = network(name, weights(name), **options)
    assert opened.channels == channels
    described = opened.describe(plate(0))
    assert described.shape == (*grid, sum(channels))
    assert described.dtype == np.float32
    assert np.isfinite(described).all()


def test_it_gives_what_timm_gives(weights: Callable[[str], Path]) -> None:
    opened = network(TRANSFORMER, weights(TRANSFORMER))
    model = timm().create_model(TRANSFORMER, checkpoint_path=str(weights(TRANSFORMER))).eval()
    image = np.random.default_rng(0).integers(0, 256, (160, 160, 3)).astype(np.uint8)
    given = torch.from_numpy(image[..., ::-1].copy()).permute(2, 0, 1)[None] / 127.5 - 1
    with torch.no_grad():
        tokens = model.forward_features(given)[0, model.num_prefix_tokens :].numpy()
    ours = opened.describe(image, side=160)
    assert ours.reshape(-1, 64) == pytest.approx(tokens, abs=1e-4)


def test_a_first_look_is_fitted_over_it(weights: Callable[[str], Path]) -> None:
    own = network(CONVOLUTIONAL, weights(CONVOLUTIONAL))
    fit = FeatureFit.from_references([plate(seed) for seed in range(5)], own)
    assert fit.look(plate(20, spot=24), own).z > fit.look(plate(20), own).z


def test_the_key_is_another_where_features_are(
    weights: Callable[[str], Path], tmp_path: Path
) -> None:
    file = weights(TRANSFORMER)
    opened = [
        network(TRANSFORMER, file),
        network(TRANSFORMER, file, layers=[1]),
        network(TRANSFORMER, file, side=160),
        network(TRANSFORMER, put_timm(tmp_path / "w.safetensors", TRANSFORMER, seed=1)),
    ]
    assert len({own.key for own in opened}) == 4


@pytest.mark.parametrize(
    "place",
    [
        pytest.param("w.safetensors", id="a-file"),
        pytest.param("w/model.safetensors", id="a-folder"),
        pytest.param(f"{FOLDER}/model.safetensors", id="fetched"),
    ],
)
def test_weights_are_found_where_they_lie(place: str, tmp_path: Path) -> None:
    put_timm(tmp_path / place, TRANSFORMER)
    named = None if FOLDER in place else str(tmp_path / Path(place).parts[0])
    options = TimmFeatures(timm=TRANSFORMER, weights=named, device="cpu")
    assert open_timm(options, tmp_path).channels == (64,)


def test_the_hub_is_not_asked_for_what_is_there(tmp_path: Path) -> None:
    put_timm(tmp_path / FOLDER / "model.safetensors", TRANSFORMER)
    options = TimmFeatures(timm=TRANSFORMER, weights="hub", device="cpu")
    assert open_timm(options, tmp_path).channels == (64,)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        pytest.param({"timm": "test_vitt"}, "no network 'test_vitt'; did you mean", id="name"),
        pytest.param({"timm": "q"}, r"no network 'q'; see timm\.list_models", id="far-name"),
        pytest.param({"timm": "hf-hub:timm/test_vit"}, "no network", id="an-address"),
        pytest.param(
            {"timm": "test_vit.r1"}, "no weights 'test_vit.r1'; did you mean", id="no-such-tag"
        ),
        pytest.param({"timm": TRANSFORMER}, "weights: FILE, or weights: hub", id="not-fetched"),
        pytest.param(
            {"timm": "vit_small_patch14_dinov2.lvd142m"},
            "`reinspect models fetch timm/vit_small_patch14_dinov2.lvd142m`",
            id="known-and-not-fetched",
        ),
        pytest.param({"timm": TRANSFORMER, "weights": "no/such"}, "no weights at no/such", id="no"),
        pytest.param({"timm": TRANSFORMER, "weights": "{folder}"}, "no weights in", id="empty"),
        pytest.param(
            {"timm": TRANSFORMER, "weights": "{whole}", "layers": [9]}, r"\[9\] of 6", id="layers"
        ),
        pytest.param({"timm": TRANSFORMER, "weights": "{cut}"}, "truncated", id="cut"),
        pytest.param({"timm": TRANSFORMER, "weights": "{less}"}, "tensors are missing", id="less"),
        pytest.param(
            {"timm": TRANSFORMER, "weights": "{other}"}, "are not of test_vit", id="of-another"
        ),
    ],
)
def test_what_can_t_be_had_is_said_in_one_line(
    options: dict[str, Any], said: str, weights: Callable[[str], Path], tmp_path: Path
) -> None:
    (tmp_path / "none").mkdir()
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(weights(TRANSFORMER).read_bytes()[:-1000])
    places = {
        "{folder}": tmp_path / "none",
        "{whole}": weights(TRANSFORMER),
        "{cut}": cut,
        "{less}": put_timm(tmp_path / "less.safetensors", TRANSFORMER, without="blocks.2"),
        "{other}": weights(CONVOLUTIONAL),
    }
    named = options.get("weights")
    given = {**options, "weights": str(places.get(named, named)) if named else None}
    with pytest.raises(ReinspectError, match=said) as refused:
        open_timm(TimmFeatures.model_validate({**given, "device": "cpu"}), tmp_path / "w")
    assert "\n" not in str(refused.value)
