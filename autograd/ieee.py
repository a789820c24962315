"""Numbers: what is accepted as one, and IEEE 754 arithmetic for the formulas of the op table.

Python's floats raise on 1/0, log(0) and exp(1000), and make (-8)**(1/3) complex.  Python's math is fast, so
it is used all the same; what raises is computed again by NumPy, where the answers are inf, -inf and nan.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias, cast

import numpy as np

Unary: TypeAlias = "Callable[[float], float]"
Binary: TypeAlias = "Callable[[float, float], float]"
Ternary: TypeAlias = "Callable[[float, float, float], float]"
# what Python's floats raise where IEEE 754 has an answer
ERRORS = (ValueError, ArithmeticError)


def maximum(x: float, y: float) -> float:
    """The larger; nan if either is nan, 0.0 of 0.0 and -0.0."""
    if x == y:
        return x if math.copysign(1.0, x) > 0 else y
    return x if x > y or x != x else y


def sigmoid(x: float) -> float:
    """1 / (1 + exp(-x)); no number overflows on the way."""
    return math.exp(min(x, 0.0)) / (1 + math.exp(-abs(x)))


def bell(x: float) -> float:
    """The slope of the sigmoid."""
    return sigmoid(x) * sigmoid(-x)


def gauss(x: float) -> float:
    """exp(-x²), in which the rounding of x² does no harm: the square of a few leading bits is exact."""
    size = min(abs(x), 40.0)
    head = math.floor(size * 65536) / 65536
    return math.exp(-head * head) * math.exp((head - size) * (head + size))


WORDS: dict[str, Unary | Binary | Ternary] = {
    "sign": lambda x: 1.0 if x > 0 else -1.0 if x < 0 else x + 0.0,
    "heaviside": lambda x, at_zero: (
        1.0 if x > 0 else 0.0 if x < 0 else at_zero if x == 0 else x
    ),
    "maximum": maximum,
    "minimum": lambda x, y: -maximum(-x, -y),
    "where": lambda x, y, w: y if x else w,
    "sigmoid": sigmoid,
    "bell": bell,
    "gauss": gauss,
    "stop_gradient": lambda x: x,
}
# what a formula may use, by the names that NumPy has too
PYTHON: dict[str, Any] = vars(math) | WORDS


def in_numpy(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """The same word by NumPy's rules, where Python's raises; the same digits where it does not."""

    def careful(*args: float) -> Any:
        try:
            return np.float64(function(*args))
        except ERRORS:
            return (
                vars(np)[name](*args) if name in vars(np) else np.float64(math.nan)
            )

    return careful


NUMPY: dict[str, Any] = {
    name: in_numpy(name, x) if callable(x) else x for name, x in PYTHON.items()
}

Real: TypeAlias = "float | np.floating[Any] | np.integer[Any]"
BOOL: tuple[type[Any], ...] = (bool, np.bool_)
REAL: tuple[type[Any], ...] = (float, int, np.floating, np.integer)
INTEGER: tuple[type[Any], ...] = (int, np.integer)
UNREAL: tuple[type[Any], ...] = (bool, np.timedelta64)
ROUNDED = (  # float(t) inside of mpmath.diff's function gives the same number for all of its steps
    "convert it once, with float(...), and differentiate with grad: "
    "a Value holds a float, in which the tiny steps of mpmath.diff are lost"
)
ADVICE: list[tuple[Any, str]] = [
    (BOOL, "write 1.0 or 0.0"),
    ((str, bytes, np.timedelta64), "convert it with float(...)"),
    (numbers.Real, ROUNDED),
    (numbers.Complex, "take its .real part or its abs(...)"),
    (numbers.Number, ROUNDED),  # Decimal
    (
        np.ndarray,
        "a Value holds one number: take one element with .item() or [i], or make a Value of each",
    ),
    (Iterable, "a Value holds one number: make one of each element"),
    (object, "convert it to a float first"),
]


def number(x: object, taker: str) -> float:
    """x as a Python float; otherwise a TypeError that names its type and the way out."""
    if x.__class__ is float:
        return cast("float", x)
    if isinstance(x, REAL) and not isinstance(x, UNREAL):
        try:
            return float(cast("float", x))
        except OverflowError:
            raise OverflowError(
                f"{taker}: an integer beyond 1.8e308, the largest float; scale it"
            ) from None
    advice = next(text for types, text in ADVICE if isinstance(x, types))
    kind = type(x).__name__
    raise TypeError(
        f"{taker} takes real numbers (int, float, NumPy scalar), not {kind}; {advice}"
    )
