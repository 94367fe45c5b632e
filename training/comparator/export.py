"""The eye's weights as two ONNX graphs: one sees an image, one judges it among references.

What references show is the same for every query, so it is computed once, apart.
"""

from __future__ import annotations

import copy
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import onnx
import torch
from torch import Tensor, nn
from torch.export import Dim

from reinspect.files import digest_of
from reinspect.training.comparator.network import (
    FEATURES,
    VERSION,
    ComparatorNet,
    EncodedImage,
    ReferenceSpread,
)

SEES = ("images",)
SEEN = ("f2", "f4", "f8", "f16", "hint")
JUDGES = (
    *SEEN,
    *("r2", "r4", "r8", "r16", "m8", "m16"),  # references, and the memory of them
    *("u2", "u4", "u8", "u16", "v8", "v16"),  # what is usual, near and far
)
JUDGED = ("log_odds", "coarse", "n2", "n4", "n8", "n16", "d8", "d16")

_OPSET = 18


class EncoderGraph(nn.Module):
    """Images (B, 3, H, W) → features at four scales, and the hint."""

    def __init__(self, eye: ComparatorNet) -> None:
        super().__init__()
        self.encoder = eye.encoder

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """See images."""
        seen: EncodedImage = self.encoder(images)
        return (*seen.features, seen.hint)


class JudgeGraph(nn.Module):
    """A query among its references → log-odds and distances, see `JUDGES` and `JUDGED`."""

    def __init__(self, eye: ComparatorNet) -> None:
        super().__init__()
        self.judge = eye.judge

    def forward(self, *given: Tensor) -> tuple[Tensor, ...]:
        """Judge a query (B = 1)."""
        seen = EncodedImage(list(given[:4]), given[4])
        usual = ReferenceSpread(list(given[11:15]), [None, None, given[15], given[16]])
        with torch.no_grad():  # the cheaper of two ways to the same matches
            found = self.judge.compare(seen.features, given[5:9], given[9:11])
            fine, coarse = self.judge.decide(seen, found, usual)
        far = [plane for plane in found.far if plane is not None]
        return (fine, coarse, *found.near, *far)


def example(references: int = 3, side: int = 64) -> tuple[Tensor, ...]:
    """Inputs of `JudgeGraph` with random content."""
    sizes = [side // scale for scale in (2, 4, 8, 16)]
    planes = [torch.rand(1, c, n, n) for c, n in zip(FEATURES, sizes, strict=True)]
    others = [torch.rand(1, references, c, n, n) for c, n in zip(FEATURES, sizes, strict=True)]
    memory = [torch.rand(1, references, FEATURES[level], 12) for level in (2, 3)]
    usual = [torch.rand(1, 1, n, n) for n in (*sizes, *sizes[2:])]
    hint = torch.rand(1, 24, sizes[2], sizes[2])
    return (*planes, hint, *others, *memory, *usual)


def export(eye: ComparatorNet, out: Path) -> str:
    """Write the weights: `NAME.onnx`, which judges, and `NAME-sees.onnx` beside it.

    Returns:
        The mark that both carry, and no other weights.

    Raises:
        OSError: a file can't be written.
    """
    ready = copy.deepcopy(eye).to("cpu").eval()
    sees = out.with_name(f"{out.stem}-sees.onnx")
    rows, columns = Dim("rows", min=2, max=64), Dim("columns", min=2, max=64)
    square = {2: 16 * rows, 3: 16 * columns}
    _write(
        EncoderGraph(ready),
        (torch.rand(2, 3, 64, 64),),
        SEES,
        SEEN,
        ({0: Dim("images"), **square},),
        sees,
    )
    grids = [{2: factor * rows, 3: factor * columns} for factor in (8, 4, 2, 1)]
    count = Dim("references", min=1, max=64)
    many = [{1: count, 3: grid[2], 4: grid[3]} for grid in grids]
    memory = [{1: count, 3: Dim(name, min=2, max=100_000)} for name in ("places8", "places16")]
    shapes = [*grids, grids[2], *many, *memory, *grids, *grids[2:]]
    _write(JudgeGraph(ready), example(), JUDGES, JUDGED, (tuple(shapes),), out)
    return _sign(out, sees)


def _write(
    module: nn.Module,
    inputs: tuple[Tensor, ...],
    names: tuple[str, ...],
    outputs: tuple[str, ...],
    shapes: object,
    file: Path,
) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with _no_talk_of_its_inside():
        program = torch.onnx.export(
            module.eval(),
            inputs,
            input_names=list(names),
            output_names=list(outputs),
            opset_version=_OPSET,
            dynamic_shapes=shapes,
            dynamo=True,
            verbose=False,
        )
    if program is None:
        raise RuntimeError("the exporter gave no graph")
    program.save(str(file), external_data=False)


@contextmanager
def _no_talk_of_its_inside() -> Iterator[None]:
    """The exporter's own warnings and logs would bury the progress of a training."""
    log = logging.getLogger("torch.onnx")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)


def _forget_where_it_was_made(graph: onnx.ModelProto) -> None:
    """Drop what the exporter notes for debugging: stack traces, with the paths of this machine."""
    own = graph.graph
    for part in (own, *own.node, *own.input, *own.output, *own.value_info, *graph.functions):
        del part.metadata_props[:]
        part.doc_string = ""
    for function in graph.functions:
        for node in function.node:
            del node.metadata_props[:]


def _sign(*files: Path) -> str:
    """Mark graphs that belong together, and which version of inputs and outputs they have."""
    graphs = [onnx.load(file) for file in files]
    for graph in graphs:
        _forget_where_it_was_made(graph)
    weights = b"".join(graph.graph.SerializeToString(deterministic=True) for graph in graphs)
    pair = digest_of(weights)[:16]
    for graph, file in zip(graphs, files, strict=True):
        graph.producer_name = "reinspect"
        onnx.helper.set_model_props(graph, {"eye": str(VERSION), "pair": pair})
        onnx.save(graph, file)
    return pair
