"""What may not be learned from, and which side a picture is on."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from reinspect.images import sha256_of
from reinspect.policies.case import Case, CaseLook
from reinspect.store import Store
from reinspect.training.episodes.build import EpisodeOptions, make_episodes
from reinspect.training.episodes.captioning import Captions
from reinspect.training.episodes.episode import EpisodeError, Side
from reinspect.training.episodes.folder import EpisodeCard, Episodes, read_episodes
from reinspect.training.monitor.fit import fit_monitor
from reinspect.training.references import ReferencesError
from reinspect.training.splits import digest
from support.made_judgements import judgements
from support.made_runs import BENT, GOOD, put_parts, put_picture, put_run, traced


@pytest.fixture
def store(tmp_path: Path, blank: bytes) -> Iterator[Store]:
    (tmp_path / "reinspect.db").write_bytes(blank)
    with Store.open(tmp_path / "reinspect.db") as opened:
        yield opened


def made(
    store: Store, out: Path, *runs: str, options: EpisodeOptions
) -> tuple[EpisodeCard, Episodes]:
    card = make_episodes(store, runs or ("monday",), out, options, Captions(store))
    return card, read_episodes(out)


def test_references_and_what_is_held_out_are_left_out_by_content(
    store: Store, tmp_path: Path
) -> None:
    put_parts(store, tmp_path / "parts")
    (tmp_path / "golden").mkdir()
    (tmp_path / "exam").mkdir()
    shutil.copy(tmp_path / "parts" / "000.png", tmp_path / "golden" / "a copy.png")
    put_picture(tmp_path / "golden" / "other.png", 99)
    shutil.copy(tmp_path / "parts" / "003.png", tmp_path / "exam" / "another.png")
    options = EpisodeOptions(
        references=tmp_path / "golden",
        held_out=(tmp_path / "exam",),
        unreviewed=True,
        validation=0,
    )
    card, found = made(store, tmp_path / "ft", options=options)
    assert {why: list(images) for why, images in card.left_out.items()} == {
        "it is a known-good reference": ["000.png"],
        "it is held out for measuring": ["003.png"],
    }
    assert {row.image for row in found.rows} == {"001.png", "002.png", "004.png", "005.png"}
    assert {len(row.images) for row in found.rows} == {2}


def test_what_a_monitor_was_calibrated_on_is_left_out(store: Store, tmp_path: Path) -> None:
    from reinspect.policies.fitted import FittedMonitor

    folder = tmp_path / "parts"
    paths = [put_picture(folder / f"{n}.png", n) for n in range(4)]
    calibrated = digest(
        Case(id="x", looks=(CaseLook(stage="first", probability=0.5),), sha256=sha256_of(paths[0]))
    )
    monitor = fit_monitor(judgements(60, seed=1, strength=3))
    training = monitor.training.model_copy(update={"calibrated": (calibrated,)})
    file = tmp_path / "monitor.json"
    fitted: FittedMonitor = monitor.model_copy(update={"training": training})
    file.write_text(fitted.model_dump_json())
    put_run(
        store,
        "monday",
        [traced(path, path.name) for path in paths],
        {path.name: BENT if n % 2 else GOOD for n, path in enumerate(paths)},
        recipe=f"monitor: {{kind: fitted, file: {file}}}\n",
    )
    options = EpisodeOptions(unreviewed=True, validation=0)
    card, _ = made(store, tmp_path / "ft", options=options)
    assert dict(card.left_out) == {"the run's monitor was calibrated on it": ("0.png",)}
    file.unlink()
    with pytest.raises(EpisodeError, match="its monitor can't be read, so that what it was"):
        made(store, tmp_path / "other", options=options)


def test_copies_of_a_picture_are_on_one_side(store: Store, tmp_path: Path) -> None:
    put_parts(store, tmp_path / "parts", count=10)
    put_parts(store, tmp_path / "again", count=10, name="tuesday")
    _, found = made(
        store, tmp_path / "ft", "monday", "tuesday", options=EpisodeOptions(unreviewed=True)
    )
    sides: dict[str, set[Side]] = {}
    for row in found.rows:
        sides.setdefault(row.sha256, set()).add(row.split)
    assert len(sides) == 10
    assert all(len(parts) == 1 for parts in sides.values())
    assert {part for parts in sides.values() for part in parts} == set(Side)


def test_groups_are_on_one_side_where_there_are_enough(store: Store, tmp_path: Path) -> None:
    traces, truths = [], {}
    for n in range(60):
        image = f"{n}.png"
        path = put_picture(tmp_path / "parts" / image, n)
        traced_ = traced(path, image, category=f"line {n % 6}")
        traces.append(traced_)
        truths[image] = BENT if (n // 6) % 2 else GOOD
    put_run(store, "monday", traces, truths)
    card, found = made(store, tmp_path / "ft", options=EpisodeOptions(unreviewed=True))
    groups = {part: {row.group for row in found.of(part)} for part in Side}
    assert not groups[Side.TRAIN] & groups[Side.VALIDATION]
    assert len(groups[Side.VALIDATION]) == 1
    assert card.split.startswith("whole groups (6 in all)")
    _, again = made(store, tmp_path / "again", options=EpisodeOptions(unreviewed=True))
    assert again.rows == found.rows


@pytest.mark.parametrize(
    ("options", "said"),
    [
        pytest.param(
            EpisodeOptions(held_out=(Path("nowhere"),)),
            "--held-out: no image or folder",
            id="held out",
        ),
        pytest.param(
            EpisodeOptions(references=Path("nowhere")),
            "no folder of references at nowhere",
            id="golden",
        ),
    ],
)
def test_a_guard_that_is_not_there_is_refused(
    options: EpisodeOptions, said: str, store: Store, tmp_path: Path
) -> None:
    put_parts(store, tmp_path / "parts")
    with pytest.raises((EpisodeError, ReferencesError), match=said):
        made(store, tmp_path / "ft", options=options)
