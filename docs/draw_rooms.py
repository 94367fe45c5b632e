"""Draws `docs/images/rooms.svg`: the rooms of the package in their layers, and who imports whom.

    python docs/draw_rooms.py

Rooms and arrows come from the code, layers from import-linter's contract in `pyproject.toml`. An
arrow that longer ways say already (a → c beside a → b → c) is counted, and not drawn.
"""

import tomllib
from collections.abc import Iterable, Mapping
from itertools import combinations, pairwise
from pathlib import Path
from typing import NamedTuple

import grimp
import numpy as np
from scipy.optimize import isotonic_regression

REPOSITORY = Path(__file__).resolve().parents[1]
PICTURE = REPOSITORY / "docs" / "images" / "rooms.svg"

ROW, BOX, GAP, MARGIN, LETTER = 62, 30, 18, 24, 8.4
SWEEPS = 40

Arrow = tuple[str, str]


class Node(NamedTuple):
    """A room where it stands, or a place where an arrow to it passes a row."""

    room: str
    row: int


def layers() -> list[list[str]]:
    """Rooms from the top to the bottom; those of a row don't import each other."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = project["tool"]["importlinter"]["contracts"]
    (contract,) = (it for it in contracts if it["type"] == "layers" and it.get("exhaustive"))
    return [[name.strip() for name in row.split("|")] for row in contract["layers"]]


def imports() -> set[Arrow]:
    """Which room imports which."""
    graph = grimp.build_graph("reinspect")
    rooms = graph.find_children("reinspect")
    for room in rooms:
        if graph.find_children(room):
            graph.squash_module(room)
    return {
        (room.rpartition(".")[2], other.rpartition(".")[2])
        for room in rooms
        for other in graph.find_modules_directly_imported_by(room) & rooms - {room}
    }


def telling(arrows: set[Arrow]) -> set[Arrow]:
    """Those that no longer way says already."""
    below: dict[str, set[str]] = {}
    for importer, imported in arrows:
        below.setdefault(importer, set()).add(imported)

    def reached(room: str, seen: set[str]) -> set[str]:
        for other in below.get(room, set()) - seen:
            seen.add(other)
            reached(other, seen)
        return seen

    return {
        (importer, imported)
        for importer, imported in arrows
        if not any(imported in reached(way, set()) for way in below[importer] - {imported})
    }


def steps(arrows: Iterable[Arrow], row_of: Mapping[str, int]) -> set[tuple[Node, Node]]:
    """Arrows cut at every row they pass; those to one room join on their way."""
    found = set()
    for importer, imported in arrows:
        start = Node(importer, row_of[importer])
        for row in range(row_of[importer] + 1, row_of[imported] + 1):
            end = Node(imported, row)
            found.add((start, end))
            start = end
    return found


def placed(
    rows: list[list[Node]], links: set[tuple[Node, Node]], wide: Mapping[Node, float]
) -> dict[Node, float]:
    """Each node's middle, in pixels: near its neighbours, in an order with few crossings."""
    above: dict[Node, list[Node]] = {node: [] for row in rows for node in row}
    below: dict[Node, list[Node]] = {node: [] for row in rows for node in row}
    for start, end in sorted(links):
        below[start].append(end)
        above[end].append(start)

    def crossings(x: Mapping[Node, float]) -> int:
        return sum(
            (x[a] - x[c]) * (x[b] - x[d]) < 0
            for (a, b), (c, d) in combinations(sorted(links), 2)
            if a.row == c.row
        )

    def middle(node: Node, others: list[Node], x: Mapping[Node, float]) -> float:
        return round(float(np.mean([x[other] for other in others] or [x[node]])), 6)

    x = {node: float(place) for row in rows for place, node in enumerate(row)}
    best, fewest = dict(x), crossings(x)
    for sweep in range(SWEEPS):
        near, ordered = (above, rows) if sweep % 2 == 0 else (below, rows[::-1])
        for row in ordered:
            wished = {node: middle(node, near[node], x) for node in row}
            for place, node in enumerate(sorted(row, key=lambda it: (wished[it], it))):
                x[node] = place - len(row) / 2
        if (now := crossings(x)) < fewest:
            best, fewest = dict(x), now

    x = dict.fromkeys(best, 0.0)
    for _ in range(SWEEPS):
        for nodes in rows:
            row = sorted(nodes, key=lambda it: best[it])
            apart = [(wide[a] + wide[b]) / 2 + GAP for a, b in pairwise(row)]
            offsets = np.cumsum([0.0, *apart])
            wish = np.array([middle(node, above[node] + below[node], x) for node in row])
            x.update(zip(row, (isotonic_regression(wish - offsets).x + offsets), strict=True))
    return x


