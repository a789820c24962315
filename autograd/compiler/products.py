"""Sums and products as text: ``x @ W.T``, ``sum(x * y, axis=1)``, or einsum."""

from __future__ import annotations

from collections.abc import Sequence

from .helpers import number
from .phrases import (
    ATOM,
    POWER,
    PRODUCT,
    ROWS,
    Phrase,
    Phrases,
    along,
    axes_of,
    inverted,
    real,
)
from .tensors import Tensor, joint

LETTERS = "ijklmopqrs"


class Products(Phrases):
    """Phrases of sums and products."""

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
        if inner.args[0].number is not None:
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
