"""gradcheck, locate_nonfinite and record_lines: do they notice, and do they say where."""

from __future__ import annotations

import cProfile
import math
import pickle
import sys
from collections.abc import Callable, Iterator
from copy import deepcopy
from inspect import currentframe
from threading import Thread
from typing import Any

import pytest

from autograd import (
    OPS,
    GradcheckError,
    Op,
    StaleGraphError,
    Value,
    absolute,
    checking,
    complexes,
    composite,
    exp,
    grad,
    gradcheck,
    locate_nonfinite,
    log,
    log1p,
    minimum,
    no_grad,
    problems,
    reciprocal,
    record_lines,
    relu,
    sigmoid,
    sin,
    slopes,
    softplus,
    sqrt,
    tanh,
    where,
)
from autograd.value import NO_GRAD
from tests.interrupts import interrupted_everywhere
from tests.oracle import BY_HAND

TABLE = dict(OPS)
POINTS = {
    "log1p": (0.3,),
    "where": (1.0, 0.7, 0.4),
}  # others: as many of these as the op has operands
ANYWHERE = [
    (0.6, 1.7, 0.4),
    (1.6, 2.7, 1.4),
    (-0.6, -1.7, -0.4),
]  # the first that is in the op's domain


def point(op: Op) -> tuple[float, ...]:
    candidates = [at[: len(op.operands)] for at in ANYWHERE]
    return POINTS.get(op.name) or next(at for at in candidates if op.defined(*at))


@pytest.fixture
def registry() -> Iterator[None]:
    """Ops that a test adds are gone after it."""
    yield
    for name in OPS.keys() - TABLE.keys():
        del OPS[name]


# ------------------------------------------------------------------------------------------- what is right
@pytest.mark.parametrize("name", [x for x in TABLE if x != "stop_gradient"])
def test_every_op_passes(name: str) -> None:
    op = TABLE[name]
    found = gradcheck(op, *point(op), order=3 if len(op.operands) == 1 else 2)
    assert (
        found.worst.error < (1e-9 if complexes.in_complex(op) else 1e-6)
        and found.worst.excess() < 1
    )
    assert (
        found.comparisons
        == {1: 7 * (1 + 2 + 4), 2: 2 * 7 * 5 + 2 * 7, 3: 3 * 7 * 7 + 9 * 7}[
            len(op.operands)
        ]
    )


@pytest.mark.parametrize(
    ("f", "at"),
    [
        (lambda x: 1 / (1 + exp(-x)), (0.5,)),
        (lambda x: 1 / (1 + exp(-x)), (30.0,)),
        (lambda x: x**3 + x**-2 + 2**x, (0.7,)),
        (lambda x: x**3 * x**101, (-1.001,)),
        (lambda x: x**-2 + reciprocal(x), (-3.0,)),
        (lambda x: log1p(x) / (x * 1e9), (1e-9,)),
        (lambda x, w: tanh(x * w) - sqrt(x) / w, (0.3, -2.0)),
        (
            lambda x, w, b: where(x, relu(w * x + b), w) * sigmoid(b),
            (0.3, 1.2, 0.1),
        ),
        (lambda x, w: x * w, (0.0, 0.0)),
        (lambda *xs: sum(x * x for x in xs), (1.0, 2.0, 3.0)),
        (lambda x: absolute(x) * 1e-200, (-2.0,)),
        (lambda x: x * 1e6 + 1e6, (1e-6,)),
        (softplus, (0.0,)),
        (lambda x: softplus(2 * x) - x, (0.0,)),
        (lambda x: x**3, (0.0,)),
        (exp, (-515.0,)),
        (lambda x: x * 1e-221, (1.0,)),
        (lambda x: 1 / (1 + exp(-x)), (-300.0,)),
        (tanh, (300.0,)),
        (lambda x: 2 * x, (1e-320,)),
        (lambda x: x - 1 if x > 1 else 0.0, (1.05,)),
        (lambda x, w: grad(x * x * w, x), (1.0, 2.0)),
    ],
)
def test_functions_that_are_right(
    f: Callable[..., Value], at: tuple[float, ...]
) -> None:
    assert gradcheck(f, *at).worst.excess() < 0.1


