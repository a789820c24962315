"""Bad inputs: what a function does not take it refuses at that call, in a sentence, and nothing is half-done.

Every public function, at every parameter, is given every object of one table.  A predicate says what is taken
there; all else is to be refused.
"""

from __future__ import annotations

import array
import contextlib
import inspect
import io
import math
import operator
import random
import re
import shutil
import sys
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import mpmath
import numpy as np
import pytest

import autograd
import nn
from autograd import OPS, Op, StaleGraphError, Value
from autograd.__main__ import main
from autograd.scopes import SCOPE
from nn.losses import ANY, ClassLoss

OURS = (
    TypeError,
    ValueError,
    OverflowError,
    StaleGraphError,
    OSError,
)  # the last one for paths
WAYS_OUT = (  # what it takes to be told what is wanted instead
    r"\b(takes?|must|needs?|write|give|choose|convert|scale|fill|use|make|call|define|such as|is an?|are)\b",
    r", not|not iterable|0-d array|as an integer|scalar index|unsupported operand|does not support|expected",
    r"unexpected keyword|positional argument|unrecognized|Use |format|null byte|codec|too long|has no place",
    r"it has|has numbers|go from|ends in|as in|invalid int|rows, but|not finite",
)
WANTED = re.compile("|".join(WAYS_OUT))
REFUSED_NUMBERS, BOOLS = (
    71,
    3,
)  # of the objects: what no operand takes, and what a condition takes besides
REFUSED_BY_A_LOSS = 60  # at least, by each of its parameters
OTHER_REFUSALS, OTHER_CALLS = (
    13_994,
    203,
)  # of all else, at least: so that no call loses its test


# The objects


class Arrayed:
    """As a tensor of another library."""

    dtype, shape, ndim = np.dtype(float), (1,), 1

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return np.array([1.0])


class Floating:
    """Has a float to give, but is none."""

    def __float__(self) -> float:
        return 1.0


class Indexed:
    """Has an int to give, but is none."""

    def __index__(self) -> int:
        return 1


class Answering:
    """Answers arithmetic from either side, for whoever did not answer before it."""


def answer(*_: Any) -> str:
    return "answered"


ARITHMETIC = ("add", "sub", "mul", "truediv", "pow")
COMPARISONS = ("lt", "le", "gt", "ge")
for word in (*ARITHMETIC, "floordiv", "mod", "matmul"):
    for prefix in ("", "r", "i"):
        setattr(Answering, f"__{prefix}{word}__", answer)
for word in COMPARISONS:
    setattr(Answering, f"__{word}__", answer)


class Text(str):
    """A str that is not exactly one."""


class Meta(type):
    """A class of classes."""


def in_thread(work: Callable[[], Any]) -> Any:
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(work()))
    thread.start()
    thread.join()
    return found[0]


OBJECTS: dict[str, Callable[[], Any]] = {
    "None": lambda: None,
    "empty text": lambda: "",
    "text": lambda: "a",
    "digits": lambda: "1.0",
    "text subclass": lambda: Text("1.0"),
    "numpy text": lambda: np.str_("1.0"),
    "half a character": lambda: "\ud800",
    "NUL": lambda: "a\0b",
    "long text": lambda: "ab" * 10_000,
    "bytes": lambda: b"1.0",
    "bytearray": lambda: bytearray(b"1.0"),
    "memoryview": lambda: memoryview(b"1.0"),
    "complex": lambda: 1j,
    "numpy complex": lambda: np.complex128(1j),
    "True": lambda: True,
    "False": lambda: False,
    "numpy bool": lambda: np.True_,
    "empty list": list,
    "list": lambda: [1.0],
    "list of None": lambda: [None],
    "nested list": lambda: [[1.0, 2.0], [3.0]],
    "list of Values": lambda: [Value(1.0), Value(2.0)],
    "tuple": lambda: (1.0, 2.0),
    "empty dict": dict,
    "dict": lambda: {"a": 1.0},
    "dict of Values": lambda: {Value(1.0): 1.0},
    "set": lambda: {1.0},
    "frozenset": lambda: frozenset({1.0}),
    "range": lambda: range(2),
    "generator": lambda: (x for x in [1.0]),
    "iterator": lambda: iter([1.0]),
    "array 0-d": lambda: np.array(1.0),
    "array 1": lambda: np.array([1.0]),
    "array 2": lambda: np.array([1.0, 2.0]),
    "array 2x2": lambda: np.ones((2, 2)),
    "array 0": lambda: np.array([]),
    "array 3x1x2": lambda: np.ones((3, 1, 2)),
    "array of text": lambda: np.array(["a", "b"]),
    "array of objects": lambda: np.array([None, "a"], dtype=object),
    "array of bool": lambda: np.array([True, False]),
    "array of complex": lambda: np.array([1j]),
    "masked array": lambda: np.ma.masked_array([1.0, 2.0], [False, True]),
    "python array": lambda: array.array("d", [1.0]),
    "object": object,
    "class": lambda: int,
    "Value class": lambda: Value,
    "metaclass": lambda: Meta,
    "builtin": lambda: len,
    "function": lambda: lambda: 1.0,
    "function of one": lambda: lambda x: x,
    "method": lambda: "a".upper,
    "module": lambda: sys,
    "Decimal": lambda: Decimal(1),
    "Fraction": lambda: Fraction(1, 2),
    "mpf": lambda: mpmath.mpf(1),
    "datetime": lambda: datetime(2020, 1, 1),
    "date": lambda: date(2020, 1, 1),
    "timedelta": lambda: timedelta(1),
    "numpy timedelta": lambda: np.timedelta64(1, "s"),
    "numpy datetime": lambda: np.datetime64(1, "s"),
    "huge": lambda: 10**400,
    "-huge": lambda: -(10**400),
    "arrayed": Arrayed,
    "floating": Floating,
    "indexed": Indexed,
    "answering": Answering,
    "Ellipsis": lambda: ...,
    "slice": lambda: slice(1),
    "exception": lambda: ValueError("a"),
    "path": lambda: Path("a"),
    "op": lambda: OPS["exp"],
    "-1": lambda: -1,
    "0": lambda: 0,
    "2": lambda: 2,
    "2.5": lambda: 2.5,
    "nan": lambda: float("nan"),
    "inf": lambda: float("inf"),
    "float32": lambda: np.float32(2),
    "int64": lambda: np.int64(2),
    "Value": lambda: Value(0.5),
    "Value of an op": lambda: Value(0.5) * 2,
    "Value of another thread": lambda: in_thread(lambda: Value(1.0) * 2),
}


