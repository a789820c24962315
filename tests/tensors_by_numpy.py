"""Tensors as NumPy's arrays, word by word; independent of the text and of the plan."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograd import OPS
from autograd.compiler.tensors import Tensor

Array = NDArray[np.float64]
Word = Callable[..., Array]


def evaluated(
    order: Sequence[Tensor], theta: Array, X: Array, seeds: Mapping[int, Array] = {}
) -> dict[Tensor, Array]:
    """Every Tensor's array, with the rows as a leading axis: of n, or of one if it has no rows."""
    found = dict[Tensor, Array]()
    leaves: dict[str, Callable[[Tensor], Array]] = {
        "theta": lambda t: theta[t.data][None],
        "X": lambda t: X[:, t.data],
        "const": lambda t: t.data[None],
        "seed": lambda t: seeds[t.data].reshape(-1, *t.shape),
    }
    with np.errstate(all="ignore"):
        for t in order:
            if t.word in leaves:
                z = leaves[t.word](t)
            else:
                z = WORDS.get(t.word, by_op)(t, *[found[x] for x in t.args])
            assert z.shape == (len(X) if t.rows else 1, *t.shape), (t, z.shape)
            found[t] = z
    return found


def by_op(t: Tensor, *args: Array) -> Array:
    """An op of the table, number by number, by the engine's own function of floats."""
    evaluate = np.frompyfunc(OPS[t.word].evaluate, len(args), 1)
    return np.asarray(evaluate(*args), float)


def behind_rows(axes: Sequence[int]) -> tuple[int, ...]:
    return tuple(axis + 1 for axis in axes)


def dot(t: Tensor, x: Array, y: Array) -> Array:
    return (x * y).sum(axis=behind_rows(t.data), keepdims=True)


def over_axes(f: Any) -> Word:
    return lambda t, x: f(x, axis=behind_rows(t.data), keepdims=True)


def permute(t: Tensor, x: Array) -> Array:
    return x.transpose(0, *behind_rows(t.data))


def join(t: Tensor, *parts: Array) -> Array:
    axis = t.data + 1
    rows = max(map(len, parts))
    wide = [
        np.broadcast_to(
            x, (rows, *t.shape[: axis - 1], x.shape[axis], *t.shape[axis:])
        )
        for x in parts
    ]
    return np.concatenate(wide, axis)


def part(t: Tensor, x: Array) -> Array:
    axis, start, count = t.data
    return x.take(range(start, start + count), axis + 1)


WORDS: dict[str, Word] = {
    "dot": dot,
    "sum": over_axes(np.sum),
    "max": over_axes(np.max),
    "rows": lambda t, x: x.sum(axis=0, keepdims=True),
    "expand": lambda t, x: x.reshape(len(x), *t.shape),
    "refold": lambda t, x: x.reshape(len(x), *t.shape),
    "permute": permute,
    "join": join,
    "part": part,
    "pick": lambda t, x: x.take(t.data, 1),
    "spread": lambda t, x: np.broadcast_to(x, (len(x), *t.shape)),
    "equal": lambda t, x, y: (x == y).astype(float),
}
