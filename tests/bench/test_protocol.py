import io
import json

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from reinspect.bench.protocol import BenchReport, JudgedImage, score
from reinspect.bench.table import table
from reinspect.images import encode_mask
from reinspect.trace import Step, Trace
from reinspect.vocabulary import (
    Assessment,
    Box,
    Defect,
    Disposition,
    Label,
    Move,
    Outcome,
    Revision,
    Sample,
    Truth,
    Verdict,
    View,
)

PASS, FAIL, REVIEW = Outcome.PASS, Outcome.FAIL, Outcome.REVIEW
HERE, THERE = Box(0.1, 0.1, 0.4, 0.4), Box(0.6, 0.6, 0.9, 0.9)

LOOK = [
    "n",
    "accuracy",
    "balanced_accuracy",
    "auroc",
    "f1_type",
    "f1_loc@0.3",
    "f1_loc@0.5",
    "mask_iou",
    "pixel_auroc",
    "ece",
    "aurc",
    "accuracy_at_80_coverage",
    "escape_rate",
    "overkill_rate",
    "review_rate",
]


def judged(first, final=None, *, bad=False, category="bolt", defects=(), outcome=None, **rest):
    """An image whose verdicts have these probabilities; it was looked at twice if they differ."""
    last = first if final is None else final
    known = {name: rest.pop(name) for name in ("types", "boxes", "mask") if name in rest}
    return JudgedImage(
        image=rest.pop("image", "part.png"),
        category=category,
        truth=Truth(label=Label.of(bad), **known),
        first=Verdict.of(first, defects=defects),
        final=Verdict.of(last, defects=rest.pop("final_defects", defects)),
        outcome=outcome or (FAIL if last >= 0.5 else PASS),
        rounds=rest.pop("rounds", int(final is not None)),
        **rest,
    )


def failed(*, bad=False, category="bolt"):
    return JudgedImage(
        image="broken.png",
        category=category,
        truth=Truth(label=Label.of(bad)),
        outcome=REVIEW,
        error="truncated",
    )


def report(*items, **options):
    return score(items, {item.category: 8 for item in items}, **options)


def only(*items):
    return report(*items).categories["bolt"]


def test_the_json_is_as_promised():
    got = json.loads(
        report(
            judged(0.2, 0.7, bad=True, reliability=0.9, seconds=0.5),
            judged(0.1, reliability=0.8, seconds=0.1),
            judged(0.3, bad=True, category="nut"),
            judged(0.1, category="nut"),
            peak_memory={"bolt": 312.5},
        ).model_dump_json()
    )
    assert list(got) == ["categories", "overall"]
    assert list(got["categories"]) == ["bolt", "nut"]
    for part in (*got["categories"].values(), got["overall"]):
        assert list(part) == [
            *("first", "final", "control", "ledger"),
            *("references", "errors", "seconds", "peak_memory"),
        ]
        for look in ("first", "final", "control"):
            assert list(part[look]) == LOOK
        assert list(part["ledger"]) == [
            *("revisited", "fixed", "broken", "unchanged_wrong", "unchanged_right"),
            "by_direction",
        ]
    bolt = got["categories"]["bolt"]
    assert (bolt["references"], bolt["seconds"], bolt["peak_memory"]) == (8, 0.3, 312.5)
    assert bolt["ledger"]["by_direction"]["normal_to_anomalous"]["fixed"] == 1
    assert got["categories"]["nut"]["peak_memory"] is None


def test_the_json_comes_back():
    made = report(judged(0.2, 0.7, bad=True), judged(0.1), judged(0.4, category="nut"))
    assert BenchReport.model_validate_json(made.model_dump_json()) == made


def test_before_and_after():
    got = only(
        judged(0.2, 0.7, bad=True, reliability=0.9),
        judged(0.9, bad=True, reliability=0.95),
        judged(0.6, 0.3, reliability=0.9),
        judged(0.1, 0.8, reliability=0.2, outcome=REVIEW),
    )
    assert (got.first.accuracy, got.final.accuracy) == (0.5, 0.75)
    assert (got.first.auroc, got.final.auroc) == (0.75, 0.75)
    assert (got.ledger.revisited, got.ledger.fixed, got.ledger.broken) == (3, 2, 1)
    # The one wrong label is the least reliable, though the second most confident.
    assert got.final.aurc == pytest.approx(0.25 / 4)
    assert (got.final.review_rate, got.final.overkill_rate, got.final.escape_rate) == (0.25, 0, 0)


