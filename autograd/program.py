"""Record once, replay at matrix speed: a graph becomes a program over the rows of a table.

The graph of one row is recorded as ever; ``compile`` turns it into code that computes all rows at once.  What
Python decided while recording stays decided: an ``if v > 0:`` is taken or not taken once and for all, and
``where(step(v), a, b)`` is how to keep it open.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from threading import RLock
from typing import Any, cast

import numpy as np

from .arrays import Array
from .binding import Bound
from .emitting import Emitter
from .lowering import VARYING, Layout, lower, no_collecting
from .rowwise import MOST, Rowwise
from .value import Value, describe, toposort

CACHE = 2**17  # numbers that a block of rows may hold


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
    roots, xs = listed(outputs if many else [outputs], "outputs"), listed(inputs, "inputs")
    if not roots:
        raise ValueError("compile needs an output")
    if parameters is None:
        known = set(xs)
        parameters = [v for v in toposort(*roots) if v.form is None and v not in known]
    ws = listed(parameters, "parameters")
    check_leaves([*xs, *ws])
    return Program(roots, xs, ws, many)


def listed(given: Any, what: str) -> list[Value]:
    """Values as a list; a TypeError for anything else."""
    if isinstance(given, Value) or not isinstance(given, Iterable):
        raise TypeError(f"{what} is a list of Values, not {type(given).__name__}")
    values = list(cast("Any", given))
    for v in values:
        if not isinstance(v, Value):
            raise TypeError(f"{what} is a list of Values; this one has a {type(v).__name__}")
    return values


def check_leaves(leaves: Sequence[Value]) -> None:
    """Raises ValueError for an inner node or a leaf that is named twice."""
    seen: set[Value] = set()
    for v in leaves:
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
        self.inputs, self.parameters, self.many, self.lock = inputs, parameters, many, RLock()
        with no_collecting():
            order = toposort(*outputs)
            self.rowwise = Rowwise(order, outputs, inputs, parameters)
            self.groups, self.empty = lower(order, outputs, inputs, parameters)
        self.codes: dict[bool, Emitter] = {}
        self.bindings: dict[tuple[Emitter, int], Bound] = {}

    @cached_property
    def layout(self) -> Layout:
        """The groups, laid out."""
        for nodes in self.groups:
            self.empty.add(nodes)
        self.empty.place_inputs(self.empty.places)
        return self.empty

    @cached_property
    def block(self) -> int:
        """So many rows fit into the cache."""
        slots = sum(len(block.slots) for block in self.layout.blocks[VARYING])
        return min(max(1 << round(math.log2(CACHE / (slots + 1))), 128), 16384)

    def __reduce__(self) -> tuple[Callable[..., Program], tuple[Any, ...]]:
        copy = self.rowwise.copy()
        return Program, (copy.outputs, copy.inputs, copy.parameters, self.many)

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
        """The code that computes the outputs and the gradient by the parameters."""
        if self.by_row(1):
            return self.rowwise.source
        return "\n".join([*self.code().header(), *self.code().source()])

    def __call__(self, X: Any = None, theta: Any = None) -> Array:
        """The outputs for all rows: (rows,), or (rows, outputs) for a sequence of outputs."""
        out, _, _ = self.run(self.check_rows(X), self.check_theta(theta), None)
        return out if self.many else out[:, 0]

    def value_and_grad(self, X: Any = None, theta: Any = None, weights: Any = None) -> tuple[float, Array]:
        """The mean of the output over all rows and its gradient, in the order of ``parameters``.

        ``weights`` has a factor for every row; the result is then the sum of the rows times their weights.
        The mean over no rows is nan, and its gradient 0.  Raises ValueError if there are several outputs, or
        for rows, theta or weights that do not fit.
        """
        if len(self.empty.roots) > 1:
            raise ValueError(
                f"this program has {len(self.empty.roots)} outputs; use vjp with a seed for each"
            )
        rows = self.check_rows(X)
        n = len(rows)
        seeds = np.full((n, 1), 1 / max(n, 1)) if weights is None else self.check_seed(weights, n)
        out, gradient, _ = self.run(rows, self.check_theta(theta), seeds)
        return float(np.vdot(out, seeds)) if n or weights is not None else math.nan, gradient

    def vjp(self, X: Any = None, seed: Any = 1.0, theta: Any = None) -> tuple[Array, Array]:
        """seed × Jacobian: for the parameters summed over all rows, and for every row by its inputs.

        ``seed`` is a number, or has one for every row, or for every row and output.  The shapes of the
        results are (parameters,) and (rows, inputs).
        """
        rows = self.check_rows(X)
        return self.run(rows, self.check_theta(theta), self.check_seed(seed, len(rows)), True)[1:]

    def code(self, by_inputs: bool = False) -> Emitter:
        """The lines for the values and the gradient by the parameters, or also by the inputs."""
        if by_inputs not in self.codes:
            with no_collecting():
                self.codes[by_inputs] = Emitter(self.layout, by_inputs=by_inputs)
        return self.codes[by_inputs]

    def by_row(self, n: int, by_inputs: bool = False) -> bool:
        """Whether straight-line Python is faster than calls of NumPy for so many rows."""
        size, groups = len(self.rowwise.order), len(self.groups)
        if groups > MOST or size * n < 7 * 2 * groups or not self.layout.plain:  # two calls a group, at least
            return True
        return size <= MOST and size * n < 7 * len(self.code(by_inputs).lines)

    def bound(self, n: int, by_inputs: bool = False) -> Bound:
        """The lines on buffers for n rows; those used last are kept."""
        key = self.code(by_inputs), n
        self.bindings[key] = self.bindings.pop(key, None) or Bound(*key)
        if len(self.bindings) > 8:
            del self.bindings[next(iter(self.bindings))]
        return self.bindings[key]

    def run(
        self, rows: Array, theta: Array, seeds: Array | None, by_inputs: bool = False
    ) -> tuple[Array, Array, Array]:
        """Outputs, gradient by the parameters and by the inputs, in blocks that fit into the cache."""
        if not len(rows) or self.by_row(len(rows), by_inputs):
            with self.lock, np.errstate(all="ignore"):
                return self.rowwise.run(rows, theta, seeds)
        if len(rows) <= self.block:
            return self.run_block(rows, theta, seeds, by_inputs)
        blocks = [slice(at, at + self.block) for at in range(0, len(rows), self.block)]
        parts = [
            self.run_block(rows[at], theta, seeds if seeds is None else seeds[at], by_inputs) for at in blocks
        ]
        outs, gradients, d_rows = zip(*parts, strict=True)
        with np.errstate(all="ignore"):
            back = np.concatenate(d_rows) if by_inputs else d_rows[0]
            return np.concatenate(outs), np.sum(gradients, axis=0), back

    def run_block(
        self, rows: Array, theta: Array, seeds: Array | None, by_inputs: bool
    ) -> tuple[Array, Array, Array]:
        """The same for one block; rows that are not finite go to the engine."""
        with self.lock, np.errstate(all="ignore"):
            bound = self.bound(len(rows), by_inputs)
            out, gradient, d_rows = bound.run(rows, theta, seeds, by_inputs)
            norm = (
                gradient.dot(gradient) + np.vdot(out, out) + (np.vdot(d_rows, d_rows) if by_inputs else 0.0)
            )
            if math.isfinite(norm) or all(np.isfinite(x).all() for x in (out, gradient, d_rows)):
                return out, gradient, d_rows
            bad = ~bound.finite()
            if not bad.any() or bad.all():
                return self.rowwise.run(rows, theta, seeds)
            some = [(rows[at], theta, seeds if seeds is None else seeds[at]) for at in (~bad, bad)]
            good, rest = self.run_block(*some[0], by_inputs), self.rowwise.run(*some[1])
            out[~bad], out[bad] = good[0], rest[0]
            if by_inputs:
                d_rows[~bad], d_rows[bad] = good[2], rest[2]
            return out, good[1] + rest[1], d_rows

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
        array, shape = floats(seed, "the seed"), (rows, len(self.empty.roots))
        if array.shape not in ((), shape, (rows,) if shape[1] == 1 else shape):
            raise ValueError(f"the seed has the shape {array.shape}; this program takes {shape}")
        return np.array(np.broadcast_to(array.reshape(shape) if array.ndim else array, shape))


def floats(data: Any, name: str) -> Array:
    """Numbers as an array of floats, without a copy where it is one; a ValueError for anything else."""
    try:
        array = np.asarray(data)
    except ValueError as error:
        raise ValueError(f"{name} is ragged: {error}") from None
    if array.dtype.kind not in "fiu" or isinstance(data, np.ma.MaskedArray):
        raise ValueError(f"{name} must hold real numbers, not {array.dtype}")
    return array.astype(np.float64, copy=False)
