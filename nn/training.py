"""Training: gradient descent over the rows of a table; theta is all parameters as one array."""

from __future__ import annotations

import math
import random
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, TypeAlias, cast

import numpy as np
from tqdm import tqdm

from autograd import Value, no_grad, zero_grad
from autograd.ieee import number
from autograd.scopes import within

from .engines import Array, Compiled, Eager, LossFunction, Model, assign, fastest, numbers
from .losses import LOSSES, Loss
from .modules import chosen, whole

Optimizer: TypeAlias = Any  # has update(theta, gradient, epoch), which gives the parameters after a step
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


class Training:
    """A model, its data and its parameters while it is trained."""

    def __init__(
        self, model: Model, X: Any, y: Any, loss: str | LossFunction, optimizer: Optimizer,
        metrics: Sequence[Metric],
    ) -> None:  # fmt: skip
        self.model, self.optimizer = model, optimizer
        self.rows, self.targets = table(X, "X"), table(y, "y")
        self.loss: LossFunction = loss if callable(loss) else chosen("loss", loss, LOSSES)
        given, known = [metrics] if isinstance(metrics, str) else metrics, {"accuracy": self.accuracy}
        functions = [m if callable(m) else chosen("metric", m, known) for m in given]
        self.metrics = {getattr(m, "__name__", str(m)): m for m in functions}
        if len({"loss", *self.metrics}) <= len(functions):
            raise ValueError(f"metrics need names of their own, and not loss: {list(self.metrics)}")
        self.parameters = leaves(model)
        self.theta = self.finite = np.array([p.data for p in self.parameters])
        self.check()
        self.eager = Eager(model, self.parameters, self.loss, self.rows, self.targets)
        self.engine: Eager | Compiled = self.eager

    def check(self) -> None:
        """One row forward, so that what does not fit is said before anything is changed."""
        if len(self.rows) != len(self.targets):
            raise ValueError(f"X has {len(self.rows)} rows, but y has {len(self.targets)}")
        if isinstance(self.optimizer, type) or not hasattr(self.optimizer, "update"):
            raise TypeError(f"an optimizer is something like SGD(0.1), not {self.optimizer!r}")
        with no_grad():
            output = self.model(self.rows[0])
            for i, target in enumerate(self.targets if isinstance(self.loss, Loss) else []):
                try:
                    cast("Loss", self.loss).pairs(output, target)
                except ValueError as error:
                    raise ValueError(f"X[0] and y[{i}]: {error}") from None
            loss = self.loss(output, self.targets[0])
        if not isinstance(loss, Value):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"the loss of a row must be a Value, not {type(loss).__name__}")
        if "accuracy" in self.metrics:
            self.metrics["accuracy"]([numbers(output)], self.targets[:1])

    def accuracy(self, outputs: list[Any], targets: list[Any]) -> float:
        """The part of the outputs that say what their targets say."""
        if not isinstance(self.loss, Loss):
            raise ValueError(f"accuracy needs a loss of nn's ({', '.join(LOSSES)}), or give a function")
        return sum(map(self.loss.correct, outputs, targets)) / len(targets)

    def one_epoch(self, epoch: int, size: int, shuffle: bool, history: History) -> None:
        """Every row once, a step for every batch."""
        n = len(self.rows)
        order = random.sample(range(n), n) if shuffle else range(n)
        outputs, total = list[Any](), 0.0
        for start in range(0, n, size):
            loss, batch_outputs = self.step(order[start : start + size], epoch)
            total += loss
            outputs += batch_outputs
        targets = [self.targets[i] for i in order]
        for name, metric in self.metrics.items():
            history.metrics.setdefault(name, []).append(metric(list(outputs), list(targets)))
        history.loss.append(total / n)

    def step(self, batch: Sequence[int], epoch: int) -> tuple[float, list[Any]]:
        """A step of the optimizer; gives the sum of the batch's losses and the outputs before it."""
        loss, gradient, outputs = self.engine.gradient(self.theta, batch, bool(self.metrics))
        if not math.isfinite(loss):
            raise Diverged(f"the loss is {loss}")
        with np.errstate(all="ignore"):
            theta = np.asarray(self.optimizer.update(self.theta.copy(), gradient, epoch), dtype=float)
        if theta.shape != self.theta.shape:
            raise ValueError(f"the optimizer gave the shape {theta.shape} for {self.theta.shape} parameters")
        if not np.isfinite(theta).all():
            self.finite = self.theta
            raise Diverged("a parameter would be inf or nan")
        self.finite, self.theta = self.theta, theta
        return loss * len(batch), outputs

    def check_end(self) -> None:
        """The loss after the last step, which no epoch has seen, must be finite too."""
        total = sum(self.engine.losses(self.theta, range(len(self.rows))))
        if not math.isfinite(total):
            raise Diverged(f"the loss is {total / len(self.rows)} at the end")
        if isinstance(self.engine, Compiled) and (why := self.engine.difference(self.eager, self.theta)):
            text = "the model is no longer what was recorded before training; train it with engine='eager'"
            warnings.warn(f"{text}: {why}", RuntimeWarning, stacklevel=3)


