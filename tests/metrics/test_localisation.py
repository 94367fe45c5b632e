import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reinspect import metrics
from reinspect.metrics import Matches

LEFT, RIGHT, WHOLE = (0.0, 0.0, 0.5, 1.0), (0.5, 0.0, 1.0, 1.0), (0.0, 0.0, 1.0, 1.0)
FAR = (0.9, 0.9, 1.0, 1.0)

steps = st.integers(0, 20)
spans = st.tuples(steps, st.integers(1, 10)).map(lambda span: (span[0], span[0] + span[1]))
boxes = st.tuples(spans, spans).map(lambda s: (s[0][0], s[1][0], s[0][1], s[1][1]))


def painted(box):
    grid = np.zeros((32, 32), dtype=bool)
    x1, y1, x2, y2 = box
    grid[y1:y2, x1:x2] = True
    return grid


@pytest.mark.parametrize(
    ("one", "other", "iou", "giou"),
    [
        pytest.param(WHOLE, WHOLE, 1, 1, id="same"),
        pytest.param(LEFT, WHOLE, 0.5, 0.5, id="half"),
        pytest.param(LEFT, RIGHT, 0, 0, id="touching-is-not-overlapping"),
        pytest.param((0, 0, 1, 1), (3, 0, 4, 1), 0, -0.5, id="apart"),
        pytest.param((0, 0, 2, 2), (1, 1, 3, 3), 1 / 7, 1 / 7 - 2 / 9, id="corner"),
    ],
)
def test_overlap(one, other, iou, giou):
    assert metrics.iou([one], [other]) == pytest.approx(iou)
    assert metrics.giou([one], [other]) == pytest.approx(giou)


@given(st.lists(boxes, max_size=4), st.lists(boxes, max_size=4))
def test_iou_counts_pixels(some, others):
    got = metrics.iou(some, others)
    assert got.shape == (len(some), len(others))
    for i, a in enumerate(some):
        for j, b in enumerate(others):
            both, either = painted(a) & painted(b), painted(a) | painted(b)
            assert got[i, j] == pytest.approx(both.sum() / either.sum())
    generalised = metrics.giou(some, others)
    assert (generalised <= got + 1e-12).all()
    assert (generalised > -1).all()


@pytest.mark.parametrize(
    ("predicted", "true", "threshold", "expected"),
    [
        pytest.param([[WHOLE]], [[WHOLE]], 0.5, 1.0, id="hit"),
        pytest.param([[LEFT]], [[WHOLE]], 0.5, 0.0, id="at-the-threshold-is-a-miss"),
        pytest.param([[LEFT]], [[WHOLE]], 0.3, 1.0, id="above-the-threshold"),
        pytest.param([[LEFT, LEFT]], [[LEFT]], 0.5, 2 / 3, id="the-second-finds-nothing-left"),
        pytest.param([[LEFT], []], [[LEFT], [RIGHT]], 0.5, 2 / 3, id="a-missed-image"),
        pytest.param([[LEFT], [FAR]], [[LEFT], []], 0.5, 2 / 3, id="a-false-box-on-a-good-image"),
        pytest.param([[LEFT], []], [[LEFT], []], 0.5, 1.0, id="a-good-image-left-alone"),
        pytest.param([[LEFT]], [[]], 0.5, None, id="nothing-to-find"),
        pytest.param([], [], 0.5, None, id="no-images"),
        pytest.param([[], [LEFT]], [[LEFT], []], 0.5, 0.0, id="images-do-not-mix"),
    ],
)
def test_f1_loc(predicted, true, threshold, expected):
    assert metrics.f1_loc(predicted, true, threshold) == pytest.approx(expected)


def test_the_best_pair_is_matched_first():
    # The first prediction overlaps both truths, the second only the one it would be robbed of.
    similarity = np.array([[0.6, 0.9], [0.0, 0.8]])
    assert metrics.match(similarity, 0.5) == Matches(1, 1, 1)
    assert metrics.match(np.array([[0.9, 0.6], [0.8, 0.0]]), 0.5) == Matches(1, 1, 1)
    assert metrics.match(np.array([[0.9, 0.6], [0.7, 0.8]]), 0.5) == Matches(2, 0, 0)


@given(st.lists(st.tuples(st.lists(boxes, max_size=3), st.lists(boxes, max_size=3)), max_size=5))
def test_f1_is_bounded_and_blind_to_the_order_of_images(images):
    predicted, true = [p for p, _ in images], [t for _, t in images]
    figure = metrics.f1_loc(predicted, true, 0.3)
    assert (figure is None) == (not any(true))
    assert figure is None or 0 <= figure <= 1
    assert metrics.f1_loc(predicted[::-1], true[::-1], 0.3) == figure
    assert metrics.f1_loc(true, true, 0.3) == (1 if any(true) else None)


