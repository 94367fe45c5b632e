import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from reinspect.training.vlm.curves import curves_svg, write_curves

HISTORY = [
    {"step": step, "reward": 1 + step / 10, "kl": 0.01 * step, "uniform": 0.2, "loss": 2 / step}
    for step in (5, 10, 15)
]


def test_every_logged_figure_and_a_picture(tmp_path: Path) -> None:
    write_curves(HISTORY, tmp_path / "new")
    assert json.loads((tmp_path / "new" / "curves.json").read_text()) == HISTORY
    picture = ET.fromstring((tmp_path / "new" / "curves.svg").read_text())
    lines = picture.findall("{http://www.w3.org/2000/svg}polyline")
    assert len(lines) == 4
    assert {len(line.attrib["points"].split()) for line in lines} == {3}


@pytest.mark.parametrize(
    "history",
    [
        pytest.param([], id="nothing"),
        pytest.param([{"step": 1, "reward": 1.0}], id="one point"),
        pytest.param(
            [{"step": 1, "loss": float("nan")}, {"step": 2, "loss": None}], id="no number"
        ),
        pytest.param([{"step": n, "reward": 1.0} for n in (1, 2)], id="flat"),
    ],
)
def test_what_there_is_is_drawn(history: list[dict[str, float]]) -> None:
    assert ET.fromstring(curves_svg(history)).tag.endswith("svg")
