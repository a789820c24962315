"""Each word of an array as text: ``x @ W.T + b``, ``exp(z)``, with parentheses where they are needed.

The text of a Tensor has the axes along which there is more than one number, and the rows in front.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from .helpers import number, spelled
from .tensors import Tensor, joint

Phrase: TypeAlias = tuple[str, int]
SUM, PRODUCT, SIGN, POWER, ATOM = range(1, 6)  # how strongly a sign binds
ROWS = -1  # the axis of the rows
LETTERS = "ijklmopqrs"
UNSEEN = ("expand", "stop_gradient")  # what prints as its operand
FEW = 8  # a number that has more digits than this reads better as a quotient


def real(x: Tensor) -> Tensor:
    """The Tensor whose text this one has."""
    while x.word in UNSEEN:
        x = x.args[0]
    return x


def axes_of(x: Tensor) -> list[int]:
    """The axes of its text."""
    return [ROWS] * x.rows + [i for i, n in enumerate(x.shape) if n > 1]


def sizes(x: Tensor) -> list[str]:
    """The lengths of its text's axes."""
    return [
        *["n"] * x.rows,
        *[str(n) for n in x.shape if n > 1],
    ]


def tupled(items: Sequence[object]) -> str:
    """As Python writes a tuple."""
    inside = ", ".join(map(str, items))
    return f"({inside},)" if len(items) == 1 else f"({inside})"


def enclosed(phrase: Phrase, level: int) -> str:
    """In parentheses if it binds less than this."""
    return phrase[0] if phrase[1] >= level else f"({phrase[0]})"


def stacked(x: Tensor) -> bool:
    """Whether a join is of parts that have one number each along its axis."""
    return all(y.shape[x.data] == 1 for y in x.args)


def along(axes: Sequence[int], over: Sequence[int]) -> str:
    """The argument that says over which axes, unless it is over all of them."""
    places = sorted(axes.index(i) for i in over)
    if len(places) == len(axes):
        return ""
    return f", axis={places[0] if len(places) == 1 else tupled(places)}"


def inverted(factor: float) -> int:
    """7 of 1/7, if that is shorter to read; else 0."""
    inverse = round(1 / abs(factor)) if 1e-6 < abs(factor) < 1 else 0
    exact = inverse and 1 / inverse == abs(factor) and len(number(factor)) > FEW
    return inverse if exact else 0


