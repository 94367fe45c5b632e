"""One stage of the policy, and the gradient of RCRL's objective on its groups.

The equation and its terms are in `reinspect.training.critic.policy`. A group is all moves on one
part, so the gradient is exact: nothing is sampled.
"""

from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize

from reinspect.policies.heads import Floats
from reinspect.training.critic.network import Net, rounded


class PolicyStage(NamedTuple):
    """A choice among three moves on each of n parts; π is a softmax over their logits."""

    number: int
    moves: tuple[str, str, str]
    nets: tuple[Net, Net]
    logits: Floats
    """(3, 2): how much of each network's output the logit of each move is."""
    x: Floats
    """Inputs, (n, k)."""
    allowed: Floats
    """(n, 3) 1 where a move may be made."""
    reward: Floats
    """(n, 3)"""
    reference: Floats
    """Log-probabilities of the reference policy, (n, 3)."""
    weight: Floats
    """(n,) how much each part counts."""

    def policy(self, theta: Floats) -> Floats:
        """π: the probability of each move on each part, (n, 3)."""
        return self._forward(theta)[0]

    def objective(self, theta: Floats, kl: float) -> tuple[float, Floats]:
        """Mean of reward less KL, and its gradient by the group-relative advantage."""
        pi, active = self._forward(theta)
        value = self.reward - kl * (np.log(np.maximum(pi, 1e-12)) - self.reference)
        mean = (pi * value).sum(axis=1, keepdims=True)
        advantage = value - mean  # the KL's constant term falls out against the group's mean
        dlogit = self.weight[:, None] * pi * advantage
        dz = dlogit @ self.logits
        gradient = np.concatenate(
            [
                net.backward(theta, self.x, units, dz[:, i])
                for i, (net, units) in enumerate(zip(self.nets, active, strict=True))
            ]
        )
        return float((self.weight * mean[:, 0]).sum()), gradient

    def kl(self, theta: Floats) -> float:
        """KL(π ‖ reference), mean over the parts."""
        pi = self.policy(theta)
        terms = pi * (np.log(np.maximum(pi, 1e-12)) - self.reference)
        return float((self.weight * terms.sum(axis=1)).sum())

    def point(self, theta: Floats) -> dict[str, float]:
        """A point of the learning curve: reward, KL, and the share of each move."""
        pi = self.policy(theta)
        shares = (self.weight[:, None] * pi).sum(axis=0) / self.weight.sum()
        reward = float((self.weight[:, None] * pi * self.reward).sum())
        return {
            "stage": float(self.number),
            "reward": rounded(reward),
            "kl": rounded(self.kl(theta)),
            **{move: rounded(share) for move, share in zip(self.moves, shares, strict=True)},
        }

    def _forward(self, theta: Floats) -> tuple[Floats, list[Floats]]:
        """π, and the hidden activations of both networks."""
        raw, active = zip(*(net.forward(theta, self.x) for net in self.nets), strict=True)
        return softmax(np.column_stack(raw) @ self.logits.T, self.allowed), list(active)


class Maximised(NamedTuple):
    """The parameters that were found, and the way there."""

    theta: Floats
    curve: tuple[dict[str, float], ...]


def maximise(stage: PolicyStage, start: Floats, *, kl: float, trust: float) -> Maximised:
    """Follow the gradient to its end, by L-BFGS: exact groups need no step size.

    Args:
        stage: to learn.
        start: its parameters before.
        kl: weight of the KL to the reference.
        trust: pull towards the start.
    """
    if not stage.weight.sum():
        return Maximised(start, ())

    def loss(theta: Floats) -> tuple[float, Floats]:
        reward, gradient = stage.objective(theta, kl)
        away = theta - start
        return trust * float(away @ away) - reward, 2 * trust * away - gradient

    curve = [stage.point(start)]
    found = minimize(
        loss,
        start,
        jac=True,
        method="L-BFGS-B",
        callback=lambda theta: curve.append(stage.point(theta)),
    )
    return Maximised(np.asarray(found.x), tuple(curve))


def softmax(logits: Floats, allowed: Floats) -> Floats:
    """Probabilities of the moves, (n, 3); those that are not allowed have none."""
    held = np.where(allowed > 0, logits, -np.inf)
    raised = np.exp(held - held.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))
