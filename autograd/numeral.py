"""A Value as a number: an order and a text, but no truth value and no float; and the grad that it begins with."""

from __future__ import annotations

from typing import NoReturn, TypeAlias

from .ieee import Real, number

Comparable: TypeAlias = "Numeral | Real"


class NoGrad(float):
    """The grad that a Value begins with: 0.0, and no backward pass has come by, which drawings show as a dash."""

    def __reduce__(self) -> str:
        return "NO_GRAD"


NO_GRAD: float = NoGrad()


class Numeral:
    """A number in ``data``, which is compared and printed, but not lost by the way."""

    __slots__ = ()

    @property
    def data(self) -> float:
        """The number."""
        raise NotImplementedError

    def __lt__(self, y: Comparable) -> bool:
        return self.data < plain(y)

    def __le__(self, y: Comparable) -> bool:
        return self.data <= plain(y)

    def __gt__(self, y: Comparable) -> bool:
        return self.data > plain(y)

    def __ge__(self, y: Comparable) -> bool:
        return self.data >= plain(y)

    def __bool__(self) -> NoReturn:
        raise TypeError(
            "a Value has no truth value; compare it, as in v > 0, or use v.data"
        )

    def __format__(self, spec: str) -> str:
        return format(self.data, spec) if spec else repr(self)

    def __float__(self) -> NoReturn:
        raise TypeError(
            'math.exp(v), float(v), "%f" % v cut the graph; use autograd\'s exp(v), v.data, or f"{v:.2f}"'
        )


def plain(x: Comparable) -> float:
    """The number alone."""
    return x.data if isinstance(x, Numeral) else number(x, "a comparison")