class Wording:
    """Phrases of Tensors, made once their operands' are there.

    ``names`` has those that a line of their own defines.  ``constant`` gives a name to numbers.  Where
    ``mean`` is set, a sum over the rows is their mean.
    """

    def __init__(self, constant: Callable[[Tensor], str], *, mean: bool) -> None:
        self.names: dict[Tensor, str] = {}
        self.phrases: dict[Tensor, Phrase] = {}
        self.constant, self.mean = constant, mean
        self.seeds = 0  # outputs, where there are several

    # --------------------------------------------------------------------------------------------- operands
    def phrase(self, x: Tensor) -> Phrase:
        """Its name, its number, or its expression."""
        x = real(x)
        if x in self.names:
            return self.names[x], ATOM
        if x.number is not None:
            text = number(x.number)
            return text, SIGN if text[0] == "-" else ATOM
        if x.word == "const":
            return self.constant(x), ATOM
        return self.phrases[x]

    def text(self, x: Tensor, level: int = 0) -> str:
        return enclosed(self.phrase(x), level)

    def aligned(self, x: Tensor, axes: Sequence[int], level: int = 0) -> str:
        """With axes of one where others have more."""
        mine = axes_of(x)
        if not mine or mine == [*axes[len(axes) - len(mine) :]]:
            return self.text(x, level)
        shown = axes[axes.index(mine[0]) :]
        index = ", ".join(":" if i in mine else "None" for i in shown)
        return f"{self.text(x, ATOM)}[{index}]"

    def array(self, x: Tensor) -> str:
        """The text of an array, also where the Tensor is a number."""
        return self.text(x) if real(x).number is None else self.constant(real(x))

    def spread_to(self, x: Tensor, like: Tensor) -> str:
        """Repeated along the axes that it lacks."""
        wanted = axes_of(like)
        if axes_of(x) == wanted:
            return self.array(x)
        text = self.aligned(x, wanted) if axes_of(x) else self.array(x)
        return f"broadcast_to({text}, {tupled(sizes(like))})"

    # --------------------------------------------------------------------------------------------- by words
    def write(self, x: Tensor) -> Phrase:
        """The expression of a Tensor, from those of its operands."""
        self.phrases[x] = WRITTEN.get(x.word, Wording.op)(self, x)
        return self.phrases[x]

    def op(self, x: Tensor) -> Phrase:
        """A function of the table."""
        axes = axes_of(x)
        operands = ", ".join(self.aligned(y, axes) for y in x.args)
        return f"{spelled(x.word)}({operands})", ATOM

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

    # ----------------------------------------------------------------------------------------- sums, products
    def dot(self, x: Tensor) -> Phrase:
        if x.data:
            return self.contraction(x, x.data)
        first, second = x.args
        if first.number is not None:
            return self.scaled(first.number, second, x)
        if first is second:
            return f"{self.text(first, ATOM)}**2", POWER
        axes = axes_of(x)
        left = self.aligned(first, axes, PRODUCT)
        return f"{left} * {self.aligned(second, axes, PRODUCT + 1)}", PRODUCT

    def scaled(self, factor: float, y: Tensor, x: Tensor) -> Phrase:
        """A number times an array; a third of it is y / 3."""
        text = self.text(y, PRODUCT)
        if " @ " in text and self.phrase(y)[1] == PRODUCT:
            text = f"({text})"
        inverse = inverted(factor)
        if inverse:
            return f"{'-' * (factor < 0)}{text} / {inverse}", PRODUCT
        if factor == -1.0:
            return f"-{text}", PRODUCT
        return f"{number(factor)} * {text}", PRODUCT

    def sum(self, x: Tensor) -> Phrase:
        return self.summed(x.args[0], [*x.data])

    def largest(self, x: Tensor) -> Phrase:
        inner = x.args[0]
        return f"max({self.text(inner)}{along(axes_of(inner), x.data)})", ATOM

    def summed(self, inner: Tensor, over: Sequence[int]) -> Phrase:
        """The sum of an array over some of its axes."""
        return self.total(self.text(inner), axes_of(inner), over)

    def total(self, text: str, axes: list[int], over: Sequence[int]) -> Phrase:
        """The sum over some axes, or the mean over the rows."""
        end = along(axes, over)
        if self.mean and [*over] == [ROWS]:
            return f"mean({text}{end})", ATOM
        return self.per_row(over, f"sum({text}{end})")

    def per_row(self, over: Sequence[int], text: str) -> Phrase:
        """Divided by the number of rows, where it is a sum over them and a mean is wanted."""
        if self.mean and ROWS in over:
            return f"{text} / n", PRODUCT
        return text, ATOM

    def all_rows(self, x: Tensor) -> Phrase:
        """The sum over the rows, of a product in one expression."""
        inner = real(x.args[0])
        if not inner.rows:
            return f"n * {self.text(inner, PRODUCT)}", PRODUCT
        if inner in self.names or inner.word not in ("dot", "sum"):
            return self.summed(inner, [ROWS])
        if inner.word == "sum":
            return self.summed(inner.args[0], [ROWS, *inner.data])
        factor = inner.args[0].number
        if factor is not None or inner.args[0] is inner.args[1]:
            return self.summed(inner, [ROWS])
        return self.contraction(inner, (ROWS, *inner.data))

    def contraction(self, x: Tensor, over: Sequence[int]) -> Phrase:
        """Σ x·y over axes: by @, by sum or by einsum."""
        first, second = x.args
        left, right = {*axes_of(first)}, {*axes_of(second)}
        if first is not second and len(over) == 1 and left & right == {*over}:
            text = self.matrices(first, second, over[0])
            if text is not None:
                return self.per_row(over, text)[0], PRODUCT
        if not {*over} <= left & right or left <= right or right <= left:
            return self.sum_of_product(first, second, over)
        return self.per_row(over, self.einsum(first, second, over))

    def sum_of_product(
        self, first: Tensor, second: Tensor, over: Sequence[int]
    ) -> Phrase:
        """Number by number, then over axes."""
        axes = self.united(first, second)
        left = self.aligned(first, axes, PRODUCT)
        inner = f"{left} * {self.aligned(second, axes, PRODUCT + 1)}"
        if first is second:
            inner = f"{self.text(first, ATOM)}**2"
        return self.total(inner, axes, over)

    def united(self, first: Tensor, second: Tensor) -> list[int]:
        """The axes that two arrays have together."""
        shape = joint([first.shape, second.shape])
        rows = first.rows or second.rows
        return [ROWS] * rows + [i for i, n in enumerate(shape) if n > 1]

    def matrices(self, first: Tensor, second: Tensor, over: int) -> str | None:
        """x @ y of vectors and matrices, where x may be a stack of matrices; None if they do not fit."""
        pair = sorted((first, second), key=lambda x: self.place(x, over))
        left, right = (axes_of(x) for x in pair)
        rest = [i for i in [*left, *right] if i != over]
        stack = len(left) > 2
        if len(right) > 2 or rest != sorted(rest) or (stack and left[-1] != over):
            return None
        front = self.turned(pair[0], left[-1] != over, PRODUCT + 1)
        return f"{front} @ {self.turned(pair[1], right[0] != over, PRODUCT + 1)}"

    def turned(self, x: Tensor, transposed: bool, level: int) -> str:
        """A matrix, or its transpose."""
        if not transposed:
            return self.text(x, level)
        text = self.text(x, ATOM)
        return text[:-2] if text.endswith(".T") else f"{text}.T"

    def place(self, x: Tensor, over: int) -> tuple[int, int]:
        """Matrices stand before vectors, and in the order of their own axes."""
        own = [i for i in axes_of(x) if i != over]
        return (0, own[0]) if own else (1, 0)

    def einsum(self, first: Tensor, second: Tensor, over: Sequence[int]) -> str:
        axes = self.united(first, second)
        letters = dict(zip([i for i in axes if i >= 0], LETTERS, strict=False))
        letters[ROWS] = "n"
        left, right, out = (
            "".join(letters[i] for i in some)
            for some in (
                axes_of(first),
                axes_of(second),
                [i for i in axes if i not in over],
            )
        )
        operands = f"{self.text(first)}, {self.text(second)}"
        return f"einsum('{left},{right}->{out}', {operands})"

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
        count = y.shape[x.data]
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