# What is taken

Test = Callable[[Any], bool]


def real(x: Any) -> bool:
    number = isinstance(
        x, (float, int, np.floating, np.integer)
    ) and not isinstance(x, (bool, np.timedelta64))
    return number and (type(x) is not int or abs(x) < 10**308)


def few(x: Any) -> bool:
    return whole(x) and x < 10


def finite(x: Any) -> bool:
    return real(x) and math.isfinite(x)


def is_a(*types: Any) -> Test:
    return lambda x: isinstance(x, types)


def either(*tests: Test) -> Test:
    return lambda x: any(test(x) for test in tests)


def nothing(x: Any) -> bool:
    return False


def anything(x: Any) -> bool:
    return True


def values(x: Any) -> bool:
    """A list, or anything else to iterate over, in which there are Values only, or nothing."""
    listed = (
        hasattr(x, "__len__") and not isinstance(x, type) and np.ndim(x) > 0
        if is_array(x)
        else sized(x)
    )
    return listed and all(isinstance(v, Value) for v in x)


def is_array(x: Any) -> bool:
    return isinstance(x, np.ndarray)


def sized(x: Any) -> bool:
    return hasattr(type(x), "__len__") and hasattr(type(x), "__iter__")


def whole_text(x: Any) -> bool:
    """Which a file can hold."""
    return isinstance(x, str) and not re.search("[\ud800-\udfff]", x)


def whole_as_text(x: Any) -> bool:
    return whole_text(f"{x}")


def whole(x: Any) -> bool:
    return (
        isinstance(x, (int, np.integer))
        and not isinstance(x, (bool, np.timedelta64))
        and x > 0
    )


def between(low: float, high: float) -> Test:
    return lambda x: real(x) and low <= x <= high


value, text, condition, answers = (
    is_a(Value),
    is_a(str),
    is_a(bool, np.bool_),
    is_a(Answering),
)
scalar, leaf, array_like = (
    either(real, value),
    lambda x: isinstance(x, Value) and not x.op,
    is_a(np.ndarray),
)
masked, fraction, huge = (
    is_a(np.ma.MaskedArray),
    is_a(Fraction),
    lambda x: type(x) is int and abs(x) > 10**308,
)
without_dimensions = lambda x: is_array(x) and x.ndim == 0  # noqa: E731
not_text = lambda x: not isinstance(x, str)  # noqa: E731


class Call(NamedTuple):
    """A call with one bad argument; which are taken, and which are somebody else's to answer for."""

    do: Callable[[Scene, Any], Any]
    takes: Any = nothing  # a predicate, the names of objects, or several of these
    own: Test = nothing  # a user's function that raises, NumPy's operators: neither right nor wrong here


class Scene:
    """A small graph, network and program; and what may not change when a call is refused."""

    neuron, layer, mlp = nn.Neuron(2), nn.Layer(2, 2), nn.MLP(2, [2, 1])

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.x, self.w, self.lone = Value(2.0, "x"), Value(3.0, "w"), Value(2.0)
        self.y = self.x * self.w + self.x
        self.y.backward()

    @property
    def program(self) -> Any:
        return autograd.compile(self.x * self.w, [self.x], [self.w])

    @property
    def boxed(self) -> Value:
        with autograd.scope("f"):
            return self.x * self.w + self.x

    def state(self) -> Any:
        nodes = [
            self.x,
            self.w,
            self.lone,
            self.y,
            self.y.args[0],
            *self.mlp.parameters(),
        ]
        numbers = [(v.data, v.grad, v.name, v.args) for v in nodes]
        files = [path for path in sorted(self.folder.rglob("*")) if path.is_file()]
        return numbers, dict(OPS), SCOPE.get(), random.getstate(), files


# The calls


