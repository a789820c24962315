"""The words of a book's text in one array library: its own, or substitutes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from importlib import import_module
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

    def sign(x: Any) -> Any:
        return xp.where(x == x, xp.sign(x), x)

    return sign


def torch_max(xp: Library) -> Word:
    """PyTorch's max gives places too; its amax does not."""

    def largest(x: Any, axis: int | None = None) -> Any:
        return xp.amax(x) if axis is None else xp.amax(x, dim=axis)

    return largest


def torch_take(xp: Library) -> Word:
    """PyTorch's take reads an array as if it had one axis."""

    def take(x: Any, places: Any, axis: int) -> Any:
        return xp.index_select(x, axis, places)

    return take


TORCH: dict[str, Callable[[Library], Word]] = {
    "max": torch_max,
    "sign": torch_sign,
    "take": torch_take,
    "permute_dims": lambda xp: xp.permute,
    **{
        name: partial(of_tensors, name=name)
        for name in ("maximum", "minimum", "hypot", "copysign", "atan2")
    },
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
}


def word(xp: Library, name: str) -> Any:
    """What a library calls this word, or a function in its place."""
    special = SPELLED.get(xp.__name__.split(".")[-1], {})
    if name in special:
        return special[name](xp)
    if hasattr(xp, name):
        return getattr(xp, name)
    return SUBSTITUTES[name](xp) if name in SUBSTITUTES else missing(name)


def special(xp: Library) -> ModuleType | None:
    """A library's functions of mathematics, if they are in a module of their own."""
    try:
        return import_module(f"{xp.__name__.split('.')[0]}.scipy.special")
    except ImportError:
        return None


def mathematical(xp: Library, name: str) -> Any:
    """A word of Python's math: the library's, or for NumPy Python's own."""
    for place in [x for x in (xp, special(xp)) if hasattr(x, name)]:
        return getattr(place, name)
    if xp is np:
        return np.vectorize(PYTHON[name], otypes=[float])
    return missing(name)
