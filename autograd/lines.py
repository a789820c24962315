"""The checks that an op's line passes before it becomes an op."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from keyword import iskeyword
from typing import Any

from .ieee import PYTHON
from .names import check_whole
from .terms import PRINTED, parse, terms_of

KNOWN = {word for word, x in PYTHON.items() if callable(x)} | {
    *PRINTED
}  # functions and Python's signs


def check_line(
    name: str, symbol: str, formula: str, partials: Any, domain: str, book: Any
) -> None:
    """Raises ValueError for a line that cannot be an op."""
    own, printed = listed(partials), listed(book or partials)
    n = len(own)
    line: list[Any] = [name, symbol, formula, domain]
    texts = all(isinstance(x, str) for x in line)
    if (
        not texts
        or not name.isidentifier()
        or iskeyword(name)
        or not symbol
        or not 1 <= n <= 3
    ):
        what = "an identifier for its name, texts for symbol, formula and domain, and 1 to 3 partials"
        raise ValueError(f"op {name!r} needs {what}")
    for word, given in (
        ("symbol", symbol),
        ("formula", formula),
        ("domain", domain),
    ):
        check_whole(given, f"op {name!r}: its {word}", word)
    if len(printed) != n or not all(callable(partial) for partial in own + printed):
        raise ValueError(
            f"op {name!r}: its partials, and those of its book, are {n} functions each"
        )
    if unknown := ", ".join(
        sorted(unknown_words(name, formula, domain, "xyw"[:n]))
    ):
        raise ValueError(
            f"op {name!r}: its formula has {unknown}, no operand; use x, y, w, math's words"
        )
    if any(count not in (n + 1, 0) for count, *_ in codes(partials)):  # 0: (*args)
        raise ValueError(
            f"op {name!r}: every partial takes z and all of the {n} operands"
        )


def listed(partials: Any) -> list[Any]:
    """The partials in a list; an empty one for what is none."""
    return [*partials] if isinstance(partials, (tuple, list)) else []


def unknown_words(name: str, formula: str, domain: str, operands: str) -> set[str]:
    """The words that a line's texts may not use."""
    try:
        terms = [
            term
            for line in (formula, domain or "x")
            for term in terms_of(parse(line))
        ]
    except (SyntaxError, ValueError) as error:
        what = f"its formula {formula!r} or its domain {domain!r}"
        raise ValueError(
            f"op {name!r}: {what} does not parse; write it as Python, in x, y, w"
        ) from error
    called, named = (
        {term.word for term in terms if bool(term.args) is has}
        for has in (True, False)
    )
    return {word for word in called if word not in KNOWN} | named - {*operands}


def check_free(
    name: str, symbol: str, formula: str, partials: Any, old: Any
) -> None:
    """Raises ValueError if another op has the name; the same line may be run again."""
    if old and (old.symbol, old.formula, codes(old.partials)) != (
        symbol,
        formula,
        codes(partials),
    ):
        raise ValueError(
            f"there is another op {name!r}; choose a new name, or del OPS[{name!r}] first"
        )


def codes(partials: Sequence[Callable[..., Any]]) -> list[tuple[Any, ...]]:
    """How many arguments each partial takes, and what it does: equal if a line is only run again."""
    found = [getattr(partial, "__code__", None) for partial in partials]
    return [
        (code.co_argcount, code.co_code, code.co_consts, code.co_names)
        for code in found
        if code
    ]
