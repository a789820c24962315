"""What stands in generated source: views of buffers, formulas over them, and products of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from itertools import chain
from math import prod
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from ..ieee import NUMPY
from ..terms import ARITHMETIC, LOGIC, Tree, fold, terms_of

Array: TypeAlias = NDArray[np.float64]
Slots: TypeAlias = NDArray[np.intp]


BUFFERS = ("values", "rows")  # of uniform and of varying numbers


class Ref(NamedTuple):
    """A strided view of a buffer, which with ``rows`` has the table's rows as one more axis, the last."""

    buffer: str
    base: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    rows: bool
    merged: tuple[tuple[int, ...], ...] | None = (
        None  # the axes that become one axis each
    )

    @property
    def slots(self) -> Slots:
        """The places in the buffer."""
        return grid(self.base, self.strides, self.shape)

    def adjoint(self) -> Ref:
        """Where the adjoints of these numbers are."""
        return self._replace(buffer=f"d_{self.buffer}")

    def once(self) -> Ref:
        """The same without repetition: one place along an axis without a step."""
        shape = tuple(
            [n if s else 1 for n, s in zip(self.shape, self.strides, strict=True)]
        )
        return self._replace(shape=shape)

    def dense(self, shape: tuple[int, ...]) -> Ref:
        """Neighbours from the same place in a shape."""
        return self._replace(shape=shape, strides=steps(shape))

    def reshaped(self, shape: tuple[int, ...]) -> Ref | None:
        """The same numbers in another shape, if they are neighbours."""
        return (
            self
            if shape == self.shape
            else self.dense(shape)
            if self.dense(self.shape) == self
            else None
        )

    def view(self, buffer: Array, n: int) -> Array:
        """The array itself, in a buffer for n rows."""
        width, shape = (n, [*self.shape, n]) if self.rows else (1, [*self.shape])
        strides = [*(8 * s * width for s in self.strides), *[8] * self.rows]
        array = as_strided(buffer[self.base * width :], shape, strides)
        if self.merged is None:
            return array
        array = array.transpose([*chain(*self.merged)])
        return array.reshape(
            [prod([shape[i] for i in part]) for part in self.merged], copy=False
        )

    def matrix(self, *merged: Sequence[int]) -> Ref | None:
        """With so many of its axes merged, if that is a view for any number of rows."""
        parts = tuple(map(tuple, merged))
        plain = parts == tuple([(i,) for i in range(len(self.shape) + self.rows)])
        found = self if plain else self._replace(merged=parts)
        try:
            found.view(np.empty(0), 3)
        except ValueError:
            return None
        return found


def steps(shape: Sequence[int]) -> tuple[int, ...]:
    """The strides of neighbours in order."""
    return tuple(
        [prod(shape[i + 1 :]) if n > 1 else 0 for i, n in enumerate(shape)]
    )


@lru_cache(1000)
def grid(base: int, strides: tuple[int, ...], shape: tuple[int, ...]) -> Slots:
    """The slots of a view."""
    offsets = (
        s * i for s, i in zip(strides, np.indices(shape, sparse=True), strict=True)
    )
    return np.broadcast_to(base + sum(offsets), shape)


class Call(NamedTuple):
    """A function of NumPy, by its name, of expressions."""

    word: str
    operands: tuple[Expr, ...]


Expr: TypeAlias = "float | Ref | Call"
WORDS = {
    "+": "add", "-": "subtract", "*": "multiply", "/": "divide", "neg": "negative",
    "fabs": "absolute", "pow": "power", "if": "where", "==": "equal",
}  # fmt: skip
# NumPy's function of this name differs, or does not take floats.
UNLIKE = (
    "remainder",
    "ldexp",
    "comb",
    "gcd",
    "isqrt",
    "lcm",
    "perm",
)
# Signs, of which NumPy's functions have other names.
BY_PYTHON = (
    *ARITHMETIC,
    *LOGIC,
)


def expression(
    tree: Tree,
    names: Mapping[str, Expr],
    fast: Mapping[str, Callable[..., Expr]] = {},
) -> Expr:
    """A tree over the named arrays; NotImplementedError if NumPy computes it otherwise.

    ``fast`` are words that may be computed in another way here.
    """
    called = {term.word for term in terms_of(tree) if term.args}
    words: dict[str, Callable[..., Expr]] = {
        word: partial(as_call, word) for word in called
    }
    return fold(tree, {**words, **fast}, names, float)


def as_call(sign: str, *operands: Expr) -> Expr:
    """A sign or a word of a formula as a call of NumPy."""
    word = WORDS.get(sign, sign)
    # NumPy's log(x, 2) would not be log(x): its second operand is where to write.
    arity = getattr(getattr(np, word, None), "nin", len(operands))
    if word in UNLIKE or word in BY_PYTHON or arity != len(operands):
        raise NotImplementedError(sign)
    return simple(word, *operands)


def heaviside(x: Expr, at_zero: Expr) -> Expr:
    """The step in a partial, without care for nan, and faster; if that loses one, its row is the engine's."""
    return (
        simple("greater", x, 0.0)
        if at_zero == 0.0
        else as_call("heaviside", x, at_zero)
    )


IN_PARTIALS = {"heaviside": heaviside}


def simple(word: str, *operands: Expr) -> Expr:
    """A call, or its result where that is known."""
    if all(isinstance(x, float) for x in operands):
        return known(word, operands)
    shorter = by_rule(word, operands)
    return Call(word, operands) if shorter is None else shorter


def known(word: str, numbers: tuple[Any, ...]) -> float:
    """A call of numbers."""
    if word == "where":
        return numbers[1] if numbers[0] else numbers[2]
    with np.errstate(all="ignore"):
        return float((getattr(np, word, None) or NUMPY[word])(*numbers))


