"""Formulas as functions of plain floats that neither raise nor warn: where Python would, NumPy answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any

from .defining import define
from .ieee import ERRORS, NUMPY, PYTHON
from .quiet import quietly
from .terms import ARITHMETIC, LOGIC, Tree, fold, terms_of, text

CAREFUL: dict[str, Any] = ARITHMETIC | LOGIC | NUMPY
EVALUATE = """
try:
    return {result}
except ERRORS:
    return quietly(careful, ({operands},))
"""


def evaluator(
    operands: Sequence[str], tree: Tree, name: str = "evaluate"
) -> Callable[..., float]:
    """The tree as a function of plain floats that neither raises nor warns."""
    result = text(tree, {})
    return written(name, operands, [tree], result, itemgetter(0))


def evaluator_of_all(
    operands: Sequence[str], trees: Sequence[Tree], name: str
) -> Callable[..., Sequence[float]]:
    """Several trees as one such function, which gives a number for each."""
    result = "".join([f"{text(tree, {})}, " for tree in trees])
    return written(name, operands, trees, f"({result})", tuple)


def written(
    name: str,
    operands: Sequence[str],
    trees: Sequence[Tree],
    result: str,
    outcome: Callable[[list[Any]], Any],
) -> Callable[..., Any]:
    """The function with this result; where Python's floats raise, the outcome of NumPy's numbers."""

    def careful(*args: Any) -> Any:
        names = dict(zip(operands, args, strict=True))
        return outcome([fold(tree, CAREFUL, names) for tree in trees])

    known = {"ERRORS": ERRORS, "quietly": quietly, "careful": careful}
    known |= words_in(*trees)
    body = EVALUATE.format(result=result, operands=", ".join(operands))
    return define(name, operands, body, known, {})


def words_in(*trees: Tree) -> dict[str, Any]:
    """What the trees' source asks of Python's math."""
    words = {part.word for tree in trees for part in terms_of(tree)}
    words |= {"inf", "nan"}
    return {word: PYTHON[word] for word in sorted(words) if word in PYTHON}
