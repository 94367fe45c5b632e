"""Episodes from runs: what they hold, what is left out, and what of it `datasets` reads."""

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from reinspect.agents.models.tags import read_tags
from reinspect.files import WriteError
from reinspect.policies.case import parse_case
from reinspect.store import Store
from reinspect.training.episodes.build import EpisodeOptions, make_episodes
from reinspect.training.episodes.captioning import Captions
from reinspect.training.episodes.episode import Episode, EpisodeError, EpisodeMode, Side
from reinspect.training.episodes.folder import EpisodeCard, Episodes, read_episodes, write_episodes
from reinspect.training.episodes.labelled import LabelledInspection
from reinspect.vocabulary import Box, Defect, Label, Verdict
from support.made_runs import BENT, GOOD, put_parts, put_picture, put_run, spoil, traced
from support.made_traces import unreadable

ALL = EpisodeOptions(unreviewed=True, validation=0)


@pytest.fixture
def store(tmp_path: Path, blank: bytes) -> Iterator[Store]:
    (tmp_path / "reinspect.db").write_bytes(blank)
    with Store.open(tmp_path / "reinspect.db") as opened:
        yield opened


def made(
    store: Store, out: Path, *runs: str, options: EpisodeOptions = ALL
) -> tuple[EpisodeCard, Episodes]:
    card = make_episodes(store, runs or ("monday",), out, options, Captions(store))
    return card, read_episodes(out)


def test_an_inspection_gives_a_question_and_its_true_answer_in_both_modes(
    store: Store, tmp_path: Path
) -> None:
    put_parts(store, tmp_path / "parts")
    _, found = made(store, tmp_path / "ft")
    rows = {row.id: row for row in found.rows}
    assert len(rows) == len(found.rows) == 12
    bent, good = rows["monday/001.png#thinking"], rows["monday/000.png#reflective"]
    answer = read_tags(bent.target or "")
    assert (answer.anomalous, answer.reflection) == (True, None)
    assert [(d.type, d.box) for d in answer.defects] == [("bent", BENT.boxes[0])]
    assert (bent.truth, bent.initial, bent.types) == (True, True, ("bent",))
    answer = read_tags(good.target or "")
    assert not answer.anomalous
    assert "corrected to no" in (answer.reflection or "")
    assert answer.thinking.startswith("yes, defective")
    assert (good.truth, good.initial, good.second_look) == (False, True, "asked")
    assert good.final is not None
    assert good.final.label is False
    asked = good.prompt[0].content[-1].text or ""
    assert "The original answer: yes, defective" in asked
    assert "a spot of 14×9 px" in asked
    assert parse_case(good.judgement).truth is False
    assert good.files(found.root) == (tmp_path / "parts" / "000.png",)


@pytest.mark.needs("datasets")
def test_datasets_loads_the_folder(store: Store, tmp_path: Path) -> None:
    import datasets

    put_parts(store, tmp_path / "parts", count=20)
    made(store, tmp_path / "ft", options=EpisodeOptions(unreviewed=True))
    loaded = datasets.load_dataset(str(tmp_path / "ft"), cache_dir=str(tmp_path / "cache"))
    rows = read_episodes(tmp_path / "ft")
    assert {name: len(part) for name, part in loaded.items()} == {
        part.value: len(rows.of(part)) for part in Side
    }
    row = loaded["train"][0]
    assert [part["type"] for part in row["prompt"][0]["content"]] == ["image", "text"]
    assert row["completion"][0]["content"][0]["text"].endswith("</answer>")


def test_only_captions_that_were_let_pass_are_taken(store: Store, tmp_path: Path) -> None:
    put_parts(store, tmp_path / "parts")
    with pytest.raises(EpisodeError, match="no caption has been let pass yet: 12 are in"):
        made(store, tmp_path / "ft", options=EpisodeOptions())
    drafts, total = store.browse.captions(limit=20)
    assert total == 12
    store.browse.decide(drafts[0].id, "accepted", reviewer="Ada")
    store.browse.decide(drafts[1].id, "edited", reviewer="Ada", text="Looked twice: clean.")
    store.browse.decide(drafts[2].id, "rejected", reviewer="Ada")
    card, found = made(store, tmp_path / "ft", options=EpisodeOptions(validation=0))
    assert [(row.caption_state, row.caption_reviewer) for row in found.rows] == [
        ("accepted", "Ada"),
        ("edited", "Ada"),
    ]
    assert "Looked twice: clean." in (found.rows[1].target or "")
    assert {why: len(images) for why, images in card.left_out.items()} == {
        "its caption is a draft that nobody has accepted yet": 9,
        "its caption was rejected": 1,
    }
    assert store.browse.captions()[1] == 9  # nothing was drafted twice