def operators() -> Iterator[tuple[str, Call]]:
    for word in ARITHMETIC:
        for name in (word, f"i{word}"):
            op, ours = (
                getattr(operator, name),
                either(masked, fraction),
            )  # before 3.13, Fraction ** x answers
            yield f"x {name} bad", Call(lambda s, bad, op=op: op(s.x, bad), scalar)
            yield (
                f"bad {name} x",
                Call(
                    lambda s, bad, op=op: op(bad, s.x),
                    either(scalar, answers),
                    ours,
                ),
            )
    for word in COMPARISONS:
        op = getattr(operator, word)
        yield (
            f"x {word} bad",
            Call(lambda s, bad, op=op: op(s.x, bad), scalar, answers),
        )
        lone = either(
            masked, without_dimensions
        )  # so NumPy hands over its scalars in comparisons
        yield (
            f"bad {word} x",
            Call(lambda s, bad, op=op: op(bad, s.x), either(scalar, answers), lone),
        )
    for word in ("floordiv", "mod", "matmul"):
        op = getattr(operator, word)
        yield (
            f"x {word} bad",
            Call(lambda s, bad, op=op: op(s.x, bad), answers, masked),
        )
    for word in ("lshift", "rshift", "and_", "or_", "xor"):
        op = getattr(operator, word)
        yield f"x {word} bad", Call(lambda s, bad, op=op: op(s.x, bad))


def placed(op: Op, i: int, *others: Any) -> Callable[[Any], Any]:
    """The op with an operand at place i."""
    operands = list(others[: len(op.operands)])
    return lambda x: op(*operands[:i], x, *operands[i + 1 :])


def among_values(op: Op, i: int) -> Callable[[Scene, Any], Any]:
    return lambda s, bad: placed(op, i, s.x, s.w, s.y)(bad)


def among_numbers(op: Op, i: int) -> Callable[[Scene, Any], Any]:
    return lambda s, bad: placed(op, i, 1.5, 2.5, 3.5)(bad)


def op_calls() -> Iterator[tuple[str, Call]]:
    for name, op in OPS.items():
        for i, operand in enumerate(op.operands):
            takes = either(scalar, condition) if op.selects and i == 0 else scalar
            yield f"{name} {operand}", Call(among_values(op, i), takes)
            yield f"{name} {operand}: numbers", Call(among_numbers(op, i), takes)


CALLS: dict[str, Call] = dict([*operators(), *op_calls()])
CALLS |= {
    "Value data": Call(lambda s, bad: Value(bad), real),
    "Value name": Call(lambda s, bad: Value(1.0, bad), whole_text),
    "Value label": Call(lambda s, bad: Value(1.0, label=bad), whole_text),
    "Value _op": Call(lambda s, bad: Value(1.0, "x", bad), "None"),
    "Value _children": Call(lambda s, bad: Value(1.0, _children=bad), "None"),
    "Value.name": Call(lambda s, bad: setattr(s.lone, "name", bad), whole_text),
    "Value.label": Call(lambda s, bad: setattr(s.lone, "label", bad), whole_text),
    "np.add x": Call(lambda s, bad: np.add(bad, s.x), scalar),
    "np.maximum y": Call(lambda s, bad: np.maximum(s.x, bad), scalar),
    "np.less y": Call(lambda s, bad: np.less(s.x, bad), scalar, without_dimensions),
    "np.heaviside at_zero": Call(
        lambda s, bad: np.heaviside(s.x, bad), lambda x: real(x) and x == 0
    ),
    "np.nextafter y": Call(lambda s, bad: np.nextafter(s.x, bad)),
    "np.where condition": Call(
        lambda s, bad: np.where(bad, s.x, s.w), either(scalar, condition)
    ),
    "np.where y": Call(lambda s, bad: np.where(s.x, s.w, bad), scalar),
    "Value.data": Call(lambda s, bad: setattr(s.lone, "data", bad), real),
    "Value.backward seed": Call(lambda s, bad: s.y.backward(bad), real),
    "Value.explain path": Call(
        lambda s, bad: s.lone.explain(bad), "None", either(text, is_a(Path))
    ),
    "Value.explain lang": Call(lambda s, bad: s.lone.explain(lang=bad)),
    "Value.explain options: language": Call(
        lambda s, bad: s.lone.explain(language=bad)
    ),
    "Value.__format__ spec": Call(
        lambda s, bad: format(s.x, bad), "empty text", is_a(str)
    ),
    "Value.relu": Call(lambda s, bad: s.x.relu(bad)),
    "ledger y": Call(lambda s, bad: autograd.ledger(bad), value),
    "ledger seed": Call(lambda s, bad: autograd.ledger(s.y, bad), real),
    "toposort roots": Call(lambda s, bad: autograd.toposort(s.x, bad), value),
    "zero_grad leaves": Call(lambda s, bad: autograd.zero_grad(s.x, bad), value),
    "grad y": Call(lambda s, bad: autograd.grad(bad, s.x), value),
    "grad xs": Call(lambda s, bad: autograd.grad(s.y, bad), either(value, values)),
    "grad xs: one": Call(lambda s, bad: autograd.grad(s.y, [s.x, bad]), value),
    "vjp y": Call(lambda s, bad: autograd.vjp(bad, [s.x]), value),
    "vjp xs": Call(lambda s, bad: autograd.vjp(s.y, bad), values),
    "vjp seed": Call(lambda s, bad: autograd.vjp(s.y, [s.x], bad), scalar),
    "jvp y": Call(lambda s, bad: autograd.jvp(bad, {s.x: 1.0}), value),
    "jvp tangents": Call(
        lambda s, bad: autograd.jvp(s.y, bad), "empty dict, dict of Values"
    ),
    "jvp tangents: one": Call(lambda s, bad: autograd.jvp(s.y, {s.x: bad}), scalar),
    "gradcheck f": Call(
        lambda s, bad: autograd.gradcheck(bad, 0.5), "function of one", callable
    ),
    "gradcheck xs": Call(
        lambda s, bad: autograd.gradcheck(autograd.exp, bad), finite
    ),
    "gradcheck order": Call(
        lambda s, bad: autograd.gradcheck(autograd.exp, 0.5, order=bad), few
    ),
    "gradcheck tolerance": Call(
        lambda s, bad: autograd.gradcheck(autograd.exp, 0.5, tolerance=bad)
    ),
    "locate_nonfinite y": Call(
        lambda s, bad: autograd.locate_nonfinite(bad), value
    ),
    "hvp y": Call(lambda s, bad: autograd.hvp(bad, [s.x], [1.0]), value),
    "hvp xs": Call(lambda s, bad: autograd.hvp(s.y, bad, [1.0]), "dict of Values"),
    "hvp v": Call(
        lambda s, bad: autograd.hvp(s.y, [s.x], bad),
        "list, set, frozenset, generator, iterator, array 1, python array",
    ),
    "hvp v: one": Call(lambda s, bad: autograd.hvp(s.y, [s.x], [bad]), scalar),
    "jacobian ys": Call(lambda s, bad: autograd.jacobian(bad, [s.x]), values),
    "jacobian ys: one": Call(
        lambda s, bad: autograd.jacobian([s.y, bad], [s.x]), value
    ),
    "jacobian xs": Call(lambda s, bad: autograd.jacobian([s.y], bad), values),
    "hessian y": Call(lambda s, bad: autograd.hessian(bad, [s.x]), value),
    "hessian xs": Call(lambda s, bad: autograd.hessian(s.y, bad), values),
    "composite function": Call(
        lambda s, bad: autograd.composite(bad),
        either(callable, lambda x: x is None),
    ),
    "composite name": Call(
        lambda s, bad: autograd.composite(name=bad)(lambda x: x * 2)(s.x),
        either(whole_text, lambda x: not array_like(x) and not value(x) and not x),
        value,
    ),
    "scope name": Call(
        lambda s, bad: contextlib.ExitStack().enter_context(autograd.scope(bad)),
        whole_text,
    ),
    "no_grad": Call(lambda s, bad: autograd.no_grad(bad)),
    "Op name": Call(lambda s, bad: line(name=bad), "text, long text"),
    "Op symbol": Call(
        lambda s, bad: line(symbol=bad), lambda x: whole_text(x) and x != ""
    ),
    "Op formula": Call(
        lambda s, bad: line(formula=bad), "digits, text subclass, numpy text"
    ),
    "Op partials": Call(lambda s, bad: line(partials=bad)),
    "Op partials: one": Call(
        lambda s, bad: line(partials=(bad,)), "function of one", callable
    ),
    "Op domain: formula": Call(
        lambda s, bad: line(domain=bad),
        "empty text, digits, text subclass, numpy text",
    ),
    "Op printed: formula": Call(
        lambda s, bad: line(printed=bad),
        "empty text, digits, text subclass, numpy text",
    ),
    "Op book": Call(
        lambda s, bad: line(book=bad),
        lambda x: not array_like(x) and not value(x) and not x,
    ),
    "Op selects": Call(lambda s, bad: line(selects=bad), anything),
}


