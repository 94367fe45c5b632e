"""The estimator that needs no cases of known truth: hand-set rules over looks and signals."""

from collections.abc import Mapping

from reinspect.policies import rules
from reinspect.references import surest
from reinspect.texts import two_digits
from reinspect.trace import Trace
from reinspect.vocabulary import Estimate, Evidence, Verdict

EMBEDDED = "anomaly_map"
"""Source of a first look of the embedded expert."""

_BY_NETWORK = "features_z"  # a measurement of first looks by a network

_REFERENCES = "references"  # a measurement of first looks that have some

SECONDED = f"{rules.EYE}_p"
"""A measurement of first looks that the eye had a say in."""

WITHOUT = f"without_{rules.EYE}_p"
"""Signal: what the verdict would be fused to if the eye had not been heard."""


class HandSet:
    """Estimates by `policies.rules`; new evidence with a probability is a witness."""

    def __call__(self, trace: Trace) -> Estimate:
        first = trace.first
        if first is None:
            raise ValueError(f"no first look at {trace.sample.id!r} to estimate from")
        signals, witnesses = signals_of(first), witnesses_of(trace)
        if not witnesses:
            return Estimate(
                probability=first.probability,
                reliability=_reliability(first.probability, first),
                signals=signals,
            )
        fused = _fused(first, witnesses)
        signals |= {f"{name}_p": p for name, p in witnesses.items()}
        others = {name: p for name, p in witnesses.items() if name != rules.EYE}
        notes: tuple[str, ...] = ()
        if others and rules.EYE in witnesses:
            signals[WITHOUT] = without = _fused(first, others)
            notes = (
                f"without the eye: {Verdict.of(without).label.value} (p = {two_digits(without)})",
            )
        return Estimate(
            probability=fused,
            reliability=_reliability(fused, first),
            signals=signals,
            notes=notes,
        )


def _reliability(probability: float, first: Verdict) -> float:
    """By the rules; no more than the references allow that the first look compared with."""
    known = rules.reliability(probability)
    if not looked_first(EMBEDDED, first):
        return known
    references = int(first.evidence[0].measurements.get(_REFERENCES, 0))
    return min(known, surest(references)) if references else known


def _fused(first: Verdict, witnesses: Mapping[str, float]) -> float:
    return rules.fuse(first.probability, witnesses, seconded=_seconded(first, witnesses))


def _seconded(first: Verdict, witnesses: Mapping[str, float]) -> bool:
    """Whether the learned filters looked first and the eye is heard beside them."""
    return (
        looked_first(EMBEDDED, first)
        and not by_network(first)
        and (rules.EYE in witnesses or SECONDED in first.evidence[0].measurements)
    )


def by_network(first: Verdict) -> bool:
    """Whether a first verdict rests on a pretrained network's features."""
    return looked_first(EMBEDDED, first) and _BY_NETWORK in first.evidence[0].measurements


def looked_first(source: str, first: Verdict) -> bool:
    """Whether a first verdict rests on the evidence of that source, which then stands first."""
    return bool(first.evidence) and first.evidence[0].source == source


def signals_of(verdict: Verdict) -> dict[str, float]:
    """The measurements of a verdict's own evidence."""
    return {key: value for e in verdict.evidence for key, value in e.measurements.items()}


def witnesses_of(trace: Trace) -> dict[str, float]:
    """Source → P(anomalous) of the evidence that the first look did not have, newest last.

    What the last revision's verdict rests on is such evidence, too: a model's reflection.
    """
    later = (*trace.reconsidered, *trace.products(Evidence))
    return {e.source: e.probability for e in later if e.probability is not None}
