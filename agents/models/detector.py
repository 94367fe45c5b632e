"""The first look by a vision-language model."""

import functools
from collections.abc import Callable, Sequence
from typing import Annotated, Self

from pydantic import Field

from reinspect.agents.calls import ModelLimits, spent_here
from reinspect.agents.context import AgentContext
from reinspect.agents.models.answers import Answer, read_json, schema
from reinspect.agents.models.client import Heard, Model, Question
from reinspect.agents.models.confidence import AnswerProbability
from reinspect.agents.models.further import NOTHING_MORE, Further, ShownOptions
from reinspect.agents.models.inputs import (
    HeatPicture,
    Reference,
    candidates,
    first_look,
    trained_look,
)
from reinspect.agents.models.places import THOUSANDTHS, Grid
from reinspect.agents.models.prompts import prompt
from reinspect.agents.models.settings import Form
from reinspect.agents.models.tags import read_tags
from reinspect.agents.product import ProductKnowledge
from reinspect.components import About
from reinspect.tools.anomaly_map import AnomalyMap
from reinspect.vocabulary import Evidence, Region, Sample, Verdict

SOURCE = "model"
"""Source of the evidence that a model's verdict rests on, whichever model it is."""


class VlmDetectorOptions(ShownOptions):
    """Those of a recipe: the model's, and what it is shown."""

    expert: bool = False
    reference: bool | Annotated[int, Field(ge=0, le=4)] = False
    heat_map: bool = False


class VlmDetector:
    """Asks a model whether the part has defects, and how sure it is.

    Args:
        model: whom to ask.
        product: what is normal for this part.
        look: the embedded expert, whose regions are candidates and whose verdict is a second
            opinion; none to ask the model alone.
        reference: a good part to compare with; none to show the part alone.
        heat: the expert's anomaly map over the part, to be shown as well.
        more: known defects, and further good parts, as far as there is room.
        limits: what may be spent on one part.
    """

    about = About("vlm", asks_model=True)

    Options = VlmDetectorOptions

    def __init__(
        self,
        model: Model,
        product: ProductKnowledge,
        look: Callable[[Sample], Evidence] | None = None,
        reference: Reference | None = None,
        heat: HeatPicture | None = None,
        more: Further = NOTHING_MORE,
        limits: ModelLimits | None = None,
    ) -> None:
        self._limits = limits or ModelLimits()
        self._model, self._product, self._more = model, product, more
        self._look, self._reference, self._heat = look, reference, heat

    @classmethod
    def from_recipe(cls, options: VlmDetectorOptions, context: AgentContext) -> Self:
        """The detector of a recipe.

        Raises:
            ModelError: there is no key.
            ValueError: a price is missing, an example can't be read, or there is no expert whose
                map could be shown.
        """
        if options.heat_map and not options.expert:
            raise ValueError("heat_map: it is the expert's: set expert, too")
        return cls(
            Model.from_recipe(options, context),
            context.product,
            AnomalyMap(context.experts, context.pictures) if options.expert else None,
            context.experts.good_part if options.reference else None,
            context.experts.heat_picture if options.heat_map else None,
            Further.from_recipe(options, context),
            context.limits,
        )

    def __call__(self, sample: Sample) -> Verdict:
        """The model's verdict; the expert's opinion beside it.

        Raises:
            ModelError: the model could not be asked.
            UnreadableAnswer: it gave no answer that can be read.
        """
        seen = self._look(sample) if self._look else None
        if self._model.form is Form.TAGS:
            shown = trained_look(sample, self._reference, self._more.good_parts)
        else:
            shown = first_look(sample, self._reference, self._heat, self._more)
        own, form = self._model.settings.prompts.detect, self._model.form
        grid = self._model.grid(sample, own)
        question = ask_for_defects(
            form,
            "detect",
            own=own,
            grid=grid,
            pictures=shown.words,
            product=str(self._product),
            candidates=candidates(seen.regions if seen else (), form, grid),
        )
        heard = self._model.ask(
            question,
            shown.pictures,
            labels=shown.labels,
            spent=lambda: self._limits.exceeded(spent_here()),
        )
        belief = opinion_of(heard)
        said = evidence_of(heard, belief, SOURCE)
        if seen is not None and seen.probability is not None:
            gap = abs(seen.probability - belief.probability)
            numbers = {**said.measurements, "disagreement": gap}
            said = said.model_copy(update={"measurements": numbers})
        chosen = spokesman(heard.answers, yes=belief.probability >= 0.5)
        return Verdict.of(
            belief.probability,
            defects=chosen.located if chosen and chosen.anomalous else (),
            rationale=chosen.thinking if chosen else "",
            evidence=(said, seen) if seen else (said,),
        )


def ask_for_defects(
    form: Form,
    name: str,
    *,
    own: str | None = None,
    grid: Grid = THOUSANDTHS,
    **values: str,
) -> Question[Answer]:
    """The question of a first look (`detect`) or of a reflection (`reflect`)."""
    return Question(
        prompt=prompt(name, form, own=own, places=grid.words, **values),
        read=read_tags if form is Form.TAGS else functools.partial(read_json, grid=grid),
        schema=schema("thinking" if name == "detect" else "reflection", grid),
        opinion=opinion_of,
    )


def opinion_of(heard: Heard[Answer]) -> AnswerProbability:
    """P(anomalous) by all sources."""
    return heard.opinion(lambda answer: answer.anomalous, lambda answer: answer.confidence)


def spokesman(answers: Sequence[Answer], *, yes: bool) -> Answer | None:
    """The first answer that says what is believed; the one with places where there is one."""
    agreeing = [answer for answer in answers if answer.anomalous is yes]
    return max(agreeing, key=lambda answer: len(answer.located), default=None)


def evidence_of(heard: Heard[Answer], belief: AnswerProbability, source: str) -> Evidence:
    """A model's opinion as evidence, its sources kept apart."""
    answers = heard.answers
    places = spokesman(answers, yes=True) if belief.probability >= 0.5 else None
    notes = list(dict.fromkeys(note for answer in answers for note in answer.notes))
    said = f"{sum(a.anomalous for a in answers)} of {len(answers)} answers say yes"
    return Evidence(
        source=source,
        summary="; ".join([said, belief.words, *notes]),
        probability=belief.probability,
        regions=tuple(
            Region(box=found.box, score=found.score) for found in (places.located if places else ())
        ),
        measurements=dict(belief.sources),
    )
