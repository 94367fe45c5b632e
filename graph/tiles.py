"""A large picture, tile by tile: an inspection each, and one verdict of all.

    START → inspect_tiles → explain → settle → END

A tile is inspected by the graph of parts with one picture, at its own scale, and it is tiles in
doubt that are looked at again. A picture that is one tile is inspected as ever.
"""

import functools
import math
from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import cv2
import numpy as np
from langgraph.types import Checkpointer
from scipy.special import expit, logit

from reinspect.graph.build import BuildContext, build_pipeline
from reinspect.graph.inspection import ask_in_doubt, attempt, build, closed, sample_of, view_of
from reinspect.graph.own_nodes import OwnParts
from reinspect.graph.pipeline import Pipeline
from reinspect.graph.state import (
    Compiled,
    GraphState,
    begun_here,
    compile_anew,
    path_of,
)
from reinspect.images import (
    Tile,
    UnreadableImage,
    load_to_cut,
    size_of,
    tile_path,
    tiles_of,
)
from reinspect.pictures import HEAT_MAP, Heat, read_map
from reinspect.references import ReferenceSet
from reinspect.trace import Step, Trace
from reinspect.vocabulary import (
    Assessment,
    Box,
    Decision,
    Defect,
    Evidence,
    Explanation,
    Label,
    Move,
    Picture,
    Product,
    Region,
    Revision,
    Sample,
    Verdict,
)

TILES = "tiles"
"""Source of what all tiles together say, and who decides on them."""

TOLD = 8
"""Tiles whose own evidence is on record, the most suspicious first; of others their verdicts."""

_USUAL = {"z", "threshold", "slope", "usual_most", "usual_spread", "references"}
"""What a look says of how odd good pictures are."""

_GUMBEL = math.sqrt(6) / math.pi
"""Scale of a Gumbel distribution, of its standard deviation."""

_CANVAS = 2048
"""Longer side of the heat-map of the whole, in pixels at most."""

R = TypeVar("R", bound=Region)