def test_first_and_control_settle_by_their_label():
    got = report(
        judged(0.4, bad=True, outcome=REVIEW),
        judged(0.6, outcome=REVIEW),
        judged(0.2, category="nut"),
        judged(0.3, bad=True, category="nut"),
    ).categories["bolt"]
    assert (got.first.escape_rate, got.first.overkill_rate, got.first.review_rate) == (1, 1, 0)
    assert (got.control.escape_rate, got.control.overkill_rate) == (0, 1)
    assert (got.final.escape_rate, got.final.overkill_rate, got.final.review_rate) == (0, 0, 1)


def test_a_single_look_is_ranked_by_its_confidence():
    got = only(
        judged(0.99, reliability=0.1),  # wrong, very sure, known to be unreliable
        judged(0.4, reliability=0.9),
        judged(0.6, bad=True, reliability=0.9),
    )
    assert got.first.aurc == pytest.approx((1 + 1 / 2 + 1 / 3) / 3)
    assert got.final.aurc == pytest.approx((0 + 0 + 1 / 3) / 3)


def test_a_verdict_that_nobody_assessed_is_relied_on_last():
    got = only(judged(0.99), judged(0.4, reliability=0.1), judged(0.4, reliability=0.1))
    assert got.final.aurc == pytest.approx((1 / 3) / 3)


def test_failed_images_count_as_reviewed_and_no_further():
    got = only(judged(0.9, bad=True), judged(0.1), failed(), failed(bad=True))
    assert (got.first.n, got.final.n, got.errors) == (4, 4, 2)
    assert (got.first.accuracy, got.final.accuracy, got.final.auroc) == (1, 1, 1)
    assert (got.final.review_rate, got.first.review_rate) == (0.5, 0)
    assert (got.final.escape_rate, got.final.overkill_rate) == (0, 0)


def test_a_category_that_failed_altogether():
    got = report(failed(), failed(bad=True), judged(0.2, category="nut"))
    bolt = got.categories["bolt"]
    assert (bolt.first.accuracy, bolt.final.aurc, bolt.control) == (None, None, None)
    assert bolt.final.review_rate == 1
    assert got.overall.first.accuracy == 1
    assert (got.overall.first.n, got.overall.errors) == (3, 2)


def test_an_all_good_category_has_no_balance_and_no_places():
    got = only(judged(0.1), judged(0.7, defects=(Defect(box=HERE, type="dent"),)))
    nothing = ("balanced_accuracy", "auroc", "f1_type", "f1_loc_30", "pixel_auroc", "escape_rate")
    assert [getattr(got.first, name) for name in nothing] == [None] * len(nothing)
    assert (got.first.accuracy, got.first.overkill_rate, got.final.review_rate) == (0.5, 0.5, 0)


def test_a_single_category_has_no_control():
    got = report(judged(0.2, bad=True), judged(0.1))
    assert got.categories["bolt"].control is None
    assert got.overall.control is None


BOLT = [judged(0.2), judged(0.4, bad=True)]  # best at .3
NUT = [judged(0.6, category="nut"), judged(0.8, bad=True, category="nut")]  # best at .7
CUP = [judged(0.05, category="cup"), judged(0.2, bad=True, category="cup")]  # best at .125


def test_the_control_is_fitted_on_the_other_categories():
    got = report(*BOLT, *NUT).categories
    # With its own threshold each would reach 1; with the other's each errs on one side.
    assert got["bolt"].control.accuracy == 0.5
    assert (got["bolt"].control.escape_rate, got["bolt"].control.overkill_rate) == (1, 0)
    assert (got["nut"].control.escape_rate, got["nut"].control.overkill_rate) == (0, 1)
    assert got["bolt"].control.auroc == got["bolt"].first.auroc == 1


def test_the_control_does_not_see_its_own_category():
    threshold = 0.7  # nut's, whatever bolt is like
    for first in (0.3, 0.69, 0.71, 0.9):
        got = report(judged(first, bad=True), judged(0.1), *NUT).categories["bolt"].control
        assert got.escape_rate == (0 if first >= threshold else 1)


def test_the_controls_calibration_is_that_of_the_shifted_probability():
    got = report(*BOLT, *CUP).categories["bolt"].control
    odds = [p / (1 - p) / (0.125 / 0.875) for p in (0.2, 0.4)]
    shifted = [o / (1 + o) for o in odds]
    assert got.accuracy == 0.5  # both come to lie above one half
    assert got.ece == pytest.approx((shifted[0] + 1 - shifted[1]) / 2)
    assert got.aurc == pytest.approx((0 + 1 / 2) / 2)


