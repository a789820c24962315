"""NumPy's functions on Values, against NumPy itself on plain numbers and the engine's own functions."""

from __future__ import annotations

import inspect
import math
import operator
import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import autograd
from autograd import (
    OPS,
    Op,
    Value,
    compile as compiled,
    formula,
    grad,
    no_grad,
    reciprocal,
    toposort,
    ufuncs,
)

UFUNCS = {name: x for name, x in vars(np).items() if isinstance(x, np.ufunc)}
SIGNS: dict[str, Callable[..., Any]] = {
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "divide": operator.truediv,
    "power": operator.pow,
    "float_power": operator.pow,
    "negative": operator.neg,
    "positive": operator.pos,
    "absolute": operator.abs,
    "fabs": operator.abs,
    "square": lambda x: x * x,
}
OWN = {
    name: op for name, op in OPS.items() if name in UFUNCS and name not in SIGNS
}  # exp, log, maximum, …
WITH_OP = {UFUNCS[name] for name in OWN}  # by whichever of its names
RECORDED: dict[str, Callable[..., Any]] = {**SIGNS, **OWN}
BINARY = [name for name in RECORDED if UFUNCS[name].nin == 2]
COMPARED = {
    "less": operator.lt,
    "less_equal": operator.le,
    "greater": operator.gt,
    "greater_equal": operator.ge,
}
ALIASES = {name for name, x in UFUNCS.items() if name != x.__name__}
OTHERS = (
    {*UFUNCS} - {*RECORDED, *COMPARED, "equal", "not_equal", "heaviside"} - ALIASES
)
WITHOUT = sorted(name for name in OTHERS if UFUNCS[name] not in WITH_OP)
SCALARS = [
    np.float64,
    np.float32,
    np.float16,
    np.longdouble,
    np.int64,
    np.int8,
    np.uint16,
]


def shown(z: Any, leaves: dict[int, str]) -> Any:
    """A graph as nested text, leaves by their names: equal for equal graphs."""
    if not isinstance(z, Value):
        return repr(z.item() if isinstance(z, np.bool_) else z)
    return leaves.get(id(z)) or (
        z.op and z.op.name,
        *[shown(x, leaves) for x in z.args],
    )


def test_what_is_recorded() -> None:
    assert {*OWN} >= {
        *(
            "hypot",
            "log2",
            "log10",
            "tan",
            "sinh",
            "cosh",
            "reciprocal",
            "exp",
            "expm1",
            "log",
            "log1p",
            "sin",
            "cos",
            "sign",
            "tanh",
            "sqrt",
            "maximum",
            "minimum",
        )
    }
    assert np.arctan(Value(0.5)).op is OPS["atan"]
    assert len(WITHOUT) > 40


@pytest.mark.parametrize("name", RECORDED)
def test_the_same_graph_as_the_operator_or_the_op_records(name: str) -> None:
    function, own = UFUNCS[name], RECORDED[name]
    x, y = Value(0.75), Value(2.0)
    leaves = {id(x): "x", id(y): "y"}
    if name not in BINARY:
        assert shown(function(x), leaves) == shown(own(x), leaves)
        return
    for operands in (
        (x, y),
        (y, x),
        (x, x),
        (x, 2.0),
        (3, y),
        (1, y),
        (x, -1),
        (0, x),
    ):
        plain = [float(v) if isinstance(v, int) else v for v in operands]
        assert shown(function(*operands), leaves) == shown(own(*plain), leaves), (
            operands
        )


@pytest.mark.parametrize("name", RECORDED)
def test_the_numbers_are_numpys(name: str) -> None:
    numbers = [0.75, 2.0, 0.1, 1.0, 5.0]
    for x in numbers:
        for y in numbers if name in BINARY else [0.0]:
            z = UFUNCS[name](*([Value(x), y] if name in BINARY else [Value(x)]))
            with np.errstate(all="ignore"):  # outside of a domain
                expected = UFUNCS[name](*([x, y] if name in BINARY else [x]))
            assert z.data == pytest.approx(float(expected), rel=1e-15, nan_ok=True)


