"""A book's text as functions in the words of an array library: NumPy, JAX, PyTorch, Dask, array-api-strict.

The text asks for words of the array API, and for einsum.  Where a library has another name for one, or does
not take plain numbers in it, ``OTHERWISE`` says what stands in.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..defining import define
from .book import Book

# Other names of a word, and functions of a namespace that stand in for one.
NAMES = {
    "permute_dims": ("permute_dims", "permute", "transpose"),
    "concat": ("concat", "concatenate"),
    "max": ("amax", "max"),
    "abs": ("abs", "absolute"),
    "acos": ("acos", "arccos"),
    "asin": ("asin", "arcsin"),
    "atan": ("atan", "arctan"),
    "acosh": ("acosh", "arccosh"),
    "asinh": ("asinh", "arcsinh"),
    "atanh": ("atanh", "arctanh"),
    "atan2": ("atan2", "arctan2"),
}


def of_numbers(word: str) -> Callable[[Any], Callable[..., Any]]:
    """A word of two operands, of which one may be a plain number."""

    def made(xp: Any) -> Callable[..., Any]:
        function = getattr(xp, word)

        def call(x: Any, y: Any) -> Any:
            if isinstance(y, (int, float)):
                y = xp.full_like(x, y)
            elif isinstance(x, (int, float)):
                x = xp.full_like(y, x)
            return function(x, y)

        return call

    return made


def taken(xp: Any) -> Callable[..., Any]:
    """``take`` along an axis."""
    if not hasattr(xp, "index_select"):
        return xp.take  # type: ignore[no-any-return]
    return lambda x, places, axis: xp.index_select(x, axis, places)


def summed_products(xp: Any) -> Callable[..., Any]:
    """``einsum`` of two operands, by broadcasting where a library has none."""
    if hasattr(xp, "einsum"):
        return xp.einsum  # type: ignore[no-any-return]

    def call(rule: str, x: Any, y: Any) -> Any:
        sides, out = rule.split("->")
        letters = [*dict.fromkeys(sides.replace(",", ""))]
        wide = [
            widened(xp, z, side, letters)
            for z, side in zip((x, y), sides.split(","), strict=True)
        ]
        over = tuple(i for i, letter in enumerate(letters) if letter not in out)
        total = xp.sum(wide[0] * wide[1], axis=over)
        rest = [letter for letter in letters if letter in out]
        return word_of(xp, "permute_dims")(
            total, tuple(rest.index(letter) for letter in out)
        )

    return call


def widened(xp: Any, x: Any, side: str, letters: list[str]) -> Any:
    """An operand with its axes in the order of all letters, and axes of one for those that it lacks."""
    order = [letter for letter in letters if letter in side]
    turned = word_of(xp, "permute_dims")(
        x, tuple(side.index(letter) for letter in order)
    )
    index = tuple(slice(None) if letter in side else None for letter in letters)
    return turned[index]


OTHERWISE: dict[str, Callable[[Any], Callable[..., Any]]] = {
    "maximum": of_numbers("maximum"),
    "minimum": of_numbers("minimum"),
    "take": taken,
    "einsum": summed_products,
}


def word_of(xp: Any, word: str) -> Any:
    """What a word of the text is in a namespace; LookupError if there is nothing."""
    if xp is np:
        return getattr(np, word)
    if word in OTHERWISE:
        return OTHERWISE[word](xp)
    for name in NAMES.get(word, (word,)):
        if hasattr(xp, name):
            return getattr(xp, name)
    raise LookupError(
        f"{getattr(xp, '__name__', xp)} has no {word}, which this program's text needs"
    )


@dataclass(frozen=True)
class Functions:
    """``forward(theta, X)``, which a call is short for, and gradients, in one array library.

    ``value_and_grad(theta, X)`` gives the mean over the rows and its gradient by theta, and is None if there
    are several outputs; ``vjp(theta, X, dy)`` the gradients by theta, summed over the rows, and by X.  They
    are pure: ``jax.jit``, ``jax.grad``, ``jax.vmap`` and torch's autograd go through them.
    """

    forward: Callable[..., Any]
    value_and_grad: Callable[..., Any] | None
    vjp: Callable[..., Any]

    def __call__(self, theta: Any, X: Any = None) -> Any:
        return self.forward(theta, X)


def functions_of(book: Book, xp: Any) -> Functions:
    """The book's functions in a namespace.

    Raises LookupError for a word that it does not have, as for an op that only Python's math knows.
    """
    words, _, mathematical = book.helpers
    if mathematical and xp is not np:
        raise LookupError(
            f"only Python's math has {mathematical[0]}, not {getattr(xp, '__name__', xp)}: use program(X)"
        )
    known = {word: word_of(xp, word) for word in words}
    known |= {word: by_math(word) for word in mathematical}
    known |= {name: xp.asarray(x) for name, x in book.constants.arrays.items()}
    known |= {"inf": np.inf, "nan": np.nan}
    gradient = "None" if book.many else "value_and_grad"
    body = f"{book.text}\n\nreturn forward, {gradient}, vjp"
    return Functions(*define("functions", [], body, known, {})())


def by_math(word: str) -> Any:
    """A function of Python's math for every number of an array."""
    import math

    return np.vectorize(getattr(math, word), otypes=[float])
