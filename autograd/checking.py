"""Questions to ask of a graph: are its derivatives right, and where did this nan come from?

``gradcheck`` trusts no partial: it compares with the slopes of slopes.py.
"""

from __future__ import annotations

import math
import sys
import threading
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from inspect import signature
from types import FrameType
from typing import Any, NamedTuple, TypeAlias

from .derivatives import grad, jvp, vjp
from .ieee import INTEGER, UNREAL, Real, number
from .pictures.labels import computation
from .pictures.writing import TEXT
from .scopes import within
from .slopes import (
    LOST,
    ROUGH,
    Curve,
    Derivative,
    Sample,
    Slope,
    along,
    chained,
    in_complex,
    recorded,
    slope,
)
from .sweeps import Step, ledger
from .value import Scalar, Value, describe, made_by, postorder, toposort

__all__ = ["Checked", "GradcheckError", "Nonfinite", "gradcheck", "locate_nonfinite", "record_lines"]
Function: TypeAlias = "Callable[..., Value]"
CALLS = 8  # of the same function at the same point: one of two results is noticed at 99 of 100 times


# ------------------------------------------------------------------------------------------- are they right?
class GradcheckError(AssertionError):
    """Two ways to a derivative disagree, or two calls of the function."""


class Comparison(NamedTuple):
    """A derivative found in one way, and as it should be; the error is relative to all paths' size."""

    place: str
    way: str
    found: float
    wanted: float
    error: float
    allowed: float

    def __str__(self) -> str:
        error = f"relative error {self.error:.1e}, allowed {self.allowed:.0e}"
        return f"{self.place} is {self.found!r} by {self.way}, {self.wanted!r} by the ops' formulas ({error})"

    def excess(self) -> float:
        """The error as a multiple of what is allowed; nan is too much."""
        return self.error / self.allowed if self.error == self.error else math.inf


class Checked(NamedTuple):
    """What ``gradcheck`` found in order: how much it compared, and the worst of it."""

    comparisons: int
    worst: Comparison

    def __repr__(self) -> str:
        return f"{self.comparisons} comparisons agree; the worst: {self.worst}"


class Problem(NamedTuple):
    """A function of Values, and the point at which its derivatives are in question."""

    place: str
    f: Function
    at: dict[str, float]

    def only(self, *names: str) -> Problem:
        """The same function of these operands; the others are plain numbers."""

        def f(*xs: Scalar) -> Value:
            return valued(self.f(*(self.at | dict(zip(names, xs, strict=True))).values()))

        return Problem(f"f({', '.join(names)})", f, {name: self.at[name] for name in names})

    def outcomes(self) -> list[Sample]:
        """What one call gives: the value, and the slope along every operand."""
        xs = [*map(Value, self.at.values())]
        y: Any = self.f(*xs)
        return [recorded(y, x) for x in xs] if isinstance(y, Value) else []

    def derivatives(self) -> list[Problem]:
        """Its first derivatives, as graphs by grad and by jvp."""

        def along(i: int, way: Callable[[Value, Value], Value]) -> Function:
            return lambda *xs: way(valued(self.f(*xs)), xs[i])

        places = [(i, f"∂{self.place}/∂{name}") for i, name in enumerate(self.at)]
        return [Problem(place, along(i, way), self.at) for i, place in places for way in (grad, tangent)]


def valued(found: Any) -> Value:
    """What a function gave, which may be a constant, as a Value."""
    return found if isinstance(found, Value) else Value(found)


def tangent(y: Value, x: Value) -> Value:
    """∂y/∂x by forward mode."""
    return jvp(y, {x: 1.0})


WAYS: dict[str, Callable[[Value, list[Value]], list[float]]] = {
    "backward": lambda y, xs: passes(y, xs, 1.0),
    "two passes, with seeds 2 and -1": lambda y, xs: passes(y, xs, 2.0, -1.0),
    "grad": lambda y, xs: [g.data for g in grad(y, xs)],
    "grad of y + y, halved": lambda y, xs: [g.data / 2 for g in grad(y + y, xs)],
    "vjp with seed 0, added to grad": lambda y, xs: [
        g.data + zero.data for g, zero in zip(grad(y, xs), vjp(y, xs, 0.0), strict=True)
    ],
    "jvp": lambda y, xs: [tangent(y, x).data for x in xs],
}


def passes(y: Value, xs: list[Value], *seeds: float) -> list[float]:
    """What backward passes with these seeds add up to, divided by the seeds' sum; grads stay as they are."""
    before = {v: v.grad for v in toposort(y, *xs)}
    for seed in seeds:
        y.backward(seed)
    found = [x.grad / sum(seeds) for x in xs]
    for v, earlier in before.items():
        v.grad = earlier
    return found