@pytest.mark.parametrize("scalar", SCALARS, ids=lambda t: t.__name__)
@pytest.mark.parametrize("sign", ["add", "sub", "mul", "truediv", "pow"])
def test_operators_with_numpys_scalars(sign: str, scalar: Any) -> None:
    x, op = Value(3.0), getattr(operator, sign)
    for number in (scalar(2), scalar(1), scalar(0)):
        for made, expected in (
            (op(number, x), op(float(number), x)),
            (op(x, number), op(x, float(number))),
        ):
            assert shown(made, {id(x): "x"}) == shown(expected, {id(x): "x"})
            assert all(type(y) in (float, Value) for y in made.args)


@pytest.mark.parametrize("scalar", SCALARS, ids=lambda t: t.__name__)
@pytest.mark.parametrize("name", COMPARED)
def test_comparisons_with_numpys_scalars(name: str, scalar: Any) -> None:
    v, compare = Value(3.0), COMPARED[name]
    for number in map(scalar, (2, 3, 4)):
        assert compare(number, v) is compare(float(number), 3.0)
        assert compare(v, number) is compare(3.0, float(number))
        assert UFUNCS[name](number, v) is compare(float(number), 3.0)
        assert UFUNCS[name](v, Value(float(number))) is compare(3.0, float(number))


def test_values_are_equal_to_themselves_alone() -> None:
    v = Value(1.0)
    for other in (
        np.float64(1),
        np.float32(1),
        np.int64(1),
        np.array([1.0]),
        np.array(1.0),
    ):
        assert (other == v, v == other) == (False, False)
        assert (other != v, v != other) == (True, True)
    assert (np.equal(v, v), np.not_equal(v, v), np.equal(v, Value(1.0))) == (
        True,
        False,
        False,
    )


# The book's programs


def test_the_books_sigmoid() -> None:
    def sigmoid(x: Any) -> Any:
        return 1 / (1 + np.exp(-x))

    x = Value(0.5, "x")
    y = sigmoid(x)
    assert [v.op.name for v in toposort(y) if v.op] == [
        "neg",
        "exp",
        "add",
        "reciprocal",
    ]
    assert formula(y) == "y = 1/(1+exp(-x))"
    y.backward()
    assert y.data == sigmoid(0.5)
    assert x.grad == pytest.approx(y.data * (1 - y.data), rel=1e-15)
    assert compiled(y, [x])([[0.5], [-1.0]]).tolist() == pytest.approx(
        [sigmoid(0.5), sigmoid(-1.0)]
    )


def test_the_books_other_functions() -> None:
    x = Value(0.5, "x")
    relu, softplus, swish = (
        np.maximum(0, x),
        np.log(1 + np.exp(x)),
        x / (1 + np.exp(-x)),
    )
    entropy = -np.sum([t * np.log(p + 1e-7) for t, p in ((0, x), (1, 1 - x))])
    assert [z.data for z in (relu, softplus, swish, entropy)] == pytest.approx(
        [
            0.5,
            math.log(1 + math.exp(0.5)),
            0.5 / (1 + math.exp(-0.5)),
            -math.log(0.5 + 1e-7),
        ]
    )
    assert grad(softplus, x).data == pytest.approx(1 / (1 + math.exp(-0.5)))
    assert formula(np.tanh(x) ** 2) == "y = tanh(x)²"


def test_sums_over_lists() -> None:
    """What NumPy makes of a list of Values is an array of objects, whose arithmetic is ours."""
    v, w = Value(2.0), Value(3.0)
    for z, slopes in (
        (np.sum([v, w]), [1.0, 1.0]),
        (np.mean([v, w]), [0.5, 0.5]),
        (np.dot([v, w], [4.0, 5.0]), [4.0, 5.0]),
        (np.prod([v, w]), [3.0, 2.0]),
        (sum(np.exp([v, w])), [math.exp(2.0), math.exp(3.0)]),
    ):
        assert [g.data for g in grad(z, [v, w])] == slopes


