"""Each word of an array as text: ``x @ W.T + b``, ``exp(z)``, with parentheses where they are needed."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .helpers import called_by, number
from .phrases import (
    ATOM,
    POWER,
    PRODUCT,
    SIGN,
    SUM,
    Phrase,
    axes_of,
    inverted,
    real,
    sizes,
    tupled,
)
from .products import Products
from .tensors import Tensor, op_of


def stacked(x: Tensor) -> bool:
    """Whether a join is of parts that have one number each along its axis."""
    axis: int = x.data
    return all(y.shape[axis] == 1 for y in x.args)


class Wording(Products):
    """Phrases of all words."""

    def write(self, x: Tensor) -> Phrase:
        """The expression of a Tensor, from those of its operands."""
        self.phrases[x] = WRITTEN.get(x.word, Wording.op)(self, x)
        return self.phrases[x]

    def op(self, x: Tensor) -> Phrase:
        """A function of the table."""
        axes = axes_of(x)
        operands = ", ".join(self.aligned(y, axes) for y in x.args)
        op = op_of(x.word)
        return f"{called_by(op) if op else x.word}({operands})", ATOM

    def infix(self, x: Tensor) -> Phrase:
        sign, level = INFIX[x.word]
        first, second = x.args
        axes = axes_of(x)
        left = self.aligned(first, axes, level)
        value = second.number
        inverse = inverted(first.number or 0.0)
        if x.word == "div" and inverse and (first.number or 0.0) > 0:
            return f"1 / ({inverse} * {self.text(second, PRODUCT + 1)})", level
        if x.word == "add" and value is not None and value < 0:
            return f"{left} - {number(-value)}", level
        right = self.aligned(second, axes, level + (x.word != "add"))
        return f"{left} {sign} {right}", level

    def power(self, x: Tensor) -> Phrase:
        axes = axes_of(x)
        base, exponent = x.args
        # Of -x**2 Python takes the square first; of x**-2 it takes the sign first.
        left = self.aligned(base, axes, ATOM)
        return f"{left}**{self.aligned(exponent, axes, SIGN)}", POWER

    def reciprocal(self, x: Tensor) -> Phrase:
        return f"1 / {self.text(x.args[0], PRODUCT + 1)}", PRODUCT

    def choice(self, x: Tensor) -> Phrase:
        """y where x is not 0, else w."""
        asked, *branches = x.args
        axes = axes_of(x)
        texts = [self.aligned(y, axes) for y in branches]
        if all(y.number is not None for y in branches):
            like = self.array(asked)
            texts = [f"full_like({like}, {text})" for text in texts]
        if real(asked).word == "const":
            condition = self.mask(asked, axes)
        else:
            condition = f"{self.aligned(asked, axes, SUM)} != 0"
        return f"where({', '.join([condition, *texts])})", ATOM

    def mask(self, x: Tensor, axes: Sequence[int]) -> str:
        """The name of truth values, where numbers are not 0."""
        self.names[x] = self.constant(
            Tensor("const", (), x.shape, False, x.data != 0)
        )
        text = self.aligned(x, axes)
        del self.names[x]
        return text

    def defined(self, x: Tensor) -> Phrase:
        asked, y = (self.aligned(y, axes_of(x), SUM) for y in x.args)
        return f"where({asked} == {asked}, {y}, nan)", ATOM

    # ------------------------------------------------------------------------------------------------- moves
    def refold(self, x: Tensor) -> Phrase:
        shape = [*["-1"] * x.rows, *[str(n) for n in x.shape if n > 1]]
        return f"reshape({self.array(x.args[0])}, {tupled(shape)})", ATOM

    def permute(self, x: Tensor) -> Phrase:
        inner = x.args[0]
        mine = axes_of(inner)
        order = [*[0] * x.rows, *[mine.index(i) for i in x.data if i in mine]]
        if order == sorted(order):
            return self.phrase(inner)
        if len(order) == 2:
            return self.turned(inner, True, ATOM), ATOM
        return f"permute_dims({self.text(inner)}, {tupled(order)})", ATOM

    def part(self, x: Tensor) -> Phrase:
        inner = x.args[0]
        axis, start, count = x.data
        cut = str(start) if count == 1 else f"{start or ''}:{start + count}"
        index = [cut if i == axis else ":" for i in axes_of(inner)]
        return f"{self.text(inner, ATOM)}[{', '.join(index)}]", ATOM

    def join(self, x: Tensor) -> Phrase:
        """Side by side: arrays by concat, numbers by stack."""
        if self.is_all_seeds(x):
            return "dy", ATOM
        axis = axes_of(x).index(x.data)
        word = "stack" if stacked(x) else "concat"
        parts = [self.beside(y, x) for y in x.args]
        end = f", axis={axis}" if axis else ""
        return f"{word}([{', '.join(parts)}]{end})", ATOM

    def is_all_seeds(self, x: Tensor) -> bool:
        """Whether the adjoints of all outputs stand side by side."""
        parts = [*map(real, x.args)]
        order = [part.data for part in parts if part.word == "seed"]
        return order == [*range(self.seeds)] and len(parts) == self.seeds

    def beside(self, y: Tensor, x: Tensor) -> str:
        """A part of a join, with all of its axes."""
        axis: int = x.data
        count = y.shape[axis]
        y = y.args[0] if y.word == "spread" else y
        lengths = dict(zip(axes_of(x), sizes(x), strict=True))
        lengths[x.data] = str(count)
        if stacked(x):
            del lengths[x.data]
        if axes_of(y) == [*lengths]:
            return self.array(y)
        if axes_of(y) == [i for i in lengths if i != x.data] and count == 1:
            return self.column(y, [*lengths])
        text = self.aligned(y, [*lengths]) if axes_of(y) else self.array(y)
        return f"broadcast_to({text}, {tupled([*lengths.values()])})"

    def column(self, y: Tensor, axes: Sequence[int]) -> str:
        """With an axis of one for every axis that it lacks."""
        mine = axes_of(y)
        if not mine:
            return f"reshape({self.array(y)}, {tupled([1] * len(axes))})"
        index = ", ".join(":" if i in mine else "None" for i in axes)
        return f"{self.text(y, ATOM)}[{index}]"

    def pick(self, x: Tensor) -> Phrase:
        """Rows of a matrix, by a constant array of their numbers."""
        inner = x.args[0]
        index = self.constant(x)
        return f"take({self.text(inner)}, {index}, axis={int(inner.rows)})", ATOM

    def spread(self, x: Tensor) -> Phrase:
        return self.spread_to(x.args[0], x), ATOM


INFIX = {"add": ("+", SUM), "sub": ("-", SUM), "div": ("/", PRODUCT)}
WRITTEN: dict[str, Callable[[Wording, Tensor], Phrase]] = {
    **dict.fromkeys(INFIX, Wording.infix),
    "power": Wording.power,
    "reciprocal": Wording.reciprocal,
    "where": Wording.choice,
    "given": Wording.choice,
    "defined": Wording.defined,
    "dot": Wording.dot,
    "sum": Wording.sum,
    "max": Wording.largest,
    "rows": Wording.all_rows,
    "refold": Wording.refold,
    "permute": Wording.permute,
    "part": Wording.part,
    "join": Wording.join,
    "pick": Wording.pick,
    "spread": Wording.spread,
}
