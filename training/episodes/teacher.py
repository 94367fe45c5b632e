"""A teacher model writes captions: image and truth, for reflections the first answer as well.

Stage 3 of M3-AD-FT. What it writes is a draft: people let it pass, or not.
"""

import re
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from reinspect.agents.calls import recorded
from reinspect.agents.models.answers import UnreadableAnswer, json_object
from reinspect.agents.models.client import Model, ModelError, Question
from reinspect.agents.models.inputs import beside, corners, evidence_in_words, verdict_in_words
from reinspect.agents.models.prompts import prompt
from reinspect.agents.models.settings import Form, ModelSettings
from reinspect.cost import ModelCost
from reinspect.errors import explain_invalid
from reinspect.graph.build import BuildContext
from reinspect.graph.recipe import Recipe, RecipeError, parse_recipe
from reinspect.images import read_image
from reinspect.training.episodes.episode import EpisodeError, EpisodeMode
from reinspect.training.episodes.labelled import LabelledInspection
from reinspect.training.references import KnownReferences, choose

_LONGEST = 1200  # characters of a caption
_LEAST = 12

# A caption that says so would teach to pretend.
_GIVEN_AWAY = re.compile(
    r"ground.?truth|annotat|true answer|known (answer|label|beforehand)|(was|were|am) told|"
    r"according to the (label|truth|answer)",
    re.IGNORECASE,
)

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"caption": {"type": "string", "maxLength": _LONGEST}},
    "required": ["caption"],
    "additionalProperties": False,
}


class Teacher:
    """Writes one caption a call. May be shared by threads.

    Args:
        model: whom to ask.
        references: known-good pictures, of which some are shown before each part.
        shown: how many.
        seed: which.
    """

    def __init__(self, model: Model, references: KnownReferences, *, shown: int, seed: int) -> None:
        self._model, self._references = model, references
        self._shown, self._seed = shown, seed
        self._spent, self._lock = ModelCost(), threading.Lock()

    @classmethod
    def of(cls, recipe: Recipe, references: KnownReferences, *, shown: int, seed: int) -> "Teacher":
        """The model of a recipe: its monitor's, else its detector's.

        Raises:
            EpisodeError: the recipe asks no model, or one that answers in tags alone.
            RecipeError: the model can't be asked as the recipe says.
        """
        parts = recipe.asking
        if not parts:
            raise EpisodeError("--teacher: the recipe has no part of kind vlm to write captions")
        part = recipe.monitor if recipe.monitor in parts else parts[0]
        options = {k: v for k, v in part.options.items() if k in ModelSettings.model_fields}
        try:
            settings = ModelSettings.model_validate(options)
            model = Model.from_recipe(settings, BuildContext(recipe=recipe))
        except ValidationError as failure:
            raise RecipeError(explain_invalid(failure, ModelSettings)) from failure
        except (ModelError, ValueError) as failure:
            raise RecipeError(str(failure)) from failure
        if model.form is Form.TAGS:
            raise EpisodeError(
                f"--teacher: {model.settings.model} answers in tags, which have no place for a "
                "caption; name a model with format: json"
            )
        return cls(model, references, shown=shown, seed=seed)

    @property
    def name(self) -> str:
        """Whose words they are."""
        return self._model.settings.model

    @property
    def spent(self) -> ModelCost:
        """What its captions have cost so far."""
        return self._spent

    def __call__(self, inspection: LabelledInspection, mode: EpisodeMode) -> str:
        """The caption.

        Raises:
            ModelError: the model could not be asked.
            UnreadableAnswer: it wrote none that can be used.
            BudgetSpent: it may not be asked any more.
        """
        every = self._references.of(inspection)
        references = choose(every, inspection.sha256, self._shown, seed=self._seed)
        pictures = [read_image(file) for file in (*references, inspection.path)]
        with recorded() as calls:
            try:
                heard = self._model.ask(
                    question_of(inspection, mode, references), pictures, samples=1
                )
            finally:
                with self._lock:
                    self._spent = self._spent + ModelCost.of(calls)
        return heard.answers[0]


def question_of(
    inspection: LabelledInspection, mode: EpisodeMode, references: Sequence[Path]
) -> Question[str]:
    """What the teacher is asked."""
    first, told = inspection.trace.first, {}
    if mode is EpisodeMode.REFLECTIVE:
        told = {
            "verdict": verdict_in_words(first) if first else "none",
            "evidence": evidence_in_words(inspection.trace),
        }
    product = parse_recipe(inspection.run.recipe).product
    asked = prompt(
        "think" if mode is EpisodeMode.THINKING else "reflect",
        Form.JSON,
        package=__package__,
        pictures=beside(len(references)),
        product=str(product),
        truth=truth_in_words(inspection),
        **told,
    )
    return Question(prompt=asked, read=read_caption, schema=SCHEMA, field=None)


def truth_in_words(inspection: LabelledInspection) -> str:
    """The truth as a teacher is told it."""
    if not inspection.truth.anomalous:
        return "no, there are none."
    if inspection.truth.box_types:
        pairs = zip(inspection.truth.box_types, inspection.truth.boxes, strict=True)
        return f"yes: {'; '.join(f'{kind} at {corners(box)}' for kind, box in pairs)}."
    places = (
        f" at {'; '.join(map(corners, inspection.truth.boxes))}" if inspection.truth.boxes else ""
    )
    return f"yes: {', '.join(inspection.truth.types) or 'a defect'}{places}."


def read_caption(text: str) -> str:
    """A caption that can be learned from.

    Raises:
        UnreadableAnswer: no JSON object, no words in it, or it gives away that the truth was known.
    """
    caption = json_object(text, "caption").get("caption")
    if not isinstance(caption, str) or len(caption.strip()) < _LEAST:
        raise UnreadableAnswer(f"caption is {str(caption)[:60]!r}, no sentence")
    given_away = _GIVEN_AWAY.search(caption)
    if given_away:
        raise UnreadableAnswer(f"the caption speaks of what it was told: {given_away[0]!r}")
    return " ".join(caption.split())
