"""Cases: what any detector said of a part, look by look, with the truth where it is known.

In users' files they are called judgements: one JSON record a line, whoever made it; a run's traces
give the same records, so that one monitor can be fitted from both. `reinspect monitor schema`
prints the schema of a record.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, NamedTuple, NoReturn, TypeVar

from pydantic import AfterValidator, ConfigDict, Field, FiniteFloat, ValidationError

from reinspect.documents import DocumentError, parse_json, read_text
from reinspect.errors import ReinspectError, explain_invalid, shorten
from reinspect.policies import rules
from reinspect.trace import Trace
from reinspect.vocabulary import (
    Evidence,
    Probability,
    Seconds,
    Sha256,
    Truth,
    TruthSource,
    Value,
    View,
    current_source,
)

FIRST = "first."
"""Signals named so are known after the first look already; all others only after the second."""

SECOND = "second."
"""Signals of the second look's evidence, as traces give them: second.<source>.<name>."""


_PROBABILITY = ".probability"


class CaseError(ReinspectError, ValueError):
    """A case that can't be used; the message names the place and shows the value."""


class Occasion(StrEnum):
    """Why there is a second look: it decides what may be learned from it."""

    GIVEN = "given"
    EXPLORED = "explored"
    ASKED = "asked"


class CaseLook(Value):
    """What one look says, alone."""

    model_config = ConfigDict(strict=True)

    stage: Annotated[str, AfterValidator(current_source)]
    probability: Probability = Field(description="P(anomalous), [0, 1].")


def _whole_names(signals: Mapping[str, float]) -> Mapping[str, float]:
    for name in signals:
        if not name.strip():
            raise ValueError(f"a signal is named {name!r}")
    return signals


S = TypeVar("S")


def with_current_names(signals: Mapping[str, S]) -> Mapping[str, S]:
    """Signals with the names that their sources have today."""
    return {_current(name): value for name, value in signals.items()}


def _current(name: str) -> str:
    stage, dot, rest = name.partition(".")
    if f"{stage}{dot}" not in (FIRST, SECOND):
        return name
    source, *key = rest.split(".", 1)
    return ".".join((stage, current_source(source), *key))


class Case(Value):
    """All that was said of one part; the first of `looks` is the first look, the last the second.

    Looks in between are kept, but nothing is fitted on them.
    """

    model_config = ConfigDict(strict=True, title="Judgement")

    id: str = Field(min_length=1, description="Unique in its file.")
    group: str | None = Field(
        default=None,
        description="Parts of one group (line, product, data set) have more in common than others.",
    )
    truth: bool | None = Field(default=None, description="True = anomalous; null: not known.")
    truth_source: TruthSource | None = None
    looks: tuple[CaseLook, ...] = Field(min_length=1)
    signals: Annotated[
        Mapping[str, FiniteFloat], AfterValidator(_whole_names), AfterValidator(with_current_names)
    ] = Field(
        default_factory=dict,
        description=f"Named numbers. Those named {FIRST}… are known after the first look, all "
        "others after the second. Names may differ between sources.",
    )
    sha256: Sha256 | None = Field(default=None, description="Of the picture's bytes.")
    part: str | None = Field(
        default=None,
        description="Of a view: what tells its part; views of one part are kept together.",
    )
    occasion: Annotated[Occasion, Field(strict=False)] = Field(
        default=Occasion.GIVEN,
        description="Why there is a second look: every part of this source got one (given, "
        "explored), or a policy asked for it (asked). From those asked for none is learned: they "
        "are no sample of all parts.",
    )
    seconds: Seconds | None = Field(default=None, description="What the second look took.")

    @property
    def first(self) -> float:
        """P(anomalous) of the first look."""
        return self.looks[0].probability

    @property
    def second(self) -> float | None:
        """P(anomalous) of the second look alone; none without one."""
        return self.looks[-1].probability if len(self.looks) > 1 else None

    @property
    def blend(self) -> float:
        """Mean of first and second look; the first where there is no second."""
        return self.first if self.second is None else (self.first + self.second) / 2

    @property
    def witnesses(self) -> dict[str, float]:
        """Source → P(anomalous) of the second look's evidence; the look's own if none is named."""
        if self.second is None:
            return {}
        named = {
            name.removeprefix(SECOND).removesuffix(_PROBABILITY): value
            for name, value in self.signals.items()
            if name.startswith(SECOND) and name.endswith(_PROBABILITY) and 0 <= value <= 1
        }
        return named or {self.looks[-1].stage: self.second}


def read_cases(path: str | Path) -> tuple[Case, ...]:
    """All records of a JSON-lines file, in its order; blank lines are skipped.

    Raises:
        CaseError: the file can't be read, holds none, or a line (named by its number) is no
            JSON, no valid case, or has an id that was there before.
    """
    try:
        text = read_text(path)
    except (OSError, DocumentError) as failure:
        raise CaseError(f"{path}: cannot read the judgements: {failure}") from failure
    seen: dict[str, int] = {}
    found = []
    for number, line in _lines(text):
        try:
            case = parse_case(line)
        except CaseError as failure:
            raise CaseError(f"{path}, line {number}: {failure}") from failure
        earlier = seen.setdefault(case.id, number)
        if earlier != number:
            raise CaseError(f"{path}, line {number}: id {case.id!r} was on line {earlier} already")
        found.append(case)
    if not found:
        raise CaseError(f"{path}: holds no judgement")
    return tuple(found)


