"""An op's formula for complex numbers, near the real axis: what a complex step along it needs.

``COMPLEX`` says what every word of a formula does there.  NumPy and cmath have no such form of some of them.
"""

from __future__ import annotations

import cmath
import math
import operator
from collections.abc import Callable
from functools import cache
from typing import Any

from .ieee import PYTHON
from .terms import ARITHMETIC, fold, terms_of
from .value import Op

AGREE = 64  # a slope is so many times what two complex steps differ by


def erf(x: complex) -> complex:
    """erf near the real axis: from there on the integral of 2/√π·exp(-x²), by Simpson's rule."""
    heights = [
        cmath.exp(-(complex(x.real, part * x.imag) ** 2)).real
        for part in (0.0, 0.5, 1.0)
    ]
    mean = (heights[0] + 4 * heights[1] + heights[2]) / 6
    return complex(math.erf(x.real), 2 / math.sqrt(math.pi) * mean * x.imag)


def hypot(x: complex, y: complex) -> complex:
    """The distance from (0, 0), where it has slope 0; its square does not overflow.

    Raises ValueError for a step that is not small beside the distance, since all such steps agree on slope 1,
    and where the smaller operand's square would underflow.
    """
    least, size = sorted((abs(x.real), abs(y.real)))
    if size == 0:
        return 0j
    if max(abs(x.imag), abs(y.imag)) > size / AGREE or 0 < least < size * 1e-150:
        raise ValueError("no complex step can tell")
    return size * cmath.sqrt((x / size) ** 2 + (y / size) ** 2)


def sigmoid(x: complex) -> complex:
    """1 / (1 + exp(-x)); no number overflows on the way."""
    if x.real > 0:
        return 1 / (1 + cmath.exp(-x))
    return cmath.exp(x) / (1 + cmath.exp(x))


def maximum(x: complex, y: complex) -> complex:
    """The larger by the real parts; of equal ones the mean."""
    if x.real == y.real:
        return (x + y) / 2
    return x if x.real > y.real else y


def minimum(x: complex, y: complex) -> complex:
    """The smaller by the real parts; of equal ones the mean."""
    if x.real == y.real:
        return (x + y) / 2
    return x if x.real < y.real else y


OF_ONE: dict[str, Callable[[complex], complex]] = {
    "fabs": lambda x: x * PYTHON["sign"](x.real),
    "sign": lambda x: PYTHON["sign"](x.real),
    "expm1": lambda x: complex(math.expm1(x.real), cmath.exp(x).imag),
    "log1p": lambda x: complex(math.log1p(x.real), cmath.log(1 + x).imag),
    "log2": lambda x: cmath.log(x) / math.log(2),
    "erf": erf,
    "erfc": lambda x: complex(math.erfc(x.real), -erf(x).imag),
    "gauss": lambda x: cmath.exp(-x * x),
    "stop_gradient": lambda x: complex(x.real),
    "sigmoid": sigmoid,
    "bell": lambda x: (0.5 / cmath.cosh(0.5 * x)) ** 2,
}
OF_TWO: dict[str, Callable[[complex, complex], complex]] = {
    "heaviside": lambda x, at_zero: PYTHON["heaviside"](x.real, at_zero.real),
    "maximum": maximum,
    "minimum": minimum,
    "hypot": hypot,
    "pow": lambda x, y: x**y if x.real >= 0 else (-x) ** y * math.pow(-1.0, y.real),
}
COMPLEX: dict[str, Any] = {
    **vars(cmath),
    **ARITHMETIC,
    **OF_ONE,
    **OF_TWO,
    "==": operator.eq,
    "<": lambda x, y: x.real < y.real,  # pyright: ignore[reportUnknownLambdaType, reportUnknownMemberType]
    "if": lambda x, y, w: y if x.real else w,  # pyright: ignore[reportUnknownLambdaType, reportUnknownMemberType]
}


@cache
def in_complex(op: Op) -> Callable[..., complex] | None:
    """The op's formula for complex numbers; None if it has a word, as gamma, that is for real ones only."""
    if not all(term.word in COMPLEX for term in terms_of(op.tree) if term.args):
        return None

    def compute(*numbers: complex) -> complex:
        return complex(
            fold(op.tree, COMPLEX, dict(zip(op.operands, numbers, strict=True)))
        )

    return compute
