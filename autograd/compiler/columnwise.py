"""A graph computed node by node, many rows at once, by the engine's own rules: for rows that are not finite.

Nothing is rearranged, as it is in the lines that a program runs: every op's formula and partials are the op
table's own text over columns of numbers, and contributions are added in the engine's order.  What is dead
contributes 0, as in ``entries``.  A node is a few calls of NumPy, however many rows there are.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import cache, reduce
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..ieee import NUMPY
from ..terms import ARITHMETIC, Tree, fold, terms_of
from ..value import Form, Op, Value
from .arrays import Array, Ref, expression

Mask: TypeAlias = "NDArray[np.bool_] | bool"
# A column for a Value, or one number for all rows.
Columns: TypeAlias = dict[Value, Any]
NUMBERS = 2**22  # that are held at a time: 32 MB


def sign(x: Array) -> Array:
    return np.sign(x) + 0.0  # 0.0 of -0.0


def maximum(x: Array, y: Array) -> Array:
    """The larger; nan if either is nan, 0.0 of 0.0 and -0.0."""
    equal = np.where(np.signbit(x), y, x)
    return np.where(x == y, equal, np.maximum(x, y))


def minimum(x: Array, y: Array) -> Array:
    return -maximum(-x, -y)


def where(x: Array, y: Array, w: Array) -> Array:
    return np.where(x != 0, y, w)


def sigmoid(x: Any) -> Any:
    """1 / (1 + exp(-x)); no number overflows on the way."""
    return np.exp(np.minimum(x, 0.0)) / (1 + np.exp(-np.abs(x)))


WORDS: dict[str, Callable[..., Any]] = {  # NumPy's power(-0.0, 0.5) is -0.0
    "sign": sign, "maximum": maximum, "minimum": minimum, "where": where, "pow": np.float_power,
}  # fmt: skip


def by_column(word: str) -> Callable[..., Any]:
    """A word of the formulas as a function of columns; number by number where NumPy has none."""
    known = WORDS.get(word) or vars(np).get(word)
    ours = word in WORDS or isinstance(known, np.ufunc)
    return known if ours else np.vectorize(NUMPY[word], otypes=[float])  # pyright: ignore[reportReturnType]


def function(operands: Sequence[str], tree: Tree) -> Callable[..., Any]:
    """A tree as a function of columns; NotImplementedError if NumPy reads it otherwise."""
    expression(
        tree, {x: Ref("rows", i, (1,), (0,), True) for i, x in enumerate(operands)}
    )
    called = {term.word for term in terms_of(tree) if term.args}
    words = {**ARITHMETIC, "==": operator.eq, "if": where}
    words |= {word: by_column(word) for word in called if word not in words}

    def compute(*columns: Any) -> Any:
        return fold(tree, words, dict(zip(operands, columns, strict=True)))

    return compute


@cache
def formula(op: Op) -> Callable[..., Any]:
    """z of columns."""
    with suppress(NotImplementedError):
        return function(op.operands, op.tree)
    return np.vectorize(op.evaluate, otypes=[float])


@cache
def partials(form: Form) -> Sequence[Callable[..., Any]]:
    """The partials towards the Values among the operands, of columns z, x, y, w."""
    names = ("z", *form.op.operands)
    with suppress(NotImplementedError):
        slopes = [function(names, partial) for partial in form.partials]
        return (
            [where_defined(slope) for slope in slopes] if form.guarded else slopes
        )
    return [
        np.vectorize(one_of(form, i), otypes=[float])
        for i in range(len(form.inner))
    ]


def where_defined(slope: Callable[..., Any]) -> Callable[..., Any]:
    """A partial that is nan where z is."""

    def guarded(z: Array, *args: Array) -> Array:
        return np.where(np.isnan(z), np.nan, slope(z, *args))

    return guarded


def one_of(form: Form, i: int) -> Callable[..., float]:
    def number(*numbers: float) -> float:
        return form.local(*numbers)[i]

    return number


class Columnwise:
    """Values and gradients of a graph, node by node."""

    def __init__(
        self,
        outputs: Sequence[Value],
        leaves: tuple[Sequence[Value], Sequence[Value]],
        order: Sequence[Value],
        constants: Mapping[Value, float],
    ) -> None:
        self.outputs, self.order, (self.inputs, self.parameters) = (
            outputs,
            order,
            leaves,
        )
        self.constants = {v: np.float64(x) for v, x in constants.items()}

    def run(self, at: Sequence[int], theta: Array, *block: Array) -> Array:
        """For some rows: writes outputs and gradients by the inputs, adds up those by the parameters."""
        size, gradient = max(NUMBERS // len(self.order), 64), np.zeros(len(theta))
        for start in range(0, len(at), size):
            gradient += self.some(np.array(at[start : start + size]), theta, *block)
        return gradient

    def some(
        self,
        at: NDArray[np.intp],
        theta: Array,
        rows: Array,
        seeds: Array,
        out: Array,
        back: Array,
    ) -> Array:
        """The same for so few rows that all of their numbers can be held."""
        data = self.forward(theta, rows[at])
        for i, y in enumerate(self.outputs):
            out[at, i] = data[y]
        if not seeds.shape[1]:
            return np.zeros(len(theta))
        adjoint = self.backward(data, seeds[at])
        for i, x in enumerate(self.inputs[: back.shape[1]]):
            back[at, i] = adjoint.get(x, 0.0)
        return np.array(
            [
                np.broadcast_to(adjoint.get(p, 0.0), len(at)).sum()
                for p in self.parameters
            ]
        )

    def forward(self, theta: Array, rows: Array) -> Columns:
        """Every Value's column."""
        data: dict[Value, Any] = {**self.constants}
        data |= zip(
            (*self.inputs, *self.parameters), (*rows.T, *theta), strict=True
        )
        for v in self.order:
            if v.form is not None:
                data[v] = formula(v.form.op)(*operands(v, data))
        return data

    def backward(self, data: Columns, seeds: Array) -> Columns:
        """The leaves' adjoints."""
        sweep = Sweep(data, overflows(self.order, data))
        for y, seed in zip(self.outputs, seeds.T, strict=True):
            sweep.arrive(y, seed, True)
        for z in reversed(self.order):
            if z.form is not None and z in sweep.adjoint:
                sweep.through(z, z.form)
        return sweep.adjoint


