"""A function of Values and the point at which its derivatives are in question: what ``gradcheck`` asks it for."""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from itertools import combinations
from typing import Any, NamedTuple, TypeAlias

from .chords import Curve, Sample, Slope, along, recorded
from .derivatives import grad, jvp
from .value import Scalar, Value

Function: TypeAlias = "Callable[..., Value]"


class Problem(NamedTuple):
    """A function of Values, and the point at which its derivatives are in question."""

    place: str
    f: Function
    at: dict[str, float]

    def only(self, *names: str) -> Problem:
        """The same function of these operands; the others are plain numbers."""

        def f(*xs: Scalar) -> Value:
            return valued(
                self.f(*(self.at | dict(zip(names, xs, strict=True))).values())
            )

        return Problem(
            f"f({', '.join(names)})", f, {name: self.at[name] for name in names}
        )

    def outcomes(self) -> list[Sample]:
        """What one call gives: the value, and the slope along every operand."""
        xs = [*map(Value, self.at.values())]
        y: Any = self.f(*xs)
        return [recorded(y, x) for x in xs] if isinstance(y, Value) else []

    def along(self, name: str) -> str:
        """What its derivative along an operand is called."""
        return f"∂{self.place}/∂{name}"

    def derivatives(self) -> list[Problem]:
        """Its first derivatives, as graphs by grad and by jvp."""

        def derivative(i: int, mode: Callable[[Value, Value], Value]) -> Function:
            return lambda *xs: mode(valued(self.f(*xs)), xs[i])

        return [
            Problem(self.along(name), derivative(i, mode), self.at)
            for i, name in enumerate(self.at)
            for mode in (grad, tangent)
        ]


def valued(y: Any) -> Value:
    """What a function gave, which may be a constant, as a Value."""
    return y if isinstance(y, Value) else Value(y)


def tangent(y: Value, x: Value) -> Value:
    """∂y/∂x by forward mode."""
    return jvp(y, {x: 1.0})


def mixed(problem: Problem) -> list[Problem]:
    """The problem with one operand, or with all but one, while the others are plain numbers."""
    names = [*problem.at]
    if len(names) < 2:
        return []
    one = list(combinations(names, 1))
    all_but_one = list(combinations(names, len(names) - 1))
    some = dict.fromkeys(one + all_but_one[::-1])
    return [problem.only(*operands) for operands in some]


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
        raise ValueError(
            "gradcheck needs the numbers to differentiate at: gradcheck(f, 0.5, 2.0)"
        )
    names = own_names(f)
    if len(names) == n:
        return names
    return [*"xyw"[:n]] if n < 4 else [f"x{i + 1}" for i in range(n)]


def own_names(f: Function) -> list[str]:
    """The names of f's parameters; none for a function that does not tell them."""
    try:
        parameters = signature(f).parameters
    except (TypeError, ValueError):
        return []
    return [name for name, p in parameters.items() if p.kind != p.VAR_POSITIONAL]


def stepped(problem: Problem, i: int, allowed: float) -> Slope:
    """The slope of the problem's function along its operand i."""
    at = [*problem.at.values()]

    def outcome(x: float) -> tuple[Value, Value]:
        xs = [Value(x if k == i else other) for k, other in enumerate(at)]
        return valued(problem.f(*xs)), xs[i]

    curve = Curve(lambda x: recorded(*outcome(x)), lambda x: outcome(x)[0].data)
    slope = along(curve, at[i], allowed)
    if slope is None:
        raise ValueError(
            f"gradcheck needs a point around which {problem.place} is finite, not {problem.at}"
        )
    return slope