TilesNode = Callable[[GraphState], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class _Line:
    graph: Compiled
    pipeline: Pipeline
    context: BuildContext
    side: int


def build_tiles(
    context: BuildContext,
    *,
    checkpointer: Checkpointer = None,
    own: OwnParts | None = None,
    attended: bool = False,
    raises: bool = False,
    pipeline: Pipeline | None = None,
) -> Compiled:
    """The compiled graph of a recipe with tiles: `.invoke({"image": path})["trace"]`.

    Args:
        context: of the recipe.
        checkpointer: LangGraph's.
        own: nodes and state of a user's own.
        attended: whether somebody answers an interrupt.
        raises: whether a component's failure is raised.
        pipeline: the recipe's components, where they are made already.

    Raises:
        RecipeError: a component can't be made.
        GraphError: what is a user's own doesn't fit.
    """
    own, pipeline = own or OwnParts(), pipeline or build_pipeline(context)
    pipeline = replace(pipeline, raises=raises, attended=False)
    asks = attended and context.recipe.policies.escalate == "interrupt"
    side = context.recipe.pictures.tile
    assert side is not None
    whole = replace(pipeline, asks=asks, attended=attended)
    line = _Line(build(pipeline), whole, context, side)
    graph = own.graph()
    nodes: dict[str, TilesNode] = {
        node.__name__: functools.partial(node, line) for node in (inspect_tiles, explain, settle)
    }
    if asks:
        nodes["ask"] = functools.partial(_ask, line)
    key = pipeline.key
    own.add_in_a_row(graph, {name: begun_here(node, key) for name, node in nodes.items()})
    return compile_anew(graph, key, name=TILES, checkpointer=checkpointer)


def inspect_tiles(line: _Line, state: GraphState) -> dict[str, Any]:
    """Inspect each tile as if it were all of the part, and make one verdict of all."""
    path = path_of(state)
    references = line.context.references.of(state.get("category"))
    sample = _large(path, references, state, line.side)
    if sample is None or sample.visual.size is None:
        made: Trace = line.graph.invoke({**state, "image": path})["trace"]
        return {"trace": made}
    category, tiles = state.get("category"), tiles_of(sample.visual.size, line.side)
    part = TiledPart(
        sample.visual.size,
        line.side,
        {
            tile: line.graph.invoke({"image": tile_path(path, tile), "category": category})["trace"]
            for tile in tiles
        },
    )
    return {"trace": Trace(sample=sample, steps=tuple(_steps(line, part, sample)))}


def explain(line: _Line, state: GraphState) -> dict[str, Any]:
    """Put into words what the tiles showed."""
    trace = state["trace"]
    if trace.first is None or trace.disposition is not None:
        return {"trace": trace}
    first, final = trace.first, trace.verdict or trace.first
    words = Explanation(first=first.rationale, final=final.rationale)
    return {"trace": trace.then(attempt(line.pipeline, "explain", lambda: [words]))}


def settle(line: _Line, state: GraphState) -> dict[str, Any]:
    """Decide what happens to the part, and close the trace."""
    trace = state["trace"]
    if trace.disposition is not None:  # it was one tile
        return {"trace": trace}
    settled = attempt(line.pipeline, "settle", lambda: [line.pipeline.settler(trace)])
    return {"trace": closed(trace, settled)}


def _ask(line: _Line, state: GraphState) -> dict[str, Any]:
    return ask_in_doubt(line.pipeline, state["trace"])


def _large(path: str, references: ReferenceSet, state: GraphState, side: int) -> Sample | None:
    """A part whose picture has several tiles; None of any other, and where it can't be read.

    Its inspection as one picture says why. The header alone tells what is small.
    """
    limit, rules = references.max_pixels, references.rules
    try:
        if len(tiles_of(size_of(path, max_pixels=limit, rules=rules), side)) == 1:
            return None
        whole = load_to_cut(path, scale=references.scale, max_pixels=limit, rules=rules)
    except UnreadableImage:
        return None
    return sample_of(state, view_of(path, whole))


def _steps(line: _Line, part: "TiledPart", sample: Sample) -> Iterator[Step]:
    """The part's steps, as those of a part with one picture."""
    first, final = part.first, part.final
    if first is None or final is None:
        yield attempt(line.pipeline, "detect", lambda: [part.nothing])
        return
    heat = _heat(line, part, sample)
    seen = first.evidence[0].model_copy(update={"pictures": heat})
    first = first.model_copy(update={"evidence": (seen, *first.evidence[1:])})
    yield _lasting(part, {"detect"}, attempt(line.pipeline, "detect", lambda: [first]))
    later = list(part.later)
    if later:
        looked = attempt(line.pipeline, "examine", lambda: later)
        yield _lasting(part, {"locate", "examine"}, looked)
    if part.twice:
        move = Move.KEEP if first.label is final.label else Move.CORRECT
        revision = Revision(move=move, after=final, reflection=final.rationale)
        yield attempt(line.pipeline, "revise", lambda: [revision])
    assessed: list[Product] = [part.assessment(final), Decision(move=Move.ACCEPT, policy=TILES)]
    yield attempt(line.pipeline, "assess", lambda: assessed)
    for tile, why in part.failures.items():
        yield Step(node="assess", error=f"tile {tile}: {why}")
        return


def _lasting(part: "TiledPart", nodes: Set[str], step: Step) -> Step:
    """The step with the time that such steps of all tiles took."""
    every = (own for trace in part.tiles.values() for own in trace.steps if own.node in nodes)
    return step.model_copy(update={"seconds": sum(own.seconds for own in every)})


def _heat(line: _Line, part: "TiledPart", sample: Sample) -> tuple[Picture, ...]:
    """The tiles' heat-maps as one, where maps are kept; their own are of no more use."""
    kept, key = line.context.pictures, sample.visual.sha256
    if kept is None or key is None:
        return ()
    scale = min(1.0, _CANVAS / max(part.size))
    width, height = (max(1, round(length * scale)) for length in part.size)
    canvas = np.zeros((height, width), np.float32)
    for tile, trace in part.tiles.items():
        heat = _map_of(trace, kept.folder.parent)
        if heat is None:
            continue
        x1, y1 = round(tile.x * scale), round(tile.y * scale)
        x2, y2 = round((tile.x + tile.width) * scale), round((tile.y + tile.height) * scale)
        laid = cv2.resize(heat, (max(1, x2 - x1), max(1, y2 - y1)), interpolation=cv2.INTER_AREA)
        place = canvas[y1 : y1 + laid.shape[0], x1 : x1 + laid.shape[1]]
        np.maximum(place, laid[: place.shape[0], : place.shape[1]], out=place)
    for trace in part.tiles.values():
        for path in _maps(trace):
            (kept.folder.parent / path).unlink(missing_ok=True)
    return (kept.save_map(canvas, key=key),)


def _maps(trace: Trace) -> list[str]:
    pictures = (picture for piece in trace.evidence for picture in piece.pictures)
    return [picture.path for picture in pictures if picture.shows == HEAT_MAP]


def _map_of(trace: Trace, folder: Path) -> Heat | None:
    paths = _maps(trace)
    try:
        return np.asarray(read_map(folder / paths[0]), np.float32) if paths else None
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class TiledPart:
    """A part, tile by tile.

    A part is anomalous if any tile is. How odd the oddest of many good tiles is, the references'
    own tiles say where a look gives these numbers: the threshold is moved to where one good part
    in ten has a tile beyond it, by the largest of them and their spread (Gumbel, 1958). Otherwise
    a tile's probability, calibrated where every second picture is defective, has its odds taken
    down to where every second part is (Bayes).
    """

    size: tuple[int, int]
    side: int
    tiles: Mapping[Tile, Trace]

    @property
    def first(self) -> Verdict | None:
        """What the first looks come to; none where no tile has a verdict."""
        return self._fused(
            {tile: own.first for tile, own in self.tiles.items() if own.first}, TILES
        )

    @property
    def final(self) -> Verdict | None:
        """What the verdicts in force come to."""
        verdicts = {tile: own.verdict for tile, own in self.tiles.items() if own.verdict}
        return self._fused(verdicts, f"{TILES}_again" if self.twice else TILES)

    @property
    def twice(self) -> int:
        """Tiles that were looked at again."""
        return sum(bool(own.rounds) for own in self.tiles.values())

    @property
    def unjudged(self) -> dict[Tile, str]:
        """Tile without a verdict → why."""
        return {
            tile: own.disposition.reason if own.disposition else own.error or ""
            for tile, own in self.tiles.items()
            if own.verdict is None
        }

    @property
    def failures(self) -> dict[Tile, str]:
        """Tile → what failed in it."""
        return {tile: own.error for tile, own in self.tiles.items() if own.error is not None}

    @property
    def nothing(self) -> Evidence:
        """What there is to say of a part that no tile has a verdict on."""
        whys = dict.fromkeys(self.unjudged.values())
        return Evidence(source=TILES, summary=f"none of {len(self.tiles)} tiles: {'; '.join(whys)}")

    @property
    def later(self) -> Iterator[Product]:
        """What second looks found in the most suspicious tiles, as places of the whole."""
        for tile in self._suspicious(TOLD):
            trace = self.tiles[tile]
            for piece in trace.products(Evidence):
                yield self._moved(piece, tile)

    def assessment(self, final: Verdict) -> Assessment:
        """Whether the verdict on the whole can be relied on."""
        judged = len(self.tiles) - len(self.unjudged)
        share = judged / len(self.tiles) if final.label is Label.NORMAL else 1.0
        reasons = [final.rationale]
        if self.unjudged:
            tile, why = next(iter(self.unjudged.items()))
            reasons.append(f"{len(self.unjudged)} tiles are not judged ({tile}: {why})")
        return Assessment(
            confidence=final.confidence,
            reliability=final.confidence * share,
            reasons=tuple(reasons),
            signals={"tiles": len(self.tiles), "tiles_unjudged": len(self.unjudged)},
            probability=final.probability,
        )

    def among(self, tile: Tile, probability: float) -> float:
        """P(anomalous) of one tile of so many, of what it was as a picture of its own."""
        return float(expit(logit(np.clip(probability, 1e-9, 1 - 1e-9)) - self._shift(tile)))

    def _shift(self, tile: Tile) -> float:
        """Log-odds by which a tile counts for less than a picture of its own."""
        width, height = self.size
        alone = max(1.0, width * height / self.side**2)  # tiles that don't overlap
        first = self.tiles[tile].first
        seen = (
            next((e.measurements for e in first.evidence if e.measurements.keys() >= _USUAL), None)
            if first
            else None
        )
        if seen is None:
            return -math.log(2 ** (1 / alone) - 1)
        rare = math.log(max(1.0, 10 * alone / max(seen["references"], 1.0)))
        highest = seen["usual_most"] + _GUMBEL * seen["usual_spread"] * rare
        beyond = seen["z"] - max(seen["threshold"], highest)
        # As the look itself has it: no surer than its references allow.
        there = np.clip(first.probability if first else 0.5, 1e-9, 1 - 1e-9)
        return float(logit(there) - min(logit(there), seen["slope"] * beyond))

    def _fused(self, verdicts: Mapping[Tile, Verdict], source: str) -> Verdict | None:
        if not verdicts:
            return None
        weighed = {tile: self.among(tile, own.probability) for tile, own in verdicts.items()}
        probability = 1 - math.prod(1 - own for own in weighed.values())
        worst = max(weighed, key=lambda tile: weighed[tile])
        alarming = [
            tile
            for tile, own in weighed.items()
            if verdicts[tile].label is Label.ANOMALOUS and (own >= 0.5 or tile == worst)
        ]
        said = (
            f"{len(alarming)} of {len(verdicts)} tiles stand out"
            if alarming
            else (f"nothing unusual in {len(verdicts)} tiles")
        )
        said += f"; the most suspicious, {worst}: {verdicts[worst].rationale}"
        if probability < 0.5:
            alarming = []
        defects = [
            self._placed(defect, tile) for tile in alarming for defect in verdicts[tile].defects
        ]
        evidence = Evidence(
            source=source,
            summary=said,
            probability=probability,
            regions=tuple(Region(box=defect.box, score=defect.score) for defect in defects),
            measurements={"tiles": len(verdicts), "worst_p": verdicts[worst].probability},
        )
        return Verdict.of(
            probability, defects=tuple[Defect, ...](defects), rationale=said, evidence=(evidence,)
        )

    def _suspicious(self, most: int) -> list[Tile]:
        ranked = sorted(
            (tile for tile, own in self.tiles.items() if own.verdict and own.rounds),
            key=lambda tile: -max(self._probabilities(tile)),
        )
        return ranked[:most]

    def _probabilities(self, tile: Tile) -> tuple[float, ...]:
        own = self.tiles[tile]
        return tuple(v.probability for v in (own.first, own.verdict) if v is not None) or (0.0,)

    def _moved(self, piece: Evidence, tile: Tile) -> Evidence:
        """A tile's evidence as evidence on the whole: of what it says of a tile, no probability."""
        numbers = dict(piece.measurements)
        if piece.probability is not None:
            numbers["tile_p"] = piece.probability
        return piece.model_copy(
            update={
                "summary": f"tile {tile}: {piece.summary}",
                "probability": None,
                "regions": tuple(self._placed(region, tile) for region in piece.regions),
                "measurements": numbers,
                "pictures": tuple(p for p in piece.pictures if p.shows != HEAT_MAP),
            }
        )

    def _placed(self, region: R, tile: Tile) -> R:
        """Where a place of a tile is in the whole; a mask of its size would be as large as that."""
        width, height = self.size
        x1, y1, x2, y2 = region.box
        box = Box(
            (tile.x + x1 * tile.width) / width,
            (tile.y + y1 * tile.height) / height,
            min(1.0, (tile.x + x2 * tile.width) / width),
            min(1.0, (tile.y + y2 * tile.height) / height),
        )
        return region.model_copy(update={"box": box, "mask": None})
