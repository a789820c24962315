"""What an op's line is made of, and the checks that it passes; the ops by name, and their places on Value."""

from __future__ import annotations

from collections.abc import Callable
from keyword import iskeyword
from typing import TYPE_CHECKING, Any, TypeAlias

from .ieee import PYTHON, REAL, Real

if TYPE_CHECKING:
    from .value import Op, Value

Scalar: TypeAlias = "Value | Real"
Unary: TypeAlias = "Callable[[Value, Value], Scalar]"  # ∂z/∂x from (z, x)
Binary: TypeAlias = "Callable[[Value, Value, Value], Scalar]"
Ternary: TypeAlias = "Callable[[Value, Value, Value, Value], Scalar]"
Partials: TypeAlias = "tuple[Unary] | tuple[Binary, Binary] | tuple[Ternary, Ternary, Ternary]"

OPS: dict[str, Op] = {}  # every op by its name
OPERATORS = {
    "add": "__add__", "sub": "__sub__", "mul": "__mul__", "div": "__truediv__", "power": "__pow__",
    "neg": "__neg__", "absolute": "__abs__",
}  # fmt: skip


def check_line(name: str, symbol: str, formula: str, partials: Partials, domain: str, book: Any) -> None:
    """Raises ValueError for a line that cannot be an op."""
    lists: list[Any] = [[*x] if isinstance(x, (tuple, list)) else [] for x in (partials, book or partials)]
    line: list[Any] = [name, symbol, formula, domain]
    n, texts = len(lists[0]), all(isinstance(x, str) for x in line)
    if not texts or not name.isidentifier() or iskeyword(name) or not symbol or not 1 <= n <= 3:
        what = "an identifier for its name, texts for symbol, formula and domain, and 1 to 3 partials"
        raise ValueError(f"op {name!r} needs {what}")
    if len(lists[1]) != n or not all(callable(partial) for partial in lists[0] + lists[1]):
        raise ValueError(f"op {name!r}: its partials, and those of its book, are {n} functions each")
    try:
        words = {word for text in (formula, domain or "x") for word in compile(text, name, "eval").co_names}
    except (SyntaxError, ValueError) as error:
        what = f"its formula {formula!r} or its domain {domain!r}"
        raise ValueError(f"op {name!r}: {what} does not parse; write it as Python, in x, y, w") from error
    if unknown := ", ".join(sorted(words - {*PYTHON, *"xyw"[:n]})):
        raise ValueError(f"op {name!r}: its formula has {unknown}, no operand; use x, y, w, math's words")
    if any(count not in (n + 1, 0) for count, *_ in codes(partials)):  # 0: (*args)
        raise ValueError(f"op {name!r}: every partial takes z and all of the {n} operands")
    old = OPS.get(name)
    if old and (old.symbol, old.formula, codes(old.partials)) != (symbol, formula, codes(partials)):
        raise ValueError(f"there is another op {name!r}; choose a new name, or del OPS[{name!r}] first")


def codes(partials: Partials) -> list[tuple[Any, ...]]:
    """How many arguments each partial takes, and what it does: equal if a line is only run again."""
    found = [getattr(partial, "__code__", None) for partial in partials]
    return [(code.co_argcount, code.co_code, code.co_consts, code.co_names) for code in found if code]


def times(x: Scalar, y: Scalar) -> Scalar:
    """x·y without the products that say nothing, so that gradient graphs stay readable: 1·y, -1·y, 0·y."""
    for one, other in ((x, y), (y, x)):
        if isinstance(one, REAL) and one in (1, -1, 0):
            return other if one == 1 else -other if one == -1 else 0.0
    return x * y


def plus(x: Scalar, y: Scalar) -> Scalar:
    """x + y without 0 + y."""
    for one, other in ((x, y), (y, x)):
        if isinstance(one, REAL) and one == 0:
            return other
    return x + y