def test_overall_is_the_mean_over_categories_with_a_value():
    made = report(
        judged(0.9, bad=True),
        judged(0.8, 0.3),
        judged(0.1, category="nut", seconds=0.4),
        judged(0.9, 0.2, category="nut"),
        judged(0.2, category="nut"),
        judged(0.2, category="nut"),
        peak_memory={"bolt": 100, "nut": 300},
    )
    overall = made.overall
    assert overall.first.accuracy == pytest.approx((0.5 + 0.75) / 2)
    assert overall.first.auroc == made.categories["bolt"].first.auroc
    assert overall.first.n == 6
    assert (overall.ledger.revisited, overall.ledger.fixed) == (2, 2)
    assert (overall.references, overall.peak_memory) == (8, 300)
    assert overall.seconds == pytest.approx(0.05)


def test_overall_references_are_null_where_categories_differ():
    items = [judged(0.1), judged(0.1, category="nut")]
    assert score(items, {"bolt": 8, "nut": 4}).overall.references is None


def test_boxes_count_where_the_look_says_anomalous():
    got = only(
        judged(0.9, bad=True, boxes=(HERE,), defects=(Defect(box=HERE),)),
        judged(0.3, 0.8, bad=True, boxes=(THERE,), defects=(Defect(box=THERE),)),
        judged(0.7, 0.2, defects=(Defect(box=HERE),)),
        judged(0.9, bad=True, defects=(Defect(box=HERE),)),  # nobody knows where
    )
    assert got.first.f1_loc_30 == pytest.approx(2 / (2 + 1 + 1))
    assert got.final.f1_loc_30 == 1
    assert got.first.f1_type is None


def test_types_count_where_some_verdict_names_any():
    dent, crack = Defect(box=HERE, type="dent"), Defect(box=HERE, type="crack")
    got = report(
        judged(0.9, bad=True, types=("dent",), defects=(dent,)),
        judged(0.9, bad=True, types=("scratch",), defects=(crack,), final_defects=(dent,)),
        judged(0.3, bad=True, types=("dent",), category="nut"),
    )
    bolt, nut = got.categories["bolt"], got.categories["nut"]
    assert bolt.first.f1_type == pytest.approx(0.5)
    # This detector names types: it found none here, which is worse than not being asked.
    assert nut.first.f1_type == 0
    assert got.overall.first.f1_type == pytest.approx(0.25)


@pytest.fixture
def maps(tmp_path):
    """Writes maps and masks; gives their paths."""

    def write(name, values):
        path = tmp_path / name
        if path.suffix == ".npz":
            np.savez_compressed(path, np.asarray(values, dtype=np.float32))
        else:
            cv2.imwrite(str(path), np.asarray(values, dtype=np.uint8))
        return str(path)

    return write


def masked(*pixels, size=(4, 4), box=HERE):
    mask = np.zeros(size, bool)
    for row, column in pixels:
        mask[row, column] = True
    return Defect(box=box, mask=encode_mask(mask))


def test_mask_iou_is_of_all_masks_together(maps):
    truth = maps("mask.png", 255 * np.kron([[1, 0], [0, 0]], np.ones((2, 2))))
    both = (masked((0, 0), (0, 1)), masked((0, 1), (1, 0), (3, 3), box=THERE))
    got = only(
        judged(0.9, bad=True, mask=truth, final_defects=both),  # 3 of 5
        judged(0.9, bad=True, mask=truth),  # no mask: 0
        judged(0.9, 0.2, bad=True, mask=truth, defects=both),  # called normal: 0
        judged(0.9, bad=True, final_defects=both),  # where is not known
        judged(0.9, bad=True, final_defects=both, mask=maps("black.png", np.zeros((4, 4)))),
        judged(0.9, final_defects=both),  # a good part has no truth to meet
    )
    assert got.final.mask_iou == pytest.approx((3 / 5) / 3)
    assert got.first.mask_iou == pytest.approx((3 / 5) / 3)


def test_a_mask_of_another_size_is_scaled(maps):
    truth = maps("mask.png", 255 * np.kron([[1, 0], [0, 0]], np.ones((4, 4))))
    small = (masked((0, 0), (0, 1), (1, 0), (1, 1)),)
    assert only(judged(0.9, bad=True, mask=truth, defects=small)).final.mask_iou == 1


