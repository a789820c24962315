"""What is trained, and two ways to the mean loss of a batch and its gradient: row by row, or compiled.

Both take theta, all parameters as one array, and a batch as the places of its rows.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from autograd import Value, compile, no_grad, zero_grad
from autograd.ieee import number

from .losses import LOSSES, ClassLoss, Loss
from .modules import chosen, is_scalar, plain, row_of

Array: TypeAlias = NDArray[np.float64]
Gradient: TypeAlias = "tuple[float, Array, list[Any]]"  # the mean loss, its gradient, the model's outputs
FEW = 16  # rows on which the two ways are compared


class Eager:
    """A model, its data and its loss, checked; the scalar graph of one row after the other."""

    def __init__(self, model: Any, X: Any, y: Any, loss: Any) -> None:
        self.model, self.parameters = model, leaves(model)
        self.rows, self.targets = table(X, "X"), table(y, "y")
        self.loss = loss if callable(loss) else chosen("loss", loss, LOSSES)
        if len(self.rows) != len(self.targets):
            raise ValueError(f"X has {len(self.rows)} rows, but y has {len(self.targets)}")
        with no_grad():
            output = model(self.rows[0])
            self.check([output] * len(self.rows))
            first = self.loss(output, self.targets[0])
        if not isinstance(first, Value):
            raise TypeError(f"the loss of a row must be a Value, not {type(first).__name__}")
        self.first = plain(output)

    def check(self, outputs: Iterable[Any]) -> None:
        """Raises ValueError for outputs and targets that nn's loss does not allow."""
        for i, pair in enumerate(zip(outputs, self.targets, strict=True)):
            try:
                self.loss.pairs(*pair) if isinstance(self.loss, Loss) else None
            except ValueError as error:
                raise ValueError(f"X[{i}] and y[{i}]: {error}") from None

    def gradient(self, theta: Array, batch: Sequence[int], with_outputs: bool = True) -> Gradient:
        """The mean loss, its gradient, and the model's outputs; one row's graph is held at a time."""
        assign(self.parameters, theta)
        zero_grad(*self.parameters)
        losses, outputs = list[float](), list[Any]()
        for i in batch:
            output = self.model(self.rows[i])
            loss = self.loss(output, self.targets[i])
            loss.backward(1 / len(batch))
            losses.append(loss.data)
            outputs.append(plain(output))
        return sum(losses) / len(batch), np.array([p.grad for p in self.parameters]), outputs


class Compiled:
    """A program for all rows at once, recorded from the first one."""

    def __init__(self, eager: Eager) -> None:
        self.eager, loss, x, t = eager, eager.loss, eager.rows[0], eager.targets[0]
        row = [Value(v) for v in row_of(x)]
        output = eager.model(row if isinstance(x, list) else row[0])
        outputs = [v if isinstance(v, Value) else Value(v) for v in row_of(output)]
        classes = isinstance(loss, ClassLoss)
        wanted = [loss.shares(t, len(outputs)) if classes else row_of(t) for t in eager.targets]
        target = [Value(v) for v in wanted[0]]
        y = loss(output, target if classes or isinstance(t, list) else target[0])
        self.program = compile(y, [*row, *target], eager.parameters)
        self.predictor = compile(outputs[0] if is_scalar(output) else outputs, row, eager.parameters)
        self.table, self.width = np.column_stack([eager.rows, wanted]), len(row)

    def gradient(self, theta: Array, batch: Sequence[int], with_outputs: bool = True) -> Gradient:
        """The mean loss, its gradient, and the model's outputs, if wanted."""
        rows = self.table if len(batch) == len(self.table) else self.table[batch]
        loss, gradient = self.program.value_and_grad(rows, theta)
        if not with_outputs:
            return loss, gradient, []
        return loss, gradient, self.predictor(self.table[batch, : self.width], theta).tolist()

    def difference(self, theta: Array) -> str:
        """Where the program and the scalar graph part, on a few rows: one of each target, and any others."""
        unlike = np.unique(self.table[:, self.width :], axis=0, return_index=True)[1][: FEW // 2]
        others = np.random.default_rng(0).permutation(len(self.table))[: FEW - len(unlike)]
        batch: Any = np.unique([*unlike, *others])
        losses, gradients, _ = zip(*[self.eager.gradient(theta, [i]) for i in batch], strict=True)
        for i, true, ours in zip(batch, losses, self.program(self.table[batch], theta), strict=True):
            if not np.isclose(ours, true, rtol=1e-9, atol=1e-12, equal_nan=True):
                return f"row {i} has the loss {true}, recorded {ours}; use where(step(v), a, b) instead of if"
        ours, true = self.gradient(theta, batch, False)[1], np.mean(gradients, axis=0)
        same = np.allclose(ours, true, rtol=1e-6, atol=1e-9, equal_nan=True)
        return "" if same else "the gradients are not those of the recorded graph"


def fastest(eager: Eager, theta: Array) -> Eager | Compiled:
    """The compiled way if it says what the scalar graph says, otherwise, with a warning, that one."""
    try:
        compiled = Compiled(eager)
        why = compiled.difference(theta)
        if not why:
            return compiled
    except Exception as error:  # the user's own model and loss are given Values for the numbers of a row
        why = f"its graph cannot be recorded ({error})"
    warnings.warn(f"fit trains scalar by scalar: {why}", RuntimeWarning, stacklevel=3)
    return eager


def leaves(model: Any) -> list[Value]:
    """The parameters of a model, checked."""
    if not (callable(model) and hasattr(model, "parameters")) or isinstance(model, type):
        raise TypeError(f"a model is a function of a row with a method parameters(), not {model!r:.60}")
    found: list[Any] = list(dict.fromkeys(model.parameters()))
    if not found:
        raise ValueError("the model has no parameters to train; make them with nn.parameter(0.5)")
    for p in found:
        if not isinstance(p, Value) or p.op:
            raise TypeError(f"a parameter is a Value that no op made, not {p!r}")
    return found


def table(data: Any, name: str) -> list[Any]:
    """A row of floats, or one float, for every sample; checked."""
    if isinstance(data, np.ma.MaskedArray):
        raise TypeError(f"{name} is masked; fill the gaps, or leave their rows out")
    try:
        array = np.asarray(list[Any](data) if isinstance(data, Iterator) else data)
    except ValueError as error:
        raise ValueError(f"{name} needs rows of one length: {error}") from None
    if array.dtype.kind not in "fiub":
        array = np.vectorize(number, otypes=[float])(array, name)
    if array.ndim not in (1, 2) or not array.size:
        raise ValueError(f"{name} has the shape {array.shape}; it needs a row, or a number, for every sample")
    for i, row in enumerate(array):
        if not np.isfinite(row).all():
            raise ValueError(f"{name}[{i}] is not finite: {row}")
    return array.astype(float).tolist()


def assign(parameters: Sequence[Value], theta: Array) -> None:
    """The parameters' numbers, out of one array."""
    for p, x in zip(parameters, theta.tolist(), strict=True):
        p.data = x
