"""A network of the user's own, as an ONNX file: any that gives maps, or tokens of patches."""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, Field

from reinspect.components import ComponentOptions, RecipePath
from reinspect.errors import did_you_mean
from reinspect.files import digest_of, digest_of_file
from reinspect.tools.embedded.features import Floats, Pixels, check_image
from reinspect.tools.features.cells import FeaturesError, averaged, joined, resized, scaled
from reinspect.tools.features.network import WORKING_SIDE
from reinspect.tools.sessions import open_session

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

MOST_PREFIXED = 16
"""Tokens before those of the patches at most: of the class, and registers."""

_SCALINGS = {
    "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "-1..1": ((0.5,) * 3, (0.5,) * 3),
    "0..1": ((0.0,) * 3, (1.0,) * 3),
}
_PROBED = (4, 8)  # times the multiple: a picture that is not square, so that axes show

Side = Annotated[float, Field(ge=32, le=4096)]
Number = Annotated[float, Field(allow_inf_nan=False)]


def _no_zero(three: tuple[float, ...]) -> tuple[float, ...]:
    if min(three) <= 0:
        raise ValueError("a standard deviation is above zero")
    return three


class ColourMoments(ComponentOptions):
    """What a network's pictures were standardised by: red, green, blue, in 0..1."""

    mean: tuple[Number, Number, Number]
    std: Annotated[tuple[Number, Number, Number], AfterValidator(_no_zero)]


class PictureInput(ComponentOptions):
    """How a network takes pictures: RGB, float32 (1, 3, H, W)."""

    scaling: Literal["imagenet", "-1..1", "0..1"] | ColourMoments = "imagenet"
    side: Side = Field(
        default=WORKING_SIDE,
        description="Square root of the area that a picture is scaled to, in pixels; without "
        "effect where the network takes one size.",
    )
    multiple: int = Field(
        default=32,
        ge=1,
        le=256,
        description="Of which height and width are one, in pixels; for tokens the patch's side.",
    )

    def prepared(self, fitted: Pixels) -> Floats:
        """A picture of the right size, BGR uint8 (H, W, 3), as the network takes it."""
        if isinstance(self.scaling, ColourMoments):
            mean, std = self.scaling.mean, self.scaling.std
        else:
            mean, std = _SCALINGS[self.scaling]
        lowest, spread = (255 * np.array(own, np.float32) for own in (mean, std))
        rgb = (fitted[..., ::-1] - lowest) / spread
        return np.ascontiguousarray(rgb.transpose(2, 0, 1)[None], np.float32)


class OnnxFeatures(ComponentOptions):
    """`features: {onnx: FILE, …}`."""

    onnx: RecipePath
    input: PictureInput = PictureInput()
    outputs: tuple[str, ...] = Field(default=(), description="All of the graph's by default.")
    average: bool = Field(
        default=True, description="Cells of maps with their neighbours, 3 × 3; tokens never are."
    )


@dataclass(frozen=True, slots=True)
class OnnxNetwork:
    """A graph of the user's own, which is a `FeatureNetwork`."""

    key: str
    channels: tuple[int, ...]
    options: OnnxFeatures
    session: "InferenceSession"
    fixed: tuple[int, int] | None
    """Height and width, where it takes one size."""

    @property
    def side(self) -> float:
        """See `FeatureNetwork`; that of a fixed size is its own."""
        return math.sqrt(math.prod(self.fixed)) if self.fixed else self.options.input.side

    def describe(self, image: Pixels, *, side: float | None = None) -> Floats:
        """See `FeatureNetwork`; whatever the side, a network of one size gets that.

        Raises:
            FeaturesError: onnxruntime can't run it on this picture.
        """
        check_image(image)
        if self.fixed:
            fitted = resized(image, *self.fixed)
        else:
            fitted = scaled(image, side or self.side, multiple=self.options.input.multiple)
        layers = _layers(self.session, self.options, fitted)
        return joined([averaged(own) if smooth else own for own, smooth in layers])


def open_onnx(options: OnnxFeatures) -> OnnxNetwork:
    """Load a graph once in a process.

    Raises:
        FeaturesError: the file is missing or no graph, or the graph takes or gives something else.
    """
    file = Path(options.onnx)
    try:
        parts = sorted(one for one in file.parent.glob(f"{file.name}*") if one.is_file())
        digest = digest_of("".join(map(digest_of_file, parts))) if file.is_file() else None
    except OSError as failure:
        raise FeaturesError(f"onnx: cannot read {file}: {failure.strerror}") from failure
    if digest is None:
        raise FeaturesError(f"onnx: {file}: no such file")
    return _open(options, digest)


