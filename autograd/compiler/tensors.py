"""Arrays as expressions: what a program computes, between the graph of numbers and the text or the calls.

A Tensor is a word applied to Tensors, immutable, and made once: ``Tensors`` gives the same object for the same
expression.  All operands of a word have the same number of axes; an axis of one is repeated, as in NumPy.  The
rows of the table are no axis: ``rows`` says whether a Tensor has numbers of its own for every row.

    theta, X       leaves; ``data`` has the place of each number among the parameters, or the inputs
    const          numbers; ``data`` has them
    seed           the adjoint of an output; ``data`` is its index
    exp, add, ...  any op of the table, number by number
    dot            Σ x·y over the axes in ``data``; without axes a product
    sum, max       over the axes in ``data``
    rows           the sum over the rows of the table
    expand         the same numbers, with axes of one more or fewer
    refold         the same numbers in the same order, in axes of other lengths
    permute        the axes in the order of ``data``
    join           side by side along the axis in ``data``
    part           ``data`` = (axis, start, count): so many from there
    pick           along the first axis those with the indices in ``data``
    spread         repeated to its shape
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..value import OPS, Op

Shape: TypeAlias = tuple[int, ...]
Axes: TypeAlias = tuple[int, ...]
Floats: TypeAlias = NDArray[np.float64]
LEAVES = ("theta", "X", "const", "seed")
# What only moves numbers; an adjoint comes back by the opposite move.
MOVES = ("expand", "refold", "permute", "join", "part", "pick", "spread")
SUMS = ("dot", "sum", "max", "rows", "is_larger")
STRUCTURE = frozenset({*LEAVES, *MOVES, *SUMS})
MODERATE = 1e8  # a factor that may change its place in a product, without harm to the numbers' range


def word_of(op: str) -> str:
    """The word of an op's Tensors: its name, if that is no other word."""
    return f"{op}()" if op in STRUCTURE else op


def op_of(word: str) -> Op | None:
    """The op of this word, if it is an op's."""
    return None if word in STRUCTURE else OPS.get(word.removesuffix("()"))


class NotWovenError(NotImplementedError):
    """A graph that arrays do not serve; str() says why."""


class Tensor:
    """An array as a word of other arrays."""

    __slots__ = ("args", "at", "data", "rows", "shape", "word")

    def __init__(
        self,
        word: str,
        args: tuple[Tensor, ...],
        shape: Shape,
        rows: bool,
        data: Any,
    ) -> None:
        self.word, self.args, self.shape, self.rows = word, args, shape, rows
        self.data, self.at = data, 0

    @property
    def size(self) -> int:
        """How many numbers it has, in a row."""
        return math.prod(self.shape)

    @property
    def number(self) -> float | None:
        """Its only number, if it is known."""
        if self.word != "const" or self.data.size != 1:
            return None
        return float(self.data.flat[0])

    def __repr__(self) -> str:
        """With its place among all, as dot42(theta1, X0)[n, 3, 4]."""
        operands = ", ".join(f"{x.word}{x.at}" for x in self.args)
        sizes = ["n"] * self.rows + [str(n) for n in self.shape]
        return f"{self.word}{self.at}({operands})[{', '.join(sizes)}]"


def joint(shapes: Iterable[Shape]) -> Shape:
    """The shape to which several broadcast."""
    return tuple(np.broadcast_shapes(*shapes))


def without(shape: Shape, axes: Axes) -> Shape:
    """A shape after a sum over axes, which stay as axes of one."""
    return tuple(1 if i in axes else n for i, n in enumerate(shape))


def long_axes(shape: Shape, axes: Iterable[int]) -> Axes:
    """Those of the axes along which there is more than one number."""
    return tuple(sorted({i for i in axes if shape[i] > 1}))


