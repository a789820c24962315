"""Value: what it takes and refuses, how it behaves among Python's and NumPy's objects, how it is copied."""

from __future__ import annotations

import copy
import gc
import math
import operator
import pickle
import random
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
import pytest
import sympy

import autograd
from autograd import (
    OPS,
    Op,
    StaleGraphError,
    Value,
    composite,
    exp,
    grad,
    jvp,
    ledger,
    maximum,
    minimum,
    no_grad,
    tanh,
    toposort,
    vjp,
    where,
)  # fmt: skip
from autograd.value import NO_GRAD
from tests.programs import grown
from tests.scripts import SMALL_STACK, needs_docstrings

ROOT = Path(__file__).parent.parent
NUMPY_TYPES = [
    *(np.float16, np.float32, np.float64, np.longdouble),
    *(np.int8, np.int16, np.int32, np.int64, np.longlong),
    *(np.uint8, np.uint16, np.uint32, np.uint64, np.ulonglong),
]
ACCEPTED = [int, float, *NUMPY_TYPES]
REFUSED: list[tuple[Any, str]] = [
    ("2", "float("),
    (b"2", "float("),
    (bytearray(b"2"), "each element"),
    (None, "convert it"),
    (True, "1.0 or 0.0"),
    (np.True_, "1.0 or 0.0"),
    (2j, ".real"),
    (np.complex64(2), ".real"),
    (np.complex128(2), ".real"),
    (Decimal(2), "float("),
    (Fraction(2), "float("),
    ([2.0], "each element"),
    ((2.0,), "each element"),
    ({2.0: 1}, "each element"),
    ({2.0}, "each element"),
    (frozenset({2.0}), "each element"),
    (range(2), "each element"),
    ((x for x in [2.0]), "each element"),
    (np.array(2.0), ".item()"),
    (np.array([2.0, 3.0]), ".item()"),
    (np.array([[2.0, 3.0], [4.0, 5.0]]), ".item()"),
    (np.array([2]), ".item()"),
    (np.timedelta64(2, "s"), "float("),
    (np.datetime64(2, "s"), "convert it"),
    (np.str_("2"), "float("),
    (object(), "convert it"),
    (Ellipsis, "convert it"),
    (float, "convert it"),
    (math.exp, "convert it"),
]
ARITHMETIC = [
    operator.add,
    operator.sub,
    operator.mul,
    operator.truediv,
    operator.pow,
]
COMPARISONS = [operator.lt, operator.le, operator.gt, operator.ge]
FUNCTIONS = [maximum, minimum, max, min]
UNSUPPORTED = [
    *(
        operator.floordiv,
        operator.mod,
        operator.matmul,
        operator.lshift,
        operator.rshift,
    ),
    *(operator.and_, operator.or_, operator.xor, divmod),
]
EDGES = [
    *(
        0.0,
        -0.0,
        5e-324,
        -5e-324,
        2.2250738585072014e-308,
        1e-200,
        -1e-154,
        0.5,
        -0.5,
        1.0,
        -1.0,
    ),
    *(
        1.0000000000000002,
        2.0,
        -2.0,
        3.0,
        40.0,
        -710.0,
        745.2,
        1000.0,
        -1000.0,
        2.0**53 + 2.0,
    ),
    *(1e154, -1e200, 1.7976931348623157e308, math.inf, -math.inf, math.nan),
]


def without_dimensions(x: object) -> bool:
    return isinstance(x, np.ndarray) and x.ndim == 0


def kind(x: object) -> str:
    return f"{type(x).__name__}{getattr(x, 'ndim', '')}"


each_refused = pytest.mark.parametrize(
    ("bad", "advice"), REFUSED, ids=[kind(bad) for bad, _ in REFUSED]
)
each_accepted = pytest.mark.parametrize(
    "number", ACCEPTED, ids=lambda t: t.__name__
)
each_edge_op = pytest.mark.parametrize(
    "name", ["add", "sub", "mul", "div", "power", "maximum", "minimum"]
)
each_unary_op = pytest.mark.parametrize(
    "name", [op.name for op in OPS.values() if len(op.operands) == 1]
)


def refuses(call: Callable[..., object], bad: object, advice: str) -> None:
    """The call raises a TypeError that names the type and gives a way out."""
    with pytest.raises(TypeError) as caught:
        call()
    assert type(bad).__name__ in str(caught.value)
    assert advice in str(caught.value)


# What a Value is made of


def test_a_new_value_is_a_leaf() -> None:
    v = Value(2.5)
    assert (v.data, v.grad, v.name, v.op, v.args, v.inner, v._prev, v._op) == (
        2.5,
        0.0,
        "",
        None,
        (),
        (),
        (),
        "",
    )
    assert v.grad is NO_GRAD
    assert v.scope is None


def test_names() -> None:
    assert Value(1.0, "w").name == "w"
    assert Value(1.0, name="ŵ₁ <b>").name == "ŵ₁ <b>"


@each_accepted
def test_every_real_number_is_kept_as_a_float(number: Callable[[int], Any]) -> None:
    v = Value(number(3))
    assert type(v.data) is float
    assert v.data == 3.0
    v.data = number(4)
    assert type(v.data) is float
    assert v.data == 4.0


@each_accepted
@pytest.mark.parametrize("op", ARITHMETIC)
def test_arithmetic_takes_every_real_number(
    op: Callable[..., Any], number: Callable[[int], Any]
) -> None:
    for z, expected in (
        (op(Value(3.0), number(2)), op(3.0, 2.0)),
        (op(number(2), Value(3.0)), op(2.0, 3.0)),
    ):
        assert type(z) is Value
        assert type(z.data) is float
        assert z.data == expected
        assert all(type(x) is float for x in z.args if not isinstance(x, Value))