def test_where() -> None:
    x, a, b = Value(1.0), Value(2.0), Value(3.0)
    z = np.where(x, a, b)
    assert (z.op, z.args) == (OPS["where"], (x, a, b))
    assert np.where(x > 0, a, b) is a
    assert np.where(np.bool_(False), a, b) is b
    assert np.where(x > 0, a, 5.0) is a
    assert np.where(x, 1, b).args == (x, 1.0, b)


@pytest.mark.parametrize(
    "zero", [0, 0.0, -0.0, np.float64(0), np.int8(0)], ids=repr
)
def test_heaviside_is_the_step(zero: Any) -> None:
    x = Value(2.0)
    z = np.heaviside(x, zero)
    assert (z.op, z.args, z.data) == (OPS["step"], (x,), 1.0)


@pytest.mark.parametrize(
    "other", [0.5, 1, np.float64(1), math.nan, Value(0.0)], ids=repr
)
def test_no_other_heaviside(other: Any) -> None:
    with pytest.raises(TypeError, match=re.escape("write np.heaviside(x, 0.0)")):
        np.heaviside(Value(2.0), other)


def test_without_recording() -> None:
    with no_grad():
        z = np.exp(Value(0.0))
    assert (type(z), z.data, z.op) == (Value, 1.0, None)


def test_functions_that_ask_for_a_shape() -> None:
    v = Value(2.0)
    assert (np.ndim(v), np.shape(v), np.size(v), np.isscalar(v)) == (
        0,
        (),
        1,
        False,
    )


# An op of one's own