def gradcheck(f: Function, *xs: Real, order: int = 2, tolerance: float = 1e-10) -> Checked:
    """Compares the derivatives of f at xs, up to the given order, in all the ways that there are to them.

    ``f`` takes Values and gives one.  backward, grad, vjp and jvp, with seeds of 0, 2 and -1, and of y + y
    too, must agree with the slopes of the ops' formulas to ``tolerance``, and with steps along f to 1e-6; so
    must f with plain numbers for some operands, and, for the next order, the graphs that grad and jvp give.
    Steps fit f's own scale; what underflow or rounding hides is no verdict.

    >>> from autograd import exp
    >>> gradcheck(lambda x, w: 1 / (1 + exp(-w * x)), 0.5, 2.0).comparisons
    84

    Raises GradcheckError with the worst place and the op to look at, or if f gives another result when it is
    called again; ValueError where a value or a derivative is not finite; TypeError where f does not give a
    Value.  At a kink a derivative is a convention, which no slope need share: step aside.
    """
    if not callable(f):
        raise TypeError(f"gradcheck takes a function of Values, not {type(f).__name__}")
    if not isinstance(order, INTEGER) or isinstance(order, UNREAL) or not 1 <= order <= 9:
        raise ValueError(f"gradcheck's order is a whole number from 1 to 9, not {order!r}")
    if not 0 < number(tolerance, "gradcheck's tolerance") < 1:
        raise ValueError(f"gradcheck's tolerance is a number between 0 and 1, not {tolerance!r}")
    names, point = named(f, len(xs)), [number(x, "gradcheck") for x in xs]
    top = Problem("f", f, dict(zip(names, point, strict=True)))
    check_repeats(top)
    try:
        found = compared_up_to(order, top, tolerance)
    except GradcheckError:
        check_repeats(top)  # perhaps it differs only now and then
        raise
    return Checked(len(found), max(found, key=Comparison.excess))


def compared_up_to(order: int, top: Problem, tolerance: float) -> list[Comparison]:
    """All comparisons of f, of f with plain numbers for some operands, and of its derivatives."""
    found, names = compared(top, tolerance), [*top.at]
    mixed = [(name,) for name in names] + [tuple(x for x in names if x != name) for name in names]
    for problem in [top.only(*some) for some in dict.fromkeys(mixed if len(names) > 1 else ())]:
        found += compared(problem, tolerance) if runs(problem) else []
    level = [top]
    for _ in range(order - 1):
        level = [problem for above in level for problem in above.derivatives()]
        for problem in level:
            found += compared(problem, tolerance)
    return found


def check_repeats(problem: Problem) -> None:
    """GradcheckError if the function, called again at the same point, gives something else."""
    first, *others = [problem.outcomes() for _ in range(CALLS)]
    told = [contrast(*x) for other in others for x in zip(problem.at, first, other, strict=False)]
    if what := next(filter(None, told), ""):
        at = ", ".join(f"{name} = {x!r}" for name, x in problem.at.items())
        alone = "it must depend on its operands alone, not on random numbers or on earlier calls"
        raise GradcheckError(f"gradcheck's function {what} when called twice at {at}: {alone}")


def contrast(name: str, one: Sample, other: Sample) -> str:
    """What differs between two calls by more than rounding, "" if nothing does."""
    if abs(other.value - one.value) > one.noise:
        return f"gave {one.value!r} and then {other.value!r}"
    if abs(other.slope - one.slope) > ROUGH * max(abs(one.slope), abs(other.slope)):
        return f"had the slope ∂f/∂{name} = {one.slope!r} and then {other.slope!r}"
    return ""


def runs(problem: Problem) -> bool:
    """Whether f takes plain numbers there; x.exp() and grad(y, x) need a Value."""
    try:
        problem.f(*map(Value, problem.at.values()))
    except (AttributeError, TypeError):
        return False
    return True


def named(f: Function, n: int) -> list[str]:
    """f's own names for its operands, where it has as many."""
    if not n:
        raise ValueError("gradcheck needs the numbers to differentiate at: gradcheck(f, 0.5, 2.0)")
    try:
        names = [name for name, p in signature(f).parameters.items() if p.kind != p.VAR_POSITIONAL]
    except (TypeError, ValueError):
        names = list[str]()
    return names if len(names) == n else [*"xyw"[:n]] if n < 4 else [f"x{i + 1}" for i in range(n)]


def compared(problem: Problem, tolerance: float) -> list[Comparison]:
    """The first derivatives in every way; GradcheckError if one is wrong."""
    xs = [Value(x, name) for name, x in problem.at.items()]
    y: Any = problem.f(*xs)
    if not isinstance(y, Value):
        raise TypeError(f"gradcheck's function must give a Value, not {type(y).__name__}")
    if bad := harmful_nonfinite(y):
        raise ValueError(f"gradcheck needs a point where {problem.place} and its slopes are finite: {bad}")
    if not all(v.op is None or in_complex(v.op) for v in toposort(y)):
        tolerance = max(tolerance, ROUGH)
    places, true = [f"∂{problem.place}/∂{name}" for name in problem.at], chained(y, xs)
    if not all(math.isfinite(4 * wanted.largest) for wanted in true):
        what = f"{problem.place} and its slopes are finite: products of its slopes overflow"
        raise ValueError(f"gradcheck needs a point where {what} at {problem.at}")
    found = [
        Comparison(place, way, x, wanted.value, error_of(x, wanted, tolerance), tolerance)
        for way, gradient in WAYS.items()
        for place, x, wanted in zip(places, gradient(y, xs), true, strict=True)
    ]
    for i, (place, wanted) in enumerate(zip(places, true, strict=True)):
        step = stepped(problem, i, ROUGH * wanted.paths + wanted.error)
        error = error_of(step.value, wanted, ROUGH, step.error)
        found.append(Comparison(place, "steps along f", step.value, wanted.value, error, ROUGH))
    worst = max(found, key=Comparison.excess)
    if worst.excess() > 1:
        raise GradcheckError(f"{worst}{suspect(y, tolerance)}")
    return found