def by_rule(word: str, operands: tuple[Expr, ...]) -> Expr | None:
    """What computes the same in fewer or faster calls; None if there is no rule."""
    match word, operands:
        case "where", (x, y, w):
            return choice(x, y, w)
        case (
            ("multiply", (1.0, x) | (x, 1.0))
            | ("power" | "divide", (x, 1.0))
            | ("stop_gradient", (x,))
        ):
            return x
        case "power", (x, 2.0):
            return simple("multiply", x, x)
        case "power", (x, -0.5):  # of -0.0 it is inf, and 1/sqrt(-0.0) is -inf
            return one_over(Call("sqrt", (Call("add", (x, 0.0)),)))
        case "divide", (1.0, x):
            return one_over(x)
        case "absolute", (Call("negative", (x,)),):
            return Call("absolute", (x,))
        case (("sigmoid" | "bell"), (x,)):
            return logistic(x) if word == "sigmoid" else bell(x)
        case _:
            return None


def choice(x: Expr, y: Expr, w: Expr) -> Expr | None:
    """One of two, where it is known which, or where they are the same."""
    if y == w:
        return y
    return (y if x else w) if isinstance(x, float) else None


def one_over(x: Expr) -> Call:
    return Call("reciprocal", (x,))


def logistic(x: Expr) -> Call:
    """The sigmoid, without care below -700."""
    match x:
        case Call("negative", (y,)):
            e = Call("exp", (Call("negative", (y,)),))
            return Call("multiply", (e, one_over(Call("add", (1.0, e)))))
        case _:
            e = Call("exp", (Call("negative", (x,)),))
            return one_over(Call("add", (1.0, e)))


def bell(x: Expr) -> Call:
    """The slope of the sigmoid."""
    return Call("multiply", (logistic(x), logistic(simple("negative", x))))


def select(condition: Array, x: Array, y: Array, out: Array) -> None:
    """``np.where`` into an array."""
    out[...] = np.where(condition, x, y)


def greatest(x: Array, y: Array, out: Array) -> None:
    """``np.maximum``, but 0.0 of 0.0 and -0.0, whose sign NumPy leaves to the processor."""
    np.maximum(x, y, out=out)
    if y.ndim == 0 and y == 0.0 and not np.signbit(y):
        np.add(out, 0.0, out)
    else:
        np.add(x, y, out, where=(out == 0) & (x == y))


def least(x: Array, y: Array, out: Array) -> None:
    """``np.minimum``, but -0.0 of 0.0 and -0.0."""
    greatest(np.negative(x), np.negative(y), out)
    np.negative(out, out)


def raised(x: Array, y: Array, out: Array) -> None:
    """``np.power``, but (-0.0) ** 0.5 is 0.0 and (-inf) ** 0.5 is inf: there NumPy takes the square root."""
    np.power(x, y, out)
    if y.ndim == 0 and y == 0.5:
        np.absolute(out, out, where=x == 0)
        np.copyto(out, np.inf, where=np.isinf(x))


BY_HAND: dict[str, Callable[..., None]] = {
    "where": select,
    "maximum": greatest,
    "minimum": least,
    "power": raised,
}


def function_of(word: str) -> Callable[..., Any]:
    """The function that a word of the source stands for; one that NumPy lacks runs number by number."""
    function: Any = getattr(np, word, None)
    if word in BY_HAND:
        return BY_HAND[word]
    if isinstance(function, np.ufunc) or word in ("dot", "matmul", "einsum"):
        # The inner function does not look for __array_function__.
        return getattr(function, "_implementation", function)
    one_by_one = np.vectorize(NUMPY[word], otypes=[np.float64])

    def compute(*args: Array, out: Array) -> None:
        if out.size:
            out[...] = one_by_one(*args)

    return compute


class Monomial(NamedTuple):
    """number · Π above / Π below: an adjoint or a partial that is not computed yet."""

    number: float = 1.0
    above: tuple[Any, ...] = ()
    below: tuple[Any, ...] = ()

    def times(self, other: Monomial) -> Monomial:
        return Monomial(
            self.number * other.number,
            self.above + other.above,
            self.below + other.below,
        )

    def single(self) -> Ref | None:
        """The one array that it is."""
        return (
            self.above[0]
            if self.number == 1 and len(self.above) == 1 and not self.below
            else None
        )

    def reshaped(self, shape: tuple[int, ...]) -> Monomial | None:
        """The same in another shape, if all of its arrays are views in it."""
        above, below = (
            tuple([ref.reshaped(shape) for ref in side])
            for side in (self.above, self.below)
        )
        return (
            None if None in above + below else Monomial(self.number, above, below)
        )


def factors(e: Expr, known: dict[Expr, Ref]) -> Monomial:
    """An expression as a product of expressions, some of which are computed already."""
    match e:
        case Call() if e in known:
            return Monomial(1.0, (known[e],))
        case float():
            return Monomial(e)
        case Call("multiply", (x, y)):
            return factors(x, known).times(factors(y, known))
        case Call("negative", (x,)):
            return factors(x, known).times(Monomial(-1.0))
        case Call("reciprocal", (x,)):
            return factors(Call("divide", (1.0, x)), known)
        case Call(
            "sqrt", (Call("add", (x, 0.0)),)
        ):  # not finite at -0.0, whatever the sign: the engine's
            return factors(Call("sqrt", (x,)), known)
        case Call("divide", (x, y)) if (below := factors(y, known)).number:
            return factors(x, known).times(
                Monomial(1 / below.number, below.below, below.above)
            )
        case _:
            return Monomial(1.0, (e,))
