"""Rows of episodes: the question as a served critic would get it, and its true answer."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from reinspect.agents.models.inputs import (
    beside,
    candidates,
    evidence_in_words,
    verdict_in_words,
)
from reinspect.agents.models.prompts import Prompt, prompt
from reinspect.agents.models.settings import Form
from reinspect.bench.scenarios import Scenario, scenario_of
from reinspect.graph.recipe import parse_recipe
from reinspect.training.episodes.episode import (
    AnswerText,
    Episode,
    EpisodeError,
    EpisodeMode,
    Message,
    ModelRequest,
    ShownLook,
    Side,
    question,
    target,
)
from reinspect.training.episodes.labelled import LabelledInspection, recipe_hash
from reinspect.training.known import located
from reinspect.vocabulary import Call, Label, Revision, Verdict


@dataclass(frozen=True, slots=True)
class Grouping:
    """Which pictures belong together: of one category, and by their names where that is known."""

    pattern: re.Pattern[str] | None = None

    @classmethod
    def by(cls, pattern: str | None) -> "Grouping":
        """By a regular expression on the image's name: what it finds, or its groups joined.

        Raises:
            EpisodeError: it is none.
        """
        try:
            return cls(re.compile(pattern) if pattern else None)
        except re.error as failure:
            raise EpisodeError(f"--group-by {pattern!r}: {failure}") from failure

    def __call__(self, inspection: LabelledInspection) -> str:
        """The group's name."""
        category = inspection.category or ""
        found = self.pattern.search(inspection.image) if self.pattern else None
        if found is None:
            return category or inspection.run.name
        own = "-".join(part for part in found.groups() if part) or found[0]
        return f"{category}/{own}"


def prompt_of(inspection: LabelledInspection, mode: EpisodeMode, references: int) -> Prompt:
    """The prompt that a trained critic gets in the graph, for so many references shown."""
    product = parse_recipe(inspection.run.recipe).product
    pictures = beside(references)
    if mode is EpisodeMode.THINKING:
        return prompt(
            "detect", Form.TAGS, pictures=pictures, product=str(product), candidates=candidates(())
        )
    first = inspection.trace.first
    return prompt(
        "reflect",
        Form.TAGS,
        pictures=pictures,
        product=str(product),
        verdict=verdict_in_words(first) if first else "none",
        evidence=evidence_in_words(inspection.trace),
    )


def make_episode(
    inspection: LabelledInspection,
    mode: EpisodeMode,
    caption: AnswerText | None,
    *,
    root: Path,
    references: Sequence[Path],
    group: str,
    split: Side,
    scenarios: Mapping[str, Scenario],
) -> Episode:
    """The row of one inspection in one mode; without a caption it has no answer to imitate."""
    asked = prompt_of(inspection, mode, len(references))
    first, final = inspection.trace.first, inspection.recorded.verdict
    revision = inspection.trace.last(Revision)
    answer: tuple[Message, ...] = ()
    if caption is not None:
        answer = target(
            mode,
            caption.text,
            anomalous=inspection.truth.anomalous,
            types=inspection.truth.box_types,
            boxes=inspection.truth.boxes,
            original=verdict_in_words(first) if first else "",
        )
    return Episode(
        id=f"{inspection.run.name}/{inspection.image}#{mode.value}",
        prompt=question(asked.text, len(references) + 1),
        completion=answer,
        images=tuple(path.relative_to(root).as_posix() for path in (*references, inspection.path)),
        mode=mode,
        truth=inspection.truth.anomalous,
        types=inspection.truth.types if inspection.truth.anomalous else (),
        boxes=inspection.truth.boxes if inspection.truth.anomalous else (),
        box_types=inspection.truth.box_types if inspection.truth.anomalous else (),
        initial=None if first is None else first.label is Label.ANOMALOUS,
        scenario=scenario_of(inspection.category, scenarios),
        category=inspection.category,
        group=group,
        sha256=inspection.sha256,
        split=split,
        source=inspection.run.name,
        image=inspection.image,
        part=inspection.inspected.row.image if inspection.view else None,
        view=inspection.view,
        truth_source=inspection.truth.source,
        truth_by=inspection.review.reviewer if inspection.review else None,
        truth_at=inspection.truth_at,
        first=_shown(first),
        final=_shown(final),
        located=tuple(region.box for region in located(inspection.trace)),
        seen=tuple(region.box for region in inspection.trace.regions),
        evidence=evidence_in_words(inspection.trace),
        reflection=revision.reflection if revision else "",
        second_look=inspection.second_look,
        seconds=inspection.trace.seconds,
        judgement=inspection.case(group=group).model_dump_json(),
        asked=tuple(map(_asked, inspection.calls)),
        prompt_name=asked.name,
        prompt_sha256=asked.sha256,
        recipe_sha256=recipe_hash(inspection.run),
        version=inspection.run.versions.get("reinspect", ""),
        caption=caption.text if caption else "",
        caption_source=caption.source if caption else "",
        caption_state=caption.state if caption else "draft",
        caption_reviewer=caption.reviewer if caption else None,
        reviewed=caption.reviewed if caption else False,
    )


def _shown(verdict: Verdict | None) -> ShownLook | None:
    if verdict is None:
        return None
    return ShownLook(
        label=verdict.label is Label.ANOMALOUS,
        probability=verdict.probability,
        boxes=tuple(defect.box for defect in verdict.defects),
        types=tuple(defect.type or "" for defect in verdict.defects),
        rationale=verdict.rationale,
    )


def _asked(call: Call) -> ModelRequest:
    return ModelRequest(
        model=call.model,
        prompt=call.prompt,
        prompt_sha256=call.prompt_sha256,
        answers=call.answers,
        token_ids=call.token_ids,
        logprobs=call.logprobs,
        probability=call.probabilities.get("token probability"),
    )
