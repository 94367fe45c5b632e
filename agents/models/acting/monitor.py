"""RA-Monitor as a critic that acts: it takes the second look by tools of its own choice.

What it decides is a witness like any other: the estimator weighs it with what the looks have found,
and a label changes only where new evidence stands against it.
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, Self

from pydantic import Field, model_validator

from reinspect.agents.context import AgentContext
from reinspect.agents.models.acting.decision import REVISE, DecisionRevision, read_revision
from reinspect.agents.models.acting.looks import Shown
from reinspect.agents.models.acting.talk import Bounds, Talk
from reinspect.agents.models.confidence import AnswerProbability, opinion
from reinspect.agents.models.inputs import (
    evidence_in_words,
    first_look,
    verdict_in_words,
)
from reinspect.agents.models.means import MonitorMeans, MonitorOptions
from reinspect.agents.models.monitor import SOURCE
from reinspect.agents.models.prompts import prompt
from reinspect.agents.models.serving import MOST_PICTURES
from reinspect.agents.models.settings import Form
from reinspect.agents.monitor import RAMonitor
from reinspect.components import About
from reinspect.pictures import Pictures
from reinspect.roles import StepAttempt, Tool
from reinspect.texts import two_digits
from reinspect.trace import Step, Trace
from reinspect.vocabulary import Evidence, Label, Move, Revision, ToolUse, Verdict


class AgentMonitorOptions(MonitorOptions):
    """Those of a recipe: of any monitor that asks a model, and what this one may take."""

    turns: Annotated[int, Field(ge=2, le=50)] = 6
    calls: Annotated[int, Field(ge=1, le=50)] = 8
    tokens: Annotated[int, Field(ge=1)] | None = None
    pictures: Annotated[int, Field(ge=1, le=64)] = MOST_PICTURES
    seconds: Annotated[float, Field(gt=0)] = 60.0

    @model_validator(mode="after")
    def _talks(self) -> Self:
        if self.format is Form.TAGS:
            raise ValueError("format: a monitor that acts calls tools, it has no answers in tags")
        if self.samples > 1:
            raise ValueError(f"samples: a conversation has one course, not {self.samples}")
        return self


class AgentMonitor(RAMonitor):
    """Monitor, reviser and explainer whose second look is a conversation with a model.

    Args:
        means: who talks, what it is shown first, who weighs looks, witnesses and the decision.
        bounds: of each conversation.
        notes: the tools that the model may use, with what each is good for.
        heeds: what of box and phrase each of them heeds.
        pictures: where what the model is shown is kept; without, it isn't.
    """

    about = About("agent", asks_model=True)

    Options = AgentMonitorOptions

    def __init__(
        self,
        means: MonitorMeans,
        *,
        bounds: Bounds,
        notes: Mapping[str, str] | None = None,
        heeds: Mapping[str, tuple[str, ...]] | None = None,
        pictures: Pictures | None = None,
    ) -> None:
        super().__init__(means.estimate, means.qualified)
        self._means, self._bounds, self._pictures = means, bounds, pictures
        self._notes, self._heeds = dict(notes or {}), dict(heeds or {})

    @classmethod
    def from_recipe(cls, options: AgentMonitorOptions, context: AgentContext) -> Self:
        """The monitor of a recipe.

        Raises:
            ModelError: there is no key.
            ValueError: a price is missing, a tool has the name by which a conversation ends, an
                example or the fitted monitor can't be read.
        """
        if REVISE in context.looks:
            raise ValueError(
                f"tools: a tool named {REVISE!r} can't be told from the end: rename it"
            )
        return cls(
            MonitorMeans.from_recipe(options, context, most=options.pictures // 2),
            bounds=Bounds(
                options.turns, options.calls, options.tokens, options.pictures, options.seconds
            ),
            notes=context.looks,
            heeds=context.heeds,
            pictures=context.pictures,
        )

    def act(self, trace: Trace, tools: Mapping[str, Tool], attempt: StepAttempt) -> Iterator[Step]:
        """The second look: every turn and every look a step."""
        if trace.verdict is not None:
            yield from self.conversation(trace, trace.verdict).steps(trace, tools, attempt)

    def conversation(self, trace: Trace, verdict: Verdict) -> Talk:
        """The second look at a part before its first word.

        Args:
            trace: of the part so far.
            verdict: that is in force.
        """
        means, bounds = self._means, self._bounds
        shown = first_look(trace.sample, means.reference, more=means.more)
        good = means.reference(trace.sample) if means.reference else None
        question = prompt(
            "act",
            Form.JSON,
            own=means.model.settings.prompts.act,
            pictures=shown.words,
            product=str(means.product),
            verdict=verdict_in_words(verdict, Form.JSON),
            evidence=evidence_in_words(trace),
            bounds=f"at most {bounds.calls} calls in {bounds.turns} turns",
        )
        return Talk(
            means.model,
            question,
            shown.pictures,
            shown.labels,
            self._notes,
            self._heeds,
            bounds,
            Shown(
                trace,
                good,
                bounds.pictures,
                len(shown.pictures),
                self._pictures,
                exact=means.model.settings.encoding == "png",
            ),
            means.limits,
        )

    def revise(self, trace: Trace) -> Revision:
        """Weigh what was decided with what was found; without a decision the findings alone."""
        before, plain = trace.verdict, super().revise(trace)
        decided = decision_of(trace)
        if before is None or decided is None:
            spent = self._means.spent(trace)
            said = f"budget spent ({spent})" if spent else "it did not decide"
            words = f"The critic is not heard: {said}. {plain.reflection}"
            return plain.model_copy(update={"reflection": words})
        stated = None if decided.confidence is None else [decided.confidence]
        belief = opinion([decided.anomalous], [None], stated or [None])
        said_so = _witness(decided, belief, counts=_new(trace))
        estimate = self._means.estimate(trace.then(Step(node="revise", products=(said_so,))))
        after = Verdict.of(estimate.probability, evidence=(said_so,))
        if after.label is Label.ANOMALOUS:
            own = decided.defects(belief.probability)
            after = after.model_copy(update={"defects": own or plain.after.defects})
        reflection = (
            f"Reflection process: {decided.process or 'nothing said'} "
            f"Decision revision: {decided.words}. "
            f"({belief.words}; fused p = {two_digits(after.probability)}: {after.label.value})"
        )
        move = Move.KEEP if after.label is before.label else Move.CORRECT
        after = after.model_copy(update={"rationale": reflection})
        return Revision(move=move, after=after, reflection=reflection)


def decision_of(trace: Trace) -> DecisionRevision | None:
    """How the newest conversation of a trace ended; none where it did not end by a decision."""
    if trace.verdict is None:
        return None
    for step in reversed(trace.steps):
        if step.node != "examine":
            return None
        for use in step.products:
            if isinstance(use, ToolUse) and use.name == REVISE and not use.refused:
                return read_revision(use.arguments, trace.verdict)
    return None


def _witness(decided: DecisionRevision, belief: AnswerProbability, *, counts: bool) -> Evidence:
    """The decision as evidence; without anything new to rest on it is no witness."""
    said = f"the critic: {'yes' if decided.anomalous else 'no'}, {belief.words}"
    return Evidence(
        source=SOURCE,
        summary=said if counts else f"{said}; nothing new was seen, so it does not count",
        probability=belief.probability if counts else None,
        regions=decided.regions(belief.probability),
        measurements=dict(belief.sources),
    )


def _new(trace: Trace) -> bool:
    """Whether a look has shown or found anything that the first look did not have."""
    uses = (use for use in trace.products(ToolUse) if use.name != REVISE and not use.refused)
    found = any(e.probability is not None or e.regions for e in trace.products(Evidence))
    return any(use.pictures for use in uses) or found
