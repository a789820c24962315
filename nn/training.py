"""Training: gradient descent over the rows of a table, with a record of what happened.

``fit`` works on theta, the parameters as one array.  It checks everything before the first step; from then on
the parameters are those of a whole step, whatever interrupts it.
"""

from __future__ import annotations

import math
import random
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray
from tqdm.auto import tqdm

from autograd import Value, no_grad, zero_grad

from .losses import LOSSES, Loss
from .modules import chosen, whole

Array: TypeAlias = NDArray[np.float64]
Metric: TypeAlias = "str | Callable[[list[Any], list[Any]], float]"
LossFunction: TypeAlias = Callable[[Any, Any], Value]  # of a row's output and its target
ENGINES = {"eager": "row by row through the scalar graph"}


class Model(Protocol):
    """What can be trained: a function of one row with parameters; any Module is one."""

    def __call__(self, row: Any, /) -> Any: ...
    def parameters(self) -> Sequence[Value]: ...


class Optimizer(Protocol):
    """How a step changes the parameters, given as one array."""

    def update(self, theta: Array, gradient: Array, epoch: int) -> Array: ...


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
        if not callable(self.rate) and not 0 < self.rate < math.inf:
            raise ValueError(f"SGD's rate is a number above 0 or a function of the epoch, not {self.rate!r}")

    def update(self, theta: Array, gradient: Array, epoch: int = 0) -> Array:
        """The parameters after a step."""
        return theta - (self.rate(epoch) if callable(self.rate) else self.rate) * gradient

    def step(self, parameters: Sequence[Value], epoch: int = 0) -> None:
        """A step down the gradients that backward passes have left in the parameters."""
        theta, gradient = (np.array([getattr(p, what) for p in parameters]) for what in ("data", "grad"))
        assign(parameters, self.update(theta, gradient, epoch))


@dataclass
class History:
    """The loss of every epoch, before its steps, the metrics, and why training stopped early, if it did."""

    loss: list[float] = field(default_factory=list[float])
    metrics: dict[str, list[float]] = field(default_factory=dict[str, list[float]])
    stopped: str = ""

    def plot(self, ax: Any = None) -> Any:
        """Draws the curves on matplotlib's axes, or on new ones, and returns them."""
        if ax is None:
            from matplotlib import pyplot as plt

            ax = plt.subplots()[1]
        for name, numbers in {"loss": self.loss, **self.metrics}.items():
            ax.plot(numbers, label=name)
        ax.set_xlabel("epoch")
        ax.legend()
        return ax

    def __repr__(self) -> str:
        losses = f", loss {self.loss[0]:.6g} → {self.loss[-1]:.6g}" if self.loss else ""
        return f"History({len(self.loss)} epochs{losses}{', stopped: ' * bool(self.stopped)}{self.stopped})"


class Diverged(Exception):  # noqa: N818  not an error of the caller's
    """A step would leave the finite numbers."""


class Training:
    """A model, its data and its parameters while it is trained."""

    def __init__(
        self, model: Model, X: Any, y: Any, loss: str | LossFunction, optimizer: Optimizer,
        metrics: Sequence[Metric],
    ) -> None:  # fmt: skip
        self.model, self.optimizer = model, optimizer
        self.rows, self.targets = table(X, "X"), table(y, "y")
        self.loss = chosen("loss", loss, LOSSES) if isinstance(loss, str) else loss
        self.metrics = {getattr(m, "__name__", str(m)): self.metric(m) for m in metrics}
        self.parameters = list(model.parameters())
        self.theta = self.finite = np.array([p.data for p in self.parameters])
        self.check()

    def check(self) -> None:
        """One row forward, so that what does not fit is said before anything is changed."""
        if len(self.rows) != len(self.targets):
            raise ValueError(f"X has {len(self.rows)} rows, but y has {len(self.targets)}")
        if not self.parameters:
            raise ValueError("the model has no parameters to train; make them with nn.parameter(0.5)")
        if not hasattr(self.optimizer, "update"):
            raise TypeError(
                f"an optimizer has update(theta, gradient, epoch), as SGD(0.1); not {self.optimizer!r}"
            )
        with no_grad():
            output = self.model(self.rows[0])
            loss = self.loss(output, self.targets[0])
        if not isinstance(loss, Value):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"the loss of a row must be a Value, not {type(loss).__name__}")
        for i, target in enumerate(self.targets if isinstance(self.loss, Loss) else []):
            try:
                cast("Loss", self.loss).pairs(output, target)
            except ValueError as error:
                raise ValueError(f"y[{i}]: {error}") from None
        for metric in self.metrics.values():
            metric([plain(output)], self.targets[:1])

    def metric(self, m: Metric) -> Callable[[list[Any], list[Any]], float]:
        """A metric by its name, or a function as it is."""
        return chosen("metric", m, {"accuracy": self.accuracy}) if isinstance(m, str) else m

    def accuracy(self, outputs: list[Any], targets: list[Any]) -> float:
        """The part of the outputs that say what their targets say."""
        if not isinstance(self.loss, Loss):
            raise ValueError(f"accuracy needs a loss of nn's ({', '.join(LOSSES)}), or give a function")
        return sum(map(self.loss.correct, outputs, targets)) / len(targets)

    def epoch(self, epoch: int, size: int, shuffle: bool, history: History) -> None:
        """Every row once, a step for every batch."""
        n = len(self.rows)
        order = random.sample(range(n), n) if shuffle else range(n)
        outputs, total = list[Any](), 0.0
        for start in range(0, n, size):
            loss, batch_outputs = self.step(order[start : start + size], epoch)
            total += loss
            outputs += batch_outputs
        measured = {name: m(outputs, [self.targets[i] for i in order]) for name, m in self.metrics.items()}
        history.loss.append(total / n)
        for name, x in measured.items():
            history.metrics.setdefault(name, []).append(x)

    def step(self, batch: Sequence[int], epoch: int) -> tuple[float, list[Any]]:
        """A step of the optimizer; gives the sum of the batch's losses and the outputs before it."""
        loss, gradient, outputs = self.gradient(batch)
        if not math.isfinite(loss):
            raise Diverged(f"the loss is {loss}")
        theta = self.optimizer.update(self.theta, gradient, epoch)
        if not np.isfinite(theta).all():
            self.finite = self.theta
            raise Diverged("a parameter would be inf or nan")
        self.finite, self.theta = self.theta, theta
        assign(self.parameters, theta)
        return loss * len(batch), outputs

    def gradient(self, batch: Sequence[int]) -> tuple[float, Array, list[Any]]:
        """The mean loss of a batch, its gradient and the outputs; one row's graph is held at a time."""
        zero_grad(*self.parameters)
        losses, outputs = list[float](), list[Any]()
        for i in batch:
            output = self.model(self.rows[i])
            loss = self.loss(output, self.targets[i])
            loss.backward(1 / len(batch))
            losses.append(loss.data)
            outputs.append(plain(output))
        return sum(losses) / len(batch), np.array([p.grad for p in self.parameters]), outputs


