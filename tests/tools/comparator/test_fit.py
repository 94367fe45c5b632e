import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from reinspect.samples import Process
from reinspect.tools.comparator.fit import EYE, ComparatorFit
from reinspect.tools.comparator.network import (
    WEIGHTS,
    ComparatorError,
    ComparatorNetwork,
    open_comparator,
)
from reinspect.tools.embedded.album import Album
from reinspect.tools.embedded.fit import Fit
from reinspect.tools.embedded.second_look import Witness
from support.requirements import unavailable

SIZE = 240


@pytest.fixture(scope="module")
def process() -> Process:
    return Process.draw(np.random.default_rng(1), "flange")


@pytest.fixture(scope="module")
def fit(process: Process) -> Fit:
    rng = np.random.default_rng(2)
    return Fit.from_references([process.picture(rng, SIZE) for _ in range(6)])


@pytest.fixture(scope="module")
def eye(fit: Fit, comparator: ComparatorNetwork) -> ComparatorFit:
    return ComparatorFit.from_album(fit.album, comparator)


def sound_in_itself(witness: Witness) -> bool:
    numbers = (witness.z, witness.threshold, witness.probability)
    return bool(np.isfinite(numbers).all() and np.isfinite(witness.heat_map).all())


def scratched(image: np.ndarray) -> np.ndarray:
    copy = image.copy()
    cv2.line(copy, (SIZE // 2 - 40, SIZE // 2 - 50), (SIZE // 2 + 45, SIZE // 2 - 60), (5, 5, 5), 5)
    return copy


def test_a_plain_defect_is_seen_where_it_is(
    eye: ComparatorFit, comparator: ComparatorNetwork, process: Process
) -> None:
    rng = np.random.default_rng(3)
    pictures = [process.picture(rng, SIZE) for _ in range(4)]
    good = [eye.look(picture, comparator) for picture in pictures]
    bad = [eye.look(scratched(picture), comparator) for picture in pictures]
    assert min(look.z for look in bad) > max(look.z for look in good)
    assert all(look.probability > 0.5 for look in bad)
    assert {look.name for look in bad} == {EYE}
    rows, columns = bad[0].heat_map.shape
    hottest = np.unravel_index(int(bad[0].heat_map.argmax()), (rows, columns))
    assert abs(hottest[0] / rows - 0.27) < 0.1
    assert 0.25 < hottest[1] / columns < 0.75


def test_a_saved_fit_sees_the_same(
    eye: ComparatorFit, comparator: ComparatorNetwork, process: Process, tmp_path: Path
) -> None:
    image = scratched(process.picture(np.random.default_rng(4), SIZE))
    eye.save(tmp_path / "eye.npz")
    again, before = (
        ComparatorFit.load(tmp_path / "eye.npz").look(image, comparator),
        eye.look(image, comparator),
    )
    assert again.z == pytest.approx(before.z, rel=1e-6)
    assert again.heat_map == pytest.approx(before.heat_map, rel=1e-4, abs=1e-4)


def test_a_reference_does_not_vouch_for_itself(
    eye: ComparatorFit, comparator: ComparatorNetwork, fit: Fit
) -> None:
    image = fit.album.image(2)
    assert eye.look(image, comparator, excluding=2).z > eye.look(image, comparator).z


def test_another_fit_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "other.npz", _kind=np.array("something else"))
    with pytest.raises(ValueError, match="something else"):
        ComparatorFit.load(tmp_path / "other.npz")


@pytest.mark.parametrize(
    ("references", "query"),
    [
        pytest.param([(SIZE, SIZE)], (SIZE, SIZE), id="one-reference"),
        pytest.param([(SIZE, SIZE)] * 2, (SIZE, SIZE), id="two-references"),
        pytest.param([(90, 120), (300, 400), (64, 64)], (SIZE, SIZE), id="sizes-differ"),
        pytest.param([(150, 150)] * 3, (1500, 1500), id="query-ten-times-larger"),
        pytest.param([(40, 400)] * 3, (40, 400), id="thin"),
        pytest.param([(9, 7)] * 3, (7, 9), id="tiny"),
    ],
)
def test_any_size_and_number(
    references: list[tuple[int, int]],
    query: tuple[int, int],
    process: Process,
    comparator: ComparatorNetwork,
) -> None:
    rng = np.random.default_rng(5)
    good = [cv2.resize(process.picture(rng, SIZE), size[::-1]) for size in references]
    eye = ComparatorFit.from_album(Album.collect(good, 16), comparator)
    image = cv2.resize(process.picture(rng, SIZE), query[::-1])
    assert sound_in_itself(eye.look(image, comparator))


def test_a_constant_image(eye: ComparatorFit, comparator: ComparatorNetwork) -> None:
    flat = np.full((SIZE, SIZE, 3), 128, np.uint8)
    seen = eye.look(flat, comparator)
    assert sound_in_itself(seen)
    assert seen.probability > 0.5
    among = ComparatorFit.from_album(Album.collect([flat, flat + 1, flat + 2], 16), comparator)
    assert sound_in_itself(among.look(flat, comparator))


def test_an_image_of_another_kind_is_refused(
    eye: ComparatorFit, comparator: ComparatorNetwork
) -> None:
    with pytest.raises(ValueError, match="uint8"):
        eye.look(np.zeros((20, 20), np.float32), comparator)


def copied(folder: Path) -> Path:
    if not WEIGHTS.is_file():
        unavailable("eye", "no weights are shipped")
    for file in (WEIGHTS, WEIGHTS.with_name(f"{WEIGHTS.stem}-sees.onnx")):
        (folder / file.name).write_bytes(file.read_bytes())
    return folder / WEIGHTS.name


def test_missing_weights_are_named(tmp_path: Path, comparator: ComparatorNetwork) -> None:
    with pytest.raises(ComparatorError, match=r"none\.onnx|none-sees\.onnx"):
        open_comparator(tmp_path / "none.onnx")


def test_damaged_weights_are_named(tmp_path: Path, comparator: ComparatorNetwork) -> None:
    weights = copied(tmp_path)
    weights.write_bytes(weights.read_bytes()[:5000])
    with pytest.raises(ComparatorError, match="no readable ONNX graph"):
        open_comparator(weights)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        pytest.param(b"\x0a\x03eye\x12\x011", b"\x0a\x03eye\x12\x019", "version 9", id="version"),
        pytest.param(b"\x0a\x04pair\x12\x10", b"\x0a\x04pore\x12\x10", "one training", id="pair"),
    ],
)
def test_foreign_weights_are_refused(
    before: bytes, after: bytes, said: str, tmp_path: Path, comparator: ComparatorNetwork
) -> None:
    weights = copied(tmp_path)
    content = weights.read_bytes()
    assert content.count(before) == 1
    weights.write_bytes(content.replace(before, after))
    with pytest.raises(ComparatorError, match=said):
        open_comparator(weights)


@pytest.mark.process
def test_without_onnxruntime_it_says_so() -> None:
    code = (
        "import sys; sys.modules['onnxruntime'] = None\n"
        "from reinspect.tools.comparator.network import ComparatorError, open_comparator\n"
        "try: open_comparator()\n"
        "except ComparatorError as failure: print(failure)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ
    )
    assert "onnxruntime is not installed" in done.stdout


def test_weights_are_small() -> None:
    if not WEIGHTS.is_file():
        unavailable("eye", "no weights are shipped")
    files = WEIGHTS.parent.glob("*.onnx")
    assert sum(file.stat().st_size for file in files) <= 8_000_000
