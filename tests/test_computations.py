"""What one node computed is told as it was computed: read as arithmetic, the text gives the node's number."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from autograd import (
    OPS,
    GradcheckError,
    Op,
    Value,
    absolute,
    composite,
    exp,
    formula,
    gradcheck,
    locate_nonfinite,
    log,
    maximum,
    minimum,
    relu,
    steps,
    toposort,
    where,
)
from autograd.__main__ import main
from autograd.nonfinite import told
from autograd.pictures import labels as notation
from autograd.pictures.table import table

WORDS: dict[str, Any] = {
    "exp": np.exp, "expm1": np.expm1, "log": np.log, "log1p": np.log1p, "sin": np.sin, "cos": np.cos,
    "tanh": np.tanh, "sqrt": np.sqrt, "abs": np.abs, "max": np.maximum, "min": np.minimum, "sign": np.sign,
    "step": lambda x: np.heaviside(x, 0.0), "relu": lambda x: np.maximum(x, 0.0),
    "softplus": lambda x: np.logaddexp(x, 0.0), "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "where": lambda x, y, w: y if x != 0 else w, "inf": np.inf, "nan": np.nan,
    "defined": lambda x, y: y if x == x else np.nan,
}  # fmt: skip
for op in (
    OPS.values()
):  # of the others, NumPy's function of that name, or else the op's own number
    WORDS.setdefault(op.symbol, getattr(np, op.name, op.evaluate))
    WORDS.setdefault(op.name, op.evaluate)
LOW = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")
HIGH = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")
NUMBERS = [0.0, -0.0, 1.0, -1.0, 2.0, 0.5, 1e200, math.inf, -math.inf, math.nan]
BINARY = [op for op in OPS.values() if len(op.operands) == 2]
UNARY = [op for op in OPS.values() if len(op.operands) == 1]


def read(text: str, **names: float) -> float:
    """The number that a formula stands for, by NumPy's arithmetic alone."""
    text = re.sub(
        "[⁻⁰¹²³⁴-⁹]+", lambda high: f"**({high[0].translate(HIGH)})", text
    )
    text = (
        text.translate(LOW).replace("·", "*").replace("^", "**").replace("∞", "inf")
    )
    text = re.sub(r"\b(x|y|w|v\d+|\d+)\(", r"\1*(", text)
    text = re.sub(
        r"(?<![\w.])\d+(\.\d+)?(e-?\d+)?",
        lambda digits: f"np.float64({digits[0]})",
        text,
    )
    numbers = {name: np.float64(x) for name, x in names.items()}
    with np.errstate(all="ignore"):
        return float(eval(text, {"np": np, **WORDS, **numbers}))  # noqa: S307  our own text


def same(x: float, y: float) -> bool:
    return math.isclose(x, y, rel_tol=1e-12) or (x != x and y != y)


def rows(y: Value) -> list[list[str]]:
    """The cells of the table."""
    return [
        re.split(r"\s{2,}", line.strip())
        for line in table(toposort(y)).splitlines()[1:]
    ]


def check(z: Value, **names: float) -> None:
    text = told(z)
    assert same(
        read(text.removeprefix("z = ").split(" at ")[0], **names), z.data
    ), text


@pytest.mark.parametrize("op", UNARY, ids=str)
@pytest.mark.parametrize("x", NUMBERS)
def test_one_operand(op: Op, x: float) -> None:
    check(op(Value(x)), x=x)


@pytest.mark.parametrize("op", BINARY, ids=str)
@pytest.mark.parametrize("x", NUMBERS)
def test_the_same_operand_twice(op: Op, x: float) -> None:
    """Nothing cancels: x/x is nan at 0, and x - x at inf."""
    both = Value(x)
    check(op(both, both), x=x)


@pytest.mark.parametrize("op", BINARY, ids=str)
@pytest.mark.parametrize(("x", "y"), [*itertools.product(NUMBERS, NUMBERS)])
def test_two_operands_and_numbers(op: Op, x: float, y: float) -> None:
    """No number is left out: x·0 is nan at inf, and x⁰ is 1 at nan."""
    check(op(Value(x), Value(y)), x=x, y=y)
    check(op(Value(x), y), x=x)
    check(op(x, Value(y)), y=y)


def test_three_operands() -> None:
    x = Value(0.0)
    check(where(x, x, x), x=0.0)
    check(where(x, 1.0, x), x=0.0)


@pytest.mark.parametrize(
    ("z", "text"),
    [
        (lambda x: x / x, "x/x"),
        (lambda x: x - x, "x - x"),
        (lambda x: x + x, "x + x"),
        (lambda x: x * x, "x·x"),
        (lambda x: x**x, "x^x"),
        (lambda x: x**0, "x⁰"),
        (lambda x: x**1, "x¹"),
        (lambda x: x**2, "x²"),
        (lambda x: 0**x, "0^x"),
        (lambda x: 1**x, "1^x"),
        (lambda x: 0 * x, "0·x"),
        (lambda x: x * 0, "x·0"),
        (lambda x: x * 1, "x·1"),
        (lambda x: 1 * x, "1·x"),
        (lambda x: x + 0, "x + 0"),
        (lambda x: 0.0 + x, "0 + x"),
        (lambda x: x - 0, "x - 0"),
        (lambda x: 0 - x, "0 - x"),
        (lambda x: x / 1, "x/1"),
        (lambda x: 0 / x, "0/x"),
        (lambda x: 1 / x, "1/x"),
        (lambda x: -x, "-x"),
        (lambda x: 3 * x, "3·x"),
        (lambda x: x * 1e308, "10³⁰⁸·x"),
        (lambda x: maximum(x, x), "max(x, x)"),
        (lambda x: minimum(x, 0), "min(x, 0)"),
        (lambda x: absolute(x), "abs(x)"),
    ],
)
def test_texts(z: Callable[[Value], Value], text: str) -> None:
    assert told(z(Value(0.0, "x"))) == f"z = {text} at x = 0.0"
    assert rows(z(Value(0.0, "x")))[-1][1] == text