class Sweep:
    """A reverse sweep: the adjoints, and in which rows a node was reached by an edge that is not dead."""

    def __init__(self, data: Columns, flat: Mapping[Value, Mask]) -> None:
        self.data, self.flat = data, flat
        self.adjoint, self.reached = Columns(), dict[Value, Mask]()

    def arrive(self, x: Value, flow: Any, live: Mask) -> None:
        """Adds to an adjoint."""
        self.adjoint[x] = self.adjoint[x] + flow if x in self.adjoint else flow
        self.reached[x] = self.reached.get(x, False) | live

    def through(self, z: Value, form: Form) -> None:
        """What flows on to the operands of z."""
        upstream, alive = self.adjoint.pop(z), self.reached.pop(z)
        columns = [self.data[z], *operands(z, self.data)]
        finite = (
            np.isfinite(self.data[z]) & np.isfinite(upstream)
            if self.flat
            else False
        )
        for x, partial in zip(z.inner, partials(form), strict=True):
            local = partial(*columns)
            live = alive
            if form.op.selects or x in self.flat:
                idle = form.op.selects or self.flat[x] & finite
                live = np.logical_and(
                    alive, np.logical_not(np.logical_and(idle, local == 0))
                )
            flow = upstream * local
            self.arrive(
                x, flow if live is True else np.where(live, flow, 0.0), live
            )


def operands(z: Value, data: Mapping[Value, Any]) -> Iterable[Any]:
    """The columns of a Value's operands."""
    return [data[x] if isinstance(x, Value) else np.float64(x) for x in z.args]


def overflows(order: Iterable[Value], data: Columns) -> dict[Value, Mask]:
    """In which rows the Values are infinite by overflow, or as a leaf is, if in any; as by ``sweeps``."""
    infinite = {v: mask for v in order if np.any(mask := np.isinf(data[v]))}
    flat = dict[Value, Mask]()
    for z, mask in infinite.items():
        inner = [x for x in z.inner if x in infinite]
        pole = any_of(infinite[x] & np.logical_not(flat[x]) for x in inner)
        sure: Mask = True
        if z.op and z.op.domain:
            inside = np.vectorize(z.op.defined, otypes=[bool])(*operands(z, data))
            sure = inside | any_of(infinite[x] for x in inner)
        flat[z] = mask & np.logical_not(pole) & sure
    return flat


def any_of(masks: Iterable[Mask]) -> Mask:
    return reduce(np.logical_or, masks, False)
