"""The words of a book's text in one array library: its own, or substitutes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import ModuleType
from typing import Any, TypeAlias

import numpy as np

from ..ieee import PYTHON

Library: TypeAlias = ModuleType | Any
Word: TypeAlias = Callable[..., Any]


# -------------------------------------------------------------------------------------- by words that it has
def einsum(xp: Library) -> Word:
    """Sums of products of two arrays, by broadcasting."""

    def summed(text: str, x: Any, y: Any) -> Any:
        sides, out = text.split("->")
        left, right = sides.split(",")
        every = sorted({*left, *right})
        product = wide(xp, x, left, every) * wide(xp, y, right, every)
        over = tuple(i for i, letter in enumerate(every) if letter not in out)
        kept = [letter for letter in every if letter in out]
        order = tuple(kept.index(letter) for letter in out)
        total = xp.sum(product, axis=over) if over else product
        return word(xp, "permute_dims")(total, order) if len(order) > 1 else total

    return summed


def wide(xp: Library, x: Any, letters: str, every: Iterable[str]) -> Any:
    """An array with its axes in alphabetical order, and axes of one for the other letters."""
    if len(letters) > 1:
        order = sorted(letters)
        x = word(xp, "permute_dims")(
            x, tuple(letters.index(letter) for letter in order)
        )
    index = tuple(slice(None) if letter in letters else None for letter in every)
    return x[index]


def missing(name: str) -> Word:
    """A word that a library does not have."""

    def refuse(*args: Any) -> Any:
        what = f"this array library has no {name}, which the program computes"
        raise NotImplementedError(f"{what}; the function for NumPy has it")

    return refuse


# ---------------------------------------------------------------------------------------------------- PyTorch
def of_tensors(xp: Library, name: str) -> Word:
    """A function of two tensors that takes a number for one of them."""

    def apply(x: Any, y: Any) -> Any:
        like = x if hasattr(x, "dtype") else y
        pair = [z if hasattr(z, "dtype") else xp.full_like(like, z) for z in (x, y)]
        return getattr(xp, name)(*pair)

    return apply


def torch_sign(xp: Library) -> Word:
    """PyTorch's sign of nan is 0."""
    return lambda x: xp.where(x == x, xp.sign(x), x)


def torch_max(xp: Library) -> Word:
    """PyTorch's max gives places too; of equal numbers its amax shares."""
    return lambda x, axis=None: (
        xp.amax(x, dim=axis) if axis is not None else xp.amax(x)
    )


TORCH: dict[str, Callable[[Library], Word]] = {
    "max": torch_max,
    "sign": torch_sign,
    "take": lambda xp: lambda x, places, axis: xp.index_select(x, axis, places),
    "permute_dims": lambda xp: xp.permute,
    "maximum": lambda xp: of_tensors(xp, "maximum"),
    "minimum": lambda xp: of_tensors(xp, "minimum"),
    "hypot": lambda xp: of_tensors(xp, "hypot"),
    "copysign": lambda xp: of_tensors(xp, "copysign"),
}
# By the first part of a library's name; what stands here goes before the library's own word.
SPELLED: dict[str, Mapping[str, Callable[[Library], Word]]] = {"torch": TORCH}
# For a library that has no such word.
SUBSTITUTES: dict[str, Callable[[Library], Word]] = {
    "einsum": einsum,
    "concat": lambda xp: xp.concatenate,
    "permute_dims": lambda xp: xp.transpose,
    "acos": lambda xp: xp.arccos,
    "asin": lambda xp: xp.arcsin,
    "atan": lambda xp: xp.arctan,
    "acosh": lambda xp: xp.arccosh,
    "asinh": lambda xp: xp.arcsinh,
    "atanh": lambda xp: xp.arctanh,
    "atan2": lambda xp: xp.arctan2,
    "inf": lambda xp: np.inf,  # pyright: ignore[reportUnknownLambdaType]
    "nan": lambda xp: np.nan,  # pyright: ignore[reportUnknownLambdaType]
}


def word(xp: Library, name: str) -> Any:
    """What a library calls this word, or a function in its place."""
    special = SPELLED.get(xp.__name__.split(".")[-1], {})
    if name in special:
        return special[name](xp)
    if hasattr(xp, name):
        return getattr(xp, name)
    return SUBSTITUTES[name](xp) if name in SUBSTITUTES else missing(name)


def mathematical(xp: Library, name: str) -> Any:
    """A word of Python's math: the library's, or for NumPy Python's own."""
    places = [xp, getattr(getattr(xp, "scipy", None), "special", None)]
    for place in [x for x in places if hasattr(x, name)]:
        return getattr(place, name)
    if xp is np:
        return np.vectorize(PYTHON[name], otypes=[float])
    return missing(name)