@each_accepted
def test_functions_and_comparisons_take_every_real_number(
    number: Callable[[int], Any],
) -> None:
    v, two = Value(3.0), number(2)
    for z in (
        maximum(v, two),
        maximum(two, v),
        where(number(1), v, two),
        where(v, v, two),
    ):
        assert type(z) is Value
        assert z.data == 3.0
    results = [
        v > two,
        two < v,
        v >= two,
        two <= v,
        not v < two,
        not two > v,
        not v <= two,
        not two >= v,
    ]
    assert results == [True] * 8
    assert all(type(result) is bool for result in results)


def test_numbers_at_the_limits_of_their_types() -> None:
    assert Value(np.uint64(2**64 - 1)).data == 2.0**64
    assert Value(2**53 + 1).data == 2.0**53
    assert Value(np.float16(0.1)).data == 0.0999755859375
    assert Value(np.longdouble("1e400")).data == math.inf
    assert math.isnan(Value(np.float32("nan")).data)
    with pytest.raises(OverflowError):
        Value(10**400)


def test_a_float_of_a_class_of_its_own_becomes_a_plain_float() -> None:
    class Metres(float):
        """A float."""

    assert type(Value(Metres(2.0)).data) is float
    assert type((Value(1.0) + Metres(2.0)).args[1]) is float


def test_a_condition_may_be_a_bool() -> None:
    v, w = Value(3.0), Value(2.0)
    assert where(v > w, v, w) is v
    assert where(v < w, v, w) is w
    assert where(np.bool_(True), v, 2.0) is v
    chosen = where(np.bool_(False), v, 2)
    assert (type(chosen), chosen.data, chosen.op) == (Value, 2.0, None)


# What it refuses


@pytest.mark.parametrize(
    "x",
    [
        mpmath.mpf("0.3"),
        Fraction(3, 10),
        Decimal("0.3"),
        sympy.Float("0.3"),
        sympy.Rational(3, 10),
    ],
    ids=kind,
)
def test_the_advice_for_a_number_of_more_digits_gives_the_derivative(
    x: Any,
) -> None:
    """To convert it in a function that mpmath.diff takes would not: all its steps are one float."""
    with pytest.raises(
        TypeError,
        match=r"convert it once, with float\(\.\.\.\), and differentiate with grad",
    ):
        Value(1.0) * x
    t = Value(float(x))
    found = grad(tanh(3 * t) * exp(-t * t), t).data
    assert found == pytest.approx(
        float(
            mpmath.diff(lambda t: mpmath.tanh(3 * t) * mpmath.exp(-t * t), t.data)
        )
    )
    assert mpmath.diff(lambda t: tanh(3 * Value(float(t))).data, float(x)) == 0.0


@each_refused
def test_the_constructor_refuses(bad: Any, advice: str) -> None:
    refuses(lambda: Value(bad), bad, advice)


@each_refused
def test_assigning_data_refuses(bad: Any, advice: str) -> None:
    v = Value(3.0)
    y = v * v
    refuses(lambda: setattr(v, "data", bad), bad, advice)
    assert v.data == 3.0
    y.backward()  # and the graph is still fresh
    assert v.grad == 6.0


@each_refused
@pytest.mark.parametrize("op", [*ARITHMETIC, *COMPARISONS, maximum, minimum])
def test_operators_refuse_on_both_sides(
    op: Callable[..., object], bad: Any, advice: str
) -> None:
    v = Value(3.0)
    refuses(lambda: op(v, bad), bad, advice)
    if (
        op is operator.pow
        and isinstance(bad, Fraction)
        and sys.version_info < (3, 13)
    ):
        return  # there Fraction ** anything is float(fraction) ** anything, and never asks us
    if op in COMPARISONS and without_dimensions(bad):
        return  # to compare its scalars with others NumPy makes such arrays of them
    refuses(lambda: op(bad, v), bad, advice)


@each_refused
def test_functions_refuse_at_every_place(bad: Any, advice: str) -> None:
    v = Value(3.0)
    refuses(lambda: autograd.exp(bad), bad, advice)
    if not without_dimensions(bad):
        refuses(lambda: max(v, bad), bad, advice)
    refuses(lambda: min(bad, v), bad, advice)
    for operands in ((v, bad, 1.0), (v, 1.0, bad), (1.0, v, bad), (0.0, v, bad)):
        refuses(lambda operands=operands: where(*operands), bad, advice)
    if not isinstance(
        bad, bool | np.bool_
    ):  # as a condition, a bool says what it should
        refuses(lambda: where(bad, v, 1.0), bad, advice)


@each_refused
@pytest.mark.parametrize(
    "op",
    [operator.iadd, operator.isub, operator.imul, operator.itruediv, operator.ipow],
)
def test_in_place_operators_refuse(
    op: Callable[..., object], bad: Any, advice: str
) -> None:
    v = Value(3.0)
    refuses(lambda: op(v, bad), bad, advice)
    if not isinstance(bad, Fraction | bytearray):
        with pytest.raises(
            TypeError
        ):  # an array's own message, since NumPy answers first
            op(copy.copy(bad) if isinstance(bad, np.ndarray) else bad, v)


@pytest.mark.parametrize("op", UNSUPPORTED)
@pytest.mark.parametrize(
    "other",
    [2, 2.0, np.float64(2), np.int64(2), np.array([2.0]), Value(2.0)],
    ids=kind,
)
def test_operators_that_do_not_exist(op: Callable[..., object], other: Any) -> None:
    for operands in ((Value(3.0), other), (other, Value(3.0))):
        with pytest.raises(TypeError):
            op(*operands)


