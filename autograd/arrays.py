"""Arrays as they stand in generated source: views of buffers, formulas over them, and products of them."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from functools import cache
from itertools import accumulate
from math import prod
from typing import Any, NamedTuple, TypeAlias, cast

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from .ieee import NUMPY

Array: TypeAlias = NDArray[np.float64]


class Ref(NamedTuple):
    """A strided view of a buffer, which with ``rows`` has the table's rows as its last axis."""

    buffer: str
    base: int
    shape: tuple[int, ...]  # () is the whole buffer
    strides: tuple[int, ...]
    rows: bool
    lifted: bool = False  # with an axis of one in place of the rows
    axes: tuple[int, ...] = ()  # as a matrix: the axes in this order,
    merged: tuple[int, ...] = ()  # so many of them merged to one

    def reshaped(self, shape: tuple[int, ...]) -> Ref | None:
        """The same numbers in another shape, if that is a view."""
        dense = all(
            n == 1 or s == t for n, s, t in zip(self.shape, self.strides, steps(self.shape), strict=True)
        )
        return self if shape == self.shape else self.dense(shape) if dense else None

    def dense(self, shape: tuple[int, ...]) -> Ref:
        """Neighbours from the same place in a shape."""
        return self._replace(shape=shape, strides=steps(shape))

    def extent(self, n: int) -> tuple[list[int], list[int]]:
        """Shape and strides in bytes of the view for n rows."""
        row = n if self.rows else 1
        return [*self.shape, *[n] * self.rows], [*(8 * s * row for s in self.strides), *[8] * self.rows]

    def matrix(self, axes: str, *merged: Sequence[str]) -> tuple[Ref, str] | None:
        """The view with these axes merged, if there is one, and whether it is dense by rows or columns."""
        order, counts = tuple([axes.index(c) for part in merged for c in part]), tuple(map(len, merged))
        array = as_strided(np.empty(1), *self.extent(3)).transpose(order)  # any number of rows will do
        try:
            array = array.reshape(grouped(array.shape, counts), copy=False)
        except ValueError:
            return None
        dense = "C" * array.flags.c_contiguous or "F" * array.flags.f_contiguous
        plain = order == tuple(range(len(order))) and set(counts) == {1}
        return self if plain else self._replace(axes=order, merged=counts), dense

    def view(self, buffer: Array, n: int) -> Array:
        """The array itself, in a buffer for n rows."""
        if not self.shape:
            return buffer
        size, step = self.extent(n)
        array: Array = np.ndarray(size, np.float64, buffer, 8 * self.base * (n if self.rows else 1), step)
        if self.axes:
            array = array.transpose(self.axes)
            array = array.reshape(grouped(array.shape, self.merged))
        return array[..., None] if self.lifted else array


def grouped(shape: Sequence[int], counts: Sequence[int]) -> list[int]:
    """The shape with so many neighbouring axes merged to one each."""
    return [prod(shape[end - n : end]) for end, n in zip(accumulate(counts), counts, strict=True)]


def steps(shape: Sequence[int]) -> tuple[int, ...]:
    """The strides of neighbours in order."""
    return tuple([prod(shape[i + 1 :]) if n > 1 else 0 for i, n in enumerate(shape)])


class Call(NamedTuple):
    """A function of NumPy, by its name, of expressions."""

    word: str
    operands: tuple[Expr, ...]


Expr: TypeAlias = "float | Ref | Call"
WORDS: dict[Any, str] = {
    ast.Add: "add", ast.Sub: "subtract", ast.Mult: "multiply", ast.Div: "divide", ast.Pow: "power",
    ast.Mod: "mod", ast.USub: "negative", "fabs": "absolute", "pow": "power",
}  # fmt: skip
parsed = cache(ast.parse)


def arithmetic(text: str) -> bool:
    """Whether a formula has only numbers, names, signs and calls."""
    plain = (ast.Expression, ast.Constant, ast.Name, ast.Load, ast.BinOp, ast.UnaryOp, ast.Call)
    nodes = [*ast.walk(parsed(text, mode="eval"))]
    return all(isinstance(x, plain) or type(x) in WORDS for x in nodes) and all(map(alike, nodes))