def line(**given: Any) -> Op:
    known: dict[str, Any] = {
        "name": "new",
        "symbol": "s",
        "formula": "x",
        "partials": (lambda z, x: 1.0,),
    }
    return Op(**known | given)


ODD = either(array_like, value)  # whose truth value is not known: they say so
TEXTS = "text, digits, text subclass, numpy text"
DEPTHS = "None, True, False, empty list, empty tuple, empty dict, array 0, huge, -huge, -1, 0, 2"
CALLS |= {
    "draw roots": Call(lambda s, bad: autograd.draw(s.y, bad), value),
    "draw style": Call(lambda s, bad: autograd.draw(s.y, style=bad)),
    "draw labels": Call(
        lambda s, bad: autograd.draw(s.y, style="textbook", labels=bad)
    ),
    "draw gradients": Call(
        lambda s, bad: autograd.draw(s.y, gradients=bad, style="textbook"),
        anything,
        ODD,
    ),
    "draw collapse": Call(
        lambda s, bad: autograd.draw(s.boxed, collapse=bad), DEPTHS, callable
    ),
    "draw siblings": Call(
        lambda s, bad: autograd.draw(s.boxed, collapse="f", siblings=bad),
        "None, huge, indexed, 0, 2, int64",
    ),
    "draw loss": Call(
        lambda s, bad: autograd.draw(s.boxed, style="textbook", loss=bad),
        whole_text,
    ),
    "draw max_nodes": Call(
        lambda s, bad: autograd.draw(s.boxed, max_nodes=bad), "inf"
    ),
    "draw timeout": Call(
        lambda s, bad: autograd.draw(s.boxed, timeout=bad),
        "1, 2, 2.5, inf, float32, int64",
    ),
    "to_dot roots": Call(lambda s, bad: autograd.to_dot(bad), value),
    "to_dot options: styl": Call(lambda s, bad: autograd.to_dot(s.y, styl=bad)),
    "Drawing.save_picture path: suffix": Call(
        lambda s, bad: autograd.draw(s.y).save_picture(bad)
    ),
    "Drawing.save_picture path: dot": Call(
        lambda s, bad: autograd.draw(s.y).save_picture(f"{s.folder}/{bad}.dot"),
        TEXTS,
        not_text,
    ),
    "labels roots": Call(lambda s, bad: autograd.labels(bad), value),
    "labels collapse": Call(
        lambda s, bad: autograd.labels(s.boxed, collapse=bad), DEPTHS, callable
    ),
    "labels loss": Call(
        lambda s, bad: autograd.labels(s.boxed, loss=bad), whole_text
    ),
    "labels notation": Call(lambda s, bad: autograd.labels(s.y, notation=bad)),
    "formula y": Call(lambda s, bad: autograd.formula(bad), value),
    "formula notation": Call(lambda s, bad: autograd.formula(s.y, bad)),
    "formula collapse": Call(
        lambda s, bad: autograd.formula(s.boxed, collapse=bad), DEPTHS, callable
    ),
    "latex y": Call(lambda s, bad: autograd.latex(bad), value),
    "mathml y": Call(lambda s, bad: autograd.mathml(bad), value),
    "steps y": Call(lambda s, bad: autograd.steps(bad), value),
    "steps seed": Call(lambda s, bad: autograd.steps(s.y, bad), real),
    "to_html y": Call(lambda s, bad: autograd.to_html(bad), value),
    "to_html path": Call(
        lambda s, bad: autograd.to_html(s.lone, bad),
        "None",
        either(text, is_a(Path)),
    ),
    "to_html path: html": Call(
        lambda s, bad: autograd.to_html(s.lone, f"{s.folder}/{bad}.html"),
        f"empty text, {TEXTS}",
        not_text,
    ),
    "to_html seed": Call(lambda s, bad: autograd.to_html(s.lone, seed=bad), real),
    "to_html lang": Call(lambda s, bad: autograd.to_html(s.lone, lang=bad)),
    "to_html style": Call(lambda s, bad: autograd.to_html(s.lone, style=bad)),
    "to_html collapse": Call(
        lambda s, bad: autograd.to_html(s.lone, collapse=bad), DEPTHS, callable
    ),
    "to_html timeout": Call(
        lambda s, bad: autograd.to_html(s.lone, timeout=bad),
        "2, 2.5, inf, float32, int64",
    ),
    "to_html max_nodes": Call(
        lambda s, bad: autograd.to_html(s.lone, max_nodes=bad),
        "2, 2.5, inf, float32, int64",
    ),
}
TABLES = "empty list, list, tuple, range, array 1, array 2, array 0, array of bool"
TABLES += ", python array, arrayed, bytearray, memoryview"
ONE = "None, list, array 1, python array, arrayed"
NUMBERS = "array 0-d, -1, 0, 2, 2.5, nan, inf, float32, int64"
CALLS |= {
    "compile outputs": Call(
        lambda s, bad: autograd.compile(bad),
        "list of Values, dict of Values",
        value,
    ),
    "compile outputs: one": Call(
        lambda s, bad: autograd.compile([s.x, bad]), value
    ),
    "compile inputs": Call(lambda s, bad: autograd.compile(s.y, bad), values),
    "compile inputs: one": Call(lambda s, bad: autograd.compile(s.y, [bad]), leaf),
    "compile parameters": Call(
        lambda s, bad: autograd.compile(s.y, [], bad),
        either(values, lambda x: x is None),
    ),
    "compile parameters: one": Call(
        lambda s, bad: autograd.compile(s.y, [], [bad]), leaf
    ),
    "Program.__call__ X": Call(lambda s, bad: s.program(bad), TABLES),
    "Program.__call__ X: row": Call(
        lambda s, bad: s.program([bad]),
        f"True, False, numpy bool, list, array 1, python array, arrayed, {NUMBERS}",
    ),
    "Program.__call__ X: cell": Call(
        lambda s, bad: s.program([[1.0], [bad]]),
        f"True, False, numpy bool, {NUMBERS}",
    ),
    "Program.__call__ theta": Call(lambda s, bad: s.program([[1.0]], bad), ONE),
    "Program.__call__ theta: one": Call(
        lambda s, bad: s.program([[1.0]], [bad]), NUMBERS
    ),
    "Program.theta": Call(
        lambda s, bad: setattr(s.program, "theta", bad),
        "list, array 1, python array, arrayed",
    ),
    "Program.value_and_grad X": Call(
        lambda s, bad: s.program.value_and_grad(bad), TABLES
    ),
    "Program.value_and_grad theta": Call(
        lambda s, bad: s.program.value_and_grad([[1.0]], bad), ONE
    ),
    "Program.value_and_grad weights": Call(
        lambda s, bad: s.program.value_and_grad([[1.0]], None, bad),
        f"{ONE}, {NUMBERS}",
    ),
    "Program.vjp X": Call(lambda s, bad: s.program.vjp(bad), TABLES),
    "Program.vjp seed": Call(
        lambda s, bad: s.program.vjp([[1.0]], bad),
        f"list, array 1, python array, arrayed, {NUMBERS}",
    ),
    "Program.vjp theta": Call(lambda s, bad: s.program.vjp([[1.0]], 1.0, bad), ONE),
}