@pytest.mark.parametrize(
    "call",
    [
        *(
            int,
            float,
            complex,
            bool,
            round,
            math.floor,
            math.ceil,
            math.trunc,
            operator.index,
            operator.invert,
        ),
        *(math.exp, math.sin, math.sqrt, math.isnan, len, iter, hex, operator.not_),
        *(
            np.isnan,
            np.float64,
            np.spacing,
            np.floor,
            lambda v: np.add(v, [1.0]),
            lambda v: np.nextafter(1.0, v),
        ),
        *(
            lambda v: pow(v, 2, 5),
            lambda v: pow(2, v, 5),
            lambda v: pow(v, v, v),
            lambda v: round(v, 2),
        ),
        *(lambda v: v[0], lambda v: [1, 2][v], lambda v: 1 in v, lambda v: v()),
        *(lambda v: 1 if v else 2, lambda v: v and 1),
    ],
)
def test_conversions_that_would_cut_the_graph(
    call: Callable[[Value], object],
) -> None:
    with pytest.raises(TypeError):
        call(Value(3.0))


def test_the_refusals_give_a_way_out() -> None:
    with pytest.raises(TypeError, match=r"\.data"):
        float(Value(3.0))
    with pytest.raises(TypeError, match=r"\.data"):
        math.exp(Value(3.0))
    with pytest.raises(TypeError, match=r"v > 0"):
        bool(Value(0.0))
    with pytest.raises(TypeError, match=r"Value.*\.data"):
        Value(Value(3.0))
    with pytest.raises(TypeError, match=r"Value.*\.data"):
        Value(1.0).data = Value(3.0)


def test_wrong_numbers_of_operands() -> None:
    v = Value(1.0)
    for call in (
        lambda: autograd.relu(),
        lambda: autograd.relu(v, v),
        lambda: maximum(v),
        lambda: where(v, v),
        lambda: v.relu(2),
        lambda: autograd.relu(1.0, 2.0),
        lambda: maximum(1.0, 2.0, 3.0),
    ):
        with pytest.raises(TypeError):
            call()


# Operators


def test_in_place_operators_rebind() -> None:
    x = alias = Value(3.0)
    x += 1
    x *= 2
    x -= 1
    x /= 2
    x **= 2
    assert x.data == 12.25
    assert (alias.data, alias.op, x is alias) == (3.0, None, False)


def test_the_ops_that_operators_record() -> None:
    v, w = Value(3.0), Value(2.0)
    recorded = {
        "add": [v + w, v + 1, 1 + v],
        "sub": [v - w, v - 1, 1 - v],
        "mul": [v * w, v * 2, 2 * v],
        "div": [v / w, v / 2, 2 / v, v / 1],
        "reciprocal": [1 / v, 1.0 / v, np.float32(1) / v, v.reciprocal()],
        "power": [v**w, v**2, 2**v, v**-1, 1**v],
        "neg": [-v],
        "absolute": [abs(v)],
    }
    for name, results in recorded.items():
        assert [z.op and z.op.name for z in results] == [name] * len(results)
    assert +v is v


def test_operands_keep_their_order_and_numbers_stay_plain() -> None:
    v, w = Value(3.0), Value(2.0)
    assert (v - w).args == (v, w)
    assert (5 - v).args == (5.0, v)
    assert (v - 5).args == (v, 5.0)
    assert (5 / v).args == (5.0, v)
    assert (5 * v).args == (5.0, v)
    assert (5 + v).args == (5.0, v)
    assert (5**v).args == (5.0, v)
    assert where(v, 1, w).args == (v, 1.0, w)
    assert (v * v).args == (v, v)
    assert all(
        type(x) is float
        for x in ((5 - v).args[0], (v - 5).args[1], where(v, 1, w).args[1])
    )
    assert [z.data for z in (5 - v, 5 / w, 2**v, v - 5)] == [2.0, 2.5, 8.0, -2.0]


def test_sum_records_no_zero() -> None:
    a, b, c = Value(1.0), Value(2.0), Value(3.0)
    total = sum([a, b, c])
    assert isinstance(total, Value)
    assert len(toposort(total)) == 5
    assert (total.data, total.args[1]) == (6.0, c)
    assert sum([a]) is a
    assert sum([a, b], start=c).data == 6.0
    assert (0.0 + a).op is not None  # only sum()'s own int 0 is left out


def test_prev_and_op_are_what_micrograds_notebooks_walk() -> None:
    v, w = Value(3.0), Value(2.0)
    assert (v * w)._prev == (v, w)
    assert (v * v)._prev == (v, v)
    assert [type(x) for x in (v * 2)._prev] == [Value, Value]
    assert [x.data for x in (2 * v)._prev] == [2.0, 3.0]
    assert ((v + w)._op, (v * w)._op, (v / w)._op, v.relu()._op) == (
        "+",
        "×",
        "/",
        "relu",
    )
    with pytest.raises(AttributeError):
        v._prev = ()
    with pytest.raises(AttributeError):
        v._op = "+"


def test_equality_and_hash_are_by_identity() -> None:
    a, b = Value(1.0), Value(1.0)
    assert a == a
    assert a != b
    assert (a == 1.0, np.float64(1) == a, a == np.array([1.0]), a == "1") == (
        False,
    ) * 4
    assert len({a, b, a}) == 2
    assert [a, b].index(b) == 1
    before = hash(a)
    a.data = 5.0
    assert hash(a) == before


def test_equal_leaves_are_not_confused() -> None:
    x, y, n = Value(1.0), Value(1.0), Value(math.nan)
    (x * y * x + where(0.0, n, x)).backward()
    assert (x.grad, y.grad, n.grad) == (3.0, 1.0, 0.0)


