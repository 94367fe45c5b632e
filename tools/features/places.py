"""Where exactly a part is defective, once a first look says roughly where.

A network's deep layers know best which place is odd, but their cells are larger than many defects
and see far beyond their own. So the place is theirs, and its extent is where three maps agree:

- the *heat* of the first look;
- the *detail*: shallow features of the same network, 8 pixels a cell, against the nearest that the
  references have anywhere;
- the *colours*: what no pixel near that place has in the references that look most alike.

Shallow features see the edge of a large even defect but not its inside, which the colours see;
colours miss what is of a usual colour. One box a part: boxing a second place lowered the mean F1
over five kinds of part in every variant tried.
"""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np

from reinspect.tools.embedded.features import Floats
from reinspect.tools.embedded.scoring import Box

_LONGEST = 120  # cells along a part's longer side, in which places are drawn
_FLOOR = 0.1  # of a map, in z units: one cold map must not veto the others
_PLACE = {"heat": 4.0, "detail": 1.0}  # how much each map counts for where the place is
_EXTENT = {"heat": 2.0, "detail": 1.0, "colours": 0.5}  # and for how large it is
_WITHOUT_DETAIL = {"heat": 1.0, "colours": 0.5}  # the same
_SHARE = 0.6  # of the peak: where the edge of a place is drawn
_REACH = 0.03  # of the longer side: the two peaks of one place lie no farther apart


def place(
    heat: Floats, detail: Floats | None, colours: Floats, size: tuple[int, int]
) -> tuple[Box, ...]:
    """Box the one most suspicious place of a part.

    Args:
        heat: the first look's heat-map, (rows, columns) of any number, in z units.
        detail: the map of shallow features, likewise; the first look's place stands without.
        colours: the map of unusual colours, likewise.
        size: height and width of the picture.

    Returns:
        One box (x1, y1, x2, y2, score in z units of `heat`), or none where nothing is hot.
    """
    if heat.max() <= 0:
        return ()
    enlarge = _LONGEST / max(size)
    rows, columns = (max(1, round(side * enlarge)) for side in size)
    logs = {
        name: _log(plane, rows, columns)
        for name, plane in {"heat": heat, "detail": detail, "colours": colours}.items()
        if plane is not None
    }
    if detail is None:
        where, extent = logs["heat"], _agreement(logs, _WITHOUT_DETAIL)
    else:
        where, extent = _agreement(logs, _PLACE), _agreement(logs, _EXTENT)
    top, left = _peak(where)
    reach = max(1, int(_REACH * max(rows, columns)))
    y, x = max(0, top - reach), max(0, left - reach)
    down, right = _peak(extent[y : top + reach + 1, x : left + reach + 1])
    top, left = y + down, x + right
    hot = (extent >= _SHARE * extent[top, left]).astype(np.uint8)
    _, labels, spans, _ = cv2.connectedComponentsWithStats(hot, connectivity=8)
    x1, y1, width, height = (int(own) for own in spans[np.asarray(labels)[top, left]][:4])
    score = float(np.exp(logs["heat"][top, left])) - _FLOOR
    return ((x1 / columns, y1 / rows, (x1 + width) / columns, (y1 + height) / rows, score),)


def _log(plane: Floats, rows: int, columns: int) -> Floats:
    how = cv2.INTER_AREA if plane.shape[0] > rows else cv2.INTER_CUBIC
    laid = cv2.resize(np.asarray(plane, np.float32), (columns, rows), interpolation=how)
    return np.asarray(np.log(np.maximum(laid, 0) + _FLOOR), np.float32)


def _agreement(logs: Mapping[str, Floats], weights: Mapping[str, float]) -> Floats:
    """Geometric mean of maps, given as logarithms."""
    total = sum(weight * logs[name] for name, weight in weights.items())
    return np.asarray(np.exp(total / sum(weights.values())), np.float32)


def _peak(plane: Floats) -> tuple[int, int]:
    down, right = np.unravel_index(int(plane.argmax()), plane.shape)
    return int(down), int(right)