class Tensors:
    """All Tensors of a program, made once each, operands before results.

    0.0 + x stays, since x may be -0.0.
    """

    def __init__(self) -> None:
        self.order: list[Tensor] = []
        self.known: dict[Any, Tensor] = {}

    def make(
        self,
        word: str,
        args: Sequence[Tensor] = (),
        shape: Shape = (),
        data: Any = None,
        *,
        rows: bool | None = None,
        key: Any = None,
    ) -> Tensor:
        """This word of these operands; the one that is there, if there is one."""
        varies = any(x.rows for x in args) if rows is None else rows
        identity = (
            word,
            tuple(map(id, args)),
            shape,
            varies,
            data if key is None else key,
        )
        if identity not in self.known:
            tensor = Tensor(word, tuple(args), shape, varies, data)
            tensor.at = len(self.order)
            self.order.append(tensor)
            self.known[identity] = tensor
        return self.known[identity]

    # ------------------------------------------------------------------------------------------------- leaves
    def leaf(self, word: str, places: NDArray[np.int64]) -> Tensor:
        """Parameters or inputs, by their places."""
        key = places.tobytes()
        return self.make(word, (), places.shape, places, rows=word == "X", key=key)

    def const(self, numbers: Any) -> Tensor:
        """Numbers; an axis along which they repeat is one of one."""
        array: Floats = np.asarray(numbers, float)
        for axis in range(array.ndim):
            first = array.take([0], axis)
            if (np.signbit(first) == np.signbit(array)).all() and np.array_equal(
                np.broadcast_to(first, array.shape), array, equal_nan=True
            ):
                array = first
        return self.make("const", (), array.shape, array, key=array.tobytes())

    def number(self, x: float, like: Tensor) -> Tensor:
        """One number, with as many axes as another Tensor."""
        return self.const(np.full((1,) * len(like.shape), x))

    def seed(self, output: int, like: Tensor, rows: bool) -> Tensor:
        """The adjoint of an output."""
        return self.make("seed", (), like.shape, output, rows=rows)

    # ------------------------------------------------------------------------------------- number by number
    def op(self, name: str, *args: Tensor) -> Tensor:
        """An op by its name or word; what is known is computed, and what changes nothing left out."""
        numbers = [x.number for x in args]
        if None not in numbers and args:
            op = OPS[name.removesuffix("()")]
            z = op.evaluate(*[x for x in numbers if x is not None])
            return self.number(z, args[0])
        shorter = SHORTER[name](self, args, numbers) if name in SHORTER else None
        if shorter is not None:
            return shorter
        return self.make(word_of(name), args, joint(x.shape for x in args))

    def neg(self, x: Tensor) -> Tensor:
        return self.dot(self.number(-1.0, x), x)

    def dot(self, x: Tensor, y: Tensor, over: Axes = ()) -> Tensor:
        """Σ x·y over axes, a product without; numbers stand in front."""
        shape = joint([x.shape, y.shape])
        axes = long_axes(shape, over)
        if not axes:
            return self.product(x, y)
        if y.word in ("theta", "const") and x.word not in ("theta", "const"):
            x, y = y, x
        return self.make("dot", (x, y), without(shape, axes), axes)

    def product(self, x: Tensor, y: Tensor) -> Tensor:
        """x·y, number by number."""
        if y.number is not None:
            x, y = y, x
        if x.number is not None and y.number is not None:
            return self.number(x.number * y.number, x)
        if x.number == 1.0 and len(x.shape) == len(y.shape):
            return y
        return self.quotient(x, y) or self.quotient(y, x) or self.gathered(x, y)

    def quotient(self, x: Tensor, y: Tensor) -> Tensor | None:
        """x·(1/w) as x/w."""
        divides = y.word == "reciprocal" and x is not y
        return self.op("div", x, y.args[0]) if divides else None

    def gathered(self, x: Tensor, y: Tensor) -> Tensor:
        """x·y with all numbers in front: 2·(3·x) is 6·x."""
        if x.number is not None:
            factor, inner = self.split(y)
            if factor is not None:
                return self.product(self.number(x.number * factor, y), inner)
        else:
            for a, b in ((x, y), (y, x)):
                factor, inner = self.split(a)
                if factor is not None:
                    rest = (
                        self.product(inner, b) if a is x else self.product(b, inner)
                    )
                    return self.product(self.number(factor, rest), rest)
        return self.make("dot", (x, y), joint([x.shape, y.shape]), ())

    def split(self, x: Tensor) -> tuple[float | None, Tensor]:
        """A number in front of a product, and the rest; None if there is none of moderate size."""
        factor = x.args[0].number if x.word == "dot" and not x.data else None
        if factor is not None and 1 / MODERATE < abs(factor) < MODERATE:
            return factor, x.args[1]
        return None, x

    # ------------------------------------------------------------------------------------------------- sums
    def sum(self, x: Tensor, over: Axes) -> Tensor:
        """Over axes, which stay as axes of one."""
        axes = long_axes(x.shape, over)
        if not axes:
            return x
        factor, inner = self.split(x)
        if factor is not None:
            total = self.sum(inner, axes)
            return self.product(self.number(factor, total), total)
        if x.word == "dot":
            return self.dot(*x.args, over=(*x.data, *axes))
        return self.make("sum", (x,), without(x.shape, axes), axes)

    def times(self, n: int, x: Tensor) -> Tensor:
        """A sum of n equal Tensors."""
        return self.product(self.number(float(n), x), x) if n > 1 else x

    def over_rows(self, x: Tensor) -> Tensor:
        """The sum over the rows of the table; of what does not vary with them, so many times that."""
        factor, inner = self.split(x)
        if factor is not None:
            total = self.over_rows(inner)
            return self.product(self.number(factor, total), total)
        return self.make("rows", (x,), x.shape, rows=False)

    def max(self, x: Tensor, over: Axes) -> Tensor:
        """The largest along axes, which stay as axes of one."""
        axes = long_axes(x.shape, over)
        return self.make("max", (x,), without(x.shape, axes), axes) if axes else x

    # ------------------------------------------------------------------------------------------------- moves
    def expand(self, x: Tensor, shape: Shape) -> Tensor:
        """With axes of one more or fewer."""
        if x.shape == shape:
            return x
        if x.word == "expand":
            return self.expand(x.args[0], shape)
        if x.word == "const":
            return self.const(x.data.reshape(shape))
        factor, inner = self.split(x)
        if factor is not None and inner.shape == x.shape:
            wide = self.expand(inner, shape)
            return self.product(self.number(factor, wide), wide)
        return self.make("expand", (x,), shape)

    def refold(self, x: Tensor, shape: Shape) -> Tensor:
        """The same numbers in other axes."""
        if [n for n in x.shape if n > 1] == [n for n in shape if n > 1]:
            return self.expand(x, shape)
        if x.word == "const":
            return self.const(x.data.reshape(shape))
        if x.word == "refold":
            return self.refold(x.args[0], shape)
        return self.make("refold", (x,), shape)

    def permute(self, x: Tensor, order: Axes) -> Tensor:
        if order == tuple(range(len(order))):
            return x
        if x.word == "permute":
            return self.permute(x.args[0], tuple(x.data[i] for i in order))
        if x.word == "const":
            return self.const(x.data.transpose(order))
        return self.make("permute", (x,), tuple(x.shape[i] for i in order), order)

    def join(self, parts: Sequence[Tensor], axis: int) -> Tensor:
        """Side by side along an axis; along the others they broadcast."""
        if len(parts) == 1:
            return parts[0]
        shape = [*joint(without(x.shape, (axis,)) for x in parts)]
        shape[axis] = sum(x.shape[axis] for x in parts)
        return self.make("join", parts, tuple(shape), axis)

    def part(self, x: Tensor, axis: int, start: int, count: int) -> Tensor:
        """So many from there on along an axis; an axis of one is repeated."""
        if count == x.shape[axis] or x.shape[axis] == 1:
            return x
        shape = (*x.shape[:axis], count, *x.shape[axis + 1 :])
        if x.word == "const":
            return self.const(x.data.take(range(start, start + count), axis))
        return self.make("part", (x,), shape, (axis, start, count))

    def pick(self, x: Tensor, index: NDArray[np.int64]) -> Tensor:
        """Those with these indices along the first axis, in any order, some of them again."""
        if x.shape[0] == 1 or np.array_equal(index, np.arange(x.shape[0])):
            return x
        if x.word == "const":
            return self.const(x.data.take(index, 0))
        shape = (len(index), *x.shape[1:])
        return self.make("pick", (x,), shape, index, key=index.tobytes())

    def spread(self, x: Tensor, shape: Shape) -> Tensor:
        """Repeated to a shape."""
        return x if x.shape == shape else self.make("spread", (x,), shape)