@pytest.fixture
def register() -> Iterator[Callable[..., Op]]:
    before = {*OPS}
    yield Op
    for name in OPS.keys() - before:
        del OPS[name]


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Takes ops out of the table for a while, if they are there."""

    def take_out(*names: str) -> None:
        for name in names:
            monkeypatch.delitem(OPS, name, raising=False)

    return take_out


@pytest.mark.parametrize("name", ["atan", "arctan"])
def test_an_op_of_ones_own_is_found_by_either_name(
    without: Callable[..., None], register: Callable[..., Op], name: str
) -> None:
    without("atan", "arctan")
    with pytest.raises(
        TypeError,
        match=r"np\.arctan of Value has no op: write it in ops, define an Op named 'arctan'",
    ):
        np.arctan(Value(1.0))
    op = register(name, "atan", "atan(x)", (lambda z, x: reciprocal(1 + x * x),))
    x = Value(1.0)
    for function in (np.arctan, np.atan):
        assert (function(x).op, function(x).data) == (op, math.pi / 4)
    assert grad(np.arctan(x), x).data == 0.5


def test_an_op_of_two_operands(
    without: Callable[..., None], register: Callable[..., Op]
) -> None:
    without("hypot")
    partials = (lambda z, x, y: x / z, lambda z, x, y: y / z)
    op = register("hypot", "hypot", "hypot(x, y)", partials)
    x, y = Value(3.0), Value(4.0)
    z = np.hypot(x, y)
    assert (z.op, z.args, z.data) == (op, (x, y), 5.0)
    assert np.hypot(3, y).args == (3.0, y)
    assert [g.data for g in grad(z, [x, y])] == [0.6, 0.8]


def test_an_op_named_as_a_function_on_arrays(
    without: Callable[..., None], register: Callable[..., Op]
) -> None:
    without("sinc")
    op = register("sinc", "sinc", "sin(x) / x", (lambda z, x: x.cos() / x - z / x,))
    assert np.sinc(Value(1.0)).op is op


# Refusals


def refusal(call: Callable[[], Any]) -> str:
    with pytest.raises(TypeError) as caught:
        call()
    return str(caught.value)


@pytest.mark.parametrize("name", WITHOUT)
def test_a_ufunc_without_an_op(name: str) -> None:
    function = UFUNCS[name]
    if function.signature is None:
        for place in range(function.nin):
            operands: list[Any] = [1] * function.nin
            operands[place] = Value(2.0)
            said = refusal(lambda operands=operands: function(*operands))
            assert (
                f"np.{name} of " in said
                and " has no op: write " in said
                and "v.data" in said
            )


@pytest.mark.parametrize(
    "name",
    [
        "sum",
        "dot",
        "mean",
        "clip",
        "round",
        "cumsum",
        "nan_to_num",
        "stack",
        "max",
        "outer",
    ],
)
def test_a_function_on_arrays_without_an_op(name: str) -> None:
    v, more = (
        Value(2.0),
        {"dot": [3.0], "outer": [3.0], "clip": [0, 1]}.get(name, []),
    )
    operands: list[Any] = [[v, v]] if name == "stack" else [v, *more]
    said = refusal(lambda: getattr(np, name)(*operands))
    assert re.match(rf"np\.{name} of \w+.* has no op: write ", said)


def test_a_function_of_a_part_of_numpy_and_one_of_somebody_else() -> None:
    v = Value(2.0)
    assert refusal(lambda: np.linalg.norm(v)).startswith(
        "numpy.linalg.norm of Value has no op: write it in ops, or"
    )
    mine = np.frompyfunc(lambda x: x, 1, 1)
    assert "has no op: write it in ops, or take v.data" in refusal(lambda: mine(v))
    named = np.frompyfunc(math.exp, 1, 1)  # "exp (vectorized)", which is not np.exp
    assert "exp" in refusal(lambda: named(v))


def test_what_is_to_be_written_instead_computes_the_same() -> None:
    x, low, high, xs, ys = (
        Value(0.75),
        0.0,
        0.5,
        [Value(1.5), Value(2.5)],
        [3.0, 4.0],
    )
    numbers = [v.data for v in xs]
    given: dict[Any, tuple[Any, ...]] = {
        np.clip: (0.75, low, high),
        np.sum: (numbers,),
        np.mean: (numbers,),
        np.dot: (numbers, ys),
        np.matmul: (numbers, ys),
    }
    names = {**vars(autograd), "x": x, "low": low, "high": high, "xs": xs, "ys": ys}
    for function, text in ufuncs.INSTEAD.items():
        z = eval(text, names)  # noqa: S307  our own text
        assert z.data == pytest.approx(
            float(function(*given.get(function, (0.75,))))
        ), text
        assert z.op is not None


ARRAYS = [
    np.array([1.0, 2.0]),
    np.array([[1.0]]),
    np.array([1]),
    np.array([True]),
    np.array([]),
]


@pytest.mark.parametrize("array", ARRAYS, ids=lambda a: f"{a.dtype}{a.shape}")
def test_arrays_are_refused(array: Any) -> None:
    v = Value(2.0)
    calls: list[Callable[[], Any]] = [
        *[lambda f=f: UFUNCS[f](array, v) for f in (*BINARY, *COMPARED)],
        *[lambda f=f: UFUNCS[f](v, array) for f in (*BINARY, *COMPARED)],
        lambda: array * v,
        lambda: array - v,
        lambda: array < v,
        lambda: np.where(array, v, 1.0),
        lambda: np.where(v, array, 1.0),
    ]
    for call in calls:
        said = refusal(call)
        assert (
            "takes real numbers" in said and "ndarray" in said and ".item()" in said
        )


@pytest.mark.parametrize(
    "bad", [True, np.True_, 1j, "1", None, np.datetime64(1, "s"), [1.0]], ids=repr
)
@pytest.mark.parametrize("name", BINARY)
def test_what_is_no_number_is_refused(name: str, bad: Any) -> None:
    for operands in ((Value(2.0), bad), (bad, Value(2.0))):
        said = refusal(lambda operands=operands: UFUNCS[name](*operands))
        assert (
            "takes real numbers" in said and type(bad).__name__.rstrip("_") in said
        )


def test_options_and_methods_are_refused() -> None:
    v, out = Value(2.0), np.array([1.0, 2.0])
    for call, word in (
        (
            lambda: np.exp(v, out=out),
            "np.exp records an op for Values, which has no out=: .* write z = np.exp",
        ),
        (lambda: np.exp(v, where=True), "has no where="),
        (lambda: np.add(v, 1.0, dtype=float), "has no dtype="),
        (
            lambda: np.add.reduce(v),
            r"np\.add\.reduce takes arrays, .* write a loop",
        ),
        (lambda: np.add.accumulate(v), r"np\.add\.accumulate takes arrays"),
        (lambda: np.multiply.outer(out, v), r"np\.multiply\.outer takes arrays"),
        (lambda: np.add.at(out, [0], v), r"np\.add\.at takes arrays"),
    ):
        assert re.search(word, refusal(call))
    assert out.tolist() == [1.0, 2.0]


def values_of(*numbers: float) -> Any:
    """An array of Values, as the book's programs make it."""
    return np.array([Value(x) for x in numbers])


