"""Two ways to the mean loss of a batch and its gradient: through the scalar graph row by row, or compiled.

Both take theta, all parameters as one array, and a batch as the places of its rows.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from autograd import Value, compile, no_grad, zero_grad

from .losses import ClassLoss, Loss, is_scalar, plain, row_of

Array: TypeAlias = NDArray[np.float64]
Model: TypeAlias = Any  # a function of one row with a method parameters(); any Module is one
LossFunction: TypeAlias = Callable[[Any, Any], Value]  # of a row's output and its target
Gradient: TypeAlias = "tuple[float, Array, list[Any]]"  # the mean loss, its gradient, the model's outputs
FEW = 16  # rows on which the two ways are compared


class Eager:
    """The scalar graph of one row after the other."""

    def __init__(
        self, model: Model, parameters: list[Value], loss: LossFunction, rows: list[Any], targets: list[Any]
    ) -> None:
        self.model, self.parameters, self.loss = model, parameters, loss
        self.rows, self.targets = rows, targets

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
            outputs.append(numbers(output))
        return sum(losses) / len(batch), np.array([p.grad for p in self.parameters]), outputs

    def losses(self, theta: Array, batch: Sequence[int]) -> list[float]:
        """The loss of every row."""
        assign(self.parameters, theta)
        with no_grad():
            return [self.loss(self.model(self.rows[i]), self.targets[i]).data for i in batch]


class Compiled:
    """A program for all rows at once, recorded from the first one."""

    def __init__(self, eager: Eager) -> None:
        self.loss, self.targets, first = eager.loss, eager.targets, eager.rows[0]
        row = [Value(x) for x in row_of(first)]
        output = eager.model(row if isinstance(first, list) else row[0])
        self.single, self.width = is_scalar(output), len(row)
        outputs = [v if isinstance(v, Value) else Value(v) for v in row_of(output)]
        wanted = [self.target_row(t, len(outputs)) for t in eager.targets]
        target = [Value(x) for x in wanted[0]]
        listed = isinstance(self.loss, ClassLoss) or isinstance(eager.targets[0], list)
        loss = self.loss(output, target if listed else target[0])
        self.table = np.column_stack([np.array(eager.rows), np.array(wanted)])
        self.program = compile(loss, [*row, *target], eager.parameters)
        self.predictor = compile(outputs, row, eager.parameters)

    def target_row(self, target: Any, outputs: int) -> list[Any]:
        """A target as numbers: a class as one for each class."""
        return self.loss.share(target, outputs) if isinstance(self.loss, ClassLoss) else row_of(target)

    def gradient(self, theta: Array, batch: Sequence[int], with_outputs: bool = True) -> Gradient:
        """The mean loss, its gradient, and the model's outputs, if wanted."""
        rows = self.table if len(batch) == len(self.table) else self.table[list(batch)]
        loss, gradient = self.program.value_and_grad(rows, theta)
        return loss, gradient, self.outputs(theta, self.table[list(batch)]) if with_outputs else []

    def outputs(self, theta: Array, rows: Array) -> list[Any]:
        """The model's outputs, as it gives them."""
        found = self.predictor(rows[:, : self.width], theta)
        return (found[:, 0] if self.single else found).tolist()

    def losses(self, theta: Array, batch: Sequence[int]) -> list[float]:
        """The loss of every row; the outputs are checked as the loss checks them."""
        rows = self.table[list(batch)]
        if isinstance(self.loss, Loss):
            for i, output in zip(batch, self.outputs(theta, rows), strict=True):
                self.loss.pairs(output, self.targets[i])
        return self.program(rows, theta).tolist()

    def difference(self, eager: Eager, theta: Array) -> str:
        """Where the program and the scalar graph part, on a few rows: one of each target, and any others."""
        unlike = np.unique(self.table[:, self.width :], axis=0, return_index=True)[1][: FEW // 2]
        others = np.random.default_rng(0).permutation(len(self.table))[: FEW - len(unlike)]
        batch = np.unique([*unlike, *others]).tolist()
        for i, ours, true in zip(batch, self.losses(theta, batch), eager.losses(theta, batch), strict=True):
            if not np.isclose(ours, true, rtol=1e-9, atol=1e-12, equal_nan=True):
                return f"row {i} has the loss {true}, recorded {ours}; use where(step(v), a, b) instead of if"
        (_, ours, _), (_, true, _) = self.gradient(theta, batch), eager.gradient(theta, batch)
        same = np.allclose(ours, true, rtol=1e-6, atol=1e-9, equal_nan=True)
        return "" if same else "the gradients are not those of the recorded graph"


def fastest(eager: Eager, theta: Array) -> Eager | Compiled:
    """The compiled way if it says what the scalar graph says, otherwise, with a warning, that one."""
    try:
        compiled = Compiled(eager)
        why = compiled.difference(eager, theta)
        if not why:
            return compiled
    except Exception as error:  # the user's own model and loss are given Values for the numbers of a row
        why = f"its graph cannot be recorded ({error})"
    warnings.warn(f"fit trains scalar by scalar: {why}", RuntimeWarning, stacklevel=3)
    return eager


def numbers(output: Any) -> Any:
    """What a model gives, as plain numbers."""
    return plain(output) if is_scalar(output) else [plain(v) for v in output]


def assign(parameters: Sequence[Value], theta: Array) -> None:
    """The parameters' numbers, out of one array."""
    for p, x in zip(parameters, theta.tolist(), strict=True):
        p.data = x
