"""What a run costs, by the number of calls and of the numbers that they move: an estimate, in microseconds.

It compares a plan with lines (see emitting) for a number of rows; measured on one machine, for all.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from math import prod

from .arrays import Ref
from .emitting import Emitter
from .places import Dim
from .steps import Plan, Step, arrays_of

CALL = 0.5  # of a call of NumPy
CALLS = {
    "dot": 0.9, "matmul": 1.5, "vecdot": 1.0, "einsum": 2.5, "take": 1.5, "copy": 0.6, "sum": 2.5, "max": 2.5,
    "where": 2.5, "masked": 1.2, "maximum": 1.1, "greatest": 2.5, "least": 4.0,
    "power": 2.0, "scatter": 4.0, "zero": 1.5,
}  # fmt: skip
TABLE = 0.8  # of a block of inputs
MOVED = 0.0003  # of a number that is read or written in a cache
NUMBERS = {
    "exp": 0.003, "log": 0.004, "tanh": 0.008, "sin": 0.01, "cos": 0.01, "power": 0.02, "where": 0.002,
    "masked": 0.001, "einsum": 0.0005, "max": 0.001, "sum": 0.001, "maximum": 0.0006,
}  # fmt: skip
PRODUCTS = ("dot", "matmul", "vecdot", "einsum")
PRODUCT = 0.0001  # of a multiplication in a product of matrices


FASTER = 0.85  # so much of the lines' cost a plan's may be: both are estimates


def is_faster(plan: Plan, code: Emitter, n: int) -> bool:
    """Whether a plan is faster than lines, by far enough."""
    return of_plan(plan, n) <= FASTER * of_lines(code, n)


def of_plan(plan: Plan, n: int) -> float:
    """Of a run of a plan on n rows."""
    return sum(of_step(step, n) for step in plan.steps) + TABLE * len(plan.tables)


def of_step(step: Step, n: int) -> float:
    """Of one step."""
    word = (
        "greatest" if step.word == "maximum" and step.args[-1] != 0.0 else step.word
    )
    sizes = [size_of(x.dims, n) for x in arrays_of(step)]
    stack = size_of(step.out.dims[:-2], n) if word == "matmul" else 1
    return of_call(
        word, sizes, stacked(step.data, n) if word == "einsum" else stack
    )


def size_of(dims: Iterable[Dim], n: int) -> int:
    return prod(dim.size * (n if dim.rows else 1) for dim in dims)


def stacked(words: str, n: int) -> int:
    """How many products a sum by indices is, at least: one for each row, where all arrays have rows."""
    return n if words.count("n") == 3 else 1


def of_call(word: str, sizes: Sequence[int], stack: int = 1) -> float:
    """Of a call on arrays of so many numbers; of a product of matrices, in a stack of so many."""
    moved = sum(sizes) * MOVED + max(sizes, default=0) * NUMBERS.get(word, 0)
    if word in PRODUCTS:
        moved += (prod(sizes) / max(stack, 1)) ** 0.5 * PRODUCT
    return CALLS.get(word, CALL) + moved


def of_lines(code: Emitter, n: int) -> float:
    """Of a run of lines on n rows."""
    refs = [(name, ref) for ref, name in code.names.items() if isinstance(ref, Ref)]
    sizes = {name: prod(ref.shape) * (n if ref.rows else 1) for name, ref in refs}
    calls = [call for line in code.lines for call in line.split("; ")]
    tables = TABLE * len(code.layout.tables)
    return sum(of_line(call, sizes, n) for call in calls) + tables


def of_line(line: str, sizes: Mapping[str, int], n: int) -> float:
    """Of one call, as text."""
    word, _, rest = line.partition("(")
    names = re.findall(r"\w+", rest)
    if word == "maximum" and "zero" not in names:
        word = "greatest"
    known = [sizes[x] for x in names if x in sizes]
    stack = stacked(rest.partition(", ")[0], n) if word == "einsum" else 1
    return of_call(word if rest else "take", known, stack)
