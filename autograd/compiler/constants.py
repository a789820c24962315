"""Recorded numbers, as the head of a text declares them."""

from __future__ import annotations

from collections.abc import Container, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..value import Value
from .naming import Names, constant_stem, stem_of, usable
from .tensors import Tensor
from .typesetting import wrapped

Key = tuple[str, tuple[int, ...], bytes]


def key_of(numbers: NDArray[Any]) -> Key:
    """The same for the same numbers."""
    return numbers.dtype.kind, numbers.shape, numbers.tobytes()


def squeezed(x: Tensor) -> NDArray[Any]:
    """A Tensor's numbers, without axes of one; of a pick all places."""
    data = np.asarray(x.data)
    if x.word != "const":
        return data
    return data.reshape([n for n in data.shape if n > 1])


class Constants:
    """Recorded numbers, by the names that the text's head gives them."""

    def __init__(self, rows: bool, taken: Iterable[str]) -> None:
        self.rows = rows
        self.arrays: dict[str, NDArray[Any]] = {}
        self.known: dict[Key, str] = {}
        self.stems: dict[Key, str] = {}
        self.names = Names(taken)

    def declare(self, numbers: NDArray[Any]) -> str:
        """The name of an array; the same for the same numbers."""
        key = key_of(numbers)
        if key not in self.known:
            stem = self.stems.get(key) or constant_stem(numbers, self.rows)
            name = self.names.fresh(stem)
            self.known[key] = name
            self.arrays[name] = numbers
        return self.known[key]

    def named(self, x: Tensor, values: Iterable[Value]) -> None:
        """Notes what the Values of a Tensor's numbers are called."""
        own = stem_of(values)
        if x.word == "const" and usable(own):
            self.stems[key_of(squeezed(x))] = own

    def of(self, x: Tensor) -> str:
        """The name of a Tensor's numbers."""
        return self.declare(squeezed(x))

    def keep(self, names: Container[str]) -> None:
        """Only those that a text reads."""
        self.arrays = {name: x for name, x in self.arrays.items() if name in names}

    @property
    def text(self) -> str:
        """Their declarations."""
        return "\n".join(declaration(name, x) for name, x in self.arrays.items())


def declaration(name: str, numbers: NDArray[Any]) -> str:
    """name = array([...]), in lines."""
    return wrapped(f"{name} = {literal(numbers)}")


def literal(numbers: NDArray[Any]) -> str:
    """An array as NumPy is told it."""
    if numbers.ndim == 2 and len(numbers) > 2 and is_chosen(numbers):
        return (
            f"take(eye({numbers.shape[1]}), {numbers.argmax(1).tolist()}, axis=0)"
        )
    if numbers.ndim == 2 and len(numbers) > 2 and is_triangle(numbers):
        kind = ", dtype=bool" if numbers.dtype.kind == "b" else ""
        return f"tri{numbers.shape}"[:-1] + f"{kind})"
    kind = ", dtype=int" if numbers.dtype.kind == "i" else ""
    return f"array({numbers.tolist()}{kind})"


def is_chosen(numbers: NDArray[Any]) -> bool:
    """Whether every row is one of the unit matrix."""
    unit = np.eye(numbers.shape[1])
    return numbers.dtype.kind == "f" and np.array_equal(
        unit[numbers.argmax(1)], numbers
    )


def is_triangle(numbers: NDArray[Any]) -> bool:
    """Whether it is 1 on and below the diagonal, and 0 above."""
    return numbers.dtype.kind in "fb" and np.array_equal(
        np.tri(*numbers.shape), numbers
    )