def test_order_is_by_data() -> None:
    values = [Value(x) for x in (3.0, -1.0, 2.0, -math.inf, math.inf)]
    assert [v.data for v in sorted(values)] == [-math.inf, -1.0, 2.0, 3.0, math.inf]
    assert max(values).data == math.inf
    assert min(values) is values[3]
    assert (
        Value(0.0) <= Value(-0.0),
        Value(0.0) >= Value(-0.0),
        Value(0.0) < Value(-0.0),
    ) == (
        True,
        True,
        False,
    )
    n = Value(math.nan)
    assert not any(
        compare(*pair)
        for compare in COMPARISONS
        for pair in ((n, n), (n, 1.0), (1.0, n), (values[0], n))
    )


# Text, attributes, references


def test_repr_and_format() -> None:
    v = Value(2.0)
    assert repr(v) == str(v) == f"{v}" == "Value(data=2.0, grad=0.0)"
    (v * 3).backward()
    assert repr(v) == "Value(data=2.0, grad=3.0)"
    assert repr(Value(math.inf)) == "Value(data=inf, grad=0.0)"
    pi = Value(math.pi)
    assert (f"{pi:.3f}", f"{pi:>10.2e}", f"{pi:+g}", f"{-pi:08.2f}") == (
        "3.142",
        "  3.14e+00",
        "+3.14159",
        "-0003.14",
    )
    with pytest.raises(ValueError, match="format"):
        format(v, "d")


def test_user_attributes() -> None:
    v = Value(1.0)
    v.m, v._vis_color = 1.0, "red"
    z = v * 2
    z.note = ["anything"]
    z.name = "z"
    assert (v.m, v._vis_color, z.note, z.name) == (1.0, "red", ["anything"], "z")
    assert Value(1.0).name == ""
    assert not hasattr(Value(1.0), "m")


def test_weak_references() -> None:
    v = Value(1.0)
    seen = weakref.ref(v)
    table = weakref.WeakKeyDictionary({v: 1})
    assert seen() is v
    del v
    assert seen() is None
    assert len(table) == 0


def test_graphs_are_no_reference_cycles(no_gc: None) -> None:
    def use() -> None:
        x, w = Value(0.3), Value(-2.0)
        y = (x * w + 1 / x).tanh().exp() + maximum(x, w) ** 2
        y.backward()
        list(autograd.ledger(y))
        autograd.grad(y, [x, w])
        with no_grad():
            x * w

    use()
    gc.collect()
    for _ in range(50):
        use()
    assert gc.collect() == 0


# Assigning data, forward(), detach(), no_grad()


def test_leaves_can_be_assigned_and_inner_nodes_cannot() -> None:
    x = Value(3.0)
    y = x * x
    with pytest.raises(AttributeError, match=r"mul.*leaf.*forward"):
        y.data = 1.0
    y.name = "area"
    with pytest.raises(AttributeError, match="'area'"):
        y.data += 1.0
    assert y.data == 9.0
    y.backward()  # nothing was changed
    x.data -= 1
    assert x.data == 2.0


def test_forward_computes_the_graph_again_in_place() -> None:
    x, w = Value(2.0), Value(5.0)
    h = x * w
    y = 1 / h + h.exp() - where(x, h, w) + 2**x
    y.backward()
    x.data, w.data = -0.5, 1.5
    assert y.forward() is y
    h2 = x * w
    again = 1 / h2 + h2.exp() - where(x, h2, w) + 2**x
    assert [v.data for v in toposort(y)] == [v.data for v in toposort(again)]
    assert all(v.grad is NO_GRAD for v in toposort(y) if v.op)
    x_grad = x.grad
    y.backward()
    again.backward()
    assert x.grad != x_grad
    assert h.grad == h2.grad


def test_forward_of_a_leaf_and_leaf_gradients_after_forward() -> None:
    x = Value(2.0)
    assert x.forward() is x
    y = x * x
    y.backward()
    y.forward()
    assert (x.grad, y.grad) == (4.0, 0.0)


def test_detach_gives_a_leaf_of_its_own() -> None:
    x = Value(3.0, "x")
    y = x * x
    d = y.detach()
    assert (d.data, d.op, d.args, d.name) == (9.0, None, (), "")
    (d * x).backward()
    assert (x.grad, d.grad, y.grad is NO_GRAD) == (9.0, 3.0, True)
    copied = x.detach()
    copied.data = 7.0
    assert x.data == 3.0
    y.backward()


def test_no_grad_as_a_block() -> None:
    x = Value(3.0)
    with no_grad():
        y = 2 * x * x + maximum(x, 1.0)
        with no_grad():
            z = x.exp()
        w = x * 2
    assert [(type(v), v.op, v.args, v.scope) for v in (y, z, w)] == [
        (Value, None, (), None)
    ] * 3
    assert (y.data, w.data) == (21.0, 6.0)
    assert (x * 2).op is not None


@needs_docstrings
def test_no_grad_as_a_decorator() -> None:
    @no_grad()
    def square(x: Value) -> Value:
        """Squares."""
        return x * x

    x = Value(3.0)
    for _ in range(2):
        assert (square(x).op, square(x).data) == (None, 9.0)
    assert (x * x).op is not None
    assert (square.__name__, square.__doc__) == ("square", "Squares.")


def test_no_grad_ends_with_an_exception() -> None:
    x = Value(3.0)
    with pytest.raises(RuntimeError), no_grad():
        raise RuntimeError
    assert (x * x).op is not None


def test_what_where_chooses_under_no_grad_has_no_history() -> None:
    y = Value(3.0) * 2
    with no_grad():
        chosen = [
            where(1.0, y, 2.0),
            where(True, y, 2.0),
            where(0.0, 2.0, y),
            where(y, y, 2.0),
        ]
    assert [(v.data, v.op, v is y) for v in chosen] == [(6.0, None, False)] * 4
    assert where(True, y, 2.0) is y


