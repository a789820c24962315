"""Which arrays get a line of their own, and in what order: the body of one function of a book's text.

What is read once and fits stands where it is read.  A line of its own has what is read more than once, what the
backward pass reads, an activation, and what would make a line too long.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from .naming import ACTIVATIONS, Namer
from .phrases import axes_of, real
from .tensors import LEAVES, Tensor
from .typesetting import WIDTH
from .wording import Wording

LIMIT = 82  # letters of an expression, beside a name and its indentation
LONG = 14  # an operand of fewer letters stays where it is
CHEAP = re.compile(r"1 - \w+|-\w+|\w+\.T|\w+\[[^\]]*\]")


@dataclass
class Line:
    """name = text, and what it is the text of."""

    tensor: Tensor
    name: str
    text: str

    def __str__(self) -> str:
        """With the lengths of its axes as a comment, if there is room."""
        line = f"{self.name} = {self.text}"
        shape = ["n"] * self.tensor.rows + [
            str(n) for n in self.tensor.shape if n > 1
        ]
        comment = f"  # {' × '.join(shape)}" if shape else ""
        return line + comment if len(line + comment) <= WIDTH - 4 else line


@dataclass
class Plot:
    """What a chapter is about: roots, and those whose names are given."""

    roots: Sequence[Tensor]
    titles: dict[
        Tensor, str
    ]  # what must have a line, and its name; "" for one to be invented
    turn: int  # where the backward pass begins
    live: list[Tensor] = field(default_factory=list[Tensor])
    uses: Counter[Tensor] = field(default_factory=Counter[Tensor])
    kept: set[Tensor] = field(default_factory=set[Tensor])

    def __post_init__(self) -> None:
        """Everything that the roots read, operands first, and how often."""
        seen, stack = set[Tensor](), [*map(real, self.roots)]
        self.uses.update(stack)
        while stack:
            x = stack.pop()
            if x not in seen:
                seen.add(x)
                operands = [*map(real, x.args)]
                self.uses.update(operands)
                stack += operands
                if x.at >= self.turn:
                    self.kept.update(y for y in operands if y.at < self.turn)
        self.live = sorted(seen, key=lambda x: x.at)


class Chapter:
    """The lines of one function."""

    def __init__(self, plot: Plot, wording: Wording, namer: Namer) -> None:
        self.plot, self.wording, self.namer = plot, wording, namer
        self.forward: list[Line] = []
        self.backward: list[Line] = []
        # A product that is summed over the rows is written by its sum.
        self.inner = {real(x.args[0]) for x in plot.live if x.word == "rows"}
        for x in plot.live:
            if x.word not in LEAVES:
                self.write(x)

    def write(self, x: Tensor) -> None:
        """The expression of a Tensor, and a line if it needs one."""
        text, _ = self.wording.write(x)
        must = self.must(x, text)
        if must or x not in self.inner:
            text = self.shortened(x, text)
        if must:
            self.line(x, text)

    def must(self, x: Tensor, text: str) -> bool:
        """Whether it has a line of its own."""
        if x in self.plot.titles:
            return True
        if CHEAP.fullmatch(text):
            return False
        active = (
            x.word in ACTIVATIONS and bool(axes_of(x)) and x.at < self.plot.turn
        )
        return active or self.plot.uses[x] > 1 or x in self.plot.kept

    def line(self, x: Tensor, text: str) -> None:
        name = self.plot.titles.get(x) or self.namer.invent(x)
        self.wording.names[x] = name
        lines = self.backward if x.at >= self.plot.turn else self.forward
        lines.append(Line(x, name, text))

    def shortened(self, x: Tensor, text: str) -> str:
        """Its expression, with names for operands as long as it is too long."""
        while len(text) > LIMIT:
            inlined = self.inlined([x])
            longest = self.longest([*inlined, *self.inlined(inlined)])
            if longest is None:
                return text
            self.line(longest, self.wording.phrases[longest][0])
            for y in inlined:
                if y is not longest:
                    self.wording.write(y)
            text, _ = self.wording.write(x)
        return text

    def inlined(self, some: Iterable[Tensor]) -> list[Tensor]:
        """Operands that have no name."""
        operands = [real(y) for x in some for y in x.args]
        return [
            y
            for y in dict.fromkeys(operands)
            if y not in self.wording.names and y.word not in LEAVES
        ]

    def longest(self, some: Iterable[Tensor]) -> Tensor | None:
        """The longest one that can have a line; None if all are short."""
        lengths = {
            x: len(self.wording.phrases[x][0]) for x in some if x not in self.inner
        }
        longest = max(lengths, key=lambda x: lengths[x], default=None)
        return longest if longest is not None and lengths[longest] >= LONG else None