def fit(
    model: Model, X: Any, y: Any, *, loss: str | LossFunction, optimizer: Optimizer, epochs: int,
    batch_size: int | None = None, shuffle: bool = False, engine: str = "eager",
    metrics: Sequence[Metric] = (), progress: bool | None = None,
) -> History:  # fmt: skip
    """Trains the model's parameters, in place, to make the mean loss over the rows of X small.

    ``X`` and ``y`` have a row, or a number, for every sample.  ``loss`` is a name, one of nn's losses, or a
    function of what the model gives for a row and its target.  Without ``batch_size`` a step sees all rows;
    ``shuffle`` takes them in a new order every epoch, by Python's ``random``.  ``metrics`` are "accuracy" or
    functions of predictions and targets.  ``progress`` shows a bar; None: on a terminal.

    When the loss is no longer finite, training stops with a RuntimeWarning, and the parameters are those of
    the last step at which it was; on Ctrl-C they are those of the last step.  History says so.  Raises
    ValueError or TypeError, before anything is changed, for data, labels or names that do not fit.

    >>> from nn import MLP
    >>> random.seed(1)
    >>> fit(MLP(1, [1]), [0, 1, 2], [1, 3, 5], loss="mse", optimizer=SGD(0.3), epochs=50).loss[-1] < 1e-6
    True
    """
    chosen("engine", engine, ENGINES)
    run, history, epoch = Training(model, X, y, loss, optimizer, metrics), History(), 0
    size = whole(len(run.rows) if batch_size is None else batch_size, "batch_size")
    bar: Any = tqdm(
        range(whole(epochs, "epochs")), "training", disable=None if progress is None else not progress
    )
    try:
        for epoch in bar:
            run.epoch(epoch, size, shuffle, history)
            bar.set_postfix(loss=history.loss[-1], refresh=False)
    except KeyboardInterrupt:
        history.stopped = f"interrupted in epoch {epoch}"
    except Diverged as error:
        run.theta = run.finite
        history.stopped = f"in epoch {epoch} {error}; the parameters are those of the last finite loss"
        warnings.warn(
            f"training stopped: {history.stopped}; try a smaller rate", RuntimeWarning, stacklevel=2
        )
    finally:
        bar.close()
        assign(run.parameters, run.theta)
    return history


def table(data: Any, name: str) -> list[Any]:
    """A row of floats, or one float, for every sample; checked."""
    try:
        array = np.asarray(data if hasattr(data, "__len__") else list(data), dtype=np.float64)
    except (TypeError, ValueError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"{name} must hold numbers, in rows of one length: {error}") from None
    if array.ndim not in (1, 2) or not array.size:
        raise ValueError(f"{name} has the shape {array.shape}; it needs a row, or a number, for every sample")
    wrong = np.flatnonzero(~np.isfinite(array.reshape(len(array), -1)).all(axis=1))
    if wrong.size:
        raise ValueError(f"{name}[{wrong[0]}] is not finite: {array[wrong[0]]}")
    return array.tolist()


def plain(output: Any) -> Any:
    """What a model gives, as numbers."""
    return output.data if isinstance(output, Value) else [v.data for v in output]


def assign(parameters: Sequence[Value], theta: Array) -> None:
    """The parameters' numbers, out of one array."""
    for p, x in zip(parameters, theta.tolist(), strict=True):
        p.data = x
