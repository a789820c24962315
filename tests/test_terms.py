"""A formula as a tree: read, printed and evaluated, beside Python itself."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, strategies as st

from autograd import OPS, Op, Value, where
from autograd.evaluators import evaluator
from autograd.ieee import PYTHON
from autograd.terms import (
    ARITHMETIC,
    Term,
    Tree,
    fold,
    parse,
    substitute,
    terms_of,
    text,
)
from autograd.value import varies

NAMES = ("x", "y", "w")
SPACE = {**PYTHON, "inf": math.inf, "nan": math.nan}
LEAVES = st.sampled_from([*NAMES, "2", "0.5", "1e-3", "3"])
SIGNS = (
    "+",
    "-",
    "*",
    "/",
    "%",
    "//",
    "==",
    "!=",
    "<",
    "<=",
    ">",
    ">=",
    "and",
    "or",
)


def larger(parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Formulas made of smaller ones, with brackets only where they were drawn."""
    pair = st.tuples(parts, st.sampled_from(SIGNS), parts).map(" ".join)
    choice = st.tuples(parts, parts, parts).map(
        lambda p: f"({p[0]}) if ({p[1]}) else {p[2]}"
    )
    call = parts.map(lambda x: f"sin({x})")
    sign = st.tuples(st.sampled_from(["-", "+", "not "]), parts).map(
        lambda p: f"({p[0]}({p[1]}))"
    )
    return (
        pair
        | choice
        | call
        | sign
        | parts.map(lambda x: f"({x})")
        | parts.map(lambda x: f"-{x}")
    )


FORMULAS = st.recursive(LEAVES, larger, max_leaves=8)


def valued(source: str, numbers: dict[str, float]) -> object:
    """What Python makes of a formula; the kind of error if there is one."""
    try:
        return eval(source, {**SPACE}, {**numbers})  # noqa: S307  drawn above
    except (ArithmeticError, ValueError, TypeError) as error:
        return type(error)


@given(
    FORMULAS,
    st.tuples(*[st.floats(-3, 3).map(lambda x: round(x, 2)) for _ in NAMES]),
)
def test_a_tree_printed_means_what_the_formula_means(
    formula: str, at: tuple[float, ...]
) -> None:
    numbers = dict(zip(NAMES, at, strict=True))
    printed = text(parse(formula), {name: name for name in NAMES})
    assert repr(valued(printed, numbers)) == repr(valued(formula, numbers)), printed
    assert text(parse(printed), {name: name for name in NAMES}) == printed


@given(FORMULAS, st.tuples(*[st.floats(-3, 3) for _ in NAMES]))
def test_a_function_of_a_tree_is_the_formula_where_python_has_a_value(
    formula: str, at: tuple[float, ...]
) -> None:
    expected = valued(formula, dict(zip(NAMES, at, strict=True)))
    got = evaluator(NAMES, parse(formula))(*at)
    if not isinstance(expected, type):
        assert repr(got) == repr(expected) or float(got) == expected


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("1 / x", math.inf),
        ("log(x)", -math.inf),
        ("exp(x + 1000)", math.inf),
        ("sqrt(x - 1)", math.nan),
    ],
)
def test_where_python_raises_ieee_has_an_answer(
    formula: str, expected: float
) -> None:
    assert repr(evaluator(["x"], parse(formula))(0.0)) == repr(expected)


PRINTED = {
    "x - (y - w)": "x - (y - w)",
    "(x - y) - w": "x - y - w",
    "x / (y * w)": "x / (y * w)",
    "-(x + y)": "-(x + y)",
    "(-x) * y": "-x * y",
    "x * -y": "x * -y",
    "x ** y": "pow(x, y)",
    "(-2) ** x": "pow(-2, x)",
    "(x if y else w) + 1": "(x if y else w) + 1",
    "x if (y if w else x) else w": "x if (y if w else x) else w",
    "x if y else (w if x else y)": "x if y else w if x else y",
    "-1 < x < 1": "-1 < x and x < 1",
    "x > 0 or (y % 1 == 0 if x else y >= 0)": "x > 0 or (y % 1 == 0 if x else y >= 0)",
    "pi * x": "3.141592653589793 * x",
    "not (x and y)": "not (x and y)",
    "+x": "x",
}


