import re
from pathlib import Path
from typing import Any

import pytest

from support.made_episodes import row, written

PIXELS = 64 * 64


pytestmark = pytest.mark.needs("datasets")


def lessons(folder: Path, *, imitated: bool = True) -> Any:
    from reinspect.training.vlm.dataset import read_dataset

    return read_dataset(folder, max_pixels=PIXELS, imitated=imitated)


def test_pictures_come_shrunk_and_in_rgb_when_a_row_is_taken(tmp_path: Path) -> None:
    folder = written(tmp_path, row(), row(truth=True), row(split="validation"))
    found = lessons(folder)
    assert (len(found.train), len(found.validation), found.left_out) == (2, 1, ())
    taken = found.train[0]
    (picture,) = taken["images"]
    assert picture.size[0] * picture.size[1] <= PIXELS
    assert picture.getpixel((3, 3)) == (30, 20, 10)
    assert taken["prompt"][0]["content"][0] == {"type": "image"}


def test_only_what_a_training_needs_is_handed_on(tmp_path: Path) -> None:
    """TRL would take the column `image`, a name, for the picture."""
    from reinspect.training.vlm.dataset import NEEDED

    folder = written(tmp_path, row(image="a/part.png"), row(truth=True, image="a/part.png"))
    assert set(lessons(folder).train[0]) == set(NEEDED)


@pytest.mark.parametrize(
    ("unfit", "reason"),
    [
        pytest.param(row(truth=None), "truth is not known", id="no truth"),
        pytest.param(row(images=["gone.png"]), "a picture is gone .*gone.png", id="picture gone"),
        pytest.param(row(completion=[]), "no answer to imitate", id="no answer"),
    ],
)
def test_what_cannot_be_used_is_left_out_and_said(
    tmp_path: Path, unfit: dict[str, Any], reason: str
) -> None:
    found = lessons(written(tmp_path, row(), row(truth=True), unfit))
    assert len(found.train) == 2
    (said,) = found.left_out
    assert re.search(reason, said)
    assert said.startswith("1 episode")


def test_rewards_need_no_answer_to_imitate(tmp_path: Path) -> None:
    folder = written(tmp_path, row(completion=[]), row(truth=True))
    assert len(lessons(folder, imitated=False).train) == 2


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        pytest.param([row(truth=None)], "no episode to train on .*truth is not known", id="truth"),
        pytest.param([row(), row()], "all 2 training episodes are of good parts", id="one class"),
        pytest.param(
            [row(), row(truth=True, images=["gone.png"])],
            "of good parts .*a picture is gone",
            id="one class once pictures are gone",
        ),
        pytest.param([{"prompt": "x"}], "lack the columns completion", id="columns"),
    ],
)
def test_refused_in_one_line(tmp_path: Path, rows: list[dict[str, Any]], said: str) -> None:
    with pytest.raises(ValueError, match=said) as failure:
        lessons(written(tmp_path, *rows))
    assert "\n" not in str(failure.value)


def test_no_folder_says_what_makes_one(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="reinspect train episodes"):
        lessons(tmp_path / "none")


def test_a_picture_that_goes_during_the_training(tmp_path: Path) -> None:
    found = lessons(written(tmp_path, row(), row(truth=True)))
    (tmp_path / "part.png").unlink()
    with pytest.raises(ValueError, match="can't be read any more"):
        found.train[0]
