"""Where a graph stops being finite, and on which line of a program its nodes were made."""

from __future__ import annotations

import math
import sys
import threading
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any, NamedTuple

from .orders import postorder
from .pictures.labels import computation
from .pictures.writing import TEXT
from .scopes import within
from .sweeps import Step, ledger
from .value import Form, Value, describe, toposort

__all__ = ["Nonfinite", "locate_nonfinite", "record_lines"]


class Nonfinite(NamedTuple):
    """Where a graph stops being finite: at which node, by its "value" or its "gradient", and how."""

    node: Value
    what: str
    number: float
    text: str

    def __str__(self) -> str:
        return self.text


def locate_nonfinite(y: Value) -> Nonfinite | None:
    """The first node whose value or gradient is not finite, and what made it so; None if all are.

    Told first is a value that made y itself inf or nan; then, in the backward pass's own order, a gradient;
    then a value that does no harm, as where a sigmoid saturates.  The source line of a node is told if it was
    made inside ``record_lines``.  Raises StaleGraphError after a leaf was assigned.

    >>> from autograd import log
    >>> x = Value(-2.0, name="x")
    >>> print(locate_nonfinite(1 + log(x) ** 2))
    z = log(x) is nan at x = -2.0
    >>> print(locate_nonfinite(Value(0.0, name="x") ** 0.5))
    the gradient of 'x' is inf: 1.0 × inf flows back from z = x^0.5 at x = 0.0
    """
    harmless = (
        of_value(v, ", harmless to y and its gradient")
        for v in infinite(toposort(y))
    )
    return harmful_nonfinite(y) or next(harmless, None)


def harmful_nonfinite(y: Value) -> Nonfinite | None:
    """The same, of y and of its gradient alone."""
    steps = ledger(y)
    if infinite([y]):
        return of_value(first_culprit(y, steps))
    return nonfinite_gradient(steps)


def first_culprit(y: Value, steps: Iterable[Step]) -> Value:
    """The first of the nodes that made y itself inf or nan."""
    read = {(step.node, step.operand) for step in steps if taken(step)}

    def guilty(v: Value) -> list[Value]:
        return culprits(v, [x for x in v.inner if (v, x) in read])

    return postorder([y], guilty)[0]


def nonfinite_gradient(steps: Iterable[Step]) -> Nonfinite | None:
    """The first gradient that is inf or nan, in the order of the backward pass."""
    adjoint = dict[Value, float]()
    for step in steps:
        adjoint[step.operand] = total = (
            adjoint.get(step.operand, 0.0) + step.contribution
        )
        if not math.isfinite(total):
            flow = f"{step.upstream!r} × {step.local!r} flows back from {told(step.node)}"
            text = f"the gradient of {describe(step.operand)} is {total}: {flow}"
            return Nonfinite(step.operand, "gradient", total, text)
    return None


def taken(step: Step) -> bool:
    """Whether the result comes from the operand; it does not from the branch that ``where`` left out."""
    return step.local != 0 or not (step.node.op and step.node.op.selects)


def culprits(v: Value, operands: Sequence[Value]) -> list[Value]:
    """The operands that made v infinite, or nan: those that are nan, if there are any."""
    nans = [x for x in operands if x.data != x.data]
    return nans if nans and v.data != v.data else infinite(operands)


def infinite(values: Iterable[Value]) -> list[Value]:
    return [v for v in values if not math.isfinite(v.data)]


def of_value(v: Value, harm: str = "") -> Nonfinite:
    what = f" is {v.data}"
    leaf = f"the leaf {v.name or 'without a name'}"
    text = told(v, what) if v.op else leaf + what
    return Nonfinite(v, "value", v.data, text + harm)


def told(z: Value, what: str = "") -> str:
    """z = op(x, y) with the names and numbers of x and y; in which composite, and on which line."""
    copy = with_clear_names(z)
    at = ", ".join(f"{x.name} = {x.data!r}" for x in dict.fromkeys(copy.inner))
    place = [f"in {z.scope}" if z.scope else "", vars(z).get("line", "")]
    return ", ".join([f"{computation(copy)}{what} at {at}", *filter(None, place)])


def with_clear_names(z: Value) -> Value:
    """The op of z on leaves, with the names of z and its operands; with letters where two look alike."""
    op: Any = z.op
    name, names = clear_names(z)
    with within(None):
        copies: dict[Any, Value] = {x: Value(x.data, names[x]) for x in names}
        copy: Value = op(*[copies.get(x, x) for x in z.args])
    copy.name = name
    return copy


def clear_names(z: Value) -> tuple[str, dict[Value, str]]:
    """Names for z and its operands: their own, or letters where two look alike."""
    letters = letters_of(z)
    names = {x: x.name or letter for x, letter in letters.items()}
    name = z.name or "z"
    if len({*map(TEXT.name, [name, *names.values()])}) <= len(names):
        return "z", letters
    return name, names


def letters_of(z: Value) -> dict[Value, str]:
    """Every Value among the operands of z, with the letter of its first place."""
    op: Any = z.op
    letters = dict(zip(reversed(z.args), reversed(op.operands), strict=True))
    return {x: letters[x] for x in dict.fromkeys(z.inner)}


class Recording(threading.local):
    """The blocks of ``record_lines`` that this thread is in, and the profiler from before the first."""

    before: Any = None

    def __init__(self) -> None:
        self.blocks = set[object]()

    def enter(self, block: object) -> None:
        if not self.blocks:
            self.before = sys.getprofile()
        self.blocks.add(block)
        sys.setprofile(note_line)

    def leave(self, block: object) -> None:
        self.blocks.discard(block)
        if not self.blocks and sys.getprofile() in (note_line, None):
            # cProfile's, which setprofile does not take
            again = getattr(self.before, "enable", None)
            sys.setprofile(None if again else self.before)
            if again:
                again()


LINES = Recording()


@contextmanager
def record_lines() -> Generator[None]:
    """In this block a node remembers, as its ``line``, where it was made: the place outside autograd and nn.

    Building a graph takes three times as long meanwhile, and another profiler of the thread is put aside.

    >>> with record_lines():
    ...     y = Value(2.0) * 3
    >>> "line" in vars(y)
    True
    """
    block = object()
    try:
        try:
            LINES.enter(block)
            yield
        finally:
            LINES.leave(block)
    finally:  # once more: an interrupt may come before any line
        LINES.leave(block)


def made_by(frame: FrameType) -> Value | None:
    """The node that a frame of a function with the lines of forms.RECORD has made."""
    z = frame.f_locals.get("z") if frame.f_globals is Form.space else None
    return z if isinstance(z, Value) and z.form else None


def note_line(frame: FrameType, event: str, made: object) -> None:
    """Called when any function returns; some of them have made a node."""
    z = made_by(frame) if event == "return" else None
    if z is None or z is not made:
        return
    caller = frame.f_back
    while caller and is_ours(caller):
        caller = caller.f_back
    if caller:
        vars(z).setdefault(
            "line", f"{caller.f_code.co_filename}, line {caller.f_lineno}"
        )


def is_ours(frame: FrameType) -> bool:
    """Whether a frame runs a function of autograd or nn."""
    return frame.f_globals.get("__name__", "").startswith(("autograd.", "nn."))