def parse_case(line: str) -> Case:
    """One record from its JSON. A signal that is null is taken as missing.

    Raises:
        CaseError: no JSON object, or no valid case.
    """
    try:
        content = parse_json(line, constant=_no_number)
    except DocumentError as failure:
        raise CaseError(str(failure)) from failure
    if not isinstance(content, dict):
        raise CaseError(f"a judgement is a JSON object, not {shorten(content)}")
    if content.get("looks") == []:
        raise CaseError("looks is empty: a judgement needs a first look")
    signals = content.get("signals")
    if isinstance(signals, dict):
        known = {name: value for name, value in signals.items() if value is not None}
        content = {**content, "signals": known}
    try:
        # As JSON once more: a strict model takes a JSON array, but no list, as a tuple.
        return Case.model_validate_json(json.dumps(content))
    except ValidationError as failure:
        raise CaseError(explain_invalid(failure, Case)) from failure


class PictureTrace(NamedTuple):
    """What was said of one picture, as if it were all of its part, and what is known of it."""

    trace: Trace
    """Its sample is called as the picture is."""
    truth: Truth | None
    view: View
    part: str | None = None
    """Of a view: what tells its part."""

    def case(self, *, group: str | None = None, explored: bool = False) -> Case:
        """As `case_of`."""
        made = case_of(self.trace, truth=self.truth, group=group, explored=explored)
        return made if self.part is None else made.model_copy(update={"part": self.part})


def by_picture(
    trace: Trace, truth: Truth | None, name_of: Callable[[str], str]
) -> Iterator[PictureTrace]:
    """The one picture of a part, or each view of it.

    Args:
        trace: of the part.
        truth: of the part.
        name_of: makes of a view's path what it is called.
    """
    sample = trace.sample
    if sample.views[0].name is None:
        yield PictureTrace(trace, truth, sample.views[0])
        return
    for name, own in trace.by_view.items():
        view = own.sample.views[0]
        called = own.sample.model_copy(update={"id": name_of(view.path)})
        yield PictureTrace(
            own.model_copy(update={"sample": called}),
            None if truth is None else truth.of_view(name),
            view,
            sample.sha256 or sample.id,
        )


def case_of(
    trace: Trace,
    *,
    truth: Truth | None = None,
    group: str | None = None,
    explored: bool = False,
) -> Case:
    """What a trace says so far, at any stage of its inspection.

    The first look is the first verdict. The second is the mean probability of the evidence that
    came later, weighted as by `rules.weight`, which includes what the last revision's verdict
    rests on; where none of it has a probability, there is no second look. A revision's own
    probability is not one: it may be an estimator's fusion, and the first look would be counted
    twice. Signals are numbers of the verdict's own evidence (`first.…`) and of later evidence
    (`second.…`), so that an estimator finds at work what it was fitted on.

    Args:
        trace: at any stage.
        truth: none where it is not known.
        group: the trace's category unless given.
        explored: its run looks twice at every part, so a second look that no policy asked for
            counts, too.

    Raises:
        CaseError: the trace has no first look.
    """
    trace = trace.hypothetical if explored else trace
    first = trace.first
    if first is None:
        raise CaseError(f"{trace.sample.id!r} has no first look to judge from")
    looks = [CaseLook(stage="first", probability=first.probability)]
    later = (*trace.products(Evidence), *trace.reconsidered)
    witnesses = {e.source: e.probability for e in later if e.probability is not None}
    if witnesses:
        looks.append(CaseLook(stage="second", probability=rules.together(witnesses)))
    signals = {
        name: value for e in first.evidence for name, value in _signals(FIRST, e, first=True)
    }
    if first.evidence or first.defects:
        signals[f"{FIRST}defects"] = float(len(first.defects))
    for evidence in later if witnesses else ():
        signals.update(_signals(SECOND, evidence, first=False))
    steps = [s for s in trace.steps if s.node in {"locate", "examine", "revise"}]
    return Case(
        id=trace.sample.id,
        group=group if group is not None else trace.sample.category,
        truth=truth.anomalous if truth else None,
        truth_source=truth.source if truth else None,
        looks=tuple(looks),
        signals=signals,
        sha256=trace.sample.sha256,
        occasion=Occasion.EXPLORED if explored else Occasion.ASKED,
        seconds=sum(s.seconds for s in steps) if witnesses else None,
    )


def _signals(stage: str, evidence: Evidence, *, first: bool) -> Iterator[tuple[str, float]]:
    name = stage + evidence.source
    # What the first look rests on is the first look itself.
    if evidence.probability is not None and not first:
        yield f"{name}{_PROBABILITY}", evidence.probability
    for key, value in evidence.measurements.items():
        yield f"{name}.{key}", value


def _lines(text: str) -> Iterator[tuple[int, str]]:
    # Not splitlines: a JSON string may hold U+2028, which is no line's end.
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            yield number, line


def _no_number(constant: str) -> NoReturn:
    raise CaseError(f"{constant} is not a finite number")