def drawing() -> str:
    """The picture as SVG."""
    levels = layers()
    row_of = {room: row for row, rooms in enumerate(levels) for room in rooms}
    every = imports()
    down = {(a, b) for a, b in every if row_of[a] < row_of[b]}
    up, down = every - down, telling(down)
    links = steps(down, row_of)
    homes = {Node(room, row) for room, row in row_of.items()}
    nodes = homes | {node for link in links for node in link}
    rows = [sorted(node for node in nodes if node.row == row) for row in range(len(levels))]
    wide = {node: LETTER * len(node.room) + 22 if node in homes else 0.0 for node in nodes}
    x = placed(rows, links, wide)
    left = min(x[node] - wide[node] / 2 for node in nodes) - MARGIN
    at = {node: (round(x[node] - left), MARGIN + ROW * node.row + 20) for node in nodes}
    width = round(max(x[node] + wide[node] / 2 for node in nodes) + MARGIN - left)
    height = 2 * MARGIN + ROW * (len(levels) - 1) + BOX + 20
    title = f"{len(row_of)} rooms, {len(every)} arrows; the {len(down | up)} drawn imply the rest"
    top = {path.name for path in REPOSITORY.iterdir() if path.is_dir()}

    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}"'
        ' font-family="sans-serif" font-size="14">',
        f"<title>{title}</title>",
        '<defs><marker id="head" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8"'
        ' markerHeight="8" orient="auto"><path d="M0 0 8 4 0 8z" fill="#64748b"/></marker></defs>',
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
        f'<text x="{MARGIN}" y="24" font-size="12" fill="#475569">{title}</text>',
    ]
    for start, end in sorted(links):
        (x1, y1), (x2, y2) = at[start], at[end]
        y1 += BOX if start in homes else BOX // 2
        y2 += 0 if end in homes else BOX // 2
        bend = (y2 - y1) // 2
        curve = f"M{x1} {y1}C{x1} {y1 + bend} {x2} {y2 - bend} {x2} {y2}"
        head = ' marker-end="url(#head)"' if end in homes else ""
        lines.append(f'<path d="{curve}" fill="none" stroke="#64748b"{head}/>')
    for importer, imported in sorted(up):
        (x1, y1), (x2, y2) = (at[Node(room, row_of[room])] for room in (importer, imported))
        line = f"M{x1} {y1}L{x2} {y2 + BOX}"
        lines.append(f'<path d="{line}" stroke="#dc2626" marker-end="url(#head)"/>')
    for node in sorted(homes):
        middle, y = at[node]
        box = round(wide[node])
        fill, edge = ("#dbeafe", "#1d4ed8") if node.room in top else ("#f8fafc", "#475569")
        lines += [
            f'<rect x="{middle - box // 2}" y="{y}" width="{box}" height="{BOX}" rx="5"'
            f' fill="{fill}" stroke="{edge}"/>',
            f'<text x="{middle}" y="{y + 20}" text-anchor="middle">{node.room}</text>',
        ]
    return "\n".join([*lines, "</svg>", ""])


if __name__ == "__main__":
    PICTURE.write_text(drawing(), encoding="utf-8")
