"""Recordings: one row's graph becomes a program for all rows, and is compared with the scalar graphs of some.

What Python decided for that row, and the numbers that it read from Values, are frozen in the program.  Where
it parts from the scalar graph, two recordings side by side tell why.
"""

import math
import random
from collections.abc import Callable, Mapping, Sequence
from itertools import zip_longest
from typing import Any, NamedTuple, TypeAlias

import numpy as np

# NumPy imports it late; see compiler/tables.py.
from numpy.random import (
    default_rng,
    get_state,
)

from autograd import Value, compile, toposort, zero_grad
from autograd.flows import as_value, constants_of

from .losses import ClassLoss, nested, row_of

Array: TypeAlias = np.ndarray[Any, np.dtype[np.float64]]
# The mean loss, its gradient, and what gives the model's outputs.
Gradient: TypeAlias = tuple[float, Array, Callable[[], list[Any]]]
# It takes the places of a batch's rows.
Engine: TypeAlias = Callable[[Sequence[int]], Gradient]
# Every node's op and the places of its operands; then the constants.
Spelling: TypeAlias = tuple[list[Any], list[float]]
FEW = 8  # rows with unlike targets, and any others, on which the two engines are compared
DECIDED = "Python decided otherwise for the recorded row; use where(step(v), a, b) instead of if"
ROUNDED = (
    "the graphs are the same, but a program rounds sums in another order, "
    "which kinks and differences of nearly equal numbers magnify"
)
UNEQUAL = (
    "the model or the loss computes something else where the row's numbers are Values, as in a recording: "
    "a Value equals only itself (==, in, a dict's keys) and is no float; "
    "choose with where(x - 1, a, b), which is b where x is 1, or train with engine='eager'"
)
# Within which two losses are alike.
LOSS: dict[str, Any] = {
    "rtol": 1e-9,
    "atol": 1e-12,
    "equal_nan": True,
}
SLOPE: dict[str, Any] = {"rtol": 1e-6, "atol": 1e-9, "equal_nan": True}


class Recording(NamedTuple):
    """A row's loss as a graph over Values for the row's numbers and its target's."""

    loss: Value
    outputs: list[Value]
    row: list[Value]
    target: list[Value]


def record(model: Any, loss: Any, row: Any, target: Any) -> Recording:
    """The graph of one row; the model and the loss are given Values for its numbers."""
    inputs = [*map(Value, row_of(row))]
    output = model(inputs if isinstance(row, list) else inputs[0])
    outputs: Any = nested(output, as_value)
    targets = [*map(Value, shares(loss, target, len(row_of(outputs))))]
    several = isinstance(loss, ClassLoss) or isinstance(target, list)
    root = graph(loss(output, targets if several else targets[0]), "a row")
    return Recording(root, outputs, inputs, targets)


def graph(loss: Any, row: str) -> Value:
    """The loss of a row, which is a Value; otherwise a TypeError."""
    if isinstance(loss, Value):
        return loss
    what = f"the loss of {row} must be a Value, not {type(loss).__name__}"
    raise TypeError(
        f"{what}; .data, and np.maximum or np.clip of an array, make plain numbers of Values"
    )


def shares(loss: Any, target: Any, outputs: int) -> list[float]:
    """A target as the numbers that are compared with so many outputs."""
    if isinstance(loss, ClassLoss):
        return loss.shares(target, outputs)
    return row_of(target)


def spelled(
    recording: Recording,
    parameters: Sequence[Value],
    numbers: Mapping[Value, float],
) -> Spelling:
    """What a graph computes, to be compared; ``numbers`` has what its constants were, if that is known."""
    order = toposort(recording.loss)
    place: dict[Any, int] = {v: i for i, v in enumerate(order)}
    leaves = [*parameters, *recording.row, *recording.target]
    roles = {v: i for i, v in enumerate(leaves)}
    nodes, constants = list[Any](), list[float]()
    for v in order:
        nodes.append([v.op, *map(place.get, v.args)] if v.op else roles.get(v))
        constants += constants_of(v)
        if not v.op and v not in roles:
            constants.append(numbers.get(v, v.data))
    return nodes, constants


def frozen(one: Spelling, other: Spelling) -> str:
    """What was recorded in the first of two graphs and is otherwise in the second; "" if they are alike."""
    if one[0] != other[0]:
        return DECIDED
    for x, y in zip_longest(one[1], other[1]):
        if repr(x) != repr(y):
            what = f"the number {x} was recorded, which is {y} here"
            return (
                f"{what}; compute with Values, and not with .data, round() or int()"
            )
    return ""


def chance() -> Any:
    """The state of Python's and NumPy's random numbers, which move on when a model draws some."""
    state: Any = get_state(legacy=False)
    return random.getstate(), repr(state)


