"""A whole qualification: rehearsed, or of real defects, kept in the cache, and made anew."""

import base64
import contextlib
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np

from reinspect.engine.work import single_threaded
from reinspect.files import WriteError
from reinspect.graph.recipe import Recipe, looks_digest
from reinspect.images import size_of
from reinspect.policies.qualified import program
from reinspect.qualification.assembling import (
    Example,
    advice,
    examples,
    false_calls,
    said_of_second_look,
    second_look_worth,
)
from reinspect.qualification.damage import LEAST_SIDE, Drawing, PictureDamage
from reinspect.qualification.defects import OfOneView, look_at_defects
from reinspect.qualification.detection import (
    DamageOrigin,
    Detection,
    FalseCalls,
    PicturesFound,
    measure_detection,
)
from reinspect.qualification.findings import Findings, LookWorth, OddReference, ThresholdInUse
from reinspect.qualification.judging import QualificationError, RehearsalJudge
from reinspect.qualification.keeping import Qualification, keep, kept
from reinspect.qualification.learning import learning_curve
from reinspect.qualification.looks import PartLook
from reinspect.qualification.references import ProductReferences, odd_references, references_of
from reinspect.qualification.rehearsal import (
    DAMAGED,
    REHEARSED,
    Rehearsed,
    falsely_called,
    plan,
    rehearse,
    trials_of,
)
from reinspect.qualification.sensed import ReadingDamage, RecordingDamage
from reinspect.references import digest_of_pixels, evenly_spaced
from reinspect.tools.network import NetworkLook
from reinspect.tools.setup.references import ENOUGH

Progress = Callable[[int, int], None]

_NAMED = 8  # references in a line


class Qualified(NamedTuple):
    """A qualification and how it came about."""

    qualification: Qualification
    notice: str
    """Whether it was kept, and why it was made anew if one was kept."""


def qualify(
    references: Path,
    recipe: Recipe | None = None,
    *,
    view: str | None = None,
    defects: Path | None = None,
    cache: Path | None = None,
    weights: Path | None = None,
    looks: int = DAMAGED,
    seed: int = 0,
    progress: Progress = lambda done, total: None,
) -> Qualified:
    """Find out what an inspection finds on a product.

    Args:
        references: folder of known-good pictures of one product, or an MVTec-style category.
        recipe: of the inspection; the embedded one by default.
        view: of a recipe with several: which the references are for, which of theirs match it.
        defects: folder of pictures of real defects: the qualification is of these, and not kept.
        cache: folder for fits and for the qualification; without, nothing is kept.
        weights: folder of models' weights.
        looks: damaged ones a kind; more make the bounds narrower.
        seed: of what is drawn.
        progress: told how many looks are done, and of how many.

    Raises:
        QualificationError: there are too few references, of several products, or no defects.
        ReinspectError: a folder is missing, a picture can't be read, the recipe can't be used.
    """
    recipe = recipe or Recipe()
    known = references_of(references, recipe, view)
    only = None if view is None else OfOneView(view, recipe.patterns)
    if view is not None:
        recipe = recipe.of_view(view)
    _drawable(known)
    with single_threaded():
        judge = RehearsalJudge(recipe, known.set, cache, weights)
        made_of = _made_of(known, recipe, judge, looks, seed)
        found, notice = (None, "") if defects else kept(cache, made_of)
        if found is not None:
            named = {"product": known.product, "mm_per_pixel": recipe.product.mm_per_pixel}
            findings = found.findings.model_copy(update=named)
            return Qualified(found.model_copy(update={"findings": findings}), notice)
        judge.prepare()
        if defects is not None:
            made = _of_defects(defects, known, recipe, judge, made_of, only, progress)
        else:
            made = _rehearsed(known, recipe, judge, made_of, looks, seed, progress)
    if cache is not None:
        with contextlib.suppress(WriteError):  # a cache that can't be written is only slower
            keep(made, known.key, cache)
    return Qualified(made, notice)


def _rehearsed(
    known: ProductReferences,
    recipe: Recipe,
    judge: RehearsalJudge,
    made_of: Mapping[str, str],
    count: int,
    seed: int,
    progress: Progress,
) -> Qualification:
    owners = evenly_spaced(len(known.set.files), REHEARSED)
    drawing = _drawing(known)
    attempts = plan(owners, damaged=count, seed=seed, kinds=drawing.kinds)
    done = rehearse(judge, known.images, known.names, attempts, progress, drawing)
    looks = [one.look for one in done]
    detection = measure_detection(list(trials_of(looks)), false_calls(looks))
    network = judge.network
    shown = examples(done, known.images.__getitem__, drawing)
    learned = (
        learning_curve(done, network.channels, seed=seed)
        if judge.fit is not None and network is not None and not judge.fit.turned
        else None
    )
    worth = _worth(judge, looks)
    varied = [look for look in looks if look.varied]
    stopped = sum(bool(look.setup) for look in looks)
    findings = _findings(known, recipe, judge, made_of, detection).model_copy(
        update={
            "examples": tuple(it.example for it in shown),
            "learning": learned,
            "odd": tuple(_odd(known, done)),
            "looks": (worth,) if worth else (),
            "second_look": said_of_second_look(worth) if worth else "",
            "details": {
                **_details(known, judge, made_of),
                "looks": f"{len(looks)} at {len(owners)} references; {stopped} were held back by "
                "the set-up check, unjudged",
                "left out": _left_out(sorted(falsely_called(looks))),
                "slightly varied references": f"{sum(it.detected for it in varied)} of "
                f"{len(varied)} looks found them anomalous",
            },
        }
    )
    return _made(findings, made_of, looks, shown)


