"""From facts to episodes: the question as a served critic would get it, and its true answer."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from reinspect.agents.models.prompts import Product, Prompt, prompt
from reinspect.agents.models.settings import Form
from reinspect.agents.models.showing import (
    beside,
    candidates,
    evidence_in_words,
    verdict_in_words,
)
from reinspect.bench.scenarios import Scenario, scenario_of
from reinspect.graph.recipe import parse_recipe
from reinspect.training.critic.explored import located
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
from reinspect.training.known import KnownInspection, recipe_hash
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

    def __call__(self, facts: KnownInspection) -> str:
        """The group's name."""
        category = facts.category or ""
        found = self.pattern.search(facts.trace.sample.id) if self.pattern else None
        if found is None:
            return category or facts.run.name
        own = "-".join(part for part in found.groups() if part) or found[0]
        return f"{category}/{own}"


def asked_of(facts: KnownInspection, mode: EpisodeMode, references: int) -> Prompt:
    """The prompt that a trained critic gets in the graph, for so many references shown."""
    product = Product(**parse_recipe(facts.run.recipe).product.model_dump())
    pictures = beside(references)
    if mode is EpisodeMode.THINKING:
        return prompt(
            "detect", Form.TAGS, pictures=pictures, product=str(product), candidates=candidates(())
        )
    first = facts.trace.first
    return prompt(
        "reflect",
        Form.TAGS,
        pictures=pictures,
        product=str(product),
        verdict=verdict_in_words(first) if first else "none",
        evidence=evidence_in_words(facts.trace),
    )


def episode(
    facts: KnownInspection,
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
    asked = asked_of(facts, mode, len(references))
    first, final = facts.trace.first, facts.final.verdict
    revision = facts.trace.last(Revision)
    answer: tuple[Message, ...] = ()
    if caption is not None:
        answer = target(
            mode,
            caption.text,
            anomalous=facts.anomalous,
            types=facts.box_types,
            boxes=facts.boxes,
            original=verdict_in_words(first) if first else "",
        )
    return Episode(
        id=f"{facts.run.name}/{facts.trace.sample.id}#{mode.value}",
        prompt=question(asked.text, len(references) + 1),
        completion=answer,
        images=tuple(path.relative_to(root).as_posix() for path in (*references, facts.path)),
        mode=mode,
        truth=facts.anomalous,
        types=facts.types if facts.anomalous else (),
        boxes=facts.boxes if facts.anomalous else (),
        box_types=facts.box_types if facts.anomalous else (),
        initial=None if first is None else first.label is Label.ANOMALOUS,
        scenario=scenario_of(facts.category, scenarios),
        category=facts.category,
        group=group,
        sha256=facts.sha256,
        split=split,
        source=facts.run.name,
        image=facts.trace.sample.id,
        truth_source=facts.truth.source,
        truth_by=facts.review.reviewer if facts.review else None,
        truth_at=facts.truth_at,
        first=_shown(first),
        final=_shown(final),
        located=tuple(region.box for region in located(facts.trace)),
        seen=tuple(region.box for region in facts.trace.regions),
        evidence=evidence_in_words(facts.trace),
        reflection=revision.reflection if revision else "",
        second_look=facts.second_look,
        seconds=facts.trace.seconds,
        judgement=facts.judgement(group).model_dump_json(),
        asked=tuple(map(_asked, facts.calls)),
        prompt_name=asked.name,
        prompt_sha256=asked.sha256,
        recipe_sha256=recipe_hash(facts.run),
        version=facts.run.versions.get("reinspect", ""),
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