def test_a_review_is_the_truth_and_says_who_and_when(store: Store, tmp_path: Path) -> None:
    run = put_parts(store, tmp_path / "parts")
    after = Verdict.of(0.0)
    store.browse.review(store.newest(run, "001.png"), after, reviewer="Ada", why="dust")
    _, found = made(store, tmp_path / "ft")
    (row,) = [r for r in found.rows if r.image == "001.png" and r.mode is EpisodeMode.THINKING]
    assert (row.truth, row.truth_source, row.truth_by) == (False, "review", "Ada")
    assert row.truth_at is not None


def _gone(folder: Path) -> None:
    (folder / "000.png").unlink()


def _changed(folder: Path) -> None:
    put_picture(folder / "000.png", 99)


def _broken(folder: Path) -> None:
    (folder / "000.png").write_bytes(b"")


@pytest.mark.parametrize(
    ("harm", "why"),
    [
        pytest.param(_gone, "its file is gone since the run", id="gone"),
        pytest.param(_changed, "its file has changed since the run", id="changed"),
        pytest.param(_broken, "its file can't be read any more", id="empty"),
    ],
)
def test_a_picture_that_is_no_more_is_left_out_and_named(
    harm: Callable[[Path], None], why: str, store: Store, tmp_path: Path
) -> None:
    put_parts(store, tmp_path / "parts")
    harm(tmp_path / "parts")
    card, found = made(store, tmp_path / "ft")
    ((reason, images),) = card.left_out.items()
    assert reason.startswith(why)
    assert list(images) == ["000.png"]
    assert len(found.rows) == 10
    assert "000.png" in (tmp_path / "ft" / "README.md").read_text()


