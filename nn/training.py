"""Training: gradient descent over the rows of a table; theta is all parameters as one array.

There are two ways to the mean loss of a batch and its gradient: through the scalar graph row by row, or by a
program, recorded from the first row, for all rows at once.
"""

import math
import random
import warnings
from collections.abc import Callable, Sequence
from contextvars import Context
from typing import Any

import numpy as np

from autograd import Value, locate_nonfinite, no_grad, record_lines, zero_grad
from autograd.compiler.lazy import refuse
from autograd.scopes import within
from autograd.value import plain

from .inputs import check_targets, parameters_of, rows_of
from .losses import LOSSES, Loss, nested
from .modules import chosen, whole
from .optimizers import SGD as SGD, check_optimizer
from .progress import Bar, History, bar_is_seen
from .recording import Array, Compiled, Engine, Gradient, assign, few, graph


class Training:
    """A model and its data; theta as it is, and as it was when the loss was last finite."""

    def __init__(
        self, model: Any, X: Any, y: Any, loss: Any, optimizer: Any, metrics: Any
    ) -> None:
        check_optimizer(optimizer)
        self.model = model
        self.optimizer = optimizer
        self.parameters = parameters_of(model)
        self.rows, self.targets = rows_of(X, "X"), rows_of(y, "y")
        if len(self.rows) != len(self.targets):
            raise ValueError(
                f"X has {len(self.rows)} rows, but y has {len(self.targets)}"
            )
        self.loss = chosen("loss", loss, LOSSES)
        self.metrics = self.metrics_of(metrics)
        self.theta = self.finite = np.array([p.data for p in self.parameters])
        self.engine: Engine = self.eager
        self.order: Any = np.arange(len(self.rows))
        # in it NumPy does not warn; faster than np.errstate
        self.quiet = Context()
        self.quiet.run(np.seterr, all="ignore")
        self.check_start()

    def metrics_of(self, metrics: Any) -> dict[str, Any]:
        """The metrics by their names, which differ from one another and from the loss."""
        given = [metrics] if isinstance(metrics, str) else metrics
        known = {"accuracy": self.accuracy}
        functions = [chosen("metric", m, known) for m in given]
        named = {getattr(m, "__name__", str(m)): m for m in functions}
        if len({"loss", *named}) <= len(functions):
            raise ValueError(
                f"metrics need names of their own, and not loss: {list(named)}"
            )
        return named

    def accuracy(self, outputs: list[Any], targets: list[Any]) -> float:
        if not isinstance(self.loss, Loss):
            raise ValueError(
                f"accuracy needs a loss of nn's ({', '.join(LOSSES)}), or give a function"
            )
        return sum(map(self.loss.correct, outputs, targets)) / len(targets)

    def check_start(self) -> None:
        """One row forward, so that what does not fit is said before anything is changed."""
        with no_grad():
            output = self.model(self.rows[0])
            if isinstance(self.loss, Loss):
                check_targets(self.loss, output, self.targets)
            graph(self.loss(output, self.targets[0]), "row 0")
        if "accuracy" in self.metrics:
            self.metrics["accuracy"]([nested(output, plain)], self.targets[:1])

    def eager(self, batch: Sequence[int]) -> Gradient:
        """The scalar graph of one row after the other; one is held at a time."""
        assign(self.parameters, self.theta)
        zero_grad(*self.parameters)
        total, outputs = 0.0, list[Any]()
        for i in batch:
            output = self.model(self.rows[i])
            loss = graph(self.loss(output, self.targets[i]), f"row {i}")
            loss.backward(1 / len(batch))
            total += loss.data
            outputs.append(nested(output, plain))
        return (
            total / len(batch),
            np.array([p.grad for p in self.parameters]),
            lambda: outputs,
        )

    def epoch(self, epoch: int, size: int, shuffle: bool, history: History) -> None:
        n, total, outputs = len(self.rows), 0.0, list[Any]()
        order: Any = np.array(random.sample(range(n), n)) if shuffle else self.order
        for start in range(0, n, size):
            batch = order[start : start + size]
            loss, gradient, predict = self.engine(batch)
            outputs += predict() if self.metrics else []
            total += loss * len(batch)
            self.step(loss, gradient, epoch, batch)
        for name, metric in self.metrics.items():
            value = metric(list(outputs), [self.targets[i] for i in order])
            history.metrics.setdefault(name, []).append(value)
        history.loss.append(total / n)

    def train(
        self,
        start: Callable[[], Engine],
        epochs: Any,
        size: int,
        shuffle: bool,
        history: History,
    ) -> None:
        """All epochs, until the loss is no longer finite."""
        epoch = 0
        try:
            with within(None):  # also where the caller records nothing
                self.engine = start()
                for epoch in epochs:
                    self.epoch(epoch, size, shuffle, history)
                    if isinstance(epochs, Bar):
                        epochs.set_postfix(loss=history.loss[-1], refresh=False)
                self.check_end()
        except FloatingPointError as error:
            self.theta = self.finite
            history.stopped = f"in epoch {epoch} {error}; the parameters are those of the last finite loss"
            text = f"training stopped: {history.stopped}; try a smaller rate"
            warnings.warn(text, RuntimeWarning, stacklevel=3)

    def interrupted(self, history: History, epochs: int) -> None:
        """Says so in the history, which has whole epochs only."""
        done = len(history.loss)
        where = f"in epoch {done}" if done < epochs else "after the last epoch"
        history.stopped = history.stopped or f"interrupted {where}"
        for curve in history.metrics.values():
            del curve[done:]

    def finish(self, epochs: Any, history: History) -> History:
        """Leaves the parameters of the last step, and no gradients."""
        if isinstance(epochs, Bar):
            epochs.close()
        assign(self.parameters, self.theta)
        zero_grad(*self.parameters)
        return history

    def step(
        self, loss: float, gradient: Array, epoch: int, batch: Sequence[int]
    ) -> None:
        if not math.isfinite(loss):
            raise FloatingPointError(f"the loss is {loss}{self.culprit(batch)}")
        self.finite = self.theta
        update = self.quiet.run(
            self.optimizer.update, self.theta.copy(), gradient, epoch
        )
        refuse(update, "the optimizer's update")
        theta = np.asarray(update, dtype=float)
        if theta.shape != self.theta.shape:
            raise ValueError(
                f"the optimizer gave the shape {theta.shape} for {self.theta.shape} parameters"
            )
        if not (
            math.isfinite(self.quiet.run(theta.dot, theta))
            or np.isfinite(theta).all()
        ):
            raise FloatingPointError(
                f"a parameter would be inf or nan{self.culprit(batch, False)}"
            )
        self.theta = theta

    def culprit(self, batch: Sequence[int], loss_alone: bool = True) -> str:
        """The first row whose loss, or gradient, is not finite, and the first node that made it so."""
        try:
            for i in batch:
                if not self.is_finite(i, loss_alone):
                    return f" (row {i}: {self.located(i)})"
        except Exception:
            # of the model, which runs once more; the message is not worth it
            return ""
        return " (no row alone; the sum of them)" if loss_alone else ""

    def is_finite(self, i: int, loss_alone: bool) -> bool:
        """Whether the loss of row i is finite, and, unless it counts alone, its gradient."""
        loss, gradient, _ = self.engine([i])
        if not math.isfinite(loss):
            return False
        return loss_alone or bool(np.isfinite(gradient).all())

    def located(self, i: int) -> object:
        """The first node of row i that is not finite, with the line it was made on."""
        assign(self.parameters, self.theta)
        with record_lines():
            graph = self.loss(self.model(self.rows[i]), self.targets[i])
        return locate_nonfinite(graph) or "alone it is finite"

    def check_end(self) -> None:
        """The loss after the last step, which no epoch has seen."""
        loss, _, outputs = self.engine(range(len(self.rows)))
        if not math.isfinite(loss):
            raise FloatingPointError(
                f"the loss is {loss} at the end{self.culprit(range(len(self.rows)))}"
            )
        if isinstance(self.loss, Loss):
            self.loss.pairs(outputs(), self.targets)
        if isinstance(self.engine, Compiled) and (why := self.engine.difference()):
            text = f"the model is no longer what was recorded; train it with engine='eager': {why}"
            warnings.warn(text, RuntimeWarning, stacklevel=4)

    def fastest(self) -> Engine:
        """The compiled engine if it says what the scalar graph says, otherwise, with a warning, the eager one."""
        refused = False
        try:
            engine = Compiled(self)
            why = engine.difference()
            if not why:
                return engine
        except Exception as error:  # the user's own model and loss are given Values for the numbers of a row
            refused = True
            why = f"it cannot be recorded with Values for a row's numbers ({type(error).__name__}: {error})"
        if refused:
            # What it raises with plain numbers, too, is no matter of recording.
            self.eager(few(self.targets))
        warnings.warn(
            f"fit trains scalar by scalar: {why}", RuntimeWarning, stacklevel=4
        )
        return self.eager


