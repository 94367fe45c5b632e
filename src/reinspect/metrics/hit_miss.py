"""Probability of detection over flaw size, from flaws that were found or missed.

The hit/miss method of MIL-HDBK-1823A: log-odds of being found are a line over the size, or over its
logarithm, whichever is likelier. It is fitted with Firth's penalty (1993), so that it exists where
all small flaws were missed and all large ones found. The bound is that of the likelihood ratio
(Cheng and Iles 1983; penalised, Heinze and Schemper 2002): of all lines that aren't refuted, over
either scale unless the other refutes it, at each size the lowest. Lines never fall: a larger flaw
is not harder to find.

By simulation a 95 % bound of 60 to 200 flaws holds in 93 to 97 of 100 inspections, in 98 or 99
where hardly any flaw is of a size at which chance decides, or the scales can't be told apart;
without the penalty it would in 83 to 95.

Flaws on one part are alike: where their misses come in clusters, the deviance is divided by the
mean design effect (Rao and Scott 1984), estimated between parts and never under 1.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.optimize import elementwise

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Places = npt.NDArray[np.int64]

_RAYS = 48
"""From the best line to the border of the region; half a ray off costs 0.2 % of its width."""
_STEPS, _CLOSE = 60, 1e-7
_LONGEST = 3.0  # a step of Newton's method, in log-odds
_DOUBLINGS = 12
_TINY = 1e-300


class SizeScale(StrEnum):
    """Over what the log-odds are a line."""

    LOG = "log size"
    PLAIN = "size"


@dataclass(frozen=True, slots=True)
class ScaledLines:
    """The lines of S inspections over one scale."""

    scale: SizeScale
    centre: Floats
    """(S,): of the scaled sizes; lines are over (scaled size − centre) / spread."""
    spread: Floats
    """(S,)."""
    best: Floats
    """(S, 2): intercept and slope, the slope ≥ 0."""
    log_likelihood: Floats
    """(S,): of the best line, without the penalty."""
    design_effect: Floats
    """(S,): variance between parts as a multiple of that of independent flaws, ≥ 1."""
    region: Floats
    """(S, 2, rays): lines at the border of what is not refuted; NaN where all are."""

    def odds(self, lines: Floats, sizes: Floats) -> Floats:
        """Log-odds (S, k, lines) of lines (S, 2, lines) at sizes (S, k) or (1, k)."""
        scaled = np.log(sizes) if self.scale is SizeScale.LOG else sizes
        x = (scaled - self.centre[:, None]) / self.spread[:, None]
        return np.asarray(lines[:, None, 0] + lines[:, None, 1] * x[:, :, None])

    def reached(self, lines: Floats, probability: float) -> Floats:
        """From which size on all lines (S, 2, lines) are at a probability, (S,)."""
        short = np.log(probability / (1 - probability)) - lines[:, 0]
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            flat = np.where(short <= 0, -np.inf, np.where(short > 0, np.inf, np.nan))
            x = np.where(lines[:, 1] > 0, short / lines[:, 1], flat).max(axis=1)
            scaled = self.centre + self.spread * x
            sizes = np.exp(scaled) if self.scale is SizeScale.LOG else np.maximum(scaled, 0.0)
        return np.asarray(sizes)


@dataclass(frozen=True, slots=True)
class HitMissFit:
    """Curves of S inspections, each with a one-sided lower confidence bound."""

    log: ScaledLines
    plain: ScaledLines

    @property
    def is_log(self) -> Bools:
        """(S,): whether the line over log size is at least as likely as that over size."""
        return np.asarray(self.log.log_likelihood >= self.plain.log_likelihood)

    @property
    def design_effect(self) -> Floats:
        """(S,): of the likelier line."""
        return np.where(self.is_log, self.log.design_effect, self.plain.design_effect)

    def probability(self, sizes: npt.ArrayLike) -> Floats:
        """Of being found, (S, k), at k sizes, or at those of each inspection (S, k)."""
        x = np.atleast_2d(np.asarray(sizes, dtype=np.float64))
        log, plain = (it.odds(it.best[:, :, None], x)[:, :, 0] for it in (self.log, self.plain))
        return _odds(np.where(self.is_log[:, None], log, plain))

    def lower(self, sizes: npt.ArrayLike) -> Floats:
        """Lower confidence bound of `probability`, (S, k)."""
        x = np.atleast_2d(np.asarray(sizes, dtype=np.float64))
        log, plain = (it.odds(it.region, x).min(axis=2) for it in (self.log, self.plain))
        return _odds(np.fmin(log, plain))

    def size(self, probability: float) -> Floats:
        """From which on flaws are found with a probability, (S,); 0 where at any, ∞ at none."""
        log, plain = (it.reached(it.best[:, :, None], probability) for it in (self.log, self.plain))
        return np.where(self.is_log, log, plain)

    def bounded_size(self, probability: float) -> Floats:
        """From which on the lower bound is a probability, (S,): 0.9 gives a90/95; ∞ at none."""
        log, plain = (it.reached(it.region, probability) for it in (self.log, self.plain))
        return np.fmax(log, plain)


def fit_hit_miss(
    sizes: npt.ArrayLike,
    found: npt.ArrayLike,
    parts: npt.ArrayLike,
    *,
    confidence: float = 0.95,
) -> HitMissFit:
    """Curves of one inspection (n,), or of S at once (S, n).

    Args:
        sizes: of the flaws, > 0, of two sizes at least in each inspection.
        found: whether each was.
        parts: number of the part that each lies on, 0, 1, …
        confidence: of the bound, one-sided.

    Raises:
        ValueError: shapes differ, a size is not a number > 0, an inspection has one size alone, or
            `confidence` is outside (0.5, 1).
    """
    values = np.atleast_2d(np.asarray(sizes, dtype=np.float64))
    hits = np.atleast_2d(np.asarray(found, dtype=bool))
    owners = np.atleast_2d(np.asarray(parts, dtype=np.int64))
    if not values.shape == hits.shape == owners.shape:
        raise ValueError(f"shapes differ: {values.shape}, {hits.shape}, {owners.shape}")
    right = np.isfinite(values) & (values > 0)
    if not right.all():
        raise ValueError(f"size {float(values[~right][0])!r} is not a number > 0")
    if not 0.5 < confidence < 1:
        raise ValueError(f"confidence {confidence!r} is outside (0.5, 1)")
    if (np.ptp(values, axis=1) == 0).any():
        raise ValueError("an inspection has flaws of one size alone: a curve needs two")

    refuted = NormalDist().inv_cdf(confidence) ** 2
    fits = [_begun(scale, values, hits, owners) for scale in SizeScale]
    likeliest = np.maximum(*(lines.log_likelihood for _, lines in fits))
    regions = []
    for data, lines in fits:
        allowed = refuted * lines.design_effect
        behind = 2 * (likeliest - lines.log_likelihood) > allowed
        region = _region(data, lines.best, np.sqrt(allowed))
        regions.append(np.where(behind[:, None, None], np.nan, region))
    log, plain = (
        replace(lines, region=region) for (_, lines), region in zip(fits, regions, strict=True)
    )
    return HitMissFit(log, plain)


def _begun(
    scale: SizeScale, sizes: Floats, hits: Bools, parts: Places
) -> tuple["_Data", ScaledLines]:
    """The best lines over one scale, without a region yet."""
    scaled = np.log(sizes) if scale is SizeScale.LOG else sizes
    centre, spread = scaled.mean(axis=1), scaled.std(axis=1)
    data = _Data((scaled - centre[:, None]) / spread[:, None], hits)
    best = _penalised_maximum(data)
    return data, ScaledLines(
        scale=scale,
        centre=centre,
        spread=spread,
        best=best,
        log_likelihood=data.at(best).log_likelihood,
        design_effect=_design_effect(data, parts, best),
        region=np.empty((len(best), 2, 0)),
    )


class _Likelihood(NamedTuple):
    """Of lines, (k,) each."""

    log_likelihood: Floats
    penalised: Floats
    information: tuple[Floats, Floats, Floats]
    """Of intercept, of both, of slope."""
    weights: Floats
    """(k, n): p (1 − p) of each flaw."""


class _Data(NamedTuple):
    x: Floats
    """(S, n), standardised."""
    hit: Bools
    """(S, n)."""

    def at(self, line: Floats, rows: Places | slice = slice(None)) -> _Likelihood:
        """Likelihood of one line (k, 2) for each of k inspections."""
        x, hit = self.x[rows], self.hit[rows]
        z = line[:, :1] + line[:, 1:] * x
        small = np.exp(-np.abs(z))
        logs = np.minimum(np.where(hit, z, -z), 0) - np.log1p(small)
        v = small / (1 + small) ** 2
        i0, i1, i2 = v.sum(axis=1), (v * x).sum(axis=1), (v * x * x).sum(axis=1)
        value = logs.sum(axis=1)
        penalty = np.log(np.maximum(i0 * i2 - i1 * i1, _TINY)) / 2
        return _Likelihood(value, value + penalty, (i0, i1, i2), v)


def _penalised_maximum(data: _Data) -> Floats:
    """Firth's line of each inspection (S, 2), under the bound that its slope is not negative."""
    line = np.zeros((len(data.x), 2))
    now = data.at(line)
    for _ in range(_STEPS):
        i0, i1, i2 = (it[:, None] for it in now.information)
        determinant = np.maximum(i0 * i2 - i1 * i1, _TINY)
        p = _odds(line[:, :1] + line[:, 1:] * data.x)
        leverage = now.weights * (i2 - 2 * i1 * data.x + i0 * data.x**2) / determinant
        score = data.hit - p + leverage * (0.5 - p)
        s0, s1 = score.sum(axis=1, keepdims=True), (score * data.x).sum(axis=1, keepdims=True)
        step = np.hstack([i2 * s0 - i1 * s1, i0 * s1 - i1 * s0]) / determinant
        step *= np.minimum(1, _LONGEST / np.maximum(np.abs(step).max(axis=1, keepdims=True), _TINY))
        if np.abs(step).max() < _CLOSE:
            break
        for _ in range(_DOUBLINGS):
            then = data.at(line + step)
            worse = then.penalised < now.penalised - _CLOSE**2
            if not worse.any():
                break
            step[worse] /= 2
        line = line + step
        now = then
    # At slope 0 the penalty is that of two flaws more, one of them found.
    share = (data.hit.sum(axis=1) + 1) / (data.hit.shape[1] + 2)
    flat = np.stack([np.log(share / (1 - share)), np.zeros(len(line))], axis=1)
    return np.where(line[:, 1:] > 0, line, flat)


