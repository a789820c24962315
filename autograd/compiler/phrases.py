"""Phrases: the text of arrays, and how strongly its outermost sign binds.

The text of a Tensor has the axes along which there is more than one number, and the rows in front.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from .helpers import number
from .tensors import Tensor

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


class Phrases:
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
        kept = self.kept_axis(x, axes)
        if kept:
            return kept
        shown = axes[axes.index(mine[0]) :]
        index = ", ".join(":" if i in mine else "None" for i in shown)
        return f"{self.text(x, ATOM)}[{index}]"

    def kept_axis(self, x: Tensor, axes: Sequence[int]) -> str:
        """One place along an axis, with that axis: z[:, :1] in place of z[:, 0][:, None]; \"\" for others."""
        if x.word != "part" or x in self.names or x.data[2] > 1:
            return ""
        inner, (axis, start, _) = x.args[0], x.data
        if axes_of(inner) != [*axes[len(axes) - len(axes_of(inner)) :]]:
            return ""
        cut = f"{start or ''}:{start + 1}"
        index = ", ".join(cut if i == axis else ":" for i in axes_of(inner))
        return f"{self.text(inner, ATOM)}[{index}]"

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