def error_of(x: float, wanted: Derivative, allowed: float, doubt: float = 0.0) -> float:
    """The error relative to the size of all paths, and to what neither side can tell."""
    return abs(x - wanted.value) / (wanted.size(allowed, doubt) or 1.0)


def stepped(problem: Problem, i: int, allowed: float) -> Slope:
    """The slope of the problem's function along its operand i."""
    at = [*problem.at.values()]

    def outcome(x: float) -> tuple[Value, Value]:
        xs = [Value(x if k == i else other) for k, other in enumerate(at)]
        return valued(problem.f(*xs)), xs[i]

    curve = Curve(lambda x: recorded(*outcome(x)), lambda x: outcome(x)[0].data)
    slope = along(curve, at[i], allowed)
    if slope is None:
        raise ValueError(f"gradcheck needs a point around which {problem.place} is finite, not {problem.at}")
    return slope


def suspect(y: Value, allowed: float) -> str:
    """The partial that is farthest from its formula's slope."""
    found = "; every partial is its formula's slope: is there a kink, or does f compute with .data?"
    for z, i, local in ((step.node, step.position, step.local) for step in ledger(y)):
        true = slope(z, i)
        error = (abs(local - true.value) - true.error - LOST) / (abs(true.value) or 1.0)
        if error > allowed:
            allowed = error
            partial = f"its partial {i + 1} is {local!r}, its formula's slope {true.value!r}"
            found = f"; look at {told(z)}: {partial}"
    return found


# ---------------------------------------------------------------------------------- where did this come from?
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
    harmless = (of_value(v, ", harmless to y and its gradient") for v in infinite(toposort(y)))
    return harmful_nonfinite(y) or next(harmless, None)


def harmful_nonfinite(y: Value) -> Nonfinite | None:
    """The same, of y and of its gradient alone."""
    adjoint, steps = dict[Value, float](), ledger(y)
    if bad := infinite([y]):
        read = {(step.node, step.operand) for step in steps if taken(step)}
        return of_value(postorder(bad, lambda v: culprits(v, [x for x in v.inner if (v, x) in read]))[0])
    for step in steps:
        adjoint[step.operand] = total = adjoint.get(step.operand, 0.0) + step.contribution
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
    return [x for x in operands if x.data != x.data and v.data != v.data] or infinite(operands)


def infinite(values: Iterable[Value]) -> list[Value]:
    return [v for v in values if not math.isfinite(v.data)]


def of_value(v: Value, harm: str = "") -> Nonfinite:
    text = told(v, f" is {v.data}") if v.op else f"the leaf {v.name or 'without a name'} is {v.data}"
    return Nonfinite(v, "value", v.data, text + harm)


def told(z: Value, what: str = "") -> str:
    """z = op(x, y) with the names and numbers of x and y; in which composite, and on which line."""
    op = z.op
    assert op is not None
    letters = dict(zip(reversed(z.args), reversed(op.operands), strict=True))  # the first one's
    names: list[str] = [z.name or "z", *[x.name or letters[x] for x in dict.fromkeys(z.inner)]]
    clear = len({*map(TEXT.name, names)}) == len(names)  # else the operands are told by letters
    with within(None):
        copies = {x: Value(x.data, x.name if clear and x.name else letters[x]) for x in z.inner}
        copy = op(*[copies[x] if isinstance(x, Value) else x for x in z.args])
    copy.name = names[0] if clear else "z"
    at = ", ".join(f"{x.name} = {x.data!r}" for x in copies.values())
    place = [f"in {z.scope}" if z.scope else "", vars(z).get("line", "")]
    return ", ".join([f"{computation(copy)}{what} at {at}", *filter(None, place)])


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
            again = getattr(self.before, "enable", None)  # cProfile's, which setprofile does not take
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


def note_line(frame: FrameType, event: str, made: object) -> None:
    """Called when any function returns; some of them have made a node."""
    z = made_by(frame) if event == "return" else None
    if z is None or z is not made:
        return
    caller = frame.f_back
    while caller and caller.f_globals.get("__name__", "").startswith(("autograd.", "nn.")):
        caller = caller.f_back
    if caller:
        vars(z).setdefault("line", f"{caller.f_code.co_filename}, line {caller.f_lineno}")