def test_what_has_no_truth_or_no_verdict_is_left_out(store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "parts"
    put_parts(store, folder)
    path = put_picture(folder / "x.png", 77)
    put_run(store, "tuesday", [traced(path, "x.png"), unreadable("y.png")], {"y.png": GOOD})
    card, _ = made(store, tmp_path / "ft", "monday", "tuesday")
    assert {why: list(images) for why, images in card.left_out.items()} == {
        "no truth is known": ["x.png"],
        "the run has no verdict on it (is no image)": ["y.png"],
    }


def test_a_trace_of_another_version_is_left_out_with_a_word_on_it(
    store: Store, tmp_path: Path
) -> None:
    put_parts(store, tmp_path / "parts")
    spoil(tmp_path / "reinspect.db", inspection=1)
    card, found = made(store, tmp_path / "ft")
    ((reason, images),) = card.left_out.items()
    assert reason.startswith("its trace, made by version 0.1.0, can't be read any more")
    assert list(images) == ["000.png"]
    assert len(found.rows) == 10


def _empty(store: Store, folder: Path) -> None:
    put_run(store, "monday", [], {})


def _untrue(store: Store, folder: Path) -> None:
    path = put_picture(folder / "x.png", 1)
    put_run(store, "monday", [traced(path, "x.png")], {})


def _all_bent(store: Store, folder: Path) -> None:
    paths = [put_picture(folder / f"{n}.png", n) for n in range(3)]
    put_run(store, "monday", [traced(p, p.name) for p in paths], {p.name: BENT for p in paths})


@pytest.mark.parametrize(
    ("put", "said"),
    [
        pytest.param(_empty, "nothing to learn from: the run has no images", id="empty run"),
        pytest.param(_untrue, "nothing to learn from: 1: no truth is known", id="no truth"),
        pytest.param(_all_bent, "all 3 images are anomalous: a critic would", id="one class"),
    ],
)
def test_runs_that_teach_nothing_are_refused(
    put: Callable[[Store, Path], None], said: str, store: Store, tmp_path: Path
) -> None:
    put(store, tmp_path / "parts")
    with pytest.raises(EpisodeError, match=said):
        made(store, tmp_path / "ft")
    assert not (tmp_path / "ft").exists()


def test_a_used_folder_is_refused_before_anything_is_written(store: Store, tmp_path: Path) -> None:
    put_parts(store, tmp_path / "parts")
    (tmp_path / "ft").mkdir()
    (tmp_path / "ft" / "mine.txt").touch()
    with pytest.raises(EpisodeError, match="is not empty; name another folder"):
        made(store, tmp_path / "ft")
    assert store.browse.captions()[1] == 0


def test_a_defect_without_a_place_has_no_answer_to_imitate(store: Store, tmp_path: Path) -> None:
    run = put_parts(store, tmp_path / "parts")
    store.write_truth(run, {"001.png": BENT.model_copy(update={"boxes": ()})})
    card, found = made(store, tmp_path / "ft")
    assert [r.completion for r in found.rows if r.image == "001.png"] == [(), ()]
    assert card.counts["completion"] == {"for rewards alone": 2, "to imitate": 10}


def test_several_types_are_in_step_with_boxes_where_a_reviewer_said_so(
    store: Store, tmp_path: Path
) -> None:
    run = put_parts(store, tmp_path / "parts")
    boxes = (Box(0, 0, 0.1, 0.1), Box(0.5, 0.5, 0.6, 0.6))
    defects = tuple(
        Defect(box=box, type=kind) for box, kind in zip(boxes, ("dent", "crack"), strict=True)
    )
    after = Verdict.of(1.0, defects=defects)
    assert after.label is Label.ANOMALOUS
    store.browse.review(store.newest(run, "001.png"), after, reviewer="Ada")
    _, found = made(store, tmp_path / "ft")
    (row,) = [r for r in found.rows if r.image == "001.png" and r.mode is EpisodeMode.THINKING]
    assert (row.types, row.box_types) == (("crack", "dent"), ("dent", "crack"))
    assert "<type>dent;crack</type><location>(0.000,0.000)" in (row.target or "")


def test_pictures_that_moved_with_the_folder_are_found(store: Store, tmp_path: Path) -> None:
    put_parts(store, tmp_path / "here" / "parts")
    make_episodes(store, ["monday"], tmp_path / "here" / "ft", ALL, Captions(store))
    shutil.move(tmp_path / "here", tmp_path / "there")
    assert read_episodes(tmp_path / "there" / "ft").root == tmp_path / "there" / "parts"
    shutil.rmtree(tmp_path / "there" / "parts")
    with pytest.raises(EpisodeError, match="name their folder by --images"):
        read_episodes(tmp_path / "there" / "ft")


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        pytest.param(
            lambda ft: (ft / "card.json").unlink(), "holds no episodes; `reinspect", id="no card"
        ),
        pytest.param(
            lambda ft: (ft / "card.json").write_text(json.dumps({"format": 0})),
            "is a card of episodes of version 0, and this reinspect reads version 1",
            id="older format",
        ),
        pytest.param(
            lambda ft: (ft / "data" / "train-00000-of-00001.parquet").write_bytes(b"x"),
            "has changed since it was made",
            id="changed data",
        ),
    ],
)
def test_a_folder_that_is_not_as_it_was_is_refused(
    harm: Callable[[Path], None], said: str, store: Store, tmp_path: Path
) -> None:
    put_parts(store, tmp_path / "parts")
    made(store, tmp_path / "ft")
    harm(tmp_path / "ft")
    with pytest.raises(EpisodeError, match=said):
        read_episodes(tmp_path / "ft")


class Interrupted(list[Episode]):
    """Rows at which somebody presses Ctrl-C when the second side is written."""

    def __init__(self, rows: Sequence[Episode]) -> None:
        super().__init__(rows)
        self.times = 0

    def __iter__(self) -> Iterator[Episode]:
        self.times += 1
        if self.times > 1:
            raise KeyboardInterrupt
        return super().__iter__()


def test_an_interruption_leaves_no_half_folder(store: Store, tmp_path: Path) -> None:
    put_parts(store, tmp_path / "parts")
    card, found = made(store, tmp_path / "ft")
    before = sorted(path.name for path in tmp_path.iterdir())
    with pytest.raises(KeyboardInterrupt):
        write_episodes(tmp_path / "other", card, Interrupted(found.rows), "")
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_a_place_that_can_not_be_written_is_refused(store: Store, tmp_path: Path) -> None:
    put_parts(store, tmp_path / "parts")
    (tmp_path / "file").touch()
    with pytest.raises(WriteError, match=r"can't be written: .*; make room"):
        made(store, tmp_path / "file" / "ft")


def test_what_a_teacher_wrote_before_an_interruption_stays(store: Store, tmp_path: Path) -> None:
    put_parts(store, tmp_path / "parts", count=70)
    written = []

    def write(inspection: LabelledInspection, mode: EpisodeMode) -> str:
        written.append(inspection.inspection_id)
        if len(written) > 100:
            raise KeyboardInterrupt
        return "It looks as a good part does."

    with pytest.raises(KeyboardInterrupt):
        make_episodes(store, ["monday"], tmp_path / "ft", ALL, Captions(store, write, "wise"))
    assert store.browse.captions()[1] == 64
    assert not (tmp_path / "ft").exists()