def fit(s: Scene, **given: Any) -> Any:
    known: dict[str, Any] = {
        "model": s.mlp,
        "X": [[0.0, 1.0], [1.0, 0.0]],
        "y": [0.0, 1.0],
        "loss": "mse",
    }
    return nn.fit(**known | {"optimizer": nn.SGD(0.1), "epochs": 1} | given)


ROWS = "list of Values, tuple, range, array 2"
COUNTS = "2, int64"
CALLS |= {
    "parameter data": Call(lambda s, bad: nn.parameter(bad), real),
    "parameter name": Call(lambda s, bad: nn.parameter(1.0, bad), whole_text),
    "softmax row": Call(
        lambda s, bad: nn.softmax(bad),
        "bytes, bytearray, memoryview, list, list of Values, tuple, dict of Values, set, frozenset, range, "
        "generator, iterator, array 1, array 2, python array",
    ),
    "softmax row: one": Call(lambda s, bad: nn.softmax([s.x, bad]), scalar),
    "SGD rate": Call(
        lambda s, bad: nn.SGD(bad),
        either(callable, lambda x: real(x) and 0 < x < math.inf),
    ),
    "SGD.step parameters": Call(
        lambda s, bad: nn.SGD(0.1).step(bad),
        either(values, lambda x: is_array(x) and x.size == 0),
    ),
    "SGD.step parameters: one": Call(
        lambda s, bad: nn.SGD(0.1).step([s.x, bad]), leaf
    ),
    "Neuron.__call__ x": Call(lambda s, bad: s.neuron(bad), ROWS),
    "Neuron.__call__ x: one": Call(lambda s, bad: s.neuron([1.0, bad]), scalar),
    "Layer.__call__ x": Call(lambda s, bad: s.layer(bad), ROWS),
    "Layer.__call__ x: one": Call(lambda s, bad: s.layer([1.0, bad]), scalar),
    "MLP.__call__ x: one": Call(lambda s, bad: s.mlp([1.0, bad]), scalar),
    "MLP nin": Call(lambda s, bad: nn.MLP(bad, [1]), whole, huge),
    "MLP nouts": Call(
        lambda s, bad: nn.MLP(2, bad), "bytes, bytearray, memoryview"
    ),
    "MLP nouts: one": Call(lambda s, bad: nn.MLP(2, [2, bad]), whole, huge),
    "MLP activation": Call(lambda s, bad: nn.MLP(2, [2, 1], bad), callable),
    "MLP output: activation": Call(
        lambda s, bad: nn.MLP(2, [2, 1], output=bad), callable
    ),
    "MLP init": Call(lambda s, bad: nn.MLP(2, [2, 1], init=bad), "tuple", callable),
    "Layer nin": Call(lambda s, bad: nn.Layer(bad, 1), whole, huge),
    "Layer nout": Call(lambda s, bad: nn.Layer(1, bad), whole, huge),
    "Layer nonlin": Call(lambda s, bad: nn.Layer(1, 1, bad), is_a(bool)),
    "Layer activation": Call(
        lambda s, bad: nn.Layer(2, 1, activation=bad), callable
    ),
    "Layer init": Call(lambda s, bad: nn.Layer(2, 1, init=bad), "tuple", callable),
    "Layer place": Call(lambda s, bad: nn.Layer(2, 1, place=bad), whole_as_text),
    "Layer options: biased": Call(lambda s, bad: nn.Layer(2, 1, biased=bad)),
    "Neuron nin": Call(lambda s, bad: nn.Neuron(bad), whole, huge),
    "Neuron nonlin": Call(lambda s, bad: nn.Neuron(1, bad), is_a(bool)),
    "Neuron activation": Call(
        lambda s, bad: nn.Neuron(2, activation=bad), callable
    ),
    "Neuron bias": Call(lambda s, bad: nn.Neuron(2, bias=bad), anything, ODD),
    "Neuron init": Call(lambda s, bad: nn.Neuron(2, init=bad), "tuple", callable),
    "Neuron init: one": Call(
        lambda s, bad: nn.Neuron(2, init=(bad, 0.0)), "0, 2, 2.5, float32, int64"
    ),
    "Neuron place": Call(lambda s, bad: nn.Neuron(2, place=bad), whole_as_text),
    "fit model": Call(lambda s, bad: fit(s, model=bad)),
    "fit X: inputs": Call(lambda s, bad: fit(s, X=bad), "array 2x2"),
    "fit X: row": Call(
        lambda s, bad: fit(s, X=[[0.0, 1.0], bad]),
        "tuple, range, array 2, array of bool",
    ),
    "fit X: cell": Call(
        lambda s, bad: fit(s, X=[[0.0, 1.0], [0.0, bad]]),
        "True, False, numpy bool, array 0-d, -1, 0, 2, 2.5, float32, int64",
    ),
    "fit y": Call(
        lambda s, bad: fit(s, y=bad), "tuple, range, array 2, array of bool"
    ),
    "fit y: one": Call(
        lambda s, bad: fit(s, y=[0.0, bad]),
        "True, False, numpy bool, array 0-d, -1, 0, 2, 2.5, float32, int64",
    ),
    "fit loss": Call(lambda s, bad: fit(s, loss=bad), nothing, callable),
    "fit optimizer": Call(lambda s, bad: fit(s, optimizer=bad)),
    "fit epochs": Call(lambda s, bad: fit(s, epochs=bad), whole, huge),
    "fit batch_size": Call(
        lambda s, bad: fit(s, batch_size=bad),
        either(whole, lambda x: x is None),
        huge,
    ),
    "fit shuffle": Call(lambda s, bad: fit(s, shuffle=bad), anything, ODD),
    "fit engine": Call(lambda s, bad: fit(s, engine=bad)),
    "fit metrics: metric": Call(
        lambda s, bad: fit(s, metrics=bad),
        "empty list, empty dict, array 0, empty tuple",
    ),
    "fit metrics: one": Call(
        lambda s, bad: fit(s, metrics=[bad]), nothing, callable
    ),
    "fit progress": Call(
        lambda s, bad: fit(s, progress=bad), "None, False, 0", anything
    ),
}
CLASSES = "list, set, frozenset, generator, iterator, array 1, python array, range"
LONE = "list, dict of Values, set, frozenset, generator, iterator, array 1, python array"  # rows of one


