"""A set-up check: what is found, what is put right, and what is left alone."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from reinspect.tools.setup.findings import Correction, SetupCheck, SetupKind
from reinspect.tools.setup.scene import LearnedScene
from support.plates import plate

SIZE = (240, 400)
Change = Callable[[np.ndarray], np.ndarray]


def part(seed: int, spot: int = 0) -> np.ndarray:
    """A plate that looks different turned and mirrored."""
    image = cv2.GaussianBlur(plate(seed, SIZE, spot), (0, 0), 1.2)
    cv2.rectangle(image, (250, 25), (330, 55), (60, 120, 200), -1)
    cv2.line(image, (260, 200), (370, 170), (200, 210, 220), 6)
    return image


def texture(seed: int) -> np.ndarray:
    """Brushed metal: it has an angle and no place."""
    noise = np.random.default_rng(seed).normal(0, 60, SIZE).astype(np.float32)
    grey = 130 + cv2.GaussianBlur(noise, (0, 0), 8, None, 0.7)
    return cv2.cvtColor(np.clip(grey, 0, 255).astype(np.uint8), cv2.COLOR_GRAY2BGR)


def described(image: np.ndarray) -> np.ndarray:
    """A stand-in for a network: what each cell looks like (20, 20, 5)."""
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY).astype(np.float32)
    slopes = [np.abs(cv2.Sobel(grey, cv2.CV_32F, *way)) for way in ((1, 0), (0, 1))]
    planes = [*cv2.split(image.astype(np.float32)), *slopes]
    return np.dstack([cv2.resize(one, (20, 20), interpolation=cv2.INTER_AREA) for one in planes])


def moved(right: float = 0, down: float = 0, turn: float = 0, size: float = 1) -> Change:
    def change(image: np.ndarray) -> np.ndarray:
        rows, columns = image.shape[:2]
        warp = cv2.getRotationMatrix2D(((columns - 1) / 2, (rows - 1) / 2), turn, size)
        warp[:, 2] += (right, down)
        return cv2.warpAffine(image, warp, (columns, rows), borderMode=cv2.BORDER_REFLECT_101)

    return change


def lit(gain: float) -> Change:
    return lambda image: np.clip(image * gain, 0, 255).astype(np.uint8)


def noisy(image: np.ndarray) -> np.ndarray:
    added = np.random.default_rng(0).normal(0, 40, image.shape)
    return np.clip(image + added, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def scene() -> LearnedScene:
    parts = [part(seed) for seed in range(8)]
    return LearnedScene.learn(parts, [described(one) for one in parts])


def checked(scene: LearnedScene, image: np.ndarray) -> SetupCheck:
    check = scene.check(image)
    return scene.recognise(check, described(scene.corrected(image, check)))


@pytest.mark.parametrize(
    ("change", "kind", "words"),
    [
        pytest.param(moved(turn=-13), SetupKind.ANGLE, "setup: turned by 13°", id="turned"),
        pytest.param(
            lambda image: cv2.rotate(image, cv2.ROTATE_180),
            SetupKind.ANGLE,
            "setup: turned by 180°",
            id="upside-down",
        ),
        pytest.param(
            lambda image: cv2.rotate(image, cv2.ROTATE_90_CLOCKWISE),
            SetupKind.ANGLE,
            "setup: turned by 90°",
            id="on-its-side",
        ),
        pytest.param(
            lambda image: image[:, ::-1].copy(), SetupKind.MIRRORED, "setup: mirrored", id="mirror"
        ),
        pytest.param(moved(40, -20), SetupKind.PLACE, "setup: moved by 13%", id="moved-far"),
        pytest.param(moved(size=1.15), SetupKind.SCALE, "1.14 times as large", id="larger"),
        pytest.param(
            lambda image: cv2.resize(image, (300, 240), interpolation=cv2.INTER_AREA),
            SetupKind.SHAPE,
            "setup: another shape (5:4 instead of 5:3)",
            id="squashed",
        ),
        pytest.param(
            lambda image: cv2.GaussianBlur(image, (0, 0), 2),
            SetupKind.BLUR,
            "blurred",
            id="blurred",
        ),
        pytest.param(
            lambda image: cv2.resize(image, (50, 30), interpolation=cv2.INTER_AREA),
            SetupKind.BLUR,
            "too small a picture",
            id="tiny",
        ),
        pytest.param(noisy, SetupKind.NOISE, "noisy", id="noisy"),
        pytest.param(lit(0.5), SetupKind.EXPOSURE, "too dark (0.5", id="dark"),
        pytest.param(lit(1.5), SetupKind.EXPOSURE, "too bright (1.5", id="bright"),
        pytest.param(
            lambda image: np.ascontiguousarray(image * [0.8, 1, 1.1]).astype(np.uint8),
            SetupKind.COLOUR,
            "another colour of light",
            id="yellow-light",
        ),
    ],
)
def test_what_is_not_as_the_references_show_is_named(
    change: Change, kind: SetupKind, words: str, scene: LearnedScene
) -> None:
    check = checked(scene, change(part(20)))
    assert kind in [finding.kind for finding in check.findings]
    assert words in check.reason
    assert not check.ok
    assert check.correction is None
    for finding in check.findings:
        assert finding.amount > finding.limit


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(texture(3) // 2 + np.uint8([90, 60, 0]), id="a-texture"),
        pytest.param(np.full((*SIZE, 3), 245, np.uint8), id="an-empty-scene"),
    ],
)
def test_another_product_is_no_good_part(other: np.ndarray, scene: LearnedScene) -> None:
    check = checked(scene, other)
    assert not check.ok
    assert SetupKind.PRODUCT in [finding.kind for finding in check.findings]
    assert check.reason.startswith("setup: not this product")


@pytest.mark.parametrize("seed", range(30, 36))
@pytest.mark.parametrize("spot", [0, 20, 60], ids="spot-{}".format)
def test_good_and_damaged_parts_are_of_the_scene(seed: int, spot: int, scene: LearnedScene) -> None:
    check = checked(scene, part(seed, spot))
    assert check.ok
    assert check.reason == ""


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(moved(5, -4), id="moved"),
        pytest.param(moved(turn=2.5), id="turned"),
        pytest.param(moved(-4, 3, turn=-2), id="moved-and-turned"),
        pytest.param(moved(size=1.05), id="larger"),
    ],
)
def test_small_shifts_are_put_right(change: Change, scene: LearnedScene) -> None:
    original = part(21, spot=24)
    image = change(original)
    check = checked(scene, image)
    assert check.ok
    assert check.correction is not None
    inner = np.s_[20:-20, 20:-20]
    errors = [
        np.abs(one[inner].astype(float) - original[inner]).mean()
        for one in (image, scene.corrected(image, check))
    ]
    assert errors[1] < errors[0] / 2


def test_boxes_go_back_to_the_original_picture(scene: LearnedScene) -> None:
    """A spot's middle in the corrected picture is its middle in the one that was moved."""
    change = moved(6, 4, turn=3)
    check = scene.check(change(part(22)))
    assert check.correction is not None
    warp = np.vstack([cv2.getRotationMatrix2D((199.5, 119.5), 3, 1), [0, 0, 1]])
    there = tuple(np.add((warp @ [212, 92, 1])[:2], (6, 4)))
    x1, y1, x2, y2, score = check.correction.original(
        (200 / 400, 80 / 240, 224 / 400, 104 / 240, 3.5), 400, 240
    )
    assert ((x1 + x2) / 2 * 400, (y1 + y2) / 2 * 240) == pytest.approx(there, abs=2)
    assert score == 3.5
    left, top, right, bottom, _ = check.correction.original((0, 0, 1, 1, 1.0), 400, 240)
    assert (left, top, right, bottom) == pytest.approx((0, 0, 1, 1), abs=0.01)