def test_a_look_that_draws_no_masks_is_not_held_against_them(maps):
    truth = maps("mask.png", [[255, 0]])
    drawn = (masked((0, 0), size=(1, 2)),)
    got = report(
        judged(0.9, bad=True, mask=truth, final_defects=drawn),
        judged(0.9, bad=True, mask=truth, category="nut"),
        judged(0.1, category="washer"),
    )
    assert got.overall.first.mask_iou is None
    assert got.categories["bolt"].final.mask_iou == 1
    assert got.categories["nut"].final.mask_iou == 0
    assert got.categories["washer"].final.mask_iou is None
    assert got.overall.final.mask_iou == 0.5


def test_pixel_auroc_before_and_after(maps):
    mask = maps("mask.png", np.kron([[255, 0], [0, 0]], np.ones((8, 8))))
    blind = maps("blind.npz", [[0.5, 0.5], [0.5, 0.5]])
    seeing = maps("seeing.npz", [[0.9, 0.5], [0.5, 0.5]])
    quiet = maps("quiet.npz", [[0.1, 0.1], [0.1, 0.1]])
    got = only(
        judged(0.9, bad=True, mask=mask, first_map=blind, final_map=seeing),
        judged(0.1, first_map=quiet, size=(16, 16)),
        judged(0.9, bad=True, first_map=quiet),  # no mask: where is not known
        judged(0.9, bad=True, first_map=quiet, mask=maps("black.png", np.zeros((16, 16)))),
        judged(0.1),  # no map
    )
    # 192 good pixels tie with the 64 defective ones, 256 lie below.
    assert got.first.pixel_auroc == pytest.approx((192 / 2 + 256) / 448)
    assert got.final.pixel_auroc > got.first.pixel_auroc


def test_a_good_image_counts_at_its_own_size(maps):
    mask = maps("mask.png", [[255, 0]])
    heat, loud = maps("heat.npz", [[0.5, 0.1]]), maps("loud.npz", [[0.9]])
    small = only(
        judged(0.9, bad=True, mask=mask, first_map=heat), judged(0.1, first_map=loud)
    ).first.pixel_auroc
    large = only(
        judged(0.9, bad=True, mask=mask, first_map=heat),
        judged(0.1, first_map=loud, size=(3, 3)),
    ).first.pixel_auroc
    assert (small, large) == (pytest.approx(1 / 2), pytest.approx(1 / 10))


def test_a_grey_picture_is_a_map(maps):
    mask = maps("mask.png", [[255, 0], [0, 0]])
    heat = maps("heat.png", [[9, 1], [2, 3]])
    assert only(judged(0.9, bad=True, mask=mask, first_map=heat)).first.pixel_auroc == 1


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        pytest.param("heat.npz", np.zeros((2, 2, 3)), r"shape \(2, 2, 3\)", id="not-two-d"),
        pytest.param("heat.png", np.zeros((2, 2, 3)), r"shape \(2, 2, 3\)", id="coloured"),
    ],
)
def test_refuses_what_is_no_map(maps, name, content, message):
    with pytest.raises(ValueError, match=message):
        report(judged(0.1, first_map=maps(name, content)))


def test_refuses_files_that_hold_no_map(tmp_path):
    (tmp_path / "heat.png").write_bytes(b"no picture")
    with pytest.raises(ValueError, match=r"neither \.npz nor a picture"):
        report(judged(0.1, first_map=str(tmp_path / "heat.png")))
    np.savez(tmp_path / "two.npz", a=np.zeros(1), b=np.zeros(1))
    with pytest.raises(ValueError, match="2 arrays, expected one"):
        report(judged(0.1, first_map=str(tmp_path / "two.npz")))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        pytest.param(lambda: score([], {}), "no judged images", id="nothing"),
        pytest.param(lambda: score([judged(0.1)], {"nut": 8}), "'bolt'", id="no-references"),
        pytest.param(
            lambda: JudgedImage(
                image="a.png", category="bolt", truth=Truth(label=Label.NORMAL), outcome=PASS
            ),
            "has no verdict.*None and PASS",
            id="no-verdict-no-error",
        ),
        pytest.param(
            lambda: JudgedImage(
                image="a.png",
                category="bolt",
                truth=Truth(label=Label.NORMAL),
                outcome=REVIEW,
                first=Verdict.of(0.1),
            ),
            "one of first and final",
            id="half-judged",
        ),
    ],
)
def test_refuses(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.builds(
            judged,
            st.floats(0, 1),
            st.none() | st.floats(0, 1),
            bad=st.booleans(),
            category=st.sampled_from(["bolt", "nut", "cup"]),
            reliability=st.none() | st.floats(0, 1),
            outcome=st.sampled_from([PASS, FAIL, REVIEW]),
        ),
        min_size=1,
        max_size=20,
    ),
    st.randoms(),
)
def test_figures_are_bounded_and_blind_to_order(items, random):
    made = report(*items)
    for part in (*made.categories.values(), made.overall):
        for look in (part.first, part.final, part.control):
            figures = look.model_dump(exclude={"n"}).values() if look else ()
            assert all(value is None or 0 <= value <= 1 for value in figures)
    shuffled = list(items)
    random.shuffle(shuffled)
    again = report(*shuffled)
    assert again.overall.ledger == made.overall.ledger
    for name in ("first", "final", "control"):
        one, other = getattr(made.overall, name), getattr(again.overall, name)
        assert (one and one.model_dump()) == (other and pytest.approx(other.model_dump()))