def test_the_result_of_no_grad_is_a_leaf_like_any_other() -> None:
    x = Value(3.0)
    with no_grad():
        y = x * x
    (y * x).backward()
    assert (x.grad, y.grad) == (9.0, 3.0)
    y.data = 1.0


def test_no_grad_holds_for_one_thread() -> None:
    x, inside, done = Value(3.0), threading.Event(), threading.Event()
    results: dict[str, Value] = {}

    def forgetful() -> None:
        with no_grad():
            inside.set()
            done.wait(10)
            results["forgetful"] = x * x

    thread = threading.Thread(target=forgetful)
    thread.start()
    inside.wait(10)
    results["main"] = x * x
    done.set()
    thread.join()
    with no_grad():
        other = threading.Thread(target=lambda: results.update(other=x * x))
        other.start()
        other.join()
    assert {name: v.op is not None for name, v in results.items()} == {
        "forgetful": False,
        "main": True,
        "other": True,
    }


# IEEE 754: whatever the operands, a float comes out

NUMPY = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide, "power": operator.pow,
    "maximum": np.maximum, "minimum": np.minimum,
}  # fmt: skip
# np.power itself says nan for (-inf) ** 0.5, where IEEE 754 and C say inf


def check_no_exception(
    op: Op, numbers: tuple[float, ...], pattern: tuple[bool, ...]
) -> float:
    operands = [
        Value(x) if is_value else x
        for x, is_value in zip(numbers, pattern, strict=True)
    ]
    z = op(*operands)
    assert type(z) is Value
    assert type(z.data) is float
    z.backward()
    list(autograd.ledger(z))
    assert all(type(x.grad) is float for x in operands if isinstance(x, Value))
    z.forward()
    assert op(*numbers) == z.data or math.isnan(z.data)
    return z.data


@each_edge_op
@pytest.mark.parametrize("pattern", [(True, True), (True, False), (False, True)])
def test_no_pair_of_edge_values_raises(
    name: str, pattern: tuple[bool, ...]
) -> None:
    for x in EDGES:
        for y in EDGES:
            with np.errstate(
                all="raise"
            ):  # a user's own setting must not reach inside
                z = check_no_exception(OPS[name], (x, y), pattern)
            with np.errstate(all="ignore"):
                expected = float(NUMPY[name](np.float64(x), np.float64(y)))
            assert z == pytest.approx(expected, rel=1e-15, abs=0.0, nan_ok=True)


@each_unary_op
def test_no_edge_value_raises(name: str) -> None:
    for x in EDGES:
        with np.errstate(all="raise"):
            check_no_exception(OPS[name], (x,), (True,))


def test_no_choice_raises() -> None:
    for x in EDGES:
        for y in EDGES[::3]:
            for pattern in (
                (True, True, True),
                (True, False, True),
                (True, True, False),
                (True, False, False),
            ):
                z = check_no_exception(OPS["where"], (x, y, 2.0), pattern)
                assert z == (2.0 if x == 0 else y) or math.isnan(y)


def test_python_never_gets_complex() -> None:
    z = Value(-8.0) ** (1 / 3)
    assert type(z.data) is float
    assert math.isnan(z.data)
    assert math.isnan(((-8.0) ** Value(1 / 3)).data)


# Copies: copy, deepcopy, pickle


class Marked(Value):
    """A Value with a class of its own."""


@composite
def inner(x: Any, y: Any) -> Any:
    return x * y + 1


@composite(name="outer")
def outer(x: Any, y: Any) -> Any:
    return inner(x, y) - inner(y, 2.0)


CALLS = [outer, inner, *[OPS[name] for name in ("sub", "mul", "div", "maximum")]]
CALLS += [lambda x, y, call=call: call(y, x) for call in CALLS]
CALLS += [lambda x, y: outer(x, x), lambda x, y: where(x, y, x * y)]


