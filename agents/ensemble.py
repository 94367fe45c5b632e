"""A first look by several: models, or one model asked by several prompts, vote."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, NamedTuple, Self

import numpy as np
from pydantic import Field

from reinspect.agents.context import AgentContext
from reinspect.components import About, ComponentOptions
from reinspect.errors import ReinspectError
from reinspect.policies.opinions import BY_A_MODEL
from reinspect.roles import Detector
from reinspect.texts import two_digits
from reinspect.vocabulary import Evidence, Label, Sample, Verdict

MemberName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,40}$")]


class EnsembleError(ReinspectError, RuntimeError):
    """Too few members of an ensemble have an opinion."""


class EnsembleOptions(ComponentOptions):
    """What a recipe may say of an `Ensemble`."""

    members: Mapping[MemberName, Mapping[str, Any]] = Field(
        min_length=2, max_length=16, description="Name → detector, as a recipe has one."
    )


class _Vote(NamedTuple):
    name: str
    verdict: Verdict


class Ensemble:
    """Asks every member, and takes the mean of their probabilities.

    Where they disagree the mean is nearer to a half, so the verdict is less reliable; the share
    that says the same is a signal besides, which fitted monitors learn from. More than half of the
    members must have an opinion.

    Args:
        members: name → detector.
    """

    about = About("ensemble", asks_model=True)

    Options = EnsembleOptions

    def __init__(self, members: Mapping[str, Detector]) -> None:
        self._members = dict(members)

    @classmethod
    def from_recipe(cls, options: EnsembleOptions, context: AgentContext) -> Self:
        """The detector of a recipe.

        Raises:
            RecipeError: a member can't be made.
            ValueError: a member is an ensemble itself.
        """
        for name, spec in options.members.items():
            if spec.get("kind") == cls.about.name:
                raise ValueError(f"members.{name}: an ensemble of ensembles; name its members here")
        return cls({name: context.member(name, spec) for name, spec in options.members.items()})

    def __call__(self, sample: Sample) -> Verdict | Evidence:
        """The common verdict; evidence alone where no member gives any verdict.

        Raises:
            EnsembleError: half of the members, or more, failed.
        """
        votes, silent, failed = list[_Vote](), list[Evidence](), dict[str, str]()
        for name, member in self._members.items():
            try:
                said = member(sample)
            except ReinspectError as failure:  # its call is on record with it
                failed[name] = " ".join(str(failure).split())
                continue
            if isinstance(said, Verdict):
                votes.append(_Vote(name, said))
            else:
                silent.append(said)
        if 2 * len(failed) >= len(self._members):
            first = "; ".join(f"{name}: {why}" for name, why in failed.items())
            raise EnsembleError(f"{len(failed)} of {len(self._members)} members failed: {first}")
        if not votes:
            return silent[0]
        return _common(votes, silent, failed)


def _common(
    votes: Sequence[_Vote], silent: Sequence[Evidence], failed: Mapping[str, str]
) -> Verdict:
    said = np.array([vote.verdict.probability for vote in votes])
    probability = float(said.mean())
    label = Label.of(probability >= 0.5)
    alike = [vote for vote in votes if vote.verdict.label is label]
    by_a_model = any(_looked(vote.verdict) == BY_A_MODEL for vote in votes)
    words = [f"{len(alike)} of {len(votes)} say {label.value}"]
    words += [
        f"{v.name}: {v.verdict.label.value}, p = {two_digits(v.verdict.probability)}" for v in votes
    ]
    words += [f"{name} failed: {why}" for name, why in failed.items()]
    summary = "; ".join(words)
    together = Evidence(
        source=BY_A_MODEL if by_a_model else Ensemble.about.name,
        summary=summary,
        probability=probability,
        measurements={
            "agreement": len(alike) / len(votes),
            "spread": float(said.std()),
            **{f"{vote.name}_p": vote.verdict.probability for vote in votes},
        },
    )
    # What members saw is kept; what they think of it is in the vote, and counts once.
    seen = [piece for vote in votes for piece in vote.verdict.evidence]
    seen += silent
    spokesman = max(alike, key=lambda vote: len(vote.verdict.defects), default=None)
    return Verdict.of(
        probability,
        defects=spokesman.verdict.defects if spokesman and label is Label.ANOMALOUS else (),
        rationale=f"{summary}. {spokesman.verdict.rationale if spokesman else ''}".strip(),
        evidence=(together, *(piece.model_copy(update={"probability": None}) for piece in seen)),
    )


def _looked(verdict: Verdict) -> str:
    return verdict.evidence[0].source if verdict.evidence else ""