def graphs(z: Any, *leaves: Any) -> list[Any]:
    """The elements of an array as nested text, leaves by their places."""
    names = {id(v): f"{i}" for i, v in enumerate(leaves)}
    return [shown(x, names) for x in z]


@pytest.mark.parametrize("name", [*BINARY, *COMPARED, "equal", "not_equal"])
def test_an_array_of_values_and_a_value_element_by_element(name: str) -> None:
    """Each element as the function of two Values; what NumPy has in C would decide maximum once."""
    function, array, v = UFUNCS[name], values_of(2.0, 0.5, 3.0), Value(2.0)
    leaves = (*array, v)
    for z, each in (
        (function(array, v), [function(x, v) for x in array]),
        (function(v, array), [function(v, x) for x in array]),
    ):
        assert isinstance(z, np.ndarray) and z.shape == (3,)
        assert graphs(z, *leaves) == graphs(each, *leaves)
        assert z.dtype == (object if name in BINARY else bool)


@pytest.mark.parametrize("sign", ["add", "sub", "mul", "truediv", "pow"])
def test_operators_of_an_array_of_values_and_a_value(sign: str) -> None:
    operate, array, v = (
        getattr(operator, sign),
        values_of(2.0, 0.5, 3.0),
        Value(2.0),
    )
    leaves = (*array, v)
    assert graphs(operate(array, v), *leaves) == graphs(
        [operate(x, v) for x in array], *leaves
    )
    assert graphs(operate(v, array), *leaves) == graphs(
        [operate(v, x) for x in array], *leaves
    )
    wanted, kept = graphs([operate(x, v) for x in array], *leaves), array
    array = getattr(operator, f"i{sign}")(array, v)
    assert array is kept and graphs(array, *leaves) == wanted


@pytest.mark.parametrize("name", OPS)
def test_every_op_of_arrays_of_values(name: str) -> None:
    op, n = OPS[name], len(OPS[name].operands)
    rows = [(2.0, 0.5), (3.0, 1.0), (0.25, 4.0)][:n]
    arrays = [values_of(*row) for row in rows]
    pairs = [*zip(*arrays, strict=True)]
    leaves = [x for array in arrays for x in array]
    assert graphs(op(*arrays), *leaves) == graphs(
        [op(*pair) for pair in pairs], *leaves
    )
    lone: list[Any] = [arrays[0], *[row[0] for row in rows[1:]]]
    assert graphs(op(*lone), *leaves) == graphs(
        [op(x, *lone[1:]) for x in arrays[0]], *leaves
    )