def test_methods_need_values_and_are_checked_all_the_same() -> None:
    assert (
        gradcheck(lambda x, w: x.exp() * w, 0.3, 0.2).comparisons == 14 * 5 + 7
    )  # w alone cannot be


@pytest.mark.usefixtures("registry")
def test_words_that_know_only_real_numbers_are_checked_by_steps() -> None:
    angle = Op("angle", "angle", "atan2(x, 1.0)", (lambda z, x: 1 / (1 + x * x),))
    assert gradcheck(angle, 0.7, tolerance=1e-16, order=1).worst.allowed == 1e-6
    wrong = Op(
        "wrong", "wrong", "atan2(x, 1.0)", (lambda z, x: 1.0001 / (1 + x * x),)
    )
    with pytest.raises(GradcheckError, match=r"look at z = wrong\(x\) at x = 0.7"):
        gradcheck(wrong, 0.7)


def test_the_report_reads_well() -> None:
    found = gradcheck(exp, 1.0, order=1)
    assert repr(found).startswith("7 comparisons agree; the worst: ∂f/∂x")
    assert (
        "by steps along f, 2.718281828459045 by the ops' formulas (relative error "
        in repr(found)
    )
    names = gradcheck(
        lambda mass, speed: mass * speed**2, 1.0, 3.0, order=1
    ).worst.place
    assert names in ("∂f/∂mass", "∂f/∂speed")


# -------------------------------------------------------------------------------------------- what is wrong
PARTIALS = [
    (name, i) for name, op in TABLE.items() for i in range(len(op.partials))
]
MOVING = [
    (name, i)
    for name, i in PARTIALS
    if name not in ("sign", "step", "stop_gradient")
    and (i or not TABLE[name].selects)
    if complexes.in_complex(TABLE[name])  # real steps do not see a billionth
]


@pytest.mark.usefixtures("registry")
@pytest.mark.parametrize(("name", "i"), MOVING)
def test_a_partial_that_is_off_by_a_billionth_is_found(name: str, i: int) -> None:
    """Where the partial is 0 at the point, by something absolute."""
    op = TABLE[name]
    partials: list[Any] = list(op.partials)
    at = point(op) if not op.selects or i < 2 else (0.0, 0.7, 0.4)
    true = partials[i]
    partials[i] = lambda *zxy: (
        true(*zxy) * (1 + 1e-9) + (1e-9 if name in ("maximum", "minimum") else 0.0)
    )
    wrong = Op(
        "wrong", "wrong", op.formula, tuple(partials), op.domain, selects=op.selects
    )
    with pytest.raises(
        GradcheckError, match=r"look at z = wrong\(.*operand|look at z = wrong\("
    ):
        gradcheck(wrong, *at, order=1)


@pytest.mark.usefixtures("registry")
def test_swapped_partials_are_found() -> None:
    wrong = Op("wrong", "wrong", "x * y", (lambda z, x, y: x, lambda z, x, y: y))
    told = r"look at z = wrong\(x, y\) at x = 0.3, y = 0.2: its partial 1 is 0.3, its formula's slope 0.2$"
    with pytest.raises(GradcheckError, match=told):
        gradcheck(wrong, 0.3, 0.2)


@pytest.mark.usefixtures("registry")
def test_an_error_of_the_second_order_only() -> None:
    slow = Op("slow", "slow", "cos(x)", (lambda z, x: -sin(x) * 1.01,))
    wave = Op("wave", "wave", "sin(x)", (lambda z, x: slow(x),))
    assert gradcheck(wave, 0.4, order=1)
    with pytest.raises(GradcheckError, match=r"∂∂f/∂x/∂x .*look at z = slow\(x\)"):
        gradcheck(wave, 0.4)


@pytest.mark.parametrize(
    ("f", "at"),
    [
        (lambda x: x * math.exp(x.data), 0.5),
        (lambda x: x * x.detach(), 0.5),
        (lambda x: relu(x) * x.data, 0.5),
        (lambda x: x + math.exp(x.data), 1e-7),
        (lambda x: 1e7 + x + math.sin(x.data), 1.0),
    ],
)
def test_what_leaves_the_graph_is_found(
    f: Callable[[Value], Value], at: float
) -> None:
    with pytest.raises(
        GradcheckError, match=r"by steps along f.*does f compute with \.data"
    ):
        gradcheck(f, at)