class Compiled:
    """A program for all rows of a training, recorded from the first one; it is called with a batch."""

    def __init__(self, run: Any) -> None:
        self.run, self.theta = run, run.theta
        self.recording = self.record(0)
        loss, outputs, row, target = self.recording
        self.program = compile(loss, [*row, *target], run.parameters)
        self.predictor = compile(outputs, row, run.parameters)
        targets = [
            shares(run.loss, t, len(self.predictor.roots)) for t in run.targets
        ]
        self.table, self.width = (
            np.column_stack([np.array(run.rows), np.array(targets)]),
            len(row),
        )

    def __call__(self, batch: Sequence[int]) -> Gradient:
        theta, table = self.run.theta, self.table
        rows = table if len(batch) == len(table) else table[batch]
        loss, gradient = self.program.value_and_grad(rows, theta)
        return (
            loss,
            gradient,
            lambda: self.predictor(table[batch, : self.width], theta).tolist(),
        )

    def record(self, i: int) -> Recording:
        """The graph of row i, as it is now."""
        return record(
            self.run.model, self.run.loss, self.run.rows[i], self.run.targets[i]
        )

    def difference(self) -> str:
        """Where it parts from the scalar graph, and why, on a few rows."""
        batch = few(self.run.targets)
        if not self.apart(batch):
            return ""
        if why := self.unsteady(batch):
            return why
        rows = next(([i] for i in batch if self.apart([i])), batch)
        return f"{self.apart(rows)}; {self.cause(rows)}"

    def apart(self, batch: list[int]) -> str:
        """What the loss of some rows is, or its gradient, and what the program says that it is."""
        (ours, d_ours, _), (true, d_true, _) = self(batch), self.run.eager(batch)
        rows = f"row{'s' * (len(batch) > 1)} {', '.join(map(str, batch))}"
        if not np.isclose(ours, true, **LOSS):
            return f"{rows} {'have' if len(batch) > 1 else 'has'} the loss {true}, recorded {ours}"
        unlike = ~np.isclose(d_ours, d_true, **SLOPE)
        if not unlike.any():
            return ""
        worst = int(
            np.argmax(unlike * np.nan_to_num(abs(d_ours - d_true), nan=math.inf))
        )
        name = self.run.parameters[worst].name or f"parameter {worst}"
        return f"the gradient of {rows} by {name} is {d_true[worst]}, recorded {d_ours[worst]}"

    def unsteady(self, batch: list[int]) -> str:
        """How the model changes when it is called again for the same rows; "" if it does not."""
        before, (first, gradient, _) = chance(), self.run.eager(batch)
        for _ in range(2):
            again, d_again, _ = self.run.eager(batch)
            one, other = [first, *gradient], [again, *d_again]
            if not np.array_equal(one, other, equal_nan=True):
                return another(first, again)
        if chance() != before:
            return "the model draws random numbers, as dropout does"
        if not self.frozen(0, self.theta):
            return ""
        return "the model has changed since it was recorded, as with a counter or a schedule"

    def cause(self, rows: list[int]) -> str:
        """Why one of these rows is otherwise than recorded."""
        if any(map(self.unequal, rows)):
            return UNEQUAL
        return next(
            (why for i in rows if (why := self.frozen(i, self.run.theta))), ROUNDED
        )

    def unequal(self, i: int) -> bool:
        """Whether row i has another loss, or gradient, where Values stand for its numbers."""
        loss, gradient, _ = self.run.eager([i])
        root, parameters = self.record(i).loss, self.run.parameters
        zero_grad(*parameters)
        root.backward()
        slopes = [p.grad for p in parameters]
        return not (
            np.isclose(root.data, loss, **LOSS)
            and np.allclose(slopes, gradient, **SLOPE)
        )

    def frozen(self, i: int, theta: Array) -> str:
        """What was recorded otherwise than row i is now, with these parameters."""
        assign(self.run.parameters, theta)
        ours = spelled(
            self.recording, self.run.parameters, self.program.rowwise.constants
        )
        return frozen(ours, spelled(self.record(i), self.run.parameters, {}))


def another(first: float, again: float) -> str:
    """How a second call differs from the first one: by its loss, or else by its gradient."""
    what = "another gradient"
    if first != again:
        what = f"loss {first}, then {again}"
    return f"called again, the model gives other numbers ({what}), as with dropout or a counter"


def few(targets: Sequence[Any]) -> list[int]:
    """The places of a few rows: one of each target, and others."""
    unlike = np.unique(targets, axis=0, return_index=True)[1][:FEW]
    others = default_rng(0).permutation(len(targets))[:FEW]
    return np.unique([*unlike, *others]).tolist()


def assign(parameters: Sequence[Value], theta: Array) -> None:
    for p, x in zip(parameters, theta.tolist(), strict=True):
        p.data = x
