"""Record once, replay at matrix speed: a graph becomes a program over the rows of a table.

The graph of one row is recorded as ever; ``compile`` turns it into code that computes all rows at once.  What
Python decided while recording stays decided: an ``if v > 0:`` is taken or not taken once and for all, and
``where(step(v), a, b)`` is how to keep it open.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from functools import cached_property
from threading import RLock
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .ieee import ERRORS
from .rowwise import Line
from .sweeps import zero_grad
from .value import Value, describe, toposort

Array: TypeAlias = NDArray[np.float64]


def compile(
    outputs: Value | Sequence[Value], inputs: Sequence[Value] = (), parameters: Sequence[Value] | None = None
) -> Program:
    """A recorded graph, or several with shared parts, as a program over rows.

    ``inputs`` are the leaves that vary from row to row, ``parameters`` those to differentiate by: all other
    leaves of the graph, in topological order, where none are named.  Leaves in neither list are constants.

    >>> x, w = Value(1.0, "x"), Value(2.0, "w")
    >>> program = compile((w * x - 1) ** 2, inputs=[x])
    >>> program([[1.0], [3.0]])
    array([ 1., 25.])
    >>> program.value_and_grad([[1.0], [3.0]])
    (13.0, array([16.]))

    Raises ValueError for an input or parameter that an op made or that is named twice, TypeError for what is
    no Value.
    """
    many = not isinstance(outputs, Value)
    roots = [outputs] if isinstance(outputs, Value) else list(outputs)
    order = toposort(*roots)
    if not roots:
        raise ValueError("compile needs an output")
    if parameters is None:
        parameters = [v for v in order if v.form is None and v not in set(inputs)]
    check_leaves([*inputs, *parameters])
    return Program(roots, list(inputs), list(parameters), many)


def check_leaves(leaves: Sequence[Value]) -> None:
    """Raises ValueError for an inner node or a leaf that is named twice."""
    seen: set[Value] = set()
    for v in leaves:
        if not isinstance(v, Value):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"inputs and parameters are Values, not {type(v).__name__}")
        if v.form is not None:
            raise ValueError(f"{describe(v)} is computed by {v.op}; inputs and parameters are leaves")
        if v in seen:
            raise ValueError(f"{describe(v)} is named twice among inputs and parameters")
        seen.add(v)


class Program:
    """What ``compile`` gives: the outputs for all rows of a table, and their gradients.

    ``source`` is the code that it runs.  ``theta``, the parameters' numbers as one array in the order of
    ``parameters``, is read from the Values and written to them; the methods take another theta without
    touching the Values.  Rows that leave the finite numbers are computed again by the engine itself, so that
    inf, nan and the saturation rule are as in ``backward``.
    """

    def __init__(
        self, outputs: list[Value], inputs: list[Value], parameters: list[Value], many: bool
    ) -> None:
        self.outputs, self.inputs, self.parameters, self.many = outputs, inputs, parameters, many
        self.lock = RLock()
        named = {*inputs, *parameters}
        leaves = [v for v in toposort(*outputs) if v.form is None and v not in named]
        self.constants = [(v, v.data) for v in leaves]

    @property
    def theta(self) -> Array:
        """The parameters' numbers."""
        return np.array([p.data for p in self.parameters])

    @theta.setter
    def theta(self, theta: Any) -> None:
        for p, x in zip(self.parameters, self.check_theta(theta).tolist(), strict=True):
            p.data = x

    @property
    def source(self) -> str:
        """The code that computes the outputs and the gradient."""
        return self.line.source

    @cached_property
    def line(self) -> Line:
        return Line(self.outputs, self.inputs, self.parameters)

    @cached_property
    def twin(self) -> Program:
        """The graph once more, with numbers of its own, for the rows that the engine computes."""
        with_constants = [v for v, _ in self.constants]
        outputs, inputs, parameters, constants = deepcopy(
            [self.outputs, self.inputs, self.parameters, with_constants]
        )
        for v, (_, x) in zip(constants, self.constants, strict=True):
            v.data = x
        return Program(outputs, inputs, parameters, self.many)

    def __reduce__(self) -> tuple[Callable[..., Program], tuple[Any, ...]]:
        """A pickle holds the graph, and is compiled again."""
        twin = deepcopy([self.outputs, self.inputs, self.parameters])
        for y in twin[0]:
            y.forward()
        return Program, (*twin, self.many)

    def __call__(self, X: Any = None, theta: Any = None) -> Array:
        """The outputs for all rows: (rows,), or (rows, outputs) for a sequence of outputs."""
        rows, numbers = self.check_rows(X), self.check_theta(theta)
        with self.lock:
            out = self.forward(rows, numbers)
        return out if self.many else out[:, 0]

    def value_and_grad(self, X: Any = None, theta: Any = None, weights: Any = None) -> tuple[float, Array]:
        """The mean of the output over all rows and its gradient, in the order of ``parameters``.

        ``weights`` has a factor for every row; the result is then the sum of the rows times their weights.
        The mean over no rows is nan, and its gradient 0.  Raises ValueError if there are several outputs, or
        for rows, theta or weights that do not fit.
        """
        if len(self.outputs) > 1:
            raise ValueError(f"this program has {len(self.outputs)} outputs; use vjp with a seed for each")
        rows, numbers = self.check_rows(X), self.check_theta(theta)
        n = len(rows)
        seeds = (
            self.check_seed(weights, n) if weights is not None else np.full((n, 1), 1 / n if n else np.nan)
        )
        with self.lock:
            out, gradient, _ = self.sweep(rows, numbers, seeds)
        total = float((out * seeds).sum()) if weights is not None else float(out.mean()) if n else np.nan
        return total, gradient

    def vjp(self, X: Any = None, seed: Any = 1.0, theta: Any = None) -> tuple[Array, Array]:
        """seed × Jacobian: for the parameters summed over all rows, and for every row by its inputs.

        ``seed`` is a number, or has one for every row, or for every row and output.  The shapes of the
        results are (parameters,) and (rows, inputs).
        """
        rows, numbers = self.check_rows(X), self.check_theta(theta)
        seeds = self.check_seed(seed, len(rows))
        with self.lock:
            _, gradient, by_inputs = self.sweep(rows, numbers, seeds)
        return gradient, by_inputs

    def forward(self, rows: Array, theta: Array) -> Array:
        numbers = theta.tolist()
        return np.array(
            [self.value_of(row, numbers) for row in rows.tolist()], dtype=np.float64
        ).reshape(len(rows), len(self.outputs))  # fmt: skip

    def value_of(self, row: list[float], theta: list[float]) -> list[float]:
        try:
            return list(self.line.run(row, theta))
        except ERRORS:
            self.twin.set(row, theta)
            return [y.data for y in self.twin.outputs]

    def sweep(self, rows: Array, theta: Array, seeds: Array) -> tuple[Array, Array, Array]:
        gradient, numbers = np.zeros(len(self.parameters)), theta.tolist()
        out, by_inputs = np.zeros((len(rows), len(self.outputs))), np.zeros((len(rows), len(self.inputs)))
        for i, (row, seed) in enumerate(zip(rows.tolist(), seeds.tolist(), strict=True)):
            out[i], by_theta, by_inputs[i] = self.gradient_of(row, numbers, seed)
            gradient += by_theta
        return out, gradient, by_inputs

    def gradient_of(self, row: list[float], theta: list[float], seed: list[float]) -> Any:
        """Outputs and gradients of one row; by the engine where something is not finite."""
        try:
            out, by_theta, by_inputs = self.line.gradient(row, theta, seed)
            if np.isfinite(by_theta).all() and np.isfinite(by_inputs).all():
                return out, by_theta, by_inputs
        except ERRORS:
            pass
        return self.twin.eager(row, theta, seed)

    def set(self, row: list[float], theta: list[float]) -> None:
        """Computes the graph itself for a row."""
        for v, x in zip([*self.inputs, *self.parameters], [*row, *theta], strict=True):
            v.data = x
        for y in self.outputs:
            y.forward()

    def eager(self, row: list[float], theta: list[float], seed: list[float]) -> Any:
        self.set(row, theta)
        leaves = [*self.inputs, *self.parameters]
        zero_grad(*leaves)
        for y, s in zip(self.outputs, seed, strict=True):
            y.backward(s)
        out = [y.data for y in self.outputs]
        return out, [v.grad for v in self.parameters], [v.grad for v in self.inputs]

    def check_rows(self, X: Any) -> Array:
        """The table as an array of floats; no row is looked at."""
        width = len(self.inputs)
        if X is None and not width:
            return np.zeros((1, 0))
        table = floats(X, "X")
        if table.ndim == 1 and width == 1 and (len(table) or isinstance(X, np.ndarray)):
            table = table[:, None]
        if table.ndim != 2 or table.shape[1] != width:
            raise ValueError(f"X has the shape {table.shape}; this program takes rows of {width}")
        return table

    def check_theta(self, theta: Any) -> Array:
        if theta is None:
            return self.theta
        array = floats(theta, "theta")
        if array.shape != (len(self.parameters),):
            raise ValueError(f"theta has the shape {array.shape}, not ({len(self.parameters)},)")
        return array

    def check_seed(self, seed: Any, rows: int) -> Array:
        array, shape = floats(seed, "the seed"), (rows, len(self.outputs))
        if array.shape not in ((), shape, (rows,) if shape[1] == 1 else shape):
            raise ValueError(f"the seed has the shape {array.shape}; this program takes {shape}")
        return np.array(np.broadcast_to(array.reshape(shape) if array.ndim else array, shape))


def floats(data: Any, name: str) -> Array:
    """Numbers as an array of floats, without a copy where it is one; a ValueError for anything else."""
    try:
        array = np.asarray(data)
    except ValueError as error:
        raise ValueError(f"{name} is ragged: {error}") from None
    if array.dtype.kind not in "fiu":
        raise ValueError(f"{name} must hold real numbers, not {array.dtype}")
    return array.astype(np.float64, copy=False)
