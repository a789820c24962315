"""Are the derivatives of a function right?  ``gradcheck`` trusts no partial: it compares with slopes.py."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple, cast

from .chords import LOST, ROUGH, Sample
from .complexes import in_complex
from .derivatives import grad, vjp
from .ieee import INTEGER, UNREAL, Real, number
from .nonfinite import harmful_nonfinite, told
from .problems import Function, Problem, mixed, named, runs, stepped, tangent
from .slopes import Derivative, chained, slope
from .sweeps import ledger
from .value import Value, toposort

__all__ = ["Checked", "GradcheckError", "gradcheck"]
CALLS = 8  # of the same function at the same point: one of two results is noticed at 99 of 100 times


class GradcheckError(AssertionError):
    """Two ways to a derivative disagree, or two calls of the function."""


class Comparison(NamedTuple):
    """A derivative by one method, and as it should be; the error is relative to all paths' size."""

    place: str
    method: str
    value: float
    wanted: float
    error: float
    allowed: float

    def __str__(self) -> str:
        error = f"relative error {self.error:.1e}, allowed {self.allowed:.0e}"
        return f"{self.place} is {self.value!r} by {self.method}, {self.wanted!r} by the ops' formulas ({error})"

    def excess(self) -> float:
        """The error as a multiple of what is allowed; nan is too much."""
        return self.error / self.allowed if self.error == self.error else math.inf


class Checked(NamedTuple):
    """What ``gradcheck`` found in order: how much it compared, and the worst of it."""

    comparisons: int
    worst: Comparison

    def __repr__(self) -> str:
        return f"{self.comparisons} comparisons agree; the worst: {self.worst}"


METHODS: dict[str, Callable[[Value, list[Value]], list[float]]] = {
    "backward": lambda y, xs: passes(y, xs, 1.0),
    "two passes, with seeds 2 and -1": lambda y, xs: passes(y, xs, 2.0, -1.0),
    "grad": lambda y, xs: [g.data for g in grad(y, xs)],
    "grad of y + y, halved": lambda y, xs: [g.data / 2 for g in grad(y + y, xs)],
    "vjp with seed 0, added to grad": lambda y, xs: [
        g.data + zero.data
        for g, zero in zip(grad(y, xs), vjp(y, xs, 0.0), strict=True)
    ],
    "jvp": lambda y, xs: [tangent(y, x).data for x in xs],
}


def passes(y: Value, xs: list[Value], *seeds: float) -> list[float]:
    """What backward passes with these seeds add up to, divided by the seeds' sum; grads stay as they are."""
    before = {v: v.grad for v in toposort(y, *xs)}
    for seed in seeds:
        y.backward(seed)
    gradients = [x.grad / sum(seeds) for x in xs]
    for v, earlier in before.items():
        v.grad = earlier
    return gradients


def gradcheck(
    f: Function, *xs: Real, order: int = 2, tolerance: float = 1e-10
) -> Checked:
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
    check_options(f, order, tolerance)
    names, point = named(f, len(xs)), [number(x, "gradcheck") for x in xs]
    top = Problem("f", f, dict(zip(names, point, strict=True)))
    check_repeats(top)
    try:
        comparisons = compared_up_to(order, top, tolerance)
    except GradcheckError:
        check_repeats(top)  # perhaps it differs only now and then
        raise
    return Checked(len(comparisons), max(comparisons, key=Comparison.excess))


def check_options(f: object, order: object, tolerance: Real) -> None:
    """Raises what ``gradcheck`` raises for options that are none."""
    if not callable(f):
        raise TypeError(
            f"gradcheck takes a function of Values, not {type(f).__name__}"
        )
    if not is_order(order):
        raise ValueError(
            f"gradcheck's order is a whole number from 1 to 9, not {order!r}"
        )
    if not 0 < number(tolerance, "gradcheck's tolerance") < 1:
        raise ValueError(
            f"gradcheck's tolerance is a number between 0 and 1, not {tolerance!r}"
        )


def is_order(order: Any) -> bool:
    """Whether it is a whole number from 1 to 9."""
    if not isinstance(order, INTEGER) or isinstance(order, UNREAL):
        return False
    return 1 <= cast("int", order) <= 9


def compared_up_to(order: int, top: Problem, tolerance: float) -> list[Comparison]:
    """All comparisons of f, of f with plain numbers for some operands, and of its derivatives."""
    comparisons = compared(top, tolerance)
    for problem in filter(runs, mixed(top)):
        comparisons += compared(problem, tolerance)
    level = [top]
    for _ in range(order - 1):
        level = [problem for above in level for problem in above.derivatives()]
        for problem in level:
            comparisons += compared(problem, tolerance)
    return comparisons