@pytest.mark.parametrize("formula", PRINTED)
def test_brackets_only_where_they_are_needed(formula: str) -> None:
    assert text(parse(formula), {name: name for name in NAMES}) == PRINTED[formula]


@pytest.mark.parametrize("number", [-2.0, -0.0, -math.inf])
def test_a_negative_number_is_printed_as_an_operand(number: float) -> None:
    tree = Term("-", (Term("x"), Term("neg", (Term("*", (number, number)),))))
    assert text(tree, {"x": "x"}) == f"x - -({number!r} * {number!r})"


@pytest.mark.parametrize(
    "formula",
    [
        "",
        "x +",
        "x, y",
        "x[0]",
        "lambda: x",
        "'x'",
        "x.real",
        "f(x=1)",
        "f()",
        "x @ y",
        "~x",
        "x is y",
        "x in y",
    ],
)
def test_what_is_no_formula(formula: str) -> None:
    with pytest.raises(SyntaxError):
        parse(formula)


def test_the_same_tree_in_other_arithmetic() -> None:
    """A fold asks nothing of its words but that they are functions."""
    tree = parse("(x + 1) * x / 3")
    assert fold(tree, ARITHMETIC, {"x": Fraction(1, 2)}) == Fraction(1, 4)
    depth: dict[str, Callable[..., int]] = {
        sign: lambda *args: 1 + max(args) for sign in "+*/"
    }
    assert fold(tree, depth, {"x": 0}, lambda _: 0) == 3


def test_operands_are_filled_in() -> None:
    tree = substitute(parse("x * y + x"), {"x": parse("y + 1"), "y": 2.0})
    assert text(tree, {"y": "y"}) == "(y + 1) * 2.0 + (y + 1)"
    assert [term.word for term in terms_of(tree)] == ["+", "*", "+", "y", "+", "y"]


# ------------------------------------------------------------------------------------- partials become trees
def tree_of(partial: Any, formula: str = "x * y") -> Tree:
    op = Op("traced", "traced", formula, (partial, lambda z, x, y: 0.0))
    return op.form(True, True).partials[0]


@pytest.mark.usefixtures("no_traced")
@pytest.mark.parametrize(
    ("partial", "printed"),
    [
        (lambda z, x, y: 1 / x, "1 / x"),
        (lambda z, x, y: 2 / x - x, "2.0 / x - x"),
        (lambda z, x, y: sum([x, y, z]), "x + y + z"),
        (lambda z, x, y: 3 - x**2, "3.0 - pow(x, 2.0)"),
        (lambda z, x, y: 2**x, "pow(2.0, x)"),
        (lambda z, x, y: +x.exp() * abs(y).log(), "exp(x) * log(fabs(y))"),
        (lambda z, x, y: where(x, y, 1.0), "y if x else 1.0"),
        (lambda z, x, y: 7, "7.0"),
        (lambda z, x, y: Value(2.0), "2.0"),
        (lambda z, x, y: z if varies(y) else x, "z"),
    ],
)
def test_a_partial_is_applied_to_names(partial: Any, printed: str) -> None:
    tree = tree_of(partial)
    assert text(tree, {x: x for x in "zxy"}) == printed


@pytest.mark.usefixtures("no_traced")
@pytest.mark.parametrize(
    "partial",
    [
        lambda z, x, y: 1.0 if x > 0 else 0.0,
        lambda z, x, y: 1.0 if x >= 0 else 0.0,
        lambda z, x, y: x.data,
        lambda z, x, y: x.grad,
        lambda z, x, y: x if y else 1.0,
        lambda z, x, y: math.exp(x),
        lambda z, x, y: 1.0 if x.data == x.data else 0.0,
    ],
)
def test_a_partial_that_asks_for_a_number_has_no_tree(partial: Any) -> None:
    with pytest.raises(
        TypeError,
        match=re.escape(
            "a partial of traced asks for data (>, .data); use where(step(x)"
        ),
    ):
        tree_of(partial)


@pytest.fixture
def no_traced() -> Any:
    OPS.pop("traced", None)
    yield
    OPS.pop("traced", None)