def _design_effect(data: _Data, parts: Places, line: Floats) -> Floats:
    """Variance between parts over that of independent flaws, (S,): mean of a line's two numbers."""
    _, inverse, count = np.unique(parts, return_inverse=True, return_counts=True)
    if len(count) < 2:
        return np.ones(len(line))
    member = (inverse.reshape(parts.shape)[..., None] == np.arange(len(count))).astype(np.float64)
    miss = data.hit - _odds(line[:, :1] + line[:, 1:] * data.x)
    score = np.stack([miss, miss * data.x], axis=1) @ member
    owners = (member.sum(axis=1) > 0).sum(axis=1)
    between = score @ score.transpose(0, 2, 1)
    i0, i1, i2 = data.at(line).information
    determinant = np.maximum(i0 * i2 - i1 * i1, _TINY)
    # trace(information⁻¹ · between)
    trace = i2 * between[:, 0, 0] - 2 * i1 * between[:, 0, 1] + i0 * between[:, 1, 1]
    effect = trace / determinant / 2 * owners / np.maximum(owners - 1, 1)
    return np.where(owners > 1, np.maximum(effect, 1.0), 1.0)


def _region(data: _Data, line: Floats, reach: Floats) -> Floats:
    """Lines (S, 2, rays) whose root of the deviance is `reach` (S,), along rays from the best."""
    best = data.at(line)
    i0, i1, i2 = best.information
    # The Cholesky factor of the inverse information makes the region nearly a circle.
    a = np.sqrt(i2 / np.maximum(i0 * i2 - i1 * i1, _TINY))
    angle = 2 * np.pi * np.arange(_RAYS) / _RAYS
    cos, sin = np.cos(angle), np.sin(angle)
    slopes = -(i1 / np.maximum(i2, _TINY) * a)[:, None] * cos + (1 / np.sqrt(i2))[:, None] * sin
    rays = np.stack([a[:, None] * cos, slopes], axis=1)
    row, ray = (it.ravel() for it in np.indices((len(line), _RAYS), dtype=np.int64))

    def beyond(length: Floats, row: Places, ray: Places) -> Floats:
        there = line[row] + length[:, None] * rays[row, :, ray]
        lost = best.penalised[row] - data.at(there, row).penalised
        return np.asarray(np.sqrt(np.maximum(2 * lost, 0)) - reach[row])

    with np.errstate(divide="ignore", invalid="ignore"):
        last = np.where(slopes < 0, -line[:, 1:] / slopes, np.inf).ravel()
    far = reach[row].copy()
    for _ in range(_DOUBLINGS):
        within = (beyond(np.minimum(far, last), row, ray) < 0) & (far < last)
        if not within.any():
            break
        far[within] *= 2
    far = np.minimum(far, last)
    length = far.copy()
    inside = np.flatnonzero(beyond(far, row, ray) > 0)
    if len(inside):
        solved = elementwise.find_root(
            beyond,
            (np.zeros(len(inside)), far[inside]),
            args=(row[inside], ray[inside]),
            tolerances={"xrtol": 1e-3, "fatol": 1e-4},
        )
        length[inside] = np.where(solved.success, solved.x, far[inside])
    return np.asarray(line[:, :, None] + length.reshape(len(line), 1, _RAYS) * rays)


def _odds(z: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-np.clip(z, -500, 500))))
