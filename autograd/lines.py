"""The checks that an op's line passes before it becomes an op."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from keyword import iskeyword
from typing import Any

from .ieee import PYTHON
from .names import check_whole
from .terms import PRINTED, Term, parse, terms_of

FUNCTIONS = {word for word, x in PYTHON.items() if callable(x)}
KNOWN = FUNCTIONS | {*PRINTED}  # functions and Python's signs


def check_line(
    name: str,
    symbol: str,
    formula: str,
    partials: Any,
    domain: str,
    book: Any,
    printed: str,
    ops: Mapping[str, Any],
) -> None:
    """Raises ValueError for a line that cannot be an op beside the others."""
    own, books = listed(partials), listed(book or partials)
    texts = (symbol, formula, domain, printed)
    if not (are_texts(name, *texts) and 1 <= len(own) <= 3):
        what = "an identifier for its name, texts for symbol, formula, domain and printed, and 1 to 3 partials"
        raise ValueError(f"op {name!r} needs {what}")
    check_whole(symbol, f"op {name!r}: its symbol", "symbol")
    check_whole(formula, f"op {name!r}: its formula", "formula")
    check_whole(domain, f"op {name!r}: its domain", "domain")
    check_functions(name, own, books)
    for line in (formula, printed or formula):
        check_words(name, line, domain, "xyw"[: len(own)])
    check_operands(name, own)
    check_free(name, symbol, formula, partials, ops.get(name))


def are_texts(name: str, symbol: str, *others: str) -> bool:
    """Whether all are texts, the name is an identifier, and the symbol is not empty."""
    line: list[Any] = [name, symbol, *others]
    if not all(isinstance(x, str) for x in line):
        return False
    return name.isidentifier() and not iskeyword(name) and symbol != ""


def check_functions(name: str, own: list[Any], books: list[Any]) -> None:
    """Raises ValueError if the partials and those of the book are not equally many functions."""
    n = len(own)
    if len(books) != n or not all(map(callable, own + books)):
        raise ValueError(
            f"op {name!r}: its partials, and those of its book, are {n} functions each"
        )


def check_words(name: str, formula: str, domain: str, operands: str) -> None:
    """Raises ValueError for a word that is neither an operand nor one of math's."""
    unknown = unknown_words(name, formula, domain, operands)
    if unknown:
        words = ", ".join(sorted(unknown))
        raise ValueError(
            f"op {name!r}: its formula has {words}, no operand; use x, y, w, math's words"
        )


def check_operands(name: str, partials: list[Any]) -> None:
    """Raises ValueError for a partial that does not take z and every operand."""
    n = len(partials)
    for count, *_ in codes(partials):
        if count not in (n + 1, 0):  # 0: (*args)
            raise ValueError(
                f"op {name!r}: every partial takes z and all of the {n} operands"
            )


def listed(partials: Any) -> list[Any]:
    """The partials in a list; an empty one for what is none."""
    return [*partials] if isinstance(partials, (tuple, list)) else []


def unknown_words(name: str, formula: str, domain: str, operands: str) -> set[str]:
    """The words that a line's texts may not use."""
    terms = terms_in(name, formula, domain)
    called = {term.word for term in terms if term.args}
    named = {term.word for term in terms if not term.args}
    return (called - KNOWN) | (named - {*operands})


def terms_in(name: str, formula: str, domain: str) -> list[Term]:
    """The Terms of a formula and its domain.  Raises ValueError for what does not parse."""
    try:
        trees = parse(formula), parse(domain or "x")
    except (SyntaxError, ValueError) as error:
        what = f"its formula {formula!r} or its domain {domain!r}"
        raise ValueError(
            f"op {name!r}: {what} does not parse; write it as Python, in x, y, w"
        ) from error
    return [term for tree in trees for term in terms_of(tree)]


def check_free(
    name: str, symbol: str, formula: str, partials: Any, old: Any
) -> None:
    """Raises ValueError if another op has the name; the same line may be run again."""
    if not old:
        return
    line = (symbol, formula, codes(partials))
    if (old.symbol, old.formula, codes(old.partials)) != line:
        raise ValueError(
            f"there is another op {name!r}; choose a new name, or del OPS[{name!r}] first"
        )


def codes(partials: Sequence[Callable[..., Any]]) -> list[tuple[Any, ...]]:
    """How many arguments each partial takes, and what it does: equal if a line is only run again."""
    known = [getattr(partial, "__code__", None) for partial in partials]
    return [
        (code.co_argcount, code.co_code, code.co_consts, code.co_names)
        for code in known
        if code
    ]
