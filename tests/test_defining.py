"""Functions from text, as Python's own tools show them."""

from __future__ import annotations

import gc
import inspect
import linecache
import pydoc
import traceback

import pytest

from autograd import OPS, Value, compile, exp, log, mul, sigmoid, sin, where
from autograd.defining import define


def test_the_heart_is_lit() -> None:
    """The lines that carry a gradient to the operands."""
    lines = [line.strip() for line in inspect.getsource(mul.pull).splitlines()]
    assert lines[0] == "def pull(z):"
    assert {
        "dx, dy, = y._data, x._data,",
        "x.grad += upstream * dx",
        "y.grad += upstream * dy",
    } <= {*lines}


@pytest.mark.parametrize("name", [*OPS])
def test_what_an_op_does_can_be_read(name: str) -> None:
    op = OPS[name]
    for function in (op.call, op.evaluate, op.pull):
        assert inspect.getsource(function).lstrip().startswith("def ")
    assert [*inspect.signature(op).parameters] == [*op.operands]
    assert op.formula in str(op.__doc__) and op.formula in pydoc.plain(
        pydoc.render_doc(op)
    )
    assert op.domain in str(op.__doc__)


def test_methods_are_documented() -> None:
    assert Value.sigmoid.__doc__ == sigmoid.__doc__ and "sigmoid(x)" in str(
        sigmoid.__doc__
    )
    assert "ValueError" not in pydoc.plain(pydoc.render_doc(where))


def test_a_traceback_shows_the_line() -> None:
    def explode() -> None:
        raise RuntimeError

    function = define("outer", [], "inner()", {"inner": explode}, {})
    with pytest.raises(RuntimeError) as raised:
        function()
    assert "    inner()\n" in "".join(traceback.format_exception(raised.value))


def test_a_programs_lines_are_shown_too() -> None:
    x, w = Value(1.0, "x"), Value(2.0, "w")
    program = compile(sin(w * x), [x], [w])
    bound = program.bind(100, 0)
    assert bound and "multiply(W1, x1, out=" in inspect.getsource(bound.forward)
    assert "def sweep(" in inspect.getsource(program.rowwise.sweep)


def test_text_goes_with_its_function() -> None:
    """Programs come and go; what they registered must not stay."""

    def registered() -> int:
        gc.collect()
        return sum(name.startswith("<autograd ") for name in linecache.cache)

    before = registered()
    x = Value(1.0)
    program = compile(log(exp(x)) * sin(x), [x])
    program([[1.0]])
    assert registered() > before
    del program
    assert registered() == before
    linecache.checkcache()
    assert "upstream" in inspect.getsource(mul.pull)