def random_graph(seed: int) -> tuple[list[Value], list[Value]]:
    """Some leaves, and roots that share them and much else; with names, attributes, scopes and gradients."""
    rng = random.Random(seed)
    leaves = [
        Value(rng.uniform(-2, 2), rng.choice(["", f"w{i}"]))
        for i in range(rng.randint(1, 4))
    ]
    constants = [rng.uniform(-2, 2) for _ in range(3)]
    nodes = grown(rng, leaves, CALLS, rng.randint(1, 30), constants=constants)
    for v in rng.sample(nodes, len(nodes) // 3 + 1):
        v.m = rng.random()
    nodes[-1].name = "out"
    if rng.random() < 0.7:
        nodes[-1].backward()
    return leaves, [nodes[-1], rng.choice(nodes)]


def number_scopes(order: list[Value]) -> dict[Any, int]:
    found: dict[Any, int] = {None: -1}
    for v in order:
        for scope in v.scope.path() if v.scope else ():
            found.setdefault(scope, len(found))
    return found


def snapshot(*roots: Value) -> list[tuple[Any, ...]]:
    """All there is to know about a graph, without its identity."""
    order = toposort(*roots)
    place, scopes = {v: i for i, v in enumerate(order)}, number_scopes(order)
    return [
        (
            v.op,
            [place[x] if isinstance(x, Value) else x.hex() for x in v.args],
            v.data.hex(),
            None if v.grad is NO_GRAD else v.grad.hex(),
            sorted(vars(v).items()),
            scopes[v.scope],
            repr(v.scope),
        )
        for v in order
    ]


def repickled(x: Any) -> Any:
    return pickle.loads(pickle.dumps(x))


each_copier = pytest.mark.parametrize("copier", [repickled, copy.deepcopy])
each_protocol = pytest.mark.parametrize(
    "protocol", range(2, pickle.HIGHEST_PROTOCOL + 1)
)


@each_copier
def test_a_copied_graph_is_equal_and_separate(
    copier: Callable[[Value], Value],
) -> None:
    for seed in range(60):
        leaves, (root, _) = random_graph(seed)
        before = snapshot(root)
        twin = copier(root)
        assert snapshot(twin) == before
        assert not set(toposort(twin)) & set(toposort(root))
        twin.backward()
        for v in toposort(twin):
            v.grad, v.name = 7.0, "changed"
            if v.op is None:
                v.data = 5.0
        assert snapshot(root) == before
        root.backward()  # still fresh
        del leaves


@each_copier
def test_a_copied_graph_differentiates_as_the_original(
    copier: Callable[[Value], Value],
) -> None:
    for seed in range(60):
        _, (root, _) = random_graph(seed)
        twin = copier(root)
        autograd.zero_grad(
            *(v for v in (*toposort(root), *toposort(twin)) if v.op is None)
        )
        root.backward()
        twin.backward()
        assert snapshot(twin) == snapshot(root)
        twin.forward()
        assert [v.data for v in toposort(twin)] == pytest.approx(
            [v.data for v in toposort(root)], nan_ok=True
        )


@each_copier
def test_roots_copied_together_share_their_leaves(
    copier: Callable[[Any], Any],
) -> None:
    for seed in range(30):
        leaves, roots = random_graph(seed)
        twins, twin_leaves = copier((roots, leaves))
        reached = {v for root in twins for v in toposort(root) if v.op is None}
        assert reached <= set(twin_leaves)
        assert [x.data for x in twin_leaves] == [x.data for x in leaves]


@each_copier
def test_a_leaf_keeps_its_scope(copier: Callable[[Value], Value]) -> None:
    @composite
    def biased(x: Value) -> Value:
        return x + Value(1.0, "b")

    twin = copier(biased(Value(2.0)))
    assert twin.args[1].scope is twin.scope
    assert repr(twin.scope) == "biased"


def test_roots_deepcopied_together_share_everything() -> None:
    for seed in range(30):
        _, roots = random_graph(seed)
        assert snapshot(*copy.deepcopy(roots)) == snapshot(*roots)


@each_protocol
def test_pickle_protocols(protocol: int) -> None:
    _, (root, _) = random_graph(3)
    assert snapshot(pickle.loads(pickle.dumps(root, protocol))) == snapshot(root)


def test_a_root_pickles_as_one_flat_list() -> None:
    x = Value(2.0)
    y = x * x + 1
    _, (rows,) = y.__reduce__()
    assert len(rows) == len(toposort(y)) == 3
    assert rows[0] is x


def test_copy_of_a_leaf_and_of_an_inner_node() -> None:
    x = Value(2.0, "x")
    x.m = 1.0
    y = x * x
    y.backward()
    twin, leaf = copy.copy(y), copy.copy(x)
    assert twin.args == (x, x)
    assert (twin.data, twin.grad, leaf.data, leaf.grad, leaf.name, leaf.m) == (
        4.0,
        1.0,
        2.0,
        4.0,
        "x",
        1.0,
    )
    leaf.data = 5.0
    leaf.m = 2.0
    assert (x.data, x.m) == (2.0, 1.0)
    twin.backward()
    assert x.grad == 8.0


@each_copier
@pytest.mark.parametrize("grad", [0.0, -0.0, 3.5, math.nan, math.inf])
def test_gradients_of_a_copy(copier: Callable[[Value], Value], grad: float) -> None:
    for v in (Value(1.0), Value(1.0) * 2):
        assert copier(v).grad is NO_GRAD
        v.grad = grad
        assert copier(v).grad is not NO_GRAD
        assert copier(v).grad.hex() == grad.hex()


@pytest.mark.parametrize("copier", [repickled, copy.copy, copy.deepcopy])
def test_a_leaf_keeps_its_class(copier: Callable[[Value], Value]) -> None:
    leaf = Marked(2.0, "m")
    assert type(copier(leaf)) is Marked
    assert type((leaf * 2).args[0]) is Marked
    assert type(leaf * 2) is Value
    assert (leaf * 2 + 2 * leaf - leaf).data == 6.0


def test_the_name_of_a_copy_is_its_own() -> None:
    x = Value(1.0, "x")
    twin = copy.deepcopy(x)
    twin.name = "twin"
    assert x.name == "x"


def test_attributes_of_a_deep_copy_are_its_own() -> None:
    x = Value(1.0)
    y = x * 2
    x.history, y.history = [1], [1]
    twin = copy.deepcopy(y)
    twin.history.append(2)
    twin.args[0].history.append(2)
    assert (x.history, y.history) == ([1], [1])


@each_copier
def test_an_attribute_that_is_a_leaf_of_the_graph(
    copier: Callable[[Value], Value],
) -> None:
    x = Value(1.0)
    y = x * 2
    y.parameter = x
    twin = copier(y)
    assert twin.parameter is twin.args[0]


@each_copier
def test_leaves_that_refer_to_one_another(copier: Callable[[Value], Value]) -> None:
    x, w = Value(1.0), Value(2.0)
    x.partner, w.partner = w, x
    twin = copier(x)
    assert twin.partner.partner is twin


def test_attributes_that_are_the_root_or_an_inner_node() -> None:
    x = Value(1.0)
    h = x * 2
    y = h + x
    y.hidden, y.me, x.loss = h, y, y
    twin = copy.deepcopy(y)
    h, x = twin.args
    assert (twin.hidden is h, twin.me is twin, x.loss is twin) == (True, True, True)


def test_pickle_keeps_a_reference_to_the_root_or_says_that_it_cannot() -> None:
    y = Value(1.0) * 2
    y.me, y.note = y, "kept"
    try:
        text = pickle.dumps(y)
    except (TypeError, ValueError):
        return
    twin = pickle.loads(text)
    assert twin.note == "kept"
    assert twin.me is twin


def test_many_leaves_that_refer_to_the_root() -> None:
    leaves = [Value(1.0) for _ in range(2000)]
    root = sum(leaves, start=Value(0.0))
    for x in leaves:
        x.loss = root
    twin = copy.deepcopy(root)
    assert {x.loss for x in toposort(twin)[1:] if x.op is None} == {twin}


def stale_graph() -> tuple[Value, Value]:
    x = Value(3.0, "x")
    y = x * x
    x.data = 5.0
    return x, y


def test_a_stale_graph_refuses_to_pickle() -> None:
    _, y = stale_graph()
    with pytest.raises(StaleGraphError, match="'x'"):
        pickle.dumps(y)
    with pytest.raises(StaleGraphError, match="'x'"):
        pickle.dumps([y])
    assert repickled(y.forward()).data == 25.0


@pytest.mark.parametrize("copier", [copy.copy, copy.deepcopy])
def test_a_copy_of_a_stale_graph_stays_stale(
    copier: Callable[[Value], Value],
) -> None:
    _, y = stale_graph()
    twin = copier(y)
    with pytest.raises(StaleGraphError, match="'x'"):
        twin.backward()
    twin.forward().backward()
    assert twin.data == 25.0
    if copier is copy.deepcopy:
        with pytest.raises(StaleGraphError):
            y.backward()


def test_a_loaded_graph_notices_assignments() -> None:
    x = Value(3.0, "x")
    x.data = 4.0
    twin = repickled(x * x)
    leaf = twin.args[0]
    twin.backward()
    leaf.data = 5.0
    with pytest.raises(StaleGraphError, match="'x'"):
        twin.backward()


def test_an_unknown_op_is_named_when_a_graph_is_loaded() -> None:
    cube = Op("cube", "cube", "x * x * x", (lambda z, x: 3 * x * x,))
    try:
        text = pickle.dumps(cube(Value(2.0)) + 1)
        assert pickle.loads(text).data == 9.0
    finally:
        del OPS["cube"]
    with pytest.raises(ValueError, match=r"'cube'.*define it"):
        pickle.loads(text)


def test_an_op_pickles_as_its_name() -> None:
    assert repickled(OPS["exp"]) is OPS["exp"]
    assert repr(OPS["exp"]) == "Op('exp')"


def test_a_pickle_is_read_in_another_process(tmp_path: Path) -> None:
    x = Value(3.0, "x")
    x.data = 4.0  # this process's clock is ahead of the other's
    path = tmp_path / "graph.pickle"
    path.write_bytes(pickle.dumps(x * x + x.tanh()))
    script = f"""
import pickle, pathlib
y = pickle.loads(pathlib.Path({str(path)!r}).read_bytes())
y.backward()
leaf = y.args[0].args[0]
print(leaf.name, leaf.grad.hex())
leaf.data = 1.0
try:
    y.backward()
except Exception as error:
    print(type(error).__name__)
"""
    x_grad = autograd.grad(x * x + x.tanh(), x).data.hex()
    assert run_python(script).split() == ["x", x_grad, "StaleGraphError"]


def run_python(script: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


# Depth

DEEP = """
import copy, gc, pickle, sys
from autograd import Value, draw
gc.disable()
sys.setrecursionlimit(200)
x = Value(1.0, "x")
y = x
for _ in range(10**5):
    y = y + 0.5
y.backward()
print(x.grad, y)
twin = pickle.loads(pickle.dumps(y))
print(twin.data, twin.grad)
del twin
twin = copy.deepcopy(y)
print(twin.data, twin.grad)
del twin
x.data = 2.0
print(y.forward().data)
try:
    draw(y)
except ValueError as error:
    print(error)
del y
print("freed")
"""


def test_a_chain_of_a_hundred_thousand_nodes() -> None:
    lines = run_python(DEEP).splitlines()
    assert lines[0] == "1.0 Value(data=50001.0, grad=1.0)"
    assert lines[1] == lines[2] == "50001.0 1.0"
    assert lines[3] == "50002.0"
    assert "100,001" in lines[4]
    assert "collapse=" in lines[4]
    assert lines[5] == "freed"


def test_a_deep_chain_is_freed_in_a_thread_with_a_small_stack() -> None:
    script = f"""
import threading
from autograd import Value
def work():
    y = Value(1.0)
    for _ in range(10**5):
        y = y * 1.0 + y
    y.backward()
    del y
threading.stack_size({SMALL_STACK})
thread = threading.Thread(target=work)
thread.start()
thread.join()
print("freed")
"""
    assert run_python(script) == "freed\n"


def test_an_op_may_be_run_again_but_not_changed() -> None:
    for _ in range(2):
        Op("twice", "twice", "x + x", (lambda z, x: 2.0,))
    with pytest.raises(ValueError, match="there is another op 'twice'"):
        Op("twice", "twice", "x + x", (lambda z, x: 3.0,))
    with pytest.raises(ValueError, match="there is another op 'exp'"):
        Op("exp", "exp", "exp(x)", (lambda z, x: 100.0,))


def test_a_partial_takes_z_and_every_operand() -> None:
    with pytest.raises(
        ValueError, match="'bad': every partial takes z and all of the 1 operands"
    ):
        Op("bad", "bad", "exp(x)", (lambda z: z,))  # type: ignore[arg-type]
    assert "bad" not in OPS


def test_a_grad_that_was_set_by_hand_stays_a_plain_float() -> None:
    x = Value(2.0)
    x.grad = np.float64(1.0)
    (x * 3).backward()
    assert (x.grad, type(x.grad)) == (4.0, float)


TAKERS: dict[str, Callable[[], object]] = {
    "Value": lambda: Value("2"),  # type: ignore[arg-type]
    "data": lambda: setattr(Value(1.0), "data", "2"),
    "a comparison": lambda: Value(1.0) < "2",  # type: ignore[operator]
    "div": lambda: "2" / Value(1.0),  # type: ignore[operator]
    "backward's seed": lambda: Value(1.0).backward("2"),  # type: ignore[arg-type]
    "ledger's seed": lambda: ledger(Value(1.0), "2"),  # type: ignore[arg-type]
    "vjp's seed": lambda: vjp(Value(1.0), [], "2"),  # type: ignore[arg-type]
    "jvp's tangents": lambda: jvp(x := Value(1.0), {x: "2"}),  # type: ignore[dict-item]
}


@pytest.mark.parametrize("taker", TAKERS)
def test_a_refusal_says_who_refuses(taker: str) -> None:
    with pytest.raises(TypeError, match=f"^{taker} takes real numbers"):
        TAKERS[taker]()


def test_functions_made_from_an_ops_line_have_names() -> None:
    """They are read in tracebacks and profiles."""
    form = (Value(1.0) * 2).form
    assert [form.record.__name__, form.read.__name__, form.pull.__name__] == [
        "mul",
        "read",
        "pull",
    ]
    assert Value.exp.__qualname__ == "exp"


def test_an_op_of_ones_own_is_no_method() -> None:
    before = {name: vars(Value)[name] for name in vars(Value)}
    for name in ("atan_", "explain", "data"):
        Op(name, name, "x", (lambda z, x: 1.0,))
        del OPS[name]
    assert dict(vars(Value)) == before


def test_a_first_pass_under_no_grad() -> None:
    """What is written from an op's line at its first use is the same wherever that is."""
    cubed = Op("cubed", "cubed", "x * x * x", (lambda z, x: 3 * x * x,))
    del OPS["cubed"]
    x = Value(2.0)
    y = cubed(x)
    with no_grad():
        y.backward()
    assert x.grad == 12.0


@pytest.mark.parametrize(
    "partial",
    [lambda z, x: 1.0 if x < 0 else 2.0, lambda z, x: 1.0 if x > 0 else 2.0],
)
def test_a_partial_that_asks_for_a_sign_is_refused(
    partial: Callable[[Value, Value], float],
) -> None:
    x = Value(3.0)
    y = Op("asks", "asks", "x", (partial,))(x)
    with pytest.raises(TypeError, match="asks for data"):
        y.backward()


def test_a_leaf_is_no_parameter_until_somebody_says_so() -> None:
    assert Value(1.0).parameter is False


def test_a_value_without_a_name_is_told_in_six_digits() -> None:
    x = Value(1 / 3)
    y = x * x
    x.data = 2 / 3
    with pytest.raises(StaleGraphError, match=r"^the Value 0\.666667 was assigned"):
        y.backward()
    y.forward()
    with pytest.raises(
        AttributeError, match=r"^the Value 0\.444444 is computed by"
    ):
        y.data = 1.0


def test_reflected_methods_take_values_too() -> None:
    assert Value(2.0).__rtruediv__(Value(1.0)).op is OPS["div"]


def test_pictures_and_pages_are_hung_onto_values() -> None:
    assert Value.explain is autograd.to_html
    assert Value.backward is autograd.sweeps.backward
    assert (Value._repr_mimebundle_, Value._mime_) == (
        autograd.pictures.drawing.mimebundle,
        autograd.pictures.drawing.mime,
    )


def test_equal_numbers_are_neither_smaller_nor_larger() -> None:
    v, w = Value(2.0), Value(2.0)
    assert [v < w, v <= w, v > w, v >= w] == [False, True, False, True]
    assert [v < 2, v <= 2, v > 2, v >= 2] == [False, True, False, True]


def test_a_partial_that_is_a_number_stays_one_at_nan() -> None:
    """Only where an op has a domain is there no derivative beside a value that is nan."""
    x = Value(math.nan)
    (-x).backward()
    assert x.grad == -1.0
    y = Value(-1.0)
    autograd.log(y).backward()
    assert math.isnan(y.grad)


def test_what_an_ops_line_says_of_its_domain_and_its_book() -> None:
    assert [OPS[name].defined(-1.0) for name in ("log", "exp")] == [False, True]
    books = [op.name for op in OPS.values() if op.book is not op.partials]
    assert {"sqrt", "power", "hypot"} <= {*books} <= {*OPS} - {"exp", "log", "sin"}


@pytest.mark.parametrize("name", ["\ud800", "a\udfffb", "\ud83d\ud83d"])
def test_half_a_character_is_no_name(name: str) -> None:
    """No file, terminal or page takes one, so that it is refused where it is given."""
    x = Value(1.0)
    for give in (
        lambda: Value(1.0, name),
        lambda: Value(1.0, label=name),
        lambda: setattr(x, "name", name),
    ):
        with pytest.raises(
            ValueError, match=r"half a character .* in place \d.*errors='replace'"
        ):
            give()
    assert x.name == ""


def test_a_number_in_text_has_its_way_out() -> None:
    v = Value(2.0)
    for cut in (lambda: "%.2f" % v, lambda: float(v), lambda: math.sqrt(v)):  # noqa: UP031
        with pytest.raises(TypeError, match=r'v\.data, or f"\{v:\.2f\}"'):
            cut()
    assert f"{v:.2f}" == f"{v.data:.2f}" == "2.00"


@pytest.mark.parametrize("place", ["symbol", "formula", "domain"])
def test_half_a_character_in_an_ops_line(place: str) -> None:
    line = {"symbol": "half", "formula": "x", "domain": ""}
    line[place] += "\ud800"
    with pytest.raises(
        ValueError,
        match=rf"op 'half': its {place} has half a character .*{place}\.encode",
    ):
        Op("half", partials=(lambda z, x: 1.0,), **line)
    assert "half" not in OPS
