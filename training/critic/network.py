"""The critic's networks, and the gradient of RCRL's objective on exact groups.

The equation and its terms are in `reinspect.training.critic.train`.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize

from reinspect.policies.critic import Network
from reinspect.policies.heads import Floats

_UNITS = 4


class Net(NamedTuple):
    """Where one network's numbers stand among all parameters of a stage."""

    names: tuple[str, ...]
    at: int

    @property
    def size(self) -> int:
        """Count of its parameters."""
        return 1 + len(self.names) + _UNITS * (len(self.names) + 2)

    def split(self, theta: Floats) -> tuple[float, Floats, Floats, Floats, Floats]:
        """Bias, linear (k,), hidden (units, k), shift and out (units,), for k inputs."""
        k = len(self.names)
        own = theta[self.at : self.at + self.size]
        hidden = own[1 + k : 1 + k + _UNITS * k].reshape(_UNITS, k)
        shift, out = own[1 + k + _UNITS * k :].reshape(2, _UNITS)
        return float(own[0]), own[1 : 1 + k], hidden, shift, out

    def forward(self, theta: Floats, x: Floats) -> tuple[Floats, Floats]:
        """Logits (n,) and hidden units (n, units) of inputs (n, k)."""
        bias, linear, hidden, shift, out = self.split(theta)
        active = np.tanh(x @ hidden.T + shift)
        return bias + x @ linear + active @ out, active

    def backward(self, theta: Floats, x: Floats, active: Floats, dz: Floats) -> Floats:
        """Gradient of the parameters, given that of each part's logit, shape (n,)."""
        *_, out = self.split(theta)
        inner = dz[:, None] * out * (1 - active**2)
        return np.concatenate(
            [[dz.sum()], x.T @ dz, (inner.T @ x).ravel(), inner.sum(axis=0), active.T @ dz]
        )

    def start(self, bias: float, linear: Mapping[str, float], rng: np.random.Generator) -> Floats:
        """The rules' own weights; hidden units look in random directions and say nothing yet."""
        hidden = rng.normal(0.0, 0.5, _UNITS * len(self.names))
        weights = [linear.get(name, 0.0) for name in self.names]
        return np.concatenate([[bias], weights, hidden, np.zeros(2 * _UNITS)])

    def network(self, theta: Floats) -> Network:
        """As it is served."""
        bias, linear, hidden, shift, out = self.split(theta)
        return Network(
            bias=short(bias),
            linear=dict(zip(self.names, map(short, linear), strict=True)),
            hidden=tuple(dict(zip(self.names, map(short, row), strict=True)) for row in hidden),
            shift=tuple(map(short, shift)),
            out=tuple(map(short, out)),
        )


class MoveGroups(NamedTuple):
    """One stage's groups: three moves on each part."""

    number: int
    moves: tuple[str, str, str]
    nets: tuple[Net, Net]
    logits: Floats  # (3, 2): what each move's logit takes of the two networks
    x: Floats
    allowed: Floats  # (n, 3)
    reward: Floats  # (n, 3)
    reference: Floats  # (n, 3), log-probabilities
    share: Floats

    def policy(self, theta: Floats) -> tuple[Floats, list[Floats]]:
        """Probabilities of the moves, shape (n, 3), and the hidden units of both networks."""
        raw, active = zip(*(net.forward(theta, self.x) for net in self.nets), strict=True)
        return softmax(np.column_stack(raw) @ self.logits.T, self.allowed), list(active)

    def objective(self, theta: Floats, kl: float) -> tuple[float, Floats]:
        """Mean reward less the KL, and its gradient: RCRL's, the group being all moves."""
        pi, active = self.policy(theta)
        value = self.reward - kl * (np.log(np.maximum(pi, 1e-12)) - self.reference)
        mean = (pi * value).sum(axis=1, keepdims=True)
        advantage = value - mean  # the KL's constant term falls out against the group's mean
        dlogit = self.share[:, None] * pi * advantage
        dz = dlogit @ self.logits
        gradient = np.concatenate(
            [
                net.backward(theta, self.x, units, dz[:, i])
                for i, (net, units) in enumerate(zip(self.nets, active, strict=True))
            ]
        )
        return float((self.share * mean[:, 0]).sum()), gradient

    def divergence(self, theta: Floats) -> float:
        """KL(π ‖ reference), mean over the parts."""
        pi, _ = self.policy(theta)
        terms = pi * (np.log(np.maximum(pi, 1e-12)) - self.reference)
        return float((self.share * terms.sum(axis=1)).sum())


def ascended(
    stage: MoveGroups, start: Floats, *, kl: float, trust: float, curve: list[dict[str, float]]
) -> Floats:
    """The gradient followed to its end, by L-BFGS: exact groups need no step size.

    Args:
        stage: to learn.
        start: its parameters before.
        kl: weight of the KL to the reference.
        trust: pull towards the start.
        curve: gets a row a step: reward, KL, and the share of each move.
    """
    if not stage.share.sum():
        return start

    def loss(theta: Floats) -> tuple[float, Floats]:
        reward, gradient = stage.objective(theta, kl)
        away = theta - start
        return trust * float(away @ away) - reward, 2 * trust * away - gradient

    def note(theta: Floats) -> None:
        pi, _ = stage.policy(theta)
        shares = (stage.share[:, None] * pi).sum(axis=0) / stage.share.sum()
        reward = float((stage.share[:, None] * pi * stage.reward).sum())
        curve.append(
            {
                "stage": float(stage.number),
                "reward": short(reward),
                "kl": short(stage.divergence(theta)),
                **{move: short(share) for move, share in zip(stage.moves, shares, strict=True)},
            }
        )

    note(start)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", callback=note)
    return np.asarray(found.x)


def nets_of(names: tuple[str, ...]) -> tuple[Net, Net]:
    """The two networks of a stage, one after the other among its parameters."""
    one = Net(names, 0)
    return one, Net(names, one.size)


def softmax(logits: Floats, allowed: Floats) -> Floats:
    """Probabilities of the moves, (n, 3); those that are not allowed have none."""
    held = np.where(allowed > 0, logits, -np.inf)
    raised = np.exp(held - held.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))


def short(value: float) -> float:
    """Six significant digits: what a saved network keeps."""
    return float(f"{value:.6g}")