def number_with(test: Callable[[float], bool]) -> Test:
    """A number, also as a Value or a bool, that passes the test."""
    return lambda x: (
        (condition(x) or scalar(x))
        and test(x.data if isinstance(x, Value) else float(x))
    )


FINE = number_with(lambda x: True)
SHARE = number_with(lambda x: 0 <= x <= 1)
CHANCE = number_with(lambda x: 0 <= x <= 1 or x != x)
SIGN = number_with(lambda x: x in (-1, 1))
LOSSES: dict[str, tuple[Any, Any]] = {  # what predictions and targets may be
    "mse": (FINE, FINE),
    "hinge": (FINE, SIGN),
    "bce": (CHANCE, SHARE),
    "bce_with_logits": (FINE, SHARE),
}


def taken_by(loss: nn.Loss) -> Any:
    """What its predictions and targets may be: by hand, or as a new loss says of itself."""
    return LOSSES.get(loss.name) or [
        number_with(allowed) for allowed, *_ in loss.domains.values()
    ]


def loss_calls() -> Iterator[tuple[str, Call]]:
    for name, loss in nn.LOSSES.items():
        yield from (
            class_loss_calls(name)
            if isinstance(loss, ClassLoss)
            else number_loss_calls(name)
        )


def number_loss_calls(name: str) -> Iterator[tuple[str, Call]]:
    loss = nn.LOSSES[name]
    p, t = taken_by(loss)
    yield f"{name} predictions", Call(lambda s, bad: loss(bad, 1.0), (p, LONE))
    yield (
        f"{name} predictions: one",
        Call(lambda s, bad: loss([0.5, bad], [1.0, 1.0]), (p, LONE)),
    )
    yield f"{name} targets", Call(lambda s, bad: loss(0.5, bad), (t, LONE))
    yield (
        f"{name} targets: one",
        Call(lambda s, bad: loss([0.5, 0.5], [1.0, bad]), (t, LONE)),
    )