def check_repeats(problem: Problem) -> None:
    """GradcheckError if the function, called again at the same point, gives something else."""
    first, *others = [problem.outcomes() for _ in range(CALLS)]
    told = [
        contrast(*x)
        for other in others
        for x in zip(problem.at, first, other, strict=False)
    ]
    if what := next(filter(None, told), ""):
        at = ", ".join(f"{name} = {x!r}" for name, x in problem.at.items())
        alone = "it must depend on its operands alone, not on random numbers or on earlier calls"
        raise GradcheckError(
            f"gradcheck's function {what} when called twice at {at}: {alone}"
        )


def contrast(name: str, one: Sample, other: Sample) -> str:
    """What differs between two calls by more than rounding, "" if nothing does."""
    if abs(other.value - one.value) > one.noise:
        return f"gave {one.value!r} and then {other.value!r}"
    if abs(other.slope - one.slope) > ROUGH * max(abs(one.slope), abs(other.slope)):
        return f"had the slope ∂f/∂{name} = {one.slope!r} and then {other.slope!r}"
    return ""


def compared(problem: Problem, tolerance: float) -> list[Comparison]:
    """The first derivatives by every method; GradcheckError if one is wrong."""
    xs = [Value(x, name) for name, x in problem.at.items()]
    y = finite_at(problem, problem.f(*xs))
    if not has_complex_steps(y):
        tolerance = max(tolerance, ROUGH)
    wanted = chained(y, xs)
    check_products(problem, wanted)
    comparisons = [
        *by_the_engine(problem, y, xs, wanted, tolerance),
        *by_steps(problem, wanted),
    ]
    worst = max(comparisons, key=Comparison.excess)
    if worst.excess() > 1:
        raise GradcheckError(f"{worst}{suspect(y, tolerance)}")
    return comparisons


def has_complex_steps(y: Value) -> bool:
    """Whether every op of the graph has a formula for complex numbers."""
    return all(v.op is None or in_complex(v.op) for v in toposort(y))


def check_products(problem: Problem, wanted: list[Derivative]) -> None:
    """Raises ValueError if products of slopes overflow."""
    if not all(math.isfinite(4 * derivative.largest) for derivative in wanted):
        what = f"{problem.place} and its slopes are finite: products of its slopes overflow"
        raise ValueError(f"gradcheck needs a point where {what} at {problem.at}")


def finite_at(problem: Problem, y: Any) -> Value:
    """Its result.  Raises TypeError for no Value, ValueError if it or its gradient is not finite."""
    if not isinstance(y, Value):
        raise TypeError(
            f"gradcheck's function must give a Value, not {type(y).__name__}"
        )
    if bad := harmful_nonfinite(y):
        raise ValueError(
            f"gradcheck needs a point where {problem.place} and its slopes are finite: {bad}"
        )
    return y


def by_the_engine(
    problem: Problem,
    y: Value,
    xs: list[Value],
    wanted: list[Derivative],
    tolerance: float,
) -> list[Comparison]:
    """The derivatives by every method that the engine has."""
    return [
        Comparison(
            problem.along(name),
            method,
            x,
            true.value,
            error_of(x, true, tolerance),
            tolerance,
        )
        for method, gradient in METHODS.items()
        for name, x, true in zip(problem.at, gradient(y, xs), wanted, strict=True)
    ]


def by_steps(problem: Problem, wanted: list[Derivative]) -> list[Comparison]:
    """The derivatives by steps along the function."""
    comparisons = list[Comparison]()
    for i, (name, true) in enumerate(zip(problem.at, wanted, strict=True)):
        step = stepped(problem, i, ROUGH * true.paths + true.error)
        error = error_of(step.value, true, ROUGH, step.error)
        comparisons.append(
            Comparison(
                problem.along(name),
                "steps along f",
                step.value,
                true.value,
                error,
                ROUGH,
            )
        )
    return comparisons


def error_of(
    x: float, wanted: Derivative, allowed: float, doubt: float = 0.0
) -> float:
    """The error relative to the size of all paths, and to what neither side can tell."""
    return abs(x - wanted.value) / (wanted.size(allowed, doubt) or 1.0)


def suspect(y: Value, allowed: float) -> str:
    """The partial that is farthest from its formula's slope."""
    advice = "; every partial is its formula's slope: is there a kink, or does f compute with .data?"
    for step in ledger(y):
        z, i, local = step.node, step.position, step.local
        true = slope(z, i)
        error = abs(local - true.value) - true.error - LOST
        error = error / (abs(true.value) or 1.0)
        if error > allowed:
            allowed = error
            partial = f"its partial {i + 1} is {local!r}, its formula's slope {true.value!r}"
            advice = f"; look at {told(z)}: {partial}"
    return advice
