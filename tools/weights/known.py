"""Known weights: what each backend needs, where it is published, how large, under which licence.

Nothing here reads the network. Weights lie in one folder: a published file under its own name, a
model of the Hugging Face hub as a folder `<owner>--<name>`. `reinspect models` fills and checks it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Self

from reinspect.errors import ReinspectError
from reinspect.images import one_line

_MB = 1_000_000
_SAM = "https://dl.fbaipublicfiles.com/segment_anything/"
_DINO = "https://github.com/IDEA-Research/GroundingDINO/releases/download/"


class MissingWeights(ReinspectError, ValueError):  # noqa: N818 - it names what is missing, not a fault of ours
    """Weights that can't be found: what, where they were looked for, how to get them."""


class Purpose(StrEnum):
    """What weights are for."""

    GROUNDING = "grounding"
    SEGMENTATION = "segmentation"
    FEATURES = "features"
    CRITIC = "critic"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One set of weights.

    `url` is a single file; without, `name` is a model of the Hugging Face hub.
    """

    name: str
    purpose: Purpose
    backend: str
    licence: str
    size: int
    """Bytes: exact for a file, about for a model of the hub."""
    url: str | None = None
    sha256: str | None = None
    """As published by, or of, the file at `url`; none is known for models of the hub."""
    needs: tuple[str, ...] = ()
    """Names of other weights that it can't do without."""
    gated: bool = False
    """Whether the hub asks for consent to its terms, and for a token."""
    models: tuple[str, ...] = ()
    """Folders of a hub's repository that holds several models."""
    inside: str = ""
    """The one of these folders that is meant."""

    @property
    def file(self) -> str:
        """Name of its file or folder."""
        return self.url.rpartition("/")[2] if self.url else self.name.replace("/", "--")

    def place(self, folder: Path) -> Path:
        """Where it lies in the folder of weights."""
        return folder / self.file / self.inside

    def folder_of(self, named: str | None) -> Self:
        """With the folder of its repository that is meant.

        Raises:
            MissingWeights: it holds several models and none was named, or has no such folder.
        """
        several = ", ".join(repr(name) for name in self.models)
        if named is None and self.models:
            raise MissingWeights(
                f"{self.name} holds several models; name one by --folder: {several}"
            )
        if named is not None and named not in self.models:
            has = f"there are: {several}" if several else "it holds one model: leave --folder out"
            raise MissingWeights(f"{self.name} has no folder {one_line(named)!r}; {has}")
        return replace(self, inside=named or "")


def _sam(size: str, suffix: str, length: int, sha256: str) -> Checkpoint:
    return Checkpoint(
        f"sam-{size.replace('_', '-')}",
        Purpose.SEGMENTATION,
        "segment-anything",
        "Apache-2.0",
        length,
        f"{_SAM}sam_{size}_{suffix}.pth",
        sha256,
    )


def _dino(name: str, path: str, length: int, sha256: str) -> Checkpoint:
    return Checkpoint(
        name,
        Purpose.GROUNDING,
        "groundingdino",
        "Apache-2.0",
        length,
        _DINO + path,
        sha256,
        needs=("google-bert/bert-base-uncased",),
    )


def _hub(
    name: str, purpose: Purpose, megabytes: int, *, backend: str = "transformers"
) -> Checkpoint:
    return Checkpoint(name, purpose, backend, "Apache-2.0", megabytes * _MB)


# The hashes are those that many who fetched the files have published alike.
CHECKPOINTS: tuple[Checkpoint, ...] = (
    _sam(
        "vit_b",
        "01ec64",
        375_042_383,
        "ec2df62732614e57411cdcf32a23ffdf28910380d03139ee0f4fcbe91eb8c912",
    ),
    _sam(
        "vit_l",
        "0b3195",
        1_249_524_607,
        "3adcc4315b642a4d2101128f611684e8734c41232a17c648ed1693702a49a622",
    ),
    _sam(
        "vit_h",
        "4b8939",
        2_564_550_879,
        "a7bf3b02f3ebf1267aba913ff637d9a2d5c33d3173bb679e46d9f338c26f262e",
    ),
    _hub("facebook/sam-vit-base", Purpose.SEGMENTATION, 375),
    _hub("facebook/sam-vit-large", Purpose.SEGMENTATION, 1250),
    _hub("facebook/sam-vit-huge", Purpose.SEGMENTATION, 2565),
    _hub("facebook/sam2.1-hiera-tiny", Purpose.SEGMENTATION, 156),
    _hub("facebook/sam2.1-hiera-small", Purpose.SEGMENTATION, 184),
    _hub("facebook/sam2.1-hiera-base-plus", Purpose.SEGMENTATION, 323),
    _hub("facebook/sam2.1-hiera-large", Purpose.SEGMENTATION, 898),
    Checkpoint(
        "facebook/sam3",
        Purpose.SEGMENTATION,
        "transformers",
        "SAM License",
        3440 * _MB,
        gated=True,
    ),
    _dino(
        "groundingdino-swint",
        "v0.1.0-alpha/groundingdino_swint_ogc.pth",
        693_997_677,
        "3b3ca2563c77c69f651d7bd133e97139c186df06231157a64c507099c52bc799",
    ),
    _dino(
        "groundingdino-swinb",
        "v0.1.0-alpha2/groundingdino_swinb_cogcoor.pth",
        938_057_991,
        "46270f7a822e6906b655b729c90613e48929d0f2bb8b9b76fd10a856f3ac6ab7",
    ),
    Checkpoint(
        "google-bert/bert-base-uncased",
        Purpose.GROUNDING,
        "groundingdino",
        "Apache-2.0",
        440 * _MB,
    ),
    _hub("IDEA-Research/grounding-dino-tiny", Purpose.GROUNDING, 689),
    _hub("IDEA-Research/grounding-dino-base", Purpose.GROUNDING, 933),
    _hub("timm/vit_small_patch14_dinov2.lvd142m", Purpose.FEATURES, 88, backend="timm"),
    _hub("timm/vit_base_patch14_dinov2.lvd142m", Purpose.FEATURES, 346, backend="timm"),
    Checkpoint(
        "yanhui01/RA-Monitor",
        Purpose.CRITIC,
        "vllm",
        "see its card",
        8_900 * _MB,  # of the smaller one
        models=("RA-Monitor(Qwen3-VL-4B)", "RA-Monitor(Qwen3-VL-8B)"),
    ),
)

_BY_NAME = {checkpoint.name: checkpoint for checkpoint in CHECKPOINTS}


def known(name: str) -> Checkpoint | None:
    """The known weights of that name, or none."""
    return _BY_NAME.get(name)


def located(name: str, folder: Path | None) -> Path:
    """The file or folder that a recipe means by `name`: a path, or known weights that were fetched.

    Raises:
        MissingWeights: there is neither. Nothing is ever downloaded on the way.
    """
    path = Path(name).expanduser()
    if path.exists():
        return path
    # A model of the hub need not be one of the known ones.
    checkpoint = known(name) or Checkpoint(name, Purpose.SEGMENTATION, "transformers", "", 0)
    if folder is not None and checkpoint.place(folder).exists():
        return checkpoint.place(folder)
    where = f", nor as {checkpoint.file} in {folder}" if folder else ""
    remedy = "name the file or the folder"
    if known(name):
        remedy = f"run `reinspect models fetch {name}`, or {remedy}"
    raise MissingWeights(f"no weights at {one_line(name)}{where}; {remedy}")