def test_gradients_of_others_stay_as_they_are() -> None:
    w, fresh = Value(2.0), Value(3.0)
    (w * w).backward()
    gradcheck(lambda x: w * x * fresh, 1.05)
    assert w.grad == 4.0 and fresh.grad is NO_GRAD


def test_a_function_that_treats_plain_numbers_otherwise() -> None:
    """Right for Values; for a plain w it is another graph, which has not the slope of the function."""

    def f(x: Any, w: Any) -> Value:
        return x * w if isinstance(w, Value) else x.detach() * w + x * 0.0

    with pytest.raises(GradcheckError, match=r"∂f\(x\)/∂x"):
        gradcheck(f, 0.5, 2.0)


@pytest.mark.parametrize("way", checking.METHODS)
def test_every_way_is_looked_at(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    true = checking.METHODS[way]
    monkeypatch.setitem(
        checking.METHODS, way, lambda y, xs: [g * (1 + 1e-9) for g in true(y, xs)]
    )
    with pytest.raises(GradcheckError, match=way.split(" ")[0]):
        gradcheck(lambda x: 1 / (1 + exp(-x)), 0.5)


def test_nan_is_too_much() -> None:
    assert (
        checking.Comparison("", "", math.nan, 1.0, math.nan, 1.0).excess()
        == math.inf
    )


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: gradcheck(log, -1.0),
            ValueError,
            "needs a point where f and its slopes are finite: z = log",
        ),
        (lambda: gradcheck(sqrt, 0.0), ValueError, "the gradient of 'x' is inf"),
        (
            lambda: gradcheck(lambda x: x**1.5, 0.0),
            ValueError,
            "needs a point around which f is finite",
        ),
        (
            lambda: gradcheck(lambda x: 3.0, 1.0),
            TypeError,
            "must give a Value, not float",
        ),  # type: ignore[arg-type]
        (lambda: gradcheck(exp, "a"), TypeError, "gradcheck takes real numbers"),  # type: ignore[arg-type]
        (lambda: gradcheck(exp, Value(1.0)), TypeError, "give it .data"),  # type: ignore[arg-type]
        (
            lambda: gradcheck(exp),
            ValueError,
            "needs the numbers to differentiate at",
        ),
        (
            lambda: gradcheck(exp, 1.0, order=0),
            ValueError,
            "whole number from 1 to 9, not 0",
        ),
        (
            lambda: gradcheck(exp, 1.0, order=10),
            ValueError,
            "whole number from 1 to 9, not 10",
        ),
        (
            lambda: gradcheck(exp, 1.0, tolerance=1.0),
            ValueError,
            "tolerance is a number between 0 and 1",
        ),
        (
            lambda: gradcheck(exp, 1.0, tolerance="a"),
            TypeError,
            "gradcheck's tolerance takes real",
        ),  # type: ignore[arg-type]
        (
            lambda: gradcheck(exp, 1.0, order=1.5),
            ValueError,
            "whole number from 1 to 9, not 1.5",
        ),  # type: ignore[arg-type]
    ],
)
def test_what_cannot_be_checked(
    call: Callable[[], object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        call()


def test_a_comparison_is_told_in_full() -> None:
    told = "∂f/∂x is 1.0 by jvp, 2.0 by the ops' formulas (relative error 5.0e-01, allowed 1e-06)"
    assert str(checking.Comparison("∂f/∂x", "jvp", 1.0, 2.0, 0.5, 1e-6)) == told
    assert (
        problems.Problem("f", sum, dict.fromkeys("abc", 1.0)).only("a", "b").place
        == "f(a, b)"
    )  # type: ignore[arg-type]


def test_names_of_what_has_no_signature() -> None:
    assert [problems.named(min, n) for n in (1, 3)] == [["x"], ["x", "y", "w"]]
    assert problems.named(min, 4) == ["x1", "x2", "x3", "x4"]
    assert gradcheck(min, 1.0, 2.0).worst.excess() < 1


def test_an_error_of_half_as_much_again_as_allowed_is_too_much(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    true = checking.METHODS["jvp"]
    monkeypatch.setitem(
        checking.METHODS,
        "jvp",
        lambda y, xs: [g * (1 + 1.5e-10) for g in true(y, xs)],
    )
    with pytest.raises(GradcheckError, match="jvp"):
        gradcheck(exp, 0.5)


def test_steps_that_drown_in_the_size_of_f_are_forgiven() -> None:
    assert gradcheck(lambda x: 1e10 + x, 1e-9, order=1).worst.excess() <= 1


@pytest.mark.usefixtures("registry")
def test_a_small_slope_is_compared_as_closely() -> None:
    off = Op("off", "off", "exp(x)", (lambda z, x: z * (1 + 1e-9),))
    with pytest.raises(GradcheckError, match=r"look at z = off\(x\)"):
        gradcheck(off, -20.0)


STEP = complex(0.0, 1e-30)


@pytest.mark.parametrize(
    ("name", "operands", "slope"),
    [
        ("absolute", (STEP,), 0.0),
        ("absolute", (-2 + STEP,), -1.0),
        ("maximum", (2 + STEP, 2.0), 0.5),
        ("maximum", (3 + STEP, 2.0), 1.0),
        ("minimum", (2.0, 2 + STEP), 0.5),
        ("minimum", (3 + STEP, 2.0), 0.0),
        ("power", (0.25 + STEP, 0.5), 1.0),
        ("erf", (0.0 + STEP,), 2 / math.sqrt(math.pi)),
        ("erfc", (0.0 + STEP,), -2 / math.sqrt(math.pi)),
        ("gauss", (0.5 + STEP,), -math.exp(-0.25)),
        ("log2", (2.0 + STEP,), 0.5 / math.log(2)),
        ("hypot", (3e200 + STEP, 4e200), 0.6),
        ("hypot", (0.0 + STEP, 0.0), 0.0),
        ("power", (4.0 + STEP, 0.5), 0.25),
        ("power", (-2 + STEP, 3.0), 12.0),
        ("where", (0.0, 1.0, 2 + STEP), 1.0),
        ("where", (1.0, 1 + STEP, 2.0), 1.0),
    ],
)
def test_formulas_of_complex_numbers(
    name: str, operands: tuple[complex, ...], slope: float
) -> None:
    found = complexes.in_complex(TABLE[name])
    assert found and found(*operands).imag / 1e-30 == pytest.approx(
        slope, abs=1e-15
    )
    real = [complex(x).real for x in operands]
    assert found(*operands).real == pytest.approx(TABLE[name].evaluate(*real))


def test_every_op_has_a_formula_of_complex_numbers() -> None:
    """But an op whose words Python has for real numbers only, which is checked by real steps."""
    assert all(complexes.in_complex(TABLE[name]) for name in BY_HAND)


def test_slopes_by_complex_and_by_real_steps() -> None:
    assert slopes.slope(exp(Value(0.0)), 0).value == 1.0
    steps = problems.stepped(
        problems.Problem("f", lambda x: 1 / x, {"x": 1e-3}), 0, 1.0
    )
    assert steps.value == pytest.approx(-1e6, rel=1e-6)


# -------------------------------------------------------------------------------- where did it come from?
def here() -> str:
    """This file and the caller's line, as ``record_lines`` writes them."""
    frame = currentframe()
    assert frame and frame.f_back
    return f"{__file__}, line {frame.f_back.f_lineno}"


@composite
def bell(x: Value) -> Value:
    return log(x) ** 2


@pytest.mark.parametrize(
    ("build", "at", "what", "text"),
    [
        (lambda x: log(x) * 2 + 1, -1.0, "value", "z = log(x) is nan at x = -1.0"),
        (lambda x: 1 / (x - 2), 2.0, "value", "z = 1/x is inf at x = 0.0"),
        (
            lambda x: exp(x) * 0.0,
            1000.0,
            "value",
            "z = exp(x) is inf at x = 1000.0",
        ),
        (
            lambda x: exp(x) - exp(x),
            1000.0,
            "value",
            "z = exp(x) is inf at x = 1000.0",
        ),
        (lambda x: 2 * x, math.nan, "value", "the leaf x is nan"),
        (
            lambda x: x * x + bell(x),
            -3.0,
            "value",
            "z = log(x) is nan at x = -3.0, in bell",
        ),
        (
            sqrt,
            0.0,
            "gradient",
            "the gradient of 'x' is inf: 1.0 × inf flows back from z = sqrt(x) at x = 0.0",
        ),
        (
            lambda x: 1e200 * (x * 1e200 + x),
            1e-200,
            "gradient",
            "the gradient of 'x' is inf: 1e+200 × 1e+200 flows back",
        ),
        (
            lambda x: x * 1e308 + x * 1e308,
            1.0,
            "value",
            "z = x + y is inf at x = 1e+308, y = 1e+308",
        ),
        (lambda x: x / 1e9 * 1e308 + x / 1e9 * 1e308 - 2e299 * x, 1.0, "", ""),
        (
            lambda x: 1 / (1 + exp(-x)),
            -1000.0,
            "value",
            "z = exp(x) is inf at x = 1000.0",
        ),
        (lambda x: x**2 + 1, 3.0, "", ""),
    ],
)
def test_the_first_that_is_not_finite(
    build: Callable[[Value], Value], at: float, what: str, text: str
) -> None:
    found = locate_nonfinite(build(Value(at, name="x")))
    assert (found is None) == (not what)
    if found:
        assert (found.what, str(found)[: len(text)]) == (what, text)
        assert not math.isfinite(found.number)


def test_a_sum_of_finite_contributions() -> None:
    x = Value(1e-160, name="x")
    y = (x * 1e308 + x * 1e308) * 1.0
    found = locate_nonfinite(y)
    assert found and (found.node, found.what, found.number) == (
        x,
        "gradient",
        math.inf,
    )
    assert "1.0 × 1e+308 flows back from z = 10³⁰⁸·x" in str(found)


def test_the_branch_that_where_did_not_take_is_not_to_blame() -> None:
    x = Value(-1.0, name="x")
    unread, read = log(x), sqrt(x)
    found = locate_nonfinite(where(x + 1, unread, read * 2))
    assert found and found.node is read
    harmless = locate_nonfinite(where(x + 2, x, unread))
    assert harmless and harmless.node is unread
    assert (
        str(locate_nonfinite(where(x, unread, unread)))
        == "z = log(x) is nan at x = -1.0"
    )


def test_an_inf_that_a_nan_passes_by_is_not_to_blame() -> None:
    y = minimum(exp(Value(800.0, "a")), log(Value(-1.0, "b")))
    assert str(locate_nonfinite(y)) == "z = log(b) is nan at b = -1.0"


@pytest.mark.parametrize(
    ("y", "text"),
    [
        (Value(-2.0, "y") ** Value(0.5), "z = x^y is nan at x = -2.0, y = 0.5"),
        (
            Value(-2.0, "a") ** Value(0.5, "a"),
            "z = x^y is nan at x = -2.0, y = 0.5",
        ),
        (log(Value(-1.0, "z")), "z = log(x) is nan at x = -1.0"),
        (
            Value(-2.0, "a") ** Value(0.5, "b"),
            "z = a^b is nan at a = -2.0, b = 0.5",
        ),
    ],
)
def test_operands_of_one_name_are_told_by_letters(y: Value, text: str) -> None:
    assert str(locate_nonfinite(y)) == text


def test_a_named_node_is_told_by_its_name_also_where_nothing_is_recorded() -> None:
    y, clash = log(Value(-1.0, "t")), log(Value(-1.0, "a"))
    y.name, clash.name = "loss", "a"
    with no_grad():
        assert str(locate_nonfinite(y)) == "loss = log(t) is nan at t = -1.0"
    assert str(locate_nonfinite(clash)) == "z = log(x) is nan at x = -1.0"
    saturated = 1 / (1 + exp(-Value(-1000.0)))
    assert (
        str(locate_nonfinite(saturated))
        == "z = exp(x) is inf at x = 1000.0, harmless to y and its gradient"
    )


def test_a_stale_graph() -> None:
    x = Value(1.0)
    y = log(x)
    x.data = -1.0
    with pytest.raises(StaleGraphError):
        locate_nonfinite(y)


def test_a_deep_graph() -> None:
    y = x = Value(-1.0, name="x")
    y = log(y)
    for _ in range(100_000):
        y = y + x
    assert str(locate_nonfinite(y)) == "z = log(x) is nan at x = -1.0"


def test_a_deep_function() -> None:
    def f(x: Value) -> Value:
        y = x
        for _ in range(3000):
            y = y * 0.999 + x
        return y

    assert gradcheck(f, 0.5, order=1).worst.excess() < 0.1


def test_lines_are_those_of_the_caller() -> None:
    x = Value(-1.0, name="x")
    with record_lines():
        y, line = log(x), here()
        z = bell(2 * y)
    assert vars(y)["line"] == line
    assert str(locate_nonfinite(z)) == f"z = log(x) is nan at x = -1.0, {line}"
    assert vars(z)["line"].startswith(f"{__file__}, line ") and "line" not in vars(
        x
    )
    assert all("line" in vars(v) for v in (z, *z.inner, *z.inner[0].inner))


def test_lines_end_with_the_block_even_after_an_error() -> None:
    def profiler(*_: object) -> None:
        pass

    sys.setprofile(profiler)
    try:
        with pytest.raises(ZeroDivisionError), record_lines():
            1 / 0  # noqa: B018
        assert sys.getprofile() is profiler
    finally:
        sys.setprofile(None)
    assert "line" not in vars(Value(1.0) * 2)


def test_lines_beside_the_profiler() -> None:
    """Which goes on afterwards."""
    profiler = cProfile.Profile()
    profiler.enable()
    with record_lines():
        y = log(Value(2.0))
    sorted([3, 2, 1])
    profiler.disable()
    assert "line" in vars(y)
    assert any("sorted" in str(entry.code) for entry in profiler.getstats())


def test_blocks_that_interleave_end_with_the_last() -> None:
    def block() -> Iterator[Value]:
        with record_lines():
            yield log(Value(2.0))
            yield exp(Value(2.0))

    first, second = block(), block()
    made = [next(first), next(second), *first, next(second)]
    assert all("line" in vars(v) for v in made)
    assert not [*second] and sys.getprofile() is None


def test_a_node_that_exists_keeps_its_line() -> None:
    """A function that hands on a node did not make it."""
    old = Value(2.0) * 2
    with record_lines():
        first = Value(2.0) * 3
        line = vars(first)["line"]
        assert (
            max([old, first], key=lambda v: v.data) is first
            and (lambda v: v)(old) is old
        )
        again = +first
        assert (lambda z: z)(old) is old
        assert (
            sum([old]) is old
            and old.forward() is old
            and where(True, old, first) is old
        )
    assert "line" not in vars(old) and vars(again)["line"] == line


@pytest.mark.parametrize(
    "copier", [deepcopy, lambda y: pickle.loads(pickle.dumps(y))]
)
def test_copies_keep_their_lines(copier: Callable[[Value], Value]) -> None:
    with record_lines():
        y, line = log(Value(-1.0)) + 1, here()
    assert str(locate_nonfinite(copier(y))).endswith(line)


def test_lines_are_of_one_thread() -> None:
    made: list[Value] = []
    with record_lines():
        thread = Thread(target=lambda: made.append(Value(1.0) * 2))
        thread.start()
        thread.join()
    assert "line" not in vars(made[0])


def test_without_a_history_there_is_nothing_to_tell() -> None:
    with record_lines(), no_grad():
        y = log(Value(-1.0))
    assert str(
        locate_nonfinite(y)
    ) == "the leaf without a name is nan" and "line" not in vars(y)


@pytest.mark.parametrize("outer", [False, True])
def test_an_interrupt_before_any_line_leaves_the_profiler_as_it_was(
    outer: bool,
) -> None:
    """Neither is it left on, which costs thrice the time, nor can it not be put on again."""
    before = (lambda *_: None) if outer else None

    def work() -> None:
        with record_lines(), record_lines():
            pass

    sys.setprofile(before)
    try:
        for n in interrupted_everywhere(work):
            assert sys.getprofile() is before, n
        assert n > 20
    finally:
        sys.setprofile(None)
    with record_lines():
        y = Value(2.0) * 3
    assert "line" in vars(y)
