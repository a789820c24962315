"""Which op of the table a composite is, and whether an op's printed formula gives its number here."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable
from functools import cache, partial
from typing import Any, cast

from ..evaluators import evaluator
from ..sweeps import entries
from ..value import OPS, Op, Value, plain
from .boxes import Box


def op_like(box: Box, v: Value) -> Op | None:
    """The op that gives v: its own, or the one that its composite is; else None."""
    if box.scope is None:
        return v.op
    return next((op for op in OPS.values() if is_same(op, box)), None)


def is_same(op: Op, box: Box) -> bool:
    """Whether a composite is this op: by its name, its operands, its value and its gradient here."""
    return is_shaped(op, box) and are_close(numbers_in(box), numbers_by(op, box))


def is_shaped(op: Op, box: Box) -> bool:
    """Whether a composite has the op's name and its number of operands, and one value."""
    if not is_named(op, box) or box.inside:
        return False
    return len(box.values) == 1 and len(op.operands) == len(box.args)


def is_named(op: Op, box: Box) -> bool:
    """Whether a composite has the op's name or its symbol."""
    return box.scope is not None and box.scope.name in (op.name, op.symbol)


def numbers_in(box: Box) -> list[float]:
    """The value of a composite, and its derivatives by what it reads, as the sweep inside of it gives them."""
    z = box.values[0]
    flows = defaultdict[Any, float](float)
    for step in entries(box.members, {z: 1.0}):
        flows[step.operand] += step.contribution
    return [z.data, *(flows[x] for x in box.args)]


def numbers_by(op: Op, box: Box) -> list[float]:
    """The same as the op's line gives them."""
    z = box.values[0]
    numbers = [cast("Value", x).data for x in box.args]
    form = op.form(*[True] * len(numbers))
    return [op.evaluate(*numbers), *form.local(z.data, *numbers)]


def are_close(numbers: Iterable[float], others: Iterable[float]) -> bool:
    """Whether numbers are the same but for roundings."""
    close = partial(math.isclose, rel_tol=1e-9, abs_tol=1e-100)
    return all(map(close, numbers, others))


@cache
def as_printed(op: Op) -> Callable[..., float]:
    """The op's formula as books print it, as a function of plain numbers."""
    return evaluator(op.operands, op.printed)


def is_told(v: Value) -> bool:
    """Whether the formula that books print gives v's number: -2x·exp(-x²) does not at infinity."""
    op: Any = v.op
    if op.printed == op.tree:
        return True
    number = as_printed(op)(*map(plain, v.args))
    return math.isclose(number, v.data, rel_tol=1e-12) or math.isnan(v.data)