def test_whole_pixels_are_moved_unchanged() -> None:
    image = part(0)
    still = Correction((1, 0, 3, 0, 1, -2), "moved by 4 px").apply(image, image + 9)
    assert np.array_equal(still[6:, :-7], image[4:-2, 3:-4])


def test_what_references_show_is_allowed() -> None:
    """Parts that lie at any place and angle have neither."""
    rng = np.random.default_rng(5)

    def loose(seed: int) -> np.ndarray:
        return moved(*rng.uniform(-30, 30, 2), turn=float(rng.uniform(-180, 180)))(part(seed))

    parts = [loose(seed) for seed in range(8)]
    free = LearnedScene.learn(parts, [described(one) for one in parts])
    assert all(checked(free, loose(seed)).ok for seed in range(40, 50))


def test_a_texture_has_an_angle_and_no_place() -> None:
    brushed = LearnedScene.learn([texture(seed) for seed in range(8)])
    assert not brushed.rigid
    assert brushed.check(moved(30, 20)(texture(20))) == SetupCheck()
    check = brushed.check(cv2.resize(cv2.rotate(texture(20), 0), (400, 240)))
    assert check.findings[0].kind is SetupKind.ANGLE


@pytest.mark.parametrize("count", [1, 2, 3, 60])
def test_any_number_of_references_will_do(count: int) -> None:
    parts = [part(seed) for seed in range(count)]
    few = LearnedScene.learn(parts, [described(one) for one in parts])
    assert checked(few, part(100)).ok
    assert not checked(few, np.full((*SIZE, 3), 245, np.uint8)).ok
    assert not checked(few, lit(0.3)(part(100))).ok


def test_the_fewer_references_the_wider_the_limits() -> None:
    gains = []
    for count in (2, 8, 40):
        few = LearnedScene.learn([part(seed) for seed in range(count)])
        (finding,) = few.check(lit(0.4)(part(100))).findings
        gains.append(finding.limit)
    assert gains == sorted(gains, reverse=True)


@pytest.mark.parametrize(
    "image",
    [
        pytest.param(np.zeros((240, 400, 3), np.uint8), id="black"),
        pytest.param(np.full((1, 1, 3), 200, np.uint8), id="one-pixel"),
        pytest.param(np.full((4, 4000, 3), 90, np.uint8), id="slender"),
    ],
)
def test_odd_images_are_checked_as_others(image: np.ndarray, scene: LearnedScene) -> None:
    check = scene.check(image)
    assert not check.ok
    assert np.isfinite([[finding.amount, finding.limit] for finding in check.findings]).all()
    again = LearnedScene.learn([image] * 3, [described(image)] * 3)
    assert np.isfinite(again.usual).all()
    assert checked(again, image).ok


def test_a_scene_survives_its_arrays(scene: LearnedScene) -> None:
    again = LearnedScene.from_arrays(scene.arrays())
    for image in (part(50), lit(0.5)(part(50)), moved(5, 3)(part(50))):
        assert checked(again, image) == checked(scene, image)


def test_no_references_and_no_image_are_refused(scene: LearnedScene) -> None:
    with pytest.raises(ValueError, match="at least one reference"):
        LearnedScene.learn([])
    with pytest.raises(ValueError, match="BGR uint8"):
        scene.check(np.zeros((5, 5), np.float32))
