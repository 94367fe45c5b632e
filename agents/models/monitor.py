"""RA-Monitor as a vision-language model: it doubts, asks, reflects and explains in its own words.

What it says is evidence. The estimator weighs it with everything else, so that a model which always
revises, or never, changes less than one that brings something new.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import Field

from reinspect.agents.calls import BudgetSpent
from reinspect.agents.context import AgentContext
from reinspect.agents.models.answers import UnreadableAnswer
from reinspect.agents.models.client import A, Heard, ModelError, Question
from reinspect.agents.models.confidence import AnswerProbability
from reinspect.agents.models.detector import ask_for_defects, evidence_of, opinion_of, spokesman
from reinspect.agents.models.inputs import (
    ShownPictures,
    close_look,
    evidence_in_words,
    first_look,
    places_of,
    trained_look,
    verdict_in_words,
)
from reinspect.agents.models.means import MonitorMeans, MonitorOptions
from reinspect.agents.models.places import Grid
from reinspect.agents.models.prompts import prompt
from reinspect.agents.models.reflection import (
    Doubts,
    doubts_schema,
    explanation_schema,
    read_doubts,
)
from reinspect.agents.models.reflection import read_explanation as read_words
from reinspect.agents.models.settings import Form
from reinspect.agents.monitor import RAMonitor
from reinspect.components import About
from reinspect.texts import two_digits
from reinspect.trace import Step, Trace
from reinspect.vocabulary import (
    Assessment,
    Evidence,
    Explanation,
    Label,
    Move,
    Revision,
    Verdict,
)

SOURCE = "reflection"
"""Source of the evidence that a reflecting model brings."""

CONSULT = 0.75
"""Estimated reliability from which on a verdict is accepted without asking the model about it."""


class VlmMonitorOptions(MonitorOptions):
    """Those of a recipe: of any monitor that asks a model, and when it is asked."""

    consult: Annotated[float, Field(ge=0, le=1)] | None = None


class VlmMonitor(RAMonitor):
    """Monitor, reviser and explainer that asks a model where its estimator is in doubt.

    Args:
        means: whom to ask, what to show, who weighs it. A model that answers in tags knows how to
            reflect, and nothing else: its assessments are the estimator's.
        looks: the tools that the model may ask for, with a note on when each of them helps.
        consult: estimated reliability below which the model is asked for its assessment.
    """

    about = About("vlm", asks_model=True)

    Options = VlmMonitorOptions

    def __init__(
        self,
        means: MonitorMeans,
        *,
        looks: Mapping[str, str] | None = None,
        consult: float = CONSULT,
    ) -> None:
        super().__init__(means.estimate, means.qualified)
        self._means, self._model = means, means.model
        self._consult, self._looks = consult, dict(looks or {})

    @classmethod
    def from_recipe(cls, options: VlmMonitorOptions, context: AgentContext) -> Self:
        """The monitor of a recipe.

        Raises:
            ModelError: there is no key.
            ValueError: a price is missing, an example or the fitted monitor can't be read.
        """
        return cls(
            MonitorMeans.from_recipe(options, context),
            looks=context.looks,
            consult=CONSULT if options.consult is None else options.consult,
        )

    def __call__(self, trace: Trace) -> Assessment:
        """The estimator's assessment; where it is in doubt, the model's doubts and wishes, too."""
        own = super().__call__(trace)
        if own.reliability >= self._consult or self._model.form is Form.TAGS:
            return own
        spent = self._means.spent(trace)
        if spent:
            reasons = (*own.reasons, f"the model is not asked: budget spent ({spent})")
            return own.model_copy(update={"reasons": reasons})
        shown = first_look(trace.sample, self._means.reference, more=self._means.more)
        file = self._model.settings.prompts.assess
        grid = self._model.grid(trace.sample, file)
        question = Question(
            prompt=prompt(
                "assess",
                Form.JSON,
                own=file,
                places=grid.words,
                whole=grid.whole,
                **self._told(trace, shown.words, grid),
                looks="\n".join(f"- {name}: {note}" for name, note in self._looks.items())
                or "- none",
            ),
            read=lambda text: read_doubts(text, self._looks, grid),
            schema=doubts_schema(self._looks, grid),
            field="holds",
            opinion=_holds,
        )
        heard = self._ask(trace, question, shown)
        return _assessed(own, heard)

    def revise(self, trace: Trace) -> Revision:
        """Let the model reflect with the new evidence before it, and weigh what it says.

        Where nothing is new to it, its change of mind is no witness: models that reconsider
        without new evidence break as many verdicts as they fix. One that was trained to reflect
        (tags) is heard all the same.
        """
        before = trace.verdict
        spent = self._means.spent(trace)
        if before is None or spent:
            return super().revise(trace)
        means, file = self._means, self._model.settings.prompts.reflect
        grid = self._model.grid(trace.sample, file)
        if self._model.form is Form.TAGS:
            shown = trained_look(trace.sample, means.reference, means.more.good_parts)
        else:
            shown = close_look(trace.sample, places_of(trace), means.reference, means.more, grid)
        told = self._told(trace, shown.words, grid)
        question = ask_for_defects(self._model.form, "reflect", own=file, grid=grid, **told)
        heard = self._ask(trace, question, shown)
        belief = opinion_of(heard)
        said = evidence_of(heard, belief, SOURCE)
        if self._model.form is Form.JSON and not _new(trace, shown.of_part):
            said = said.model_copy(
                update={
                    "probability": None,
                    "summary": f"{said.summary}; nothing new was seen, so it does not count",
                }
            )
        estimate = self._means.estimate(trace.then(Step(node="revise", products=(said,))))
        chosen = spokesman(heard.answers, yes=belief.probability >= 0.5)
        after = Verdict.of(estimate.probability, evidence=(said,))
        if after.label is Label.ANOMALOUS:
            own = chosen.located if chosen and chosen.anomalous else ()
            found = own or super().revise(trace).after.defects or before.defects
            after = after.model_copy(update={"defects": found})
        words = (chosen.reflection or chosen.thinking) if chosen else ""
        reflection = (
            f"{words or 'No answer agrees with what the tokens say.'} "
            f"(reflection {belief.words}; "
            f"fused p = {two_digits(after.probability)}: {after.label.value})"
        )
        move = Move.KEEP if after.label is before.label else Move.CORRECT
        after = after.model_copy(update={"rationale": reflection})
        return Revision(move=move, after=after, reflection=reflection)

    def explain(self, trace: Trace) -> Explanation:
        """The model's own words where it looked twice, the plain ones where it did not.

        An explanation decides nothing: where the model fails, the plain words stand.
        """
        plain = super().explain(trace)
        spent = self._means.spent(trace)
        if not trace.rounds or self._model.form is Form.TAGS or spent or trace.first is None:
            return plain
        grid = self._model.grid(trace.sample)
        shown = close_look(trace.sample, places_of(trace), self._means.reference, grid=grid)
        told = self._told(trace, shown.words, grid)
        question: Question[Explanation] = Question(
            prompt=prompt(
                "explain",
                Form.JSON,
                own=self._model.settings.prompts.explain,
                first=verdict_in_words(trace.first, Form.JSON, grid),
                **told,
            ),
            read=read_words,
            schema=explanation_schema(),
            field=None,
        )
        try:
            heard = self._model.ask(question, shown.pictures, labels=shown.labels, samples=1)
        except (ModelError, UnreadableAnswer, BudgetSpent):
            return plain
        return heard.answers[0]

    def _ask(self, trace: Trace, question: Question[A], shown: ShownPictures) -> Heard[A]:
        return self._model.ask(
            question,
            shown.pictures,
            labels=shown.labels,
            spent=lambda: self._means.spent(trace),
        )

    def _told(self, trace: Trace, pictures: str, grid: Grid) -> dict[str, str]:
        """What every prompt of a second look says."""
        form = self._model.form
        return {
            "pictures": pictures,
            "product": str(self._means.product),
            "verdict": verdict_in_words(trace.verdict, form, grid) if trace.verdict else "none",
            "evidence": evidence_in_words(trace),
        }


def _new(trace: Trace, shown: int) -> bool:
    """Whether there is anything that the first look did not have: a picture, or a witness.

    Pictures of other parts, however many, tell nothing new of this one.
    """
    witnesses = any(e.probability is not None for e in trace.products(Evidence))
    return shown > 1 or witnesses


def _holds(heard: Heard[Doubts]) -> AnswerProbability:
    return heard.opinion(lambda doubts: doubts.holds, lambda doubts: doubts.confidence)


def _assessed(own: Assessment, heard: Heard[Doubts]) -> Assessment:
    """The estimator and the model, each with half a say in how far the verdict can be relied on."""
    belief = _holds(heard)
    agreeing = [d for d in heard.answers if d.holds is (belief.probability >= 0.5)]
    speaker = (agreeing or heard.answers)[0]
    reliability = (own.reliability + belief.probability) / 2
    asked = f"asks for {speaker.wish.look}" if speaker.wish else "asks for nothing more"
    said = f"the model: the verdict holds with {belief.words}; {speaker.doubts}; {asked}"
    signals: dict[str, Any] = {**own.signals, "model: verdict holds": belief.probability}
    return own.model_copy(
        update={
            "reliability": reliability,
            "reasons": (*own.reasons, said),
            "signals": signals,
            "wish": speaker.wish,
        }
    )