def _of_defects(
    folder: Path,
    known: ProductReferences,
    recipe: Recipe,
    judge: RehearsalJudge,
    made_of: Mapping[str, str],
    only: OfOneView | None,
    progress: Progress,
) -> Qualification:
    owners = evenly_spaced(len(known.set.files), REHEARSED)
    images = known.images
    done = rehearse(judge, images, known.names, plan(owners, damaged=0))
    looks = [one.look for one in done]
    digests = [digest_of_pixels(image) for image in images]
    real = look_at_defects(
        folder, judge, known=digests, read=known.set, only=only, progress=progress
    )
    worth = _worth(judge, real.looks)
    defective = [look for look in real.looks if look.kind is not None]
    good = [look for look in real.looks if look.kind is None]
    own = false_calls(looks)
    calls = FalseCalls.of(own.k + sum(look.detected for look in good), own.n + len(good))
    found = sum(look.detected for look in defective)
    detection = measure_detection(real.trials, calls, origin=DamageOrigin.REAL).model_copy(
        update={"pictures": PicturesFound.of(found, len(defective))}
    )
    findings = _findings(known, recipe, judge, made_of, detection).model_copy(
        update={
            "examples": tuple(it.example for it in real.examples),
            "odd": tuple(_odd(known, done)),
            "looks": (worth,) if worth else (),
            "second_look": said_of_second_look(worth, "on these parts") if worth else "",
            "details": {**_details(known, judge, made_of), "defects": " ".join(real.notes)},
        }
    )
    return _made(findings, made_of, looks, real.examples)


def _left_out(names: Sequence[str]) -> str:
    """Of which references the damage doesn't count."""
    named = f": {', '.join(names[:_NAMED])}" if names else ""
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"damage on {len(names)} references that are called defective without any{named}{more}"


def _worth(judge: RehearsalJudge, looks: Sequence[PartLook]) -> LookWorth | None:
    """What the second look did; None where the recipe has none that is rehearsed."""
    if len(judge.networks) < 2:
        return None
    return second_look_worth(NetworkLook.about.name, looks)


def _findings(
    known: ProductReferences,
    recipe: Recipe,
    judge: RehearsalJudge,
    made_of: Mapping[str, str],
    detection: Detection,
) -> Findings:
    threshold = ThresholdInUse(
        name="P(anomalous) from which a part is defective",
        value=judge.threshold,
        source="the recipe's looks, put together by hand-set rules",
    )
    return Findings(
        product=known.product,
        recipe=f"embedded: {' and '.join(judge.networks)}",
        references=len(known.set.files),
        mm_per_pixel=recipe.product.mm_per_pixel,
        made=datetime.now(UTC).replace(microsecond=0),
        program=made_of["program"],
        detection=detection,
        advice=tuple(advice(detection, len(known.set.files), ENOUGH)),
        thresholds=(threshold,),
    )


def _details(
    known: ProductReferences, judge: RehearsalJudge, made_of: Mapping[str, str]
) -> dict[str, str]:
    said = {"key of the references": made_of["references"]}
    copies = known.given - len(known.set.files)
    if copies:
        said["copies"] = f"{copies} of {known.given} references repeat another: each counts once"
    if judge.unheard:
        said["not rehearsed"] = ", ".join(judge.unheard)
    if judge.notes:
        said["note"] = "; ".join(judge.notes)
    return said


def _odd(known: ProductReferences, done: list[Rehearsed]) -> list[OddReference]:
    as_is = [it for it in done if it.attempt.kind is None and not it.attempt.varied]
    grids = [it.grid.astype(np.float32) for it in as_is if it.grid is not None]
    return odd_references(
        known,
        [it.attempt.owner for it in as_is],
        [it.look.z for it in as_is],
        grids if len(grids) == len(as_is) else None,
    )


def _made(
    findings: Findings,
    made_of: Mapping[str, str],
    looks: list[PartLook],
    shown: list[Example],
) -> Qualification:
    coded = {it.example.picture: base64.b64encode(it.picture).decode() for it in shown}
    return Qualification(made_of=made_of, findings=findings, looks=tuple(looks), pictures=coded)


def _made_of(
    known: ProductReferences, recipe: Recipe, judge: RehearsalJudge, looks: int, seed: int
) -> dict[str, str]:
    return {
        "references": known.key[:24],
        "recipe": looks_digest(recipe),
        "networks": " ".join(judge.networks),
        "looks": str(looks),
        "seed": str(seed),
        "program": program(),
    }


def _drawing(known: ProductReferences) -> Drawing:
    """What draws on them: into a recording's samples, into measured values, or on a picture."""
    if known.set.is_heard:
        return RecordingDamage(known.set)
    return PictureDamage() if known.set.measure is None else ReadingDamage(known.set)


def _drawable(known: ProductReferences) -> None:
    """Refuse pictures that are too small to draw on, before anything is fitted."""
    for name, file in zip(known.names, known.set.files, strict=True):
        own = known.set
        width, height = size_of(file, max_pixels=own.max_pixels, rules=own.rules)
        if min(width, height) < LEAST_SIDE:
            raise QualificationError(
                f"{name}: {width} × {height} pixels are too few to draw damage on; "
                f"give pictures of {LEAST_SIDE} or more a side"
            )