@functools.lru_cache(maxsize=2)
def _open(options: OnnxFeatures, digest: str) -> OnnxNetwork:
    """`digest` is of the file, with what else it is stored in: `model.onnx`, `model.onnx.data`."""
    try:
        session = open_session(options.onnx)
    except ImportError as failure:
        raise FeaturesError("features take onnxruntime: pip install onnxruntime") from failure
    except Exception as failure:
        raise FeaturesError(f"onnx: {options.onnx} is no graph: {_line(failure)}") from failure
    fixed = _fixed_size(options, session)
    _check_outputs(options, session)
    multiple = options.input.multiple
    rows, columns = fixed or (multiple * _PROBED[0], multiple * _PROBED[1])
    layers = _layers(session, options, np.full((rows, columns, 3), 128, np.uint8))
    settings = digest_of(repr(options.model_dump(exclude={"onnx"})))
    return OnnxNetwork(
        key=f"onnx-{digest[:12]}-{settings[:8]}",
        channels=tuple(layer.shape[2] for layer, _ in layers),
        options=options,
        session=session,
        fixed=fixed,
    )


def _fixed_size(options: OnnxFeatures, session: "InferenceSession") -> tuple[int, int] | None:
    """The height and width that the graph takes; none where any will do."""
    inputs = session.get_inputs()
    if len(inputs) != 1:
        names = ", ".join(given.name for given in inputs)
        raise FeaturesError(f"onnx: {options.onnx} takes {len(inputs)} inputs ({names}), not one")
    (given,) = inputs
    told = f"onnx: {options.onnx} takes {given.type} {tuple(given.shape)} as {given.name}, not "
    if given.type != "tensor(float)" or len(given.shape) != 4:
        raise FeaturesError(f"{told}float32 (n, 3, H, W)")
    batch, colours, *size = given.shape
    if _is_fixed(batch, but=1) or _is_fixed(colours, but=3):
        raise FeaturesError(f"{told}one picture of three colours (1, 3, H, W)")
    known = [own for own in size if isinstance(own, int)]
    if len(known) == 1:
        raise FeaturesError(f"{told}a height and a width that are both fixed, or both free")
    return (known[0], known[1]) if known else None


def _is_fixed(length: object, *, but: int) -> bool:
    return isinstance(length, int) and length != but


def _check_outputs(options: OnnxFeatures, session: "InferenceSession") -> None:
    known = [given.name for given in session.get_outputs()]
    for name in options.outputs:
        if name not in known:
            hint = did_you_mean(name, known)
            raise FeaturesError(f"onnx: {options.onnx} has no output {name!r}; {hint}")


def _layers(
    session: "InferenceSession", options: OnnxFeatures, fitted: Pixels
) -> list[tuple[Floats, bool]]:
    """Each output (rows, columns, features), and whether its cells are to be averaged."""
    names = options.outputs or [given.name for given in session.get_outputs()]
    given = {session.get_inputs()[0].name: options.input.prepared(fitted)}
    size = fitted.shape[:2]
    try:
        arrays: Sequence[NDArray[Any]] = session.run(list(names), given)
    except Exception as failure:
        taken = f"a picture of {size[0]} × {size[1]}"
        raise FeaturesError(
            f"onnx: {options.onnx} can't take {taken}: {_line(failure)}; another input.multiple, "
            "or export it with a fixed size"
        ) from failure
    return [
        _layer(f"onnx: output {name} of {options.onnx}", array, size, options)
        for name, array in zip(names, arrays, strict=True)
    ]


def _layer(
    what: str, array: NDArray[Any], size: tuple[int, int], options: OnnxFeatures
) -> tuple[Floats, bool]:
    told = f"{what} is {array.dtype} {array.shape} for a picture of {size[0]} × {size[1]}"
    if array.ndim not in (3, 4) or array.dtype not in (np.float32, np.float16):
        raise FeaturesError(
            f"{told}, neither a map (1, c, h, w) nor tokens (1, t, c): choose by outputs: […]"
        )
    if array.ndim == 3:
        patch = options.input.multiple
        rows, columns = size[0] // patch, size[1] // patch
        before = array.shape[1] - rows * columns
        if not 0 <= before <= MOST_PREFIXED:
            raise FeaturesError(
                f"{told}: not {rows} × {columns} patches of {patch}; set input.multiple to the "
                "patch's side"
            )
        cells = array[0, before:].reshape(rows, columns, -1)
        return np.asarray(cells, np.float32), False
    rows, columns = array.shape[2:]
    # As many cells each way as the picture's shape asks for, give or take one that was rounded.
    of_its_shape = abs(rows * size[1] / size[0] - columns) <= 1 + size[1] / size[0]
    if rows * columns < 4 or not of_its_shape:
        raise FeaturesError(f"{told}, no map (1, c, h, w) of it: choose by outputs: […]")
    cells = array[0].transpose(1, 2, 0)
    return np.ascontiguousarray(cells, np.float32), options.average


def _line(failure: Exception) -> str:
    words = " ".join(str(failure).split())
    return words if len(words) <= 160 else f"{words[:159]}…"
