"""The reverse sweep as a book has it: a number stays in the adjoint that it belongs to.

``dz = 0.01 * step(z)`` is printed once; with numbers in front of everything, 0.01 would stand in every line that
reads dz.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .reverse import Adjoints, Sweep
from .tensors import Axes, Tensor, Tensors, joint, long_axes, without

PASSED = ("join",)  # each part of whose adjoint is read once


class Sealing(Tensors):
    """A builder that takes no number out of what is sealed."""

    def __init__(self) -> None:
        super().__init__()
        self.sealed: set[Tensor] = set()

    def split(self, x: Tensor) -> tuple[float | None, Tensor]:
        return (None, x) if x in self.sealed else super().split(x)

    def dot(self, x: Tensor, y: Tensor, over: Axes = ()) -> Tensor:
        """A number times all addends stands before their sum."""
        for factor, other in ((x, y), (y, x)):
            if (
                factor.number is not None
                and joint([x.shape, y.shape]) == other.shape
            ):
                return self.product(factor, self.sum(other, over))
        return super().dot(x, y, over)

    def sum(self, x: Tensor, over: Axes) -> Tensor:
        axes = long_axes(x.shape, over)
        if x in self.sealed and axes:
            return self.make("sum", (x,), without(x.shape, axes), axes)
        return super().sum(x, over)


class BookSweep(Sweep):
    """A sweep whose adjoints are sealed, and in which the slope of a maximum is a word."""

    def __init__(self, tensors: Sealing, by: set[str]) -> None:
        super().__init__(tensors, by, book=True)
        self.sealing = tensors

    def total(self, x: Tensor) -> Tensor | None:
        adjoint = super().total(x)
        readers = {y for y in x.args if y in self.needed}
        if adjoint is not None and len(readers) > 1 and x.word not in PASSED:
            self.sealing.sealed.add(adjoint)
        return adjoint

    def slope(self, z: Tensor, i: int) -> Tensor:
        """Of a maximum: 1 for the larger operand, and half of that at a tie."""
        if z.word not in ("maximum", "minimum"):
            return super().slope(z, i)
        straight = (z.word == "maximum") == (i == 0)
        pair = z.args if straight else z.args[::-1]
        return self.tensors.make("is_larger", pair, z.shape)


def gradients(
    tensors: Sealing, outputs: Sequence[Tensor], *, rows: bool, by: Iterable[str]
) -> Adjoints:
    """The adjoints of the leaves that ``by`` names."""
    return BookSweep(tensors, {*by}).run(outputs, rows)
