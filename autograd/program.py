"""Record once, replay at matrix speed: a graph becomes a program over the rows of a table.

The graph of one row is recorded as ever; ``compile`` turns it into code that computes all rows at once.  What
Python decided while recording stays decided: an ``if v > 0:`` is taken or not taken once and for all, and
``where(step(v), a, b)`` is how to keep it open.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from copy import deepcopy
from functools import cached_property
from itertools import chain
from threading import RLock
from typing import Any, NamedTuple

import numpy as np

from .arrays import Array
from .binding import Bound
from .emitting import Emitter, Reverse
from .ieee import ERRORS
from .lowering import VARYING, lower
from .rowwise import MOST, Line
from .sweeps import zero_grad
from .value import Value, describe, toposort


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
    inf, nan and the saturation rule are as in ``backward``.  A Program pickles, and is then compiled again.
    """

    def __init__(
        self, outputs: list[Value], inputs: list[Value], parameters: list[Value], many: bool
    ) -> None:
        self.outputs, self.inputs, self.parameters, self.many = outputs, inputs, parameters, many
        order, named = toposort(*outputs), {*inputs, *parameters}
        self.constants = [(v, v.data) for v in order if v.form is None and v not in named]
        self.size = len(order)
        self.layout, self.roots = lower(outputs, inputs, parameters)
        self.codes: dict[str, Emitter] = {}
        self.bindings: dict[tuple[str, int], Bound] = {}
        self.lock = RLock()
        slots = sum(len(block.slots) for block in self.layout.blocks[VARYING])
        self.block = min(max(1 << round(math.log2(2**17 / (slots + 1))), 128), 16384)

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
        """The code that computes the outputs and the gradient of their mean."""
        if self.by_row("mean", 1):
            return self.line.source
        return "\n".join(self.code("mean" if len(self.roots) == 1 else "seeds").source())

    def __reduce__(self) -> tuple[Callable[..., Program], tuple[Any, ...]]:
        copy = self.copy()
        return Program, (copy.outputs, copy.inputs, copy.parameters, copy.many)

    def copy(self) -> Engine:
        """The graph once more, with numbers of its own."""
        leaves = [v for v, _ in self.constants]
        outputs, inputs, parameters, copies = deepcopy([self.outputs, self.inputs, self.parameters, leaves])
        for v, (_, x) in zip(copies, self.constants, strict=True):
            v.data = x
        for y in outputs:
            y.forward()
        return Engine(outputs, inputs, parameters, self.many)

    def __call__(self, X: Any = None, theta: Any = None) -> Array:
        """The outputs for all rows: (rows,), or (rows, outputs) for a sequence of outputs."""
        out, _, _ = self.run("values", self.check_rows(X), self.check_theta(theta), None)
        return out if self.many else out[:, 0]

    def value_and_grad(self, X: Any = None, theta: Any = None, weights: Any = None) -> tuple[float, Array]:
        """The mean of the output over all rows and its gradient, in the order of ``parameters``.

        ``weights`` has a factor for every row; the result is then the sum of the rows times their weights.
        The mean over no rows is nan, and its gradient 0.  Raises ValueError if there are several outputs, or
        for rows, theta or weights that do not fit.
        """
        if len(self.roots) > 1:
            raise ValueError(f"this program has {len(self.roots)} outputs; use vjp with a seed for each")
        rows, theta = self.check_rows(X), self.check_theta(theta)
        if weights is not None:
            seeds = self.check_seed(weights, len(rows))
            out, gradient, _ = self.run("seeds", rows, theta, seeds)
            return float((out * seeds).sum()), gradient
        if self.roots[0].kind != VARYING:
            rows = rows[:1]
        out, gradient, _ = self.run("mean", rows, theta, None)
        return float(np.add.reduce(out[:, 0]) / len(rows)) if len(rows) else math.nan, gradient

    def vjp(self, X: Any = None, seed: Any = 1.0, theta: Any = None) -> tuple[Array, Array]:
        """seed × Jacobian: for the parameters summed over all rows, and for every row by its inputs.

        ``seed`` is a number, or has one for every row, or for every row and output.  The shapes of the
        results are (parameters,) and (rows, inputs).
        """
        rows = self.check_rows(X)
        seeds = self.check_seed(seed, len(rows))
        return self.run("seeds", rows, self.check_theta(theta), seeds)[1:]

    def code(self, kind: str) -> Emitter:
        """The lines for the values alone, the gradient of the mean, or that of any seeds."""
        if kind not in self.codes:
            seeded = kind == "seeds"
            self.codes[kind] = (
                Emitter(self.layout) if kind == "values" else Reverse(self.layout, self.roots, seeded=seeded)
            )
        return self.codes[kind]

    def by_row(self, kind: str, n: int) -> bool:
        """Whether straight-line Python is faster than calls of NumPy for so many rows."""
        return self.size <= MOST and self.size * n < 7 * len(self.code(kind).lines)

    def bound(self, kind: str, n: int) -> Bound:
        """The lines on buffers for n rows; those used last are kept."""
        found = self.bindings.pop((kind, n), None) or Bound(self.code(kind), self.roots, n)
        self.bindings[kind, n] = found
        while len(self.bindings) > 8:
            del self.bindings[next(iter(self.bindings))]
        return found

    def run(
        self, kind: str, rows: Array, theta: Array, seeds: Array | None, total: int = 0
    ) -> tuple[Array, Array, Array]:
        """Outputs, gradient by the parameters and by the inputs, block by block."""
        parts = [
            self.run_block(kind, rows[at : at + self.block], theta,
                           None if seeds is None else seeds[at : at + self.block], total or len(rows))
            for at in range(0, len(rows), self.block)
        ]  # fmt: skip
        if len(parts) == 1:
            return parts[0]
        empty = [(np.zeros((0, len(self.roots))), np.zeros(len(theta)), np.zeros((0, len(self.inputs))))]
        outs, gradients, by_inputs = zip(*(parts or empty), strict=True)
        return np.concatenate(outs), np.sum(gradients, axis=0), np.concatenate(by_inputs)

    def run_block(
        self, kind: str, rows: Array, theta: Array, seeds: Array | None, total: int
    ) -> tuple[Array, Array, Array]:
        """The same for so many rows as fit into the cache."""
        with self.lock, np.errstate(all="ignore"):
            if self.by_row(kind, len(rows)):
                return self.run_rows(kind, rows, theta, seeds, total)
            bound = self.bound(kind, len(rows))
            bound.load(rows, theta)
            bound.buffers["mean"][()] = 1 / total
            if seeds is not None:
                bound.buffers["seeds"][:] = seeds.T
            bound.run()
            out = bound.outputs()
            gradient = (
                np.zeros(len(theta)) if kind == "values" else bound.buffers["d_values"][: len(theta)].copy()
            )
            by_inputs = bound.by_inputs() if kind == "seeds" else np.zeros((0, len(self.inputs)))
            if math.isfinite(
                gradient.dot(gradient) + np.add.reduce(out, None) + np.add.reduce(by_inputs, None)
            ):
                return out, gradient, by_inputs
            good = bound.finite()
            if not good.any() or good.all():
                return self.run_rows(kind, rows, theta, seeds, total)
            first = self.run_block(kind, rows[good], theta, None if seeds is None else seeds[good], total)
            second = self.run_rows(kind, rows[~good], theta, None if seeds is None else seeds[~good], total)
            for found, a, b in zip((out, by_inputs), first[::2], second[::2], strict=True):
                if len(found):
                    found[good], found[~good] = a, b
            return out, first[1] + second[1], by_inputs

    def run_rows(
        self, kind: str, rows: Array, theta: Array, seeds: Array | None, total: int
    ) -> tuple[Array, Array, Array]:
        """The same row by row, in Python."""
        if seeds is None:
            seeds = np.full((len(rows), len(self.roots)), 1 / total)
        numbers, gradient = theta.tolist(), np.zeros(len(theta))
        out, by_inputs = np.zeros((len(rows), len(self.roots))), np.zeros((len(rows), len(self.inputs)))
        for i, (row, seed) in enumerate(zip(rows.tolist(), seeds.tolist(), strict=True)):
            if kind == "values":
                out[i] = self.values_of(row, numbers)
            else:
                out[i], by_theta, by_inputs[i] = self.gradient_of(row, numbers, seed)
                gradient += by_theta
        return out, gradient, by_inputs

    def values_of(self, row: list[float], theta: list[float]) -> Sequence[float]:
        """The outputs for one row; by the engine where Python's floats raise."""
        if self.size <= MOST:
            with suppress(*ERRORS):
                return self.line.run(row, theta)
        return self.engine.set(row, theta)

    def gradient_of(self, row: list[float], theta: list[float], seed: list[float]) -> Any:
        """Outputs and gradients for one row; by the engine where something is not finite."""
        if self.size <= MOST:
            with suppress(*ERRORS):
                found = self.line.gradient(row, theta, seed)
                if all(map(math.isfinite, chain(*found))):
                    return found
        return self.engine.gradient(row, theta, seed)

    @cached_property
    def line(self) -> Line:
        return Line(self.outputs, self.inputs, self.parameters)

    @cached_property
    def engine(self) -> Engine:
        return self.copy()

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


class Engine(NamedTuple):
    """A graph that is computed and differentiated by the engine itself."""

    outputs: list[Value]
    inputs: list[Value]
    parameters: list[Value]
    many: bool

    def set(self, row: list[float], theta: list[float]) -> list[float]:
        """The outputs at other numbers."""
        for v, x in zip([*self.inputs, *self.parameters], [*row, *theta], strict=True):
            v.data = x
        return [y.forward().data for y in self.outputs]

    def gradient(self, row: list[float], theta: list[float], seed: list[float]) -> Any:
        """The outputs, and the gradients by parameters and by inputs."""
        out = self.set(row, theta)
        zero_grad(*self.inputs, *self.parameters)
        for y, s in zip(self.outputs, seed, strict=True):
            y.backward(s)
        return out, [v.grad for v in self.parameters], [v.grad for v in self.inputs]


def floats(data: Any, name: str) -> Array:
    """Numbers as an array of floats, without a copy where it is one; a ValueError for anything else."""
    try:
        array = np.asarray(data)
    except ValueError as error:
        raise ValueError(f"{name} is ragged: {error}") from None
    if array.dtype.kind not in "fiu":
        raise ValueError(f"{name} must hold real numbers, not {array.dtype}")
    return array.astype(np.float64, copy=False)