@pytest.mark.parametrize(
    ("predicted", "true", "expected"),
    [
        pytest.param("scratch", "scratch", 1, id="exact"),
        pytest.param(" Bent_Wire ", "bent-wire", 1, id="case-and-punctuation"),
        pytest.param("deep scratch", "scratch", 0.85, id="contains"),
        pytest.param("hole", "blowhole", 0.85, id="contained"),
        pytest.param("cracked", "craked", 0.4 * 12 / 13, id="misspelt"),
        pytest.param("a", "scratch", 0, id="a-letter-is-no-name"),
        pytest.param("stain", "crack", 0, id="different"),
        pytest.param("", "", 0, id="nothing-is-no-name"),
        pytest.param("??", "crack", 0, id="punctuation-is-no-name"),
    ],
)
def test_type_similarity(predicted, true, expected):
    assert metrics.type_similarity(predicted, true) == pytest.approx(expected)
    assert metrics.type_similarity(true, predicted) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("predicted", "true", "expected"),
    [
        pytest.param([["crack"]], [["crack"]], 1.0, id="named"),
        pytest.param([["craked"]], [["cracked"]], 1.0, id="fuzzily-named"),
        pytest.param([["stain"]], [["crack"]], 0.0, id="misnamed"),
        pytest.param([["open", "open", "Open"]], [["open"]], 1.0, id="once-an-image"),
        pytest.param([["open"]], [["open", "short"]], 2 / 3, id="one-of-two"),
        pytest.param([["crack"], ["crack"]], [["crack"], []], 2 / 3, id="named-on-a-good-image"),
        pytest.param([["crack"]], [[]], None, id="nothing-to-name"),
    ],
)
def test_f1_type(predicted, true, expected):
    assert metrics.f1_type(predicted, true) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("scale", "offset"),
    [
        pytest.param(1, 0, id="around-one"),
        pytest.param(1e-6, 0, id="tiny"),
        pytest.param(1e6, 0, id="huge"),
        pytest.param(1, -2, id="both-signs"),
        pytest.param(0.05, 0.9, id="squeezed-below-one"),
    ],
)
def test_pixel_auroc_is_that_of_all_pixels(scale, offset):
    rng = np.random.default_rng(5)
    images = []
    for shape in ((40, 60), (64, 64), (30, 20)):
        mask = rng.random(shape) < 0.05
        images.append((scale * np.exp(rng.normal(mask * 0.8, 1)) + offset, mask))
    scores = np.concatenate([heat.ravel() for heat, _ in images])
    truth = np.concatenate([mask.ravel() for _, mask in images])
    assert metrics.pixel_auroc(iter(images)) == pytest.approx(
        metrics.auroc(scores, truth), abs=1e-3
    )


@pytest.mark.parametrize(
    ("heat", "mask", "expected"),
    [
        pytest.param([[0.1, 0.9]], [[0, 255]], 1.0, id="perfect"),
        pytest.param([[0.9, 0.1]], [[0, 255]], 0.0, id="worst"),
        pytest.param([[0.0, -0.0]], [[0, 1]], 0.5, id="minus-zero-is-zero"),
        pytest.param([[0.0, 1e-45]], [[0, 1]], 0.5, id="the-least-of-floats-is-zero"),
        pytest.param([[0.0, -1e-45]], [[0, 1]], 0.5, id="on-either-side"),
        pytest.param([[-2.0, -1.0]], [[0, 1]], 1.0, id="negative"),
        pytest.param([[0.1, 0.9]], [[0, 0]], None, id="all-good"),
        pytest.param([[0.1, 0.9]], [[1, 1]], None, id="all-defective"),
    ],
)
def test_pixel_auroc(heat, mask, expected):
    assert metrics.pixel_auroc([(heat, mask)]) == expected


@settings(max_examples=25)
@given(st.lists(st.floats(0, 1, width=32), min_size=4, max_size=4))
def test_pixel_auroc_of_the_complement(scores):
    heat, mask = np.array(scores).reshape(2, 2), np.array([[1, 0], [0, 1]])
    area = metrics.pixel_auroc([(heat, mask)])
    assert metrics.pixel_auroc([(-heat, mask)]) == pytest.approx(1 - area)


SQUARE = np.array([[1, 1], [0, 0]])


@pytest.mark.parametrize(
    ("images", "expected"),
    [
        pytest.param([(SQUARE, SQUARE)], 1, id="the-same"),
        pytest.param([(SQUARE, SQUARE.T)], 1 / 3, id="a-third"),
        pytest.param([(1 - SQUARE, SQUARE)], 0, id="apart"),
        pytest.param([(None, SQUARE)], 0, id="nothing-said"),
        pytest.param([(255 * SQUARE, SQUARE > 0), (None, SQUARE)], 0.5, id="mean-over-images"),
        pytest.param([], None, id="no-images"),
    ],
)
def test_mask_iou(images, expected):
    assert metrics.mask_iou(images) == (None if expected is None else pytest.approx(expected))


def test_no_images_no_pixel_auroc():
    assert metrics.pixel_auroc([]) is None


@pytest.mark.parametrize(
    ("call", "message"),
    [
        pytest.param(lambda: metrics.iou([(1, 0, 1, 1)], []), r"box \(1.0, 0.0, 1.0", id="empty"),
        pytest.param(lambda: metrics.iou([(0, 0, np.nan, 1)], []), "nan", id="not-a-number"),
        pytest.param(lambda: metrics.giou([(0, 0, 1)], []), r"shape \(1, 3\)", id="three-corners"),
        pytest.param(lambda: metrics.f1_loc([[]], [], 0.3), "predicted 1, true 0", id="images"),
        pytest.param(lambda: metrics.f1_loc([], [], 1.5), "threshold 1.5", id="threshold"),
        pytest.param(lambda: metrics.f1_type([[]], []), "predicted 1, true 0", id="types"),
        pytest.param(
            lambda: metrics.mask_iou([([[1]], [[0, 1]])]), r"\(1, 1\).*\(1, 2\)", id="mask-shapes"
        ),
        pytest.param(lambda: metrics.mask_iou([([[1]], [[0]])]), "marks nothing", id="mask-truth"),
        pytest.param(
            lambda: metrics.pixel_auroc([([[0.1]], [[0, 1]])]), r"\(1, 1\).*\(1, 2\)", id="shapes"
        ),
        pytest.param(
            lambda: metrics.pixel_auroc([([[np.inf]], [[0]])]), "score of inf", id="infinite"
        ),
        pytest.param(
            lambda: metrics.pixel_auroc([([[1e300]], [[0]])]), "score of inf", id="beyond-float32"
        ),
    ],
)
def test_refuses(call, message):
    with pytest.raises(ValueError, match=message):
        call()