def test_elements_may_be_numbers_and_in_any_shape() -> None:
    v = Value(2.0)
    mixed = np.array([[v, 1.0], [np.float64(3.0), 4]])
    for z in (mixed - v, v * mixed, autograd.maximum(mixed, 2.5)):
        assert isinstance(z, np.ndarray) and z.shape == (2, 2)
    assert (np.array([], dtype=object) - v).shape == (0,)
    assert autograd.maximum(0.0, np.array([1.0, v]))[0] == 1.0
    assert "not str" in refusal(lambda: np.array(["1", v], dtype=object) - v)
    assert "no out=" in refusal(lambda: np.subtract(mixed, v, out=np.zeros((2, 2))))
    assert "has no op" in refusal(lambda: mixed @ v)


def test_the_books_softmax() -> None:
    """Against its derivative by hand, s_i·([i = j] - s_j)."""

    def softmax(a: Any) -> Any:
        c = np.max(a)
        exp_a = np.exp(a - c)
        return exp_a / np.sum(exp_a)

    numbers = [0.3, 2.9, 4.0]
    a = values_of(*numbers)
    s, shares = softmax(a), np.exp(numbers) / np.sum(np.exp(numbers))
    assert [z.data for z in s] == pytest.approx(list(shares))
    for i, z in enumerate(s):
        slopes = [d.data for d in grad(z, list(a))]
        assert slopes == pytest.approx(
            [shares[i] * ((i == j) - shares[j]) for j in range(3)]
        )


DECIDED_ONCE: dict[
    str, tuple[Callable[[Any], Any], list[Any]]
] = {  # by NumPy in C: an index is an element
    "maximum": (lambda a: np.maximum(0, a), ["0", 0]),
    "minimum": (lambda a: np.minimum(a, 0.5), [0.5, "1"]),
    "clip": (lambda a: np.clip(a, 0, 1), [1, 0]),
    "a.clip": (lambda a: a.clip(-1, 1), [1, -1]),
    "sign": (lambda a: np.sign(a), [1, -1]),
    "where": (lambda a: np.where(a > 0, a, 0.0), ["0", 0.0]),
    "max": (lambda a: [np.max(a)], ["0"]),
    "min": (lambda a: [a.min()], ["1"]),
}


@pytest.mark.parametrize("name", DECIDED_ONCE)
def test_what_numpy_decides_of_arrays_alone(name: str) -> None:
    """NumPy asks no Value here but for > and <: the README says so.  The op of that name records itself."""
    function, wanted = DECIDED_ONCE[name]
    a = values_of(2.0, -3.0)
    assert [
        x if isinstance(x, int | float) else graphs([x], *a)[0] for x in function(a)
    ] == wanted


def test_what_to_write_instead_is_recorded() -> None:
    a = values_of(2.0, -3.0)
    y = sum(autograd.maximum(0, a))
    assert y.data == 2.0
    a[1].data = 5.0
    assert y.forward().data == 7.0


def test_an_array_is_not_changed_in_place() -> None:
    v, array = Value(2.0), np.array([1.0, 2.0])
    for operate in (
        operator.iadd,
        operator.isub,
        operator.imul,
        operator.itruediv,
        operator.ipow,
    ):
        assert "no out=" in refusal(lambda operate=operate: operate(array, v))
    assert array.tolist() == [1.0, 2.0]


def test_type_checkers_know_the_protocols_by_the_names_of_their_parameters() -> (
    None
):
    """Those of numpy's _SupportsArrayUFunc and _SupportsArrayFunc."""
    assert [*inspect.signature(Value.__array_ufunc__).parameters] == [
        "self",
        "ufunc",
        "method",
        "inputs",
        "kwargs",
    ]
    assert [*inspect.signature(Value.__array_function__).parameters] == [
        "self",
        "func",
        "types",
        "args",
        "kwargs",
    ]
