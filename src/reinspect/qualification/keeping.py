"""Qualifications as they are kept: for their pages, and for inspections to quote."""

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import Field

from reinspect.errors import ReinspectError
from reinspect.files import SavedKind, read_json, write_json
from reinspect.graph.recipe import Recipe, looks_digest
from reinspect.policies.qualified import FOLDER, LIMITS, KeptLimits, ProductLimits, program
from reinspect.qualification.detection import DamageOrigin
from reinspect.qualification.findings import Findings
from reinspect.qualification.looks import PartLook
from reinspect.vocabulary import Value

FORMAT: Literal["reinspect-qualification"] = "reinspect-qualification"
VERSION: Literal[1] = 1

_DEFECTS = ".defects.json"


class KeptQualificationError(ReinspectError, ValueError):
    """What is kept in the cache can't be used; it is made anew."""


class Qualification(Value):
    """What was found out about one product, with the looks that it rests on."""

    format: Literal["reinspect-qualification"] = FORMAT
    version: Literal[1] = VERSION
    made_of: Mapping[str, str] = Field(description="References, recipe, networks, program.")
    findings: Findings
    looks: tuple[PartLook, ...] = ()
    pictures: Mapping[str, str] = Field(
        default={}, description="Of examples, by name: JPEG in base64."
    )

    @property
    def images(self) -> dict[str, bytes]:
        """The pictures, as `write_page` takes them."""
        return {name: base64.b64decode(coded) for name, coded in self.pictures.items()}


_KIND = SavedKind(
    "qualification", "reinspect qualify", "qualify", KeptQualificationError, VERSION, FORMAT
)


def kept_qualifications(cache: Path) -> list[Path]:
    """All that are kept in a cache, the newest first."""
    found = (cache / FOLDER).glob("*.json")
    whole = [file for file in found if not file.name.endswith(LIMITS)]
    return sorted(whole, key=lambda file: -file.stat().st_mtime)


def read_qualification(file: Path) -> Qualification:
    """What `keep` wrote.

    Raises:
        KeptQualificationError: it can't be read, or is of another version.
    """
    return read_json(file, Qualification, _KIND)


def _place(cache: Path, made_of: Mapping[str, str]) -> Path:
    return cache / FOLDER / f"{made_of['references']}.{made_of['recipe']}.json"


def kept_for(references: str, recipe: Recipe, cache: Path | None) -> Qualification | None:
    """The qualification in the cache, by the key of its references; none by another version."""
    if cache is None:
        return None
    file = _place(cache, {"references": references[:24], "recipe": looks_digest(recipe)})
    try:
        found = read_qualification(file) if file.is_file() else None
    except KeptQualificationError:
        return None
    return found if found and found.made_of.get("program") == program() else None


def keep(made: Qualification, references: str, cache: Path) -> None:
    """The qualification, for its page, and its limits, for inspections to quote.

    Limits by real defects are not replaced by those of drawn damage.

    Args:
        made: by drawn damage, or by real defects.
        references: key of the set that inspections compare with.
        cache: folder of fits.

    Raises:
        WriteError: it can't be written.
    """
    found, real = made.findings.detection, made.findings.detection.origin is DamageOrigin.REAL
    place = _place(cache, made.made_of)
    write_json(place.with_suffix(_DEFECTS) if real else place, made)
    limits = KeptLimits(cache, made.made_of["recipe"])
    goal, before = limits.place(references), limits.of(references)
    if goal is None or (before is not None and not before.drawn and not real):
        return
    calls = found.false_calls
    found_here = ProductLimits(
        program=program(),
        drawn=not real,
        half=found.overall.a50.px,
        nine_of_ten=found.overall.a90.px,
        found=found.pictures.k if found.pictures else found.overall.found,
        tried=found.pictures.n if found.pictures else found.overall.n,
        false_calls=calls.k if calls else 0,
        references=calls.n if calls else 0,
    )
    write_json(goal, found_here)


def kept(cache: Path | None, made_of: Mapping[str, str]) -> tuple[Qualification | None, str]:
    """What is kept, or why it is of no use."""
    if cache is None or not _place(cache, made_of).is_file():
        return None, ""
    try:
        found = read_qualification(_place(cache, made_of))
    except KeptQualificationError:
        return None, "Qualified anew: what was kept is damaged, or of another version."
    differs = [name for name, value in made_of.items() if found.made_of.get(name) != value]
    if differs:
        return None, f"Qualified anew: what was kept is of another {' and '.join(differs)}."
    when = found.findings.made
    return found, f"As qualified on {when:%Y-%m-%d %H:%M} UTC." if when else ""