def test_a_trace_is_judged_as_it_stands():
    trace = Trace(
        sample=Sample(
            id="test/dent/1.png", category="bolt", views=(View(path="1.png", sha256="0" * 64),)
        ),
        steps=(
            Step(node="detect", products=(Verdict.of(0.4),), seconds=0.25),
            Step(node="assess", products=(Assessment(confidence=0.6, reliability=0.3),)),
            Step(
                node="revise",
                products=(Revision(move=Move.CORRECT, after=Verdict.of(0.8), reflection="bent"),),
                seconds=0.5,
            ),
            Step(node="assess", products=(Assessment(confidence=0.8, reliability=0.9),)),
            Step(node="settle", products=(Disposition(outcome=FAIL, reason="bent"),)),
        ),
    )
    got = JudgedImage.of(trace, Truth(label=Label.ANOMALOUS, types=("dent",), boxes=(HERE,)))
    assert (got.image, got.category, got.outcome) == ("test/dent/1.png", "bolt", FAIL)
    assert (got.first.probability, got.final.probability) == (0.4, 0.8)
    assert (got.reliability, got.rounds, got.seconds) == (0.9, 1, 0.75)
    stray = trace.model_copy(update={"sample": trace.sample.model_copy(update={"category": None})})
    with pytest.raises(ValueError, match=r"'test/dent/1\.png' has no category"):
        JudgedImage.of(stray, Truth(label=Label.NORMAL))


def test_a_trace_that_never_settled_is_for_review():
    trace = Trace(
        sample=Sample(id="1.png", category="bolt", views=(View(path="1.png", sha256="0" * 64),)),
        steps=(Step(node="detect", error="truncated"),),
    )
    got = JudgedImage.of(trace, Truth(label=Label.NORMAL))
    assert (got.outcome, got.error, got.first) == (REVIEW, "truncated", None)


def drawn(made, width):
    out = io.StringIO()
    Console(file=out, width=width).print(table(made))
    return out.getvalue()


def test_the_table_is_plain_and_fits_where_there_is_no_terminal():
    made = report(
        judged(0.2, 0.7, bad=True, reliability=0.9, seconds=0.5),
        judged(0.1, reliability=0.8, seconds=0.1),
        judged(0.1, category="[red]magnetic_tile"),
        failed(category="[red]magnetic_tile"),
        peak_memory={"bolt": 312.5},
    )
    text = drawn(made, 80)
    assert "\x1b" not in text
    assert "…" not in text
    lines = [line.split() for line in text.splitlines()]
    first = next(line for line in lines if line[:2] == ["bolt", "first"])
    final = lines[lines.index(first) + 1]
    assert (first[2:5], first[-2:]) == (["1.000", ".500", ".500"], ["+1", "−0"])
    assert final[:3] == ["n", "=", "2"]
    assert (final[3:8], final[-2:]) == (["final", *["1.000"] * 3, "–"], ["of", "1"])
    assert "150 s an image, peak memory 312 MB, 1 of 4 images failed or were not judged" in text
    assert "[red]magnetic_tile" in drawn(made, 120)


def test_the_tables_overall_row_shows_the_control():
    assert " control " in drawn(report(*BOLT, *NUT), 80)
    assert " control " not in drawn(report(*BOLT), 80)


def test_a_picture_that_was_not_judged_is_no_guess() -> None:
    reason = "setup: not this product"
    sample = Sample(id="a.png", category="bolt", views=(View(path="a.png", sha256="0" * 64),))
    settled = Disposition(outcome=Outcome.REVIEW, reason=reason)
    trace = Trace(sample=sample, steps=(Step(node="settle", products=(settled,)),))
    judged = JudgedImage.of(trace, Truth(label=Label.NORMAL))
    assert (judged.first, judged.outcome, judged.error) == (None, Outcome.REVIEW, reason)