def fit(
    model: Any,
    X: Any,
    y: Any,
    *,
    loss: str | Callable[[Any, Any], Value],
    optimizer: Any,
    epochs: int,
    batch_size: int | None = None,
    shuffle: bool = False,
    engine: str = "compiled",
    metrics: Sequence[str | Callable[[list[Any], list[Any]], float]] = (),
    progress: bool | None = None,
) -> History:
    """Trains the model's parameters, in place, to make the mean loss over the rows of X small.

    ``X`` and ``y`` have a row, or a number, for every sample; a data frame's columns are taken in its order,
    and True is 1.0.  ``loss`` is a name, one of nn's losses, or a
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
    run, history = Training(model, X, y, loss, optimizer, metrics), History()
    size = whole(len(run.rows) if batch_size is None else batch_size, "batch_size")
    start = chosen(
        "engine", str(engine), {"compiled": run.fastest, "eager": lambda: run.eager}
    )
    shown = bar_is_seen() if progress is None else progress
    each = range(whole(epochs, "epochs"))
    bar = Bar(each, "training") if shown else each
    try:
        run.train(start, bar, size, shuffle, history)
        return run.finish(bar, history)
    except KeyboardInterrupt:  # wherever it came, in the last lines too
        run.interrupted(history, epochs)
        return run.finish(bar, history)
    except BaseException:
        run.finish(bar, history)
        raise