def fit(
    model: Model, X: Any, y: Any, *, loss: str | LossFunction, optimizer: Optimizer, epochs: int,
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
    chosen("engine", engine, {"compiled": Compiled, "eager": Eager})
    run, history, epoch = Training(model, X, y, loss, optimizer, metrics), History(), 0
    size = whole(len(run.rows) if batch_size is None else batch_size, "batch_size")
    span = range(whole(epochs, "epochs"))
    with within(None):  # also where the caller records nothing
        run.engine = fastest(run.eager, run.theta) if engine == "compiled" else run.eager
    shown = sys.stderr.isatty() or "ipykernel" in sys.modules if progress is None else progress
    bar: Any = tqdm(span, "training", disable=not shown)
    try:
        with within(None):
            for epoch in bar:
                run.one_epoch(epoch, size, shuffle, history)
                bar.set_postfix(loss=history.loss[-1], refresh=False)
            run.check_end()
    except KeyboardInterrupt:
        history.stopped = f"interrupted in epoch {epoch}"
    except Diverged as error:
        run.theta = run.finite
        history.stopped = f"in epoch {epoch} {error}; the parameters are those of the last finite loss"
        text = f"training stopped: {history.stopped}; try a smaller rate"
        warnings.warn(text, RuntimeWarning, stacklevel=2)
    finally:
        bar.close()
        assign(run.parameters, run.theta)
        zero_grad(*run.parameters)
    return history


def leaves(model: Model) -> list[Value]:
    """The parameters of a model, checked."""
    if not (callable(model) and hasattr(model, "parameters")) or isinstance(model, type):
        raise TypeError(f"a model is a function of a row with a method parameters(), not {model!r:.60}")
    found: list[Value] = list(dict.fromkeys(cast("Any", model).parameters()))
    if not found:
        raise ValueError("the model has no parameters to train; make them with nn.parameter(0.5)")
    wrong = [p for p in found if not isinstance(p, Value) or p.op is not None]  # pyright: ignore[reportUnnecessaryIsInstance]
    if wrong:
        raise TypeError(f"a parameter is a Value that no op made, not {wrong[0]!r}")
    return found


def table(data: Any, name: str) -> list[Any]:
    """A row of floats, or one float, for every sample; checked."""
    rows: Any = list(cast("Any", data)) if isinstance(data, Iterator) else data
    try:
        array = np.asarray(rows)
    except ValueError:
        lengths = sorted({len(row) if hasattr(row, "__len__") else 1 for row in rows})
        raise ValueError(f"{name} needs rows of one length, not of {lengths}") from None
    if isinstance(data, np.ma.MaskedArray):
        raise TypeError(f"{name} is masked; fill the gaps, or leave their rows out")
    if array.dtype.kind == "O" and array.ndim:
        array = np.array([number(x, name) for x in array.flat]).reshape(array.shape)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{name} must hold real numbers, not {array.dtype}")
    if array.ndim not in (1, 2) or not array.size:
        raise ValueError(f"{name} has the shape {array.shape}; it needs a row, or a number, for every sample")
    wrong = np.flatnonzero(~np.isfinite(array.reshape(len(array), -1)).all(axis=1))
    if wrong.size:
        raise ValueError(f"{name}[{wrong[0]}] is not finite: {array[wrong[0]]}")
    return array.astype(float).tolist()
