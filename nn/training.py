"""Training: gradient descent over the rows of a table; theta is all parameters as one array."""

from __future__ import annotations

import math
import random
import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, TypeAlias

import numpy as np
from tqdm import tqdm

from autograd import Value, zero_grad
from autograd.ieee import number
from autograd.scopes import within

from .engines import Array, Compiled, Eager, assign, fastest
from .losses import LOSSES, Loss
from .modules import chosen, whole

Metric: TypeAlias = "str | Callable[[list[Any], list[Any]], float]"


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
        if not callable(self.rate) and not 0 < number(self.rate, "SGD's rate") < math.inf:
            raise ValueError(f"SGD's rate is a number above 0 or a function of the epoch, not {self.rate!r}")

    def update(self, theta: Array, gradient: Array, epoch: int = 0) -> Array:
        """The parameters after a step."""
        rate = number(self.rate(epoch) if callable(self.rate) else self.rate, "SGD's rate")
        if not 0 <= rate < math.inf:
            raise ValueError(f"SGD's rate is {rate} in epoch {epoch}")
        return theta - rate * gradient

    def step(self, parameters: Sequence[Value], epoch: int = 0) -> None:
        """A step down the gradients that backward passes have left in the parameters."""
        theta, gradient = (np.array([getattr(p, what) for p in parameters]) for what in ("data", "grad"))
        assign(parameters, self.update(theta, gradient, epoch))


@dataclass
class History:
    """The loss of every epoch as its rows were seen, the metrics, and why training stopped early, if so."""

    loss: list[float] = field(default_factory=list[float])
    metrics: dict[str, list[float]] = field(default_factory=dict[str, list[float]])
    stopped: str = ""

    def plot(self, ax: Any = None) -> Any:
        """Draws the curves on matplotlib's axes, or on new ones, and returns them."""
        ax = import_module("matplotlib.pyplot").subplots()[1] if ax is None else ax
        for name, curve in {"loss": self.loss, **self.metrics}.items():
            ax.plot(curve, label=name)
        ax.set_xlabel("epoch")
        ax.legend()
        return ax

    def __repr__(self) -> str:
        epochs = f"{len(self.loss)} epoch{'s' * (len(self.loss) != 1)}"
        losses = f", loss {self.loss[0]:.6g} → {self.loss[-1]:.6g}" if self.loss else ""
        return f"History({epochs}{losses}{', stopped: ' * bool(self.stopped)}{self.stopped})"


class Diverged(Exception):  # noqa: N818  not an error of the caller's
    """A step would leave the finite numbers."""


class Run:
    """One call of ``fit``: θ as it is, and as it was when the loss was last finite."""

    def __init__(self, eager: Eager, optimizer: Any, metrics: Sequence[Metric]) -> None:
        if isinstance(optimizer, type) or not hasattr(optimizer, "update"):
            raise TypeError(f"an optimizer is something like SGD(0.1), not {optimizer!r}")
        self.eager, self.optimizer, self.history = eager, optimizer, History()
        self.engine: Eager | Compiled = eager
        given = [metrics] if isinstance(metrics, str) else metrics
        functions = [m if callable(m) else chosen("metric", m, {"accuracy": self.accuracy}) for m in given]
        self.metrics = {getattr(m, "__name__", str(m)): m for m in functions}
        if len({"loss", *self.metrics}) <= len(functions):
            raise ValueError(f"metrics need names of their own, and not loss: {list(self.metrics)}")
        if "accuracy" in self.metrics:
            self.metrics["accuracy"]([eager.first], eager.targets[:1])
        self.theta = self.finite = np.array([p.data for p in eager.parameters])

    def accuracy(self, outputs: list[Any], targets: list[Any]) -> float:
        """The part of the outputs that say what their targets say."""
        if not isinstance(self.eager.loss, Loss):
            raise ValueError(f"accuracy needs a loss of nn's ({', '.join(LOSSES)}), or give a function")
        return sum(map(self.eager.loss.correct, outputs, targets)) / len(targets)

    def epoch(self, epoch: int, size: int, shuffle: bool) -> None:
        """Every row once, a step for every batch."""
        n, total, outputs = len(self.eager.rows), 0.0, list[Any]()
        order: Any = np.array(random.sample(range(n), n)) if shuffle else np.arange(n)
        for start in range(0, n, size):
            batch = order[start : start + size]
            loss, found = self.step(batch, epoch)
            total += loss * len(batch)
            outputs += found
        for name, metric in self.metrics.items():
            found = metric(list(outputs), [self.eager.targets[i] for i in order])
            self.history.metrics.setdefault(name, []).append(found)
        self.history.loss.append(total / n)

    def step(self, batch: Sequence[int], epoch: int) -> tuple[float, list[Any]]:
        """A step of the optimizer; gives the mean loss of the batch and the outputs before it."""
        loss, gradient, outputs = self.engine.gradient(self.theta, batch, bool(self.metrics))
        if not math.isfinite(loss):
            raise Diverged(f"the loss is {loss}")
        self.finite = self.theta
        with np.errstate(all="ignore"):
            theta = np.asarray(self.optimizer.update(self.theta.copy(), gradient, epoch), dtype=float)
        if theta.shape != self.theta.shape:
            raise ValueError(f"the optimizer gave the shape {theta.shape} for {self.theta.shape} parameters")
        if not np.isfinite(theta).all():
            raise Diverged("a parameter would be inf or nan")
        self.theta = theta
        return loss, outputs

    def check_end(self) -> None:
        """The loss after the last step, which no epoch has seen."""
        loss, _, outputs = self.engine.gradient(self.theta, range(len(self.eager.rows)))
        self.eager.check(outputs)
        if not math.isfinite(loss):
            raise Diverged(f"the loss is {loss} at the end")
        if isinstance(self.engine, Compiled) and (why := self.engine.difference(self.theta)):
            text = "the model is no longer what was recorded before training; train it with engine='eager'"
            warnings.warn(f"{text}: {why}", RuntimeWarning, stacklevel=3)