def class_loss_calls(name: str) -> Iterator[tuple[str, Call]]:
    loss, finite = (
        nn.LOSSES[name],
        "bytearray, memoryview, list of Values, tuple, array 2",
    )
    unit, classes = (
        number_with(lambda x: x in (0, 1)),
        f"{LONE}, range, array of bool",
    )
    share = either(
        lambda x: isinstance(x, Value) and 0 <= x.data <= 1,
        lambda x: real(x) and x == 0,
    )
    bounded = loss.domains["predictions"] is not ANY
    rows = "range, array of bool", "" if bounded else finite
    yield f"{name} predictions", Call(lambda s, bad: loss(bad, 1), rows)
    yield (
        f"{name} targets",
        Call(lambda s, bad: loss([0.5, 0.5], bad), (unit, classes)),
    )
    yield (
        f"{name} targets: one",
        Call(lambda s, bad: loss([0.5, 0.5], [1.0, bad]), (share, "False")),
    )


def command(s: Scene, *words: Any) -> None:
    """The command line; what it says on its way out, as a ValueError."""
    said, shown = io.StringIO(), io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(shown):
        try:
            main(words)
        except SystemExit as stop:
            assert stop.code == 2
            raise ValueError(said.getvalue()) from None


def graphics(s: Scene, bad: Any) -> None:
    command(s, "x", "x=1", "--out", f"{s.folder}/{bad}.dot")


FLOATS = "digits, text subclass, numpy text"
CALLS |= dict(loss_calls()) | {
    "main argv: formula": Call(lambda s, bad: command(s, bad), FLOATS, not_text),
    "main argv: variable": Call(
        lambda s, bad: command(s, "x", bad), nothing, not_text
    ),
    "main argv: variable's number": Call(
        lambda s, bad: command(s, "x", f"x={bad}"), FLOATS, not_text
    ),
    "main argv: variable's name": Call(
        lambda s, bad: command(s, "1", f"{bad}=1"), "text, long text", not_text
    ),
    "main argv: arguments": Call(
        lambda s, bad: command(s, "x", "x=1", f"--{bad}"), "empty text", not_text
    ),
    "main argv: file": Call(
        lambda s, bad: command(s, "x", "x=1", "--out", bad), nothing, not_text
    ),
    "main argv: path, the file's name": Call(graphics, TEXTS, not_text),
    "main argv: style": Call(
        lambda s, bad: command(s, "x", "x=1", "--style", bad), nothing, not_text
    ),
    "main argv: order": Call(
        lambda s, bad: command(s, "x", "x=1", "--order", bad), nothing, not_text
    ),
}


# The rule


def taken(takes: Any, key: str, bad: Any) -> bool:
    if isinstance(takes, tuple):
        return any(taken(part, key, bad) for part in takes)
    return key in takes.split(", ") if isinstance(takes, str) else bool(takes(bad))


def words(call: str, bad: Any) -> set[str]:
    """What a refusal may name: the type, an item's type, the value, its shape, or the argument."""
    items = (
        [*np.ravel(bad)]
        if is_array(bad)
        else [*bad]
        if np.iterable(bad) and not text(bad)
        else []
    )
    kinds = {type(x).__name__ for x in (bad, *items)}
    value = {
        repr(bad)[:20].strip("'\""),
        str(bad)[:20],
        *["null byte"] * (text(bad) and "\0" in bad),
    }
    shape = {str(bad.shape), "array", "arrays"} if is_array(bad) else set[str]()
    return (
        kinds
        | value
        | shape
        | {
            *re.findall(r"\w+", call),
            "Value",
            *["str"] * text(bad),
            *["integer"] * huge(bad),
        }
    ) - {""}