def alike(node: Any) -> bool:
    """Whether a call means the same in Python's math and in NumPy, as remainder and log(x, 2) do not."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
        return True
    found = getattr(np, node.func.id, None)
    return node.func.id not in ("remainder", "ldexp") and getattr(found, "nin", len(node.args)) == len(
        node.args
    )


def function_of(word: str) -> Callable[..., Any]:
    """The function that a word of the source stands for; one that NumPy lacks runs number by number."""
    if word == "where":
        return where
    if word.startswith("add_"):
        return getattr(np.add, word[4:])
    found = getattr(np, word, None)
    if isinstance(found, np.ufunc) or word in ("dot", "matmul", "einsum"):
        return cast("Callable[..., Any]", found)
    one_by_one = np.vectorize(NUMPY[word], otypes=[np.float64])

    def compute(*args: Array, out: Array) -> None:
        out[...] = one_by_one(*args) if out.size else 0.0

    return compute


def where(x: Array, y: Array, w: Array, out: Array) -> None:
    """np.where into an array."""
    np.copyto(out, w)
    np.copyto(out, y, where=x != 0)


def expression(text: str, names: dict[str, Expr]) -> Expr:
    """A formula of the op table over the named arrays, with what is constant computed."""

    def read(node: Any) -> Expr:
        match node:
            case ast.Constant():
                return float(cast("float", node.value))
            case ast.Name():
                return names[node.id] if node.id in names else float(NUMPY[node.id])
            case ast.BinOp():
                return simple(WORDS[type(node.op)], read(node.left), read(node.right))
            case ast.UnaryOp():
                return simple(WORDS[type(node.op)], read(node.operand))
            case _:
                return simple(str(WORDS.get(node.func.id, node.func.id)), *map(read, node.args))

    return read(parsed(text, mode="eval").body)


def simple(word: str, *operands: Expr) -> Expr:
    """A call, or its result where that is known."""
    match word, operands:
        case "where", (float(x), y, w):
            return y if x else w
        case ("multiply", (1.0, x) | (x, 1.0)) | ("power" | "divide", (x, 1.0)):
            return x
        case "absolute", (Call("negative", (x,)),):
            return Call("absolute", (x,))  # which the sigmoid has computed already, ahead
        case _ if all(isinstance(x, float) for x in operands):
            out = np.empty(())
            with np.errstate(all="ignore"):
                function_of(word)(*operands, out=out)
            return float(out)
        case _:
            return Call(word, operands)


def swift(e: Expr) -> Expr:
    """A partial with greater(x, 0) for heaviside(x, 0): the nan that it loses sends its row to the engine."""
    match e:
        case Call("heaviside", (x, 0.0)):
            return Call("greater", (x, 0.0))
        case Call(word, operands):
            return Call(word, tuple(map(swift, operands)))
        case _:
            return e


class Monomial(NamedTuple):
    """number · Π above / Π below: an adjoint that is not computed yet."""

    number: float = 1.0
    above: tuple[Any, ...] = ()
    below: tuple[Any, ...] = ()

    @property
    def rows(self) -> bool:
        """Whether it varies."""
        return any(ref.rows for ref in self.above + self.below)

    def times(self, other: Monomial) -> Monomial:
        """The product."""
        (a, b, c), (x, y, z) = self, other
        return Monomial(a * x, b + y, c + z)

    def single(self) -> Ref | None:
        """The one array that it is."""
        return self.above[0] if self.number == 1 and len(self.above) == 1 and not self.below else None

    def reshaped(self, shape: tuple[int, ...]) -> Monomial | None:
        """The same in another shape, if all of its arrays are views in it."""
        above, below = (tuple([ref.reshaped(shape) for ref in side]) for side in (self.above, self.below))
        return None if None in above + below else Monomial(self.number, above, below)


def factors(e: Expr) -> Monomial:
    """An expression as a product of expressions."""
    match e:
        case float():
            return Monomial(e)
        case Call("multiply", (x, y)):
            return factors(x).times(factors(y))
        case Call("divide", (x, y)) if factors(y).number:
            number, above, below = factors(y)
            return factors(x).times(Monomial(1 / number, below, above))
        case Call("negative", (x,)):
            return factors(x).times(Monomial(-1.0))
        case _:
            return Monomial(1.0, (e,))