def fit(
    model: Any, X: Any, y: Any, *, loss: str | Callable[[Any, Any], Value], optimizer: Any, epochs: int,
    batch_size: int | None = None, shuffle: bool = False, engine: str = "compiled",
    metrics: Sequence[Metric] = (), progress: bool | None = None,
) -> History:  # fmt: skip
    """Trains the model's parameters, in place, to make the mean loss over the rows of X small.

    ``X`` and ``y`` have a row, or a number, for every sample.  ``loss`` is a name, one of nn's losses, or a
    function of what the model gives for a row and its target.  Without ``batch_size`` a step sees all rows;
    ``shuffle`` takes them in a new order every epoch, by Python's ``random``.  ``metrics`` are "accuracy" or
    functions of the lists of predictions and targets.  ``progress`` shows a bar; None: where one can be seen.
    When the loss is no longer finite, training stops with a RuntimeWarning, and the parameters are those of
    the last step at which it was; on Ctrl-C they are those of the last step.  History says so.  Raises
    ValueError or TypeError, before anything is changed, for data, labels or names that do not fit.

    >>> from nn import MLP
    >>> random.seed(1)
    >>> fit(MLP(1, [1]), [0, 1, 2], [1, 3, 5], loss="mse", optimizer=SGD(0.3), epochs=50).loss[-1] < 1e-6
    True
    """
    eager = Eager(model, X, y, loss)
    run, epoch = Run(eager, optimizer, metrics), 0
    size = whole(len(eager.rows) if batch_size is None else batch_size, "batch_size")
    way = chosen("engine", engine, {"compiled": fastest, "eager": lambda eager, theta: eager})
    shown = sys.stderr.isatty() or "ipykernel" in sys.modules if progress is None else progress
    bar: Any = tqdm(range(whole(epochs, "epochs")), "training", disable=not shown)
    try:
        with within(None):  # also where the caller records nothing
            run.engine = way(eager, run.theta)
            for epoch in bar:
                run.epoch(epoch, size, shuffle)
                if shown:
                    bar.set_postfix(loss=run.history.loss[-1], refresh=False)
            run.check_end()
    except KeyboardInterrupt:
        run.history.stopped = f"interrupted in epoch {epoch}"
    except Diverged as error:
        run.theta = run.finite
        why = f"in epoch {epoch} {error}; the parameters are those of the last finite loss"
        run.history.stopped = why
        warnings.warn(f"training stopped: {why}; try a smaller rate", RuntimeWarning, stacklevel=2)
    finally:
        bar.close()
        assign(eager.parameters, run.theta)
        zero_grad(*eager.parameters)
    return run.history