# ------------------------------------------------------------------------------ what changes nothing is left out
Numbers: TypeAlias = Sequence["float | None"]
Shortened: TypeAlias = Callable[
    [Tensors, tuple[Tensor, ...], Numbers], "Tensor | None"
]


def same_shape(x: Tensor, y: Tensor) -> bool:
    """Whether x has the shape of x and y together."""
    return joint([x.shape, y.shape]) == x.shape


def is_zero(x: float | None, sign: float) -> bool:
    """Whether a number is the zero of this sign: x + -0.0 is x, and -0.0 + 0.0 is not -0.0."""
    return x == 0 and math.copysign(1.0, x) == sign


def sum_of(b: Tensors, args: tuple[Tensor, ...], numbers: Numbers) -> Tensor | None:
    x, y = args
    if is_zero(numbers[0], -1.0) and same_shape(y, x):
        return y
    if is_zero(numbers[1], -1.0) and same_shape(x, y):
        return x
    for kept, other in ((x, y), (y, x)):
        factor, inner = b.split(other)
        if factor is not None and factor < 0:
            return b.op("sub", kept, b.product(b.number(-factor, inner), inner))
    return None


def difference(
    b: Tensors, args: tuple[Tensor, ...], numbers: Numbers
) -> Tensor | None:
    x, y = args
    if is_zero(numbers[1], 1.0) and same_shape(x, y):
        return x
    if is_zero(numbers[0], -1.0) and same_shape(y, x):
        return b.neg(y)
    factor, inner = b.split(y)
    if factor is not None and factor < 0:
        return b.op("add", x, b.product(b.number(-factor, inner), inner))
    return None


def quotient(
    b: Tensors, args: tuple[Tensor, ...], numbers: Numbers
) -> Tensor | None:
    x, y = args
    if numbers[1] == 1 and same_shape(x, y):
        return x
    if numbers[0] == 1 and same_shape(y, x):
        return b.op("reciprocal", y)
    factor, inner = b.split(x)
    if factor is None:
        return None
    ratio = b.op("div", inner, y)
    return b.product(b.number(factor, ratio), ratio)


def raised(b: Tensors, args: tuple[Tensor, ...], numbers: Numbers) -> Tensor | None:
    return args[0] if numbers[1] == 1 and same_shape(*args) else None


def chosen(b: Tensors, args: tuple[Tensor, ...], numbers: Numbers) -> Tensor | None:
    if numbers[0] is None:
        return None
    taken, shape = args[1] if numbers[0] else args[2], joint(x.shape for x in args)
    return b.spread(taken, shape)


SHORTER: dict[str, Shortened] = {
    "mul": lambda b, args, numbers: b.product(*args),
    "neg": lambda b, args, numbers: b.neg(*args),
    "add": sum_of,
    "sub": difference,
    "div": quotient,
    "power": raised,
    "where": chosen,
}
