"""What qualifications leave for inspections to quote."""

from pathlib import Path

import pytest

from reinspect.files import write_json
from reinspect.policies.qualified import KeptLimits, ProductLimits, program

LIMITS = ProductLimits(
    program=program(),
    drawn=True,
    half=6,
    nine_of_ten=24,
    found=30,
    tried=64,
    false_calls=1,
    references=8,
)


def test_limits_are_those_of_the_same_references_and_recipe(tmp_path: Path) -> None:
    place = KeptLimits(tmp_path, "looks").place("a" * 64)
    assert place is not None
    write_json(place, LIMITS)
    assert KeptLimits(tmp_path, "looks").of("a" * 64) == LIMITS
    assert KeptLimits(tmp_path, "looks").of("b" * 64) is None
    assert KeptLimits(tmp_path, "other").of("a" * 64) is None
    assert KeptLimits(None, "looks").of("a" * 64) is None


@pytest.mark.parametrize(
    "content",
    [
        pytest.param("{", id="no-json"),
        pytest.param('{"format": "reinspect-limits", "version": 2}', id="another-version"),
        pytest.param("[]", id="something-else"),
        pytest.param(
            LIMITS.model_copy(update={"program": "0.0.1"}).model_dump_json(), id="another-program"
        ),
    ],
)
def test_what_cannot_be_read_counts_as_none(content: str, tmp_path: Path) -> None:
    known = KeptLimits(tmp_path, "looks")
    place = known.place("a" * 64)
    assert place is not None
    place.parent.mkdir()
    place.write_text(content)
    assert known.of("a" * 64) is None