def test_an_op_whose_own_formula_names_an_operand_twice() -> None:
    sign = Op("own_sign", "÷", "x / (x * x) ** 0.5", (lambda z, x: 0.0,))
    del OPS["own_sign"]
    assert told(sign(Value(0.0))) == "z = x/(x·x)^0.5 at x = 0.0"


def test_where_a_nan_came_from() -> None:
    x = Value(0.0, "x")
    assert str(locate_nonfinite(x / x)) == "z = x/x is nan at x = 0.0"
    assert str(locate_nonfinite(log(x + 1) / x * 2)).startswith(
        "z = x/y is nan at x = 0.0, y = 0.0"
    )
    assert str(locate_nonfinite(0 / x)) == "z = 0/x is nan at x = 0.0"
    assert (
        str(locate_nonfinite((x + 0) / (x * 1)))
        == "z = x/y is nan at x = 0.0, y = 0.0"
    )
    nameless = Value(0.0)
    assert str(locate_nonfinite(nameless / nameless)) == "z = x/x is nan at x = 0.0"
    root = Value(0.0, "x") ** 0.5
    assert "flows back from z = x^0.5 at x = 0.0" in str(locate_nonfinite(root))


def test_a_wrong_partial_of_an_operand_that_is_read_twice() -> None:
    wrong = Op("wrong", "⊖", "x - y", (lambda z, x, y: 1.0, lambda z, x, y: -2.0))
    del OPS["wrong"]
    with pytest.raises(
        GradcheckError, match=r"look at z = x - x at x = 0.5: its partial 2 is -2.0"
    ):
        gradcheck(lambda x: wrong(x, x), 0.5)


def test_names_that_look_alike_are_told_by_letters() -> None:
    z = Value(0.0, "x1") / Value(0.0, "x₁")
    assert told(z) == "z = x/y at x = 0.0, y = 0.0"


# ------------------------------------------------------------------------------------------------ the table
@pytest.mark.parametrize("x", NUMBERS)
def test_every_row_gives_its_number(x: float) -> None:
    v = Value(x, "x")
    u = (
        v * 0
        + v / v
        - (v - v)
        + maximum(v, v) * v**0
        + exp(0 * v) * (1 * v) * v * v
    )
    numbers: dict[str, float] = {}
    for name, text, number, *_ in rows(u + u):
        found = read(text, **numbers)
        assert same(float(f"{found:.6g}"), float(number)), (name, text)
        numbers[name.translate(LOW)] = found


def test_partials_of_an_operand_that_is_read_twice() -> None:
    assert notation.partials(maximum(x := Value(0.0, "x"), x)) == [
        "0.5(1+sign(x-x))",
        "0.5(1-sign(x-x))",
    ]
    assert notation.partials(x / x) == ["1/x", "-y/x"]
    assert notation.partials(2 * x) == ["2"]
    assert notation.partials(relu(x)) == ["step(x)"]


def test_whole_formulas_gather_as_before() -> None:
    x = Value(2.0, "x")
    texts = [formula(y) for y in (x / x, x - x, x * x, x + x, x * 0, x**0)]
    assert texts == ["y = 1", "y = 0", "y = x²", "y = 2·x", "y = 0", "y = 1"]


def test_the_command_line_shows_what_was_computed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    main(["x/x", "x=0"])
    assert "x/x" in capsys.readouterr().out


# ------------------------------------------------------------------------------------------- step by step
def told_steps(y: Value) -> list[str]:
    return [str(frame) for frame in steps(y)]


@pytest.mark.parametrize(
    ("build", "x", "step"),
    [
        (lambda x: x / x, 0.0, "y = x/x = nan"),
        (lambda x: exp(x / x), 0.0, "x/x = nan"),
        (lambda x: exp(x / x), 0.0, "y = exp(x/x) = nan"),
        (lambda x: (x - x) * 3, math.inf, "x-x = nan"),
        (lambda x: (x + 1) / (x + 1), math.inf, "y = (x+1)/(x+1) = nan"),
        (lambda x: x * x / x, 0.0, "y = x·x/x = nan"),
        (lambda x: x * 0, math.inf, "y = x·0 = nan"),
        (lambda x: exp(x / x), 0.0, "upstream 1 × local y = nan → nan added to (x/x): nan"),
        (lambda x: maximum(x, x), 1e999, "upstream 1 × local 0.5(1+sign(x-x)) = nan → nan added to x: nan"),
        (lambda x: x * x, 3.0, "y = x² = 9"),
        (lambda x: 1 / x, 0.0, "y = 1/x = inf"),
    ],
)  # fmt: skip
def test_a_step_that_is_not_finite_is_told_as_it_was_computed(
    build: Callable[[Value], Value], x: float, step: str
) -> None:
    assert step in [
        told.replace("added to grad of", "added to")
        for told in told_steps(build(Value(x, "x")))
    ]


def test_composites_stand_in_steps_by_their_own_ops() -> None:
    ratio = composite(lambda x: x / x)
    assert "y = x/x = nan" in told_steps(ratio(Value(0.0, "x")))
