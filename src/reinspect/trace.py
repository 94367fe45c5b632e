"""The trace of an inspection: a sample, with every step taken on it so far."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Self, TypeVar

from pydantic import AwareDatetime, Field, model_validator

from reinspect.notebook import shown
from reinspect.vocabulary import (
    Assessment,
    Call,
    Decision,
    Disposition,
    Evidence,
    Explanation,
    OfView,
    Product,
    Region,
    Revision,
    Sample,
    Seconds,
    ToolUse,
    Value,
    Verdict,
)

P = TypeVar("P", bound=Value)


class Step(Value):
    """One node's work on one sample: what it produced, or why it failed."""

    node: str
    round: int = Field(default=0, ge=0)
    tool: str | None = Field(default=None, description="The tool's name in the recipe, if one.")
    products: tuple[Product, ...] = ()
    started: AwareDatetime | None = Field(default=None, description="Null where not kept.")
    seconds: Seconds = 0.0
    error: str | None = None
    view: OfView = None


class Branch(Value):
    """A second look that no policy asked for (`--explore`). It is kept for training alone.

    It leaves the main line of its trace behind the decision that ended the looking; what comes
    after that decision on the main line was done without knowing of the branch. Of a part with
    several views it has the second looks of all, behind the steps of the views; `by_view` puts each
    behind the decision of its own.
    """

    at: int = Field(ge=0, description="How many steps of the main line come before it.")
    steps: tuple[Step, ...] = Field(min_length=1)


class TakenStep(NamedTuple):
    """A step, and whether it was taken on the branch."""

    step: Step
    explored: bool


class Trace(Value):
    """A sample and every step taken on it so far.

    All readings are of the main line, but for `taken`, `all_steps`, and `seconds`, to which an
    explored second look belongs as well.

    A part with several views has the steps of each view, and after them its own, which fuse them:
    readings are of these, but for `evidence`, `rounds` and `seconds`; `by_view` has the others.
    """

    sample: Sample
    steps: tuple[Step, ...] = Field(default=(), description="The main line: all that counts.")
    explored: Branch | None = Field(default=None, description="Null where nothing was explored.")

    @classmethod
    def of(cls, sample: Sample, taken: Iterable[tuple[Step, bool]]) -> Self:
        """A trace from steps in the order of `taken`, each with whether it was explored."""
        return cls(sample=sample, **_lines(taken))

    @model_validator(mode="before")
    @classmethod
    def _lift_flags(cls, data: Any) -> Any:
        """Read older files, in which each step has a flag `explored`."""
        steps = data.get("steps") or () if isinstance(data, Mapping) else ()
        if not any(isinstance(step, Mapping) and "explored" in step for step in steps):
            return data
        plain = [{k: v for k, v in dict(step).items() if k != "explored"} for step in steps]
        flags = [bool(dict(step).get("explored")) for step in steps]
        return {**data, **_lines(zip(plain, flags, strict=True))}

    def then(self, *steps: Step) -> "Trace":
        """The trace with more steps on its main line."""
        return self.model_copy(update={"steps": (*self.steps, *steps)})

    @property
    def taken(self) -> tuple[TakenStep, ...]:
        """Every step in the order in which it was taken, those of the branch where it leaves."""
        main = [TakenStep(step, explored=False) for step in self.steps]
        if self.explored is None:
            return tuple(main)
        at, aside = self.explored.at, self.explored.steps
        return (*main[:at], *(TakenStep(step, explored=True) for step in aside), *main[at:])

    @property
    def all_steps(self) -> tuple[Step, ...]:
        """Every step in the order in which it was taken."""
        return tuple(step for step, _ in self.taken)

    @property
    def hypothetical(self) -> "Trace":
        """The trace as if the explored second look had been asked for.

        What the main line concluded without that look still stands behind it.
        """
        return self.model_copy(update={"steps": self.all_steps, "explored": None})

    @property
    def by_view(self) -> dict[str, "Trace"]:
        """View → its own trace, as if it were all of the part; nothing of a part with one picture.

        A view that is missing has none.
        """
        named = [view.name for view in self.sample.views if view.name is not None]
        steps = {name: tuple(_unnamed(self.steps, name)) for name in named}
        aside = self.explored.steps if self.explored else ()
        return {
            name: Trace(
                sample=self.sample.of_view(name),
                steps=own,
                explored=_branch(own, tuple(_unnamed(aside, name))),
            )
            for name, own in steps.items()
            if own
        }

    @property
    def leading(self) -> str | None:
        """The view to show first: that of the strongest defect, else the first that could be read.

        None of a part with one picture.
        """
        if self.verdict and self.verdict.defects and self.verdict.defects[0].view:
            return self.verdict.defects[0].view
        return next((view.name for view in self.sample.views if view.sha256), None)

    @property
    def missing(self) -> dict[str, str]:
        """View that there is no picture of → what was said of it."""
        named = {view.name for view in self.sample.views}
        return {
            step.view: step.error or ""
            for step in self.steps
            if step.view is not None and step.view not in named
        }

    def products(self, of: type[P]) -> Iterator[P]:
        """All products of one type, oldest first."""
        for step in self._own:
            yield from (product for product in step.products if isinstance(product, of))

    @property
    def _own(self) -> Iterator[Step]:
        """The steps that are of the part as a whole."""
        return (step for step in self.steps if step.view is None)

    def last(self, of: type[P]) -> P | None:
        """The newest product of one type, or none."""
        newest = None
        for newest in self.products(of):  # noqa: B007 - the last one is what is wanted
            pass
        return newest

    def _repr_html_(self) -> str:
        settled, verdict = self.disposition, self.verdict
        said = f"{settled.outcome.value}: {settled.reason}" if settled else "not settled"
        if verdict:
            said = f"{said} ({verdict.label.value}, p = {verdict.probability:.3f})"
        rows = [
            (
                _name_of(step, explored),
                step.tool or "",
                "; ".join(filter(None, (step.error, *map(_in_words, step.products)))),
                f"{step.seconds:.3f}",
            )
            for step, explored in self.taken
        ]
        return shown(f"{self.sample.id}: {said}", rows, ("step", "tool", "what came of it", "s"))

    @property
    def first(self) -> Verdict | None:
        """The first look's verdict; none if the detector failed."""
        return next(self.products(Verdict), None)

    @property
    def verdict(self) -> Verdict | None:
        """The verdict in force: the last revision's, else the first."""
        revision = self.last(Revision)
        return revision.after if revision else self.first

    @property
    def assessment(self) -> Assessment | None:
        """The newest assessment: after a second look, that of the revised verdict."""
        return self.last(Assessment)

    @property
    def decision(self) -> Decision | None:
        """The newest decision to accept, revisit or escalate."""
        return self.last(Decision)

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        """All evidence, the first verdict's own before that of later looks; view after view."""
        if any(step.view for step in self.steps):
            return tuple(piece for own in self.by_view.values() for piece in own.evidence)
        own = self.first.evidence if self.first else ()
        return (*own, *self.products(Evidence))

    @property
    def reconsidered(self) -> tuple[Evidence, ...]:
        """What the last revision's verdict rests on and the first look did not.

        A revision that keeps the first verdict keeps its evidence, which is nothing new.
        """
        revision = self.last(Revision)
        own = self.first.evidence if self.first else ()
        return tuple(e for e in revision.after.evidence if e not in own) if revision else ()

    @property
    def regions(self) -> tuple[Region, ...]:
        """The regions of the newest evidence that has any."""
        return next((e.regions for e in reversed(self.evidence) if e.regions), ())

    @property
    def disposition(self) -> Disposition | None:
        return self.last(Disposition)

    @property
    def rounds(self) -> int:
        """How many second looks were taken, failed ones included."""
        return sum(step.node == "revise" for step in self.steps)

    @property
    def revised(self) -> bool:
        """Whether the label in force differs from the first."""
        return bool(self.first and self.verdict and self.first.label != self.verdict.label)

    @property
    def error(self) -> str | None:
        """The first failure on record; a view that could not be read is none of the part's."""
        return next((step.error for step in self._own if step.error), None)

    @property
    def seconds(self) -> float:
        """What all steps took, explored ones included."""
        return sum(step.seconds for step in self.all_steps)