def complaint(call: str, error: BaseException, bad: Any) -> str:
    """What is wrong with a refusal, if anything."""
    said = str(error)
    if not isinstance(error, OURS):
        return f"{type(error).__name__}: {said:.100}"
    if not any(
        re.search(rf"(?<!\w){re.escape(word)}(?!\w)", said)
        for word in words(call, bad)
    ):
        return f"names nothing: {said:.100}"
    return "" if WANTED.search(said) else f"says no way out: {said:.100}"


BUILT_IN = {*OPS}


def surprise(name: str, key: str, folder: Path) -> str:
    """What goes against the rule when this object is given to this call, if anything."""
    call, scene, bad = CALLS[name], Scene(folder), OBJECTS[key]()
    takes, before = taken(call.takes, key, bad), scene.state()
    if call.own(bad):
        return ""
    try:
        call.do(scene, bad)
    except BaseException as error:
        changed = " and left something behind" * (scene.state() != before)
        why = (
            f"refused ({error})"[:100]
            if takes
            else complaint(name, error, OBJECTS[key]())
        )
        return why + changed
    finally:
        for new in OPS.keys() - BUILT_IN:
            del OPS[new]
    return "" if takes else "taken"


def surprises(name: str, folder: Path) -> dict[str, str]:
    """The same for all objects; no path goes outside the folder."""
    folder.mkdir()
    found = {key: surprise(name, key, folder) for key in OBJECTS}
    shutil.rmtree(folder)
    return {key: why for key, why in found.items() if why}


def refused(call: Call) -> int:
    """How many of the objects a call is to refuse."""
    return sum(
        not taken(call.takes, key, make()) and not call.own(make())
        for key, make in OBJECTS.items()
    )


def refusals() -> int:
    """How many of all calls, with all objects, are to be refused."""
    return sum(map(refused, CALLS.values()))


@pytest.mark.parametrize("name", CALLS)
def test_bad_inputs(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    random.seed(0)
    assert surprises(name, tmp_path / "files") == {}


def test_as_many_as_there_were() -> None:
    """Every op and every loss refuses as much as all others; so the count follows from the tables."""
    of_ops, of_losses = dict(op_calls()), dict(loss_calls())
    for name, call in of_ops.items():
        op, operand = OPS[name.split()[0]], name.split()[1].rstrip(":")
        chooses = op.selects and operand == op.operands[0]
        assert refused(call) == REFUSED_NUMBERS - BOOLS * chooses, name
    assert len(of_ops) == 2 * sum(len(op.operands) for op in OPS.values())
    assert all(refused(call) >= REFUSED_BY_A_LOSS for call in of_losses.values())
    others = [
        call for name, call in CALLS.items() if name not in {**of_ops, **of_losses}
    ]
    assert len(others) >= OTHER_CALLS
    assert sum(map(refused, others)) >= OTHER_REFUSALS


PASSIVE = {
    "Drawing",
    "Frame",
    "Page",
    "Program",
    "Step",
    "History",
    "Loss",
    "Module",
    "Checked",
    "Nonfinite",
}  # not made by users
ERRORS = {
    "GraphvizMissingError",
    "LayoutTimeoutError",
    "StaleGraphError",
    "GradcheckError",
}


def parameters() -> list[str]:
    """Every public function with each of its parameters."""
    things = {
        name: x
        for package in (nn, autograd)
        for name, x in vars(package).items()
        if name[0] != "_"
    }
    found = list[str]()
    for name, x in things.items():
        if (
            callable(x)
            and name not in PASSIVE | ERRORS
            and not isinstance(x, (Op, type(nn.mse)))
        ):
            found += [
                f"{name} {parameter}"
                for parameter in inspect.signature(x).parameters
            ]
    return found


@pytest.mark.parametrize("parameter", parameters())
def test_no_public_parameter_is_left_out(parameter: str) -> None:
    assert any(name.split(":")[0] == parameter for name in CALLS)


def test_every_op_and_every_loss_is_there() -> None:
    assert {f"{name} {x}" for name, op in OPS.items() for x in op.operands} <= {
        *CALLS
    }
    assert {
        f"{name} {x}" for name in nn.LOSSES for x in ("predictions", "targets")
    } <= {*CALLS}


def test_wrong_numbers_of_arguments() -> None:
    """Python's own sentences, which name the function and the argument."""
    things = [
        x
        for package in (nn, autograd)
        for x in vars(package).values()
        if callable(x)
    ]
    for thing in [x for x in things if not inspect.isclass(x)]:
        with pytest.raises(TypeError):
            thing(*[Value(1.0)] * 30, nonsense=1)


def figures(count: int = len(OBJECTS)) -> list[tuple[str, str, str]]:
    """What was tried, how many times, and what went against the rule."""
    with (
        tempfile.TemporaryDirectory() as folder,
        contextlib.chdir(folder),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("error")
        found = {name: surprises(name, Path(folder, "files")) for name in CALLS}
    bad = [f"{name}, {key}" for name, keys in found.items() for key in keys]
    tried = f"{len(CALLS):,} calls × {len(OBJECTS)} objects, {refusals():,} of them to be refused"
    wrong = f"{len(bad)} taken, half-done or without a way out {', '.join(bad[:1])}"
    return [
        ("bad inputs: every function, at every parameter", tried, wrong.strip())
    ]
