"""The critic's networks as one vector of numbers: their logits, and the gradient of those."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from reinspect.policies.critic import Network
from reinspect.policies.heads import Floats

_UNITS = 4  # hidden units of a network


class Parameters(NamedTuple):
    """The numbers of one network of k inputs."""

    bias: float
    linear: Floats
    """(k,)"""
    hidden: Floats
    """(units, k)"""
    shift: Floats
    """(units,)"""
    out: Floats
    """(units,)"""


class Net(NamedTuple):
    """The shape of one network, and where its numbers start among all numbers of a stage."""

    names: tuple[str, ...]
    at: int

    @property
    def size(self) -> int:
        """Count of its numbers."""
        return 1 + len(self.names) + _UNITS * (len(self.names) + 2)

    def parameters(self, theta: Floats) -> Parameters:
        """Its own numbers among those of the stage."""
        k = len(self.names)
        own = theta[self.at : self.at + self.size]
        shift, out = own[1 + k + _UNITS * k :].reshape(2, _UNITS)
        return Parameters(
            bias=float(own[0]),
            linear=own[1 : 1 + k],
            hidden=own[1 + k : 1 + k + _UNITS * k].reshape(_UNITS, k),
            shift=shift,
            out=out,
        )

    def forward(self, theta: Floats, x: Floats) -> tuple[Floats, Floats]:
        """Logits (n,) and hidden activations (n, units) of inputs (n, k)."""
        own = self.parameters(theta)
        active = np.tanh(x @ own.hidden.T + own.shift)
        return own.bias + x @ own.linear + active @ own.out, active

    def backward(self, theta: Floats, x: Floats, active: Floats, dz: Floats) -> Floats:
        """Gradient of its numbers, (size,).

        Args:
            theta: all numbers of the stage.
            x: inputs, (n, k).
            active: hidden activations, as `forward` gave them.
            dz: gradient of each logit, (n,).
        """
        inner = dz[:, None] * self.parameters(theta).out * (1 - active**2)
        return np.concatenate(
            [[dz.sum()], x.T @ dz, (inner.T @ x).ravel(), inner.sum(axis=0), active.T @ dz]
        )

    def start(self, bias: float, linear: Mapping[str, float], rng: np.random.Generator) -> Floats:
        """Numbers to start from: a linear network.

        Its hidden units look in random directions, and their outputs count nothing yet.
        """
        hidden = rng.normal(0.0, 0.5, _UNITS * len(self.names))
        weights = [linear.get(name, 0.0) for name in self.names]
        return np.concatenate([[bias], weights, hidden, np.zeros(2 * _UNITS)])

    def network(self, theta: Floats) -> Network:
        """The network as it is saved."""
        own = self.parameters(theta)
        return Network(
            bias=rounded(own.bias),
            linear=self._named(own.linear),
            hidden=tuple(map(self._named, own.hidden)),
            shift=tuple(map(rounded, own.shift)),
            out=tuple(map(rounded, own.out)),
        )

    def _named(self, weights: Floats) -> dict[str, float]:
        return dict(zip(self.names, map(rounded, weights), strict=True))


def two_nets(names: tuple[str, ...]) -> tuple[Net, Net]:
    """The two networks of a stage, one after the other among its numbers."""
    one = Net(names, 0)
    return one, Net(names, one.size)


def rounded(value: float) -> float:
    """Six significant digits: what a saved network keeps."""
    return float(f"{value:.6g}")