def _name_of(step: Step, explored: bool) -> str:
    seen = f"{step.view}: {step.node}" if step.view else step.node
    return f"{seen} (explored)" if explored else seen


def _unnamed(steps: Iterable[Step], view: str) -> Iterator[Step]:
    """The steps of a view, as a trace of its own has them."""
    return (step.model_copy(update={"view": None}) for step in steps if step.view == view)


def _branch(main: Sequence[Step], aside: tuple[Step, ...]) -> Branch | None:
    """A view's own branch: behind its one assessment, which asked for no second look."""
    if not aside:
        return None
    after = (place for place, step in enumerate(main, 1) if step.node == "assess")
    return Branch(at=next(after, len(main)), steps=aside)


def _in_words(product: Product) -> str:
    """A product in a line."""
    match product:
        case Verdict():
            return f"{product.label.value}, p = {product.probability:.3f}"
        case Assessment():
            return f"confidence {product.confidence:.2f}, reliability {product.reliability:.2f}"
        case Decision():
            return f"{product.move.value} ({product.policy})"
        case Evidence():
            return f"{product.source}: {product.summary}"
        case Revision():
            return f"{product.move.value}: p = {product.after.probability:.3f}"
        case Explanation():
            return product.final
        case Disposition():
            return f"{product.outcome.value}: {product.reason}"
        case Call():
            return f"asked {product.model}"
        case ToolUse():
            return f"{product.name}({product.arguments}): {product.answer}"


def _lines(taken: Iterable[tuple[Any, bool]]) -> dict[str, Any]:
    """Main line and branch, as fields of a trace, from steps in the order of `taken`."""
    every = list(taken)
    main, aside = ([step for step, explored in every if explored is on] for on in (False, True))
    at = next((position for position, (_, explored) in enumerate(every) if explored), 0)
    return {"steps": main, "explored": {"at": at, "steps": aside} if aside else None}
