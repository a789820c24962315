"""Optimizers: theta, all parameters as one array, after a step."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from autograd import Value
from autograd.ieee import number

from .inputs import as_leaves
from .recording import Array, assign


@dataclass(frozen=True)
class SGD:
    """Gradient descent, θ - rate·gradient; the rate is a number, or a function of the epoch, from 0.

    >>> w = Value(3.0)
    >>> (w * w).backward()
    >>> SGD(0.25).step([w])
    >>> w.data
    1.5
    """

    rate: float | Callable[[int], float]

    def __post_init__(self) -> None:
        if callable(self.rate):
            return
        if not 0 < number(self.rate, "SGD's rate") < math.inf:
            raise ValueError(
                f"SGD's rate is a number above 0 or a function of the epoch, not {self.rate!r}"
            )

    def update(self, theta: Array, gradient: Array, epoch: int = 0) -> Array:
        """The parameters after a step."""
        given = self.rate(epoch) if callable(self.rate) else self.rate
        rate = number(given, "SGD's rate")
        if not 0 <= rate < math.inf:
            raise ValueError(f"SGD's rate is {rate} in epoch {epoch}")
        return theta - rate * gradient

    def step(self, parameters: Sequence[Value], epoch: int = 0) -> None:
        """A step down the gradients that backward passes have left in the parameters."""
        ps = as_leaves(parameters)
        theta, gradient = (
            np.array([getattr(p, what) for p in ps]) for what in ("data", "grad")
        )
        assign(ps, self.update(theta, gradient, epoch))


def check_optimizer(optimizer: Any) -> None:
    """Raises TypeError for what has no update of parameters, as a class, or a dict's other update."""
    other = isinstance(optimizer, (type, dict, set))
    if other or not hasattr(optimizer, "update"):
        raise TypeError(
            f"an optimizer is something like SGD(0.1), not {optimizer!r}"
        )
