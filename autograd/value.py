"""The two nouns: a Value (a number that remembers how it was made) and an Op (a way of making one).

An op is one line of data (ops.py).  From that line this module writes the few functions that run often:

    evaluate(x, y)  z from plain floats
    record(x, y)    z as a Value that remembers its operands
    local(z, x, y)  the partials, from plain floats
    pull(z)         adds to each operand's grad what flows to it from z.grad

The registry and Value's operators stand in operators.py, IEEE arithmetic in ieee.py, stale graphs in
freshness.py, copies and pickles in copying.py: modules of their own, so that what is left here and in ops.py
and sweeps.py is the engine.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, TypeVar, cast

from .ieee import ADVICE, BOOL, ERRORS, PYTHON, by_numpy, number
from .operators import METHODS, OPERATORS, OPS, Operators, Partials, Real, Scalar, check_line
from .scopes import FORGET, SCOPE, Scope, within

T = TypeVar("T")
NO_GRAD = float("0.0")  # a 0.0 of its own, "no backward pass has come by", which drawings show as a dash
clock: int = 0  # advances when a leaf is assigned; every node keeps the time at which it was computed

EVALUATE = """
try:
    return {formula}
except ERRORS:
    return by_numpy({operands})
"""
RECORD = """
{guard}
try:
    data = {formula}
except ERRORS:
    data = by_numpy({data})
scope = get_scope()
if scope is FORGET:
    return Value(data)
z = new(Value)
z._data = data
z.grad = NO_GRAD
z.form = form
z._x, z._y, z._w = {slots}
z.clock = clock
z.scope = scope
return z
"""
PULL = """
{unpack}
try:
    {flows}, = {partials},
except ERRORS:
    {flows}, = local({data})
upstream = z.grad
{adds}
"""


def write(name: str, operands: Sequence[str], body: str, **known: object) -> Callable[..., Any]:
    """The function ``name(operands)`` with the given source, which may use this module's names too."""
    words = {word: PYTHON[word] for word in re.findall(r"\b[a-z]\w*", body) if word in PYTHON}
    words |= {"ERRORS": ERRORS, "new": object.__new__, "get_scope": SCOPE.get, "FORGET": FORGET, **known}
    lines = [f"def build({', '.join(words)}):", f"    def function({', '.join(operands)}):"]
    lines += [f"        {line}" for line in body.splitlines()] + ["    return function"]
    space: dict[str, Any] = {}
    exec("\n".join(lines), globals(), space)  # noqa: S102  our own text, as namedtuple's
    function = space["build"](**words)
    function.__name__ = function.__qualname__ = name
    return function


class Op:
    """A way of making a number, and all that is known about it; filed in ``OPS`` under its name.

    ``symbol`` is for people.  A sign may carry a number, which drawings show as a constant: neg is "× -1".
    ``formula`` computes z from x, y, w in the words of Python's math and the few of ieee.py.  It runs as
    code: never build it from what a user typed.  ``partials`` has a function for each operand, ∂z/∂operand
    from (z, x, y, w), written in ops, so that it can be differentiated, printed and compiled as well.
    ``domain`` says where z is defined and finite, in the formula's language; "" means everywhere.  ``book``
    has the partials as books print them, where the accurate ones look different.  ``selects`` marks an op
    whose first operand chooses among the others: what it does not choose gets no gradient.

    >>> from autograd import Op, Value, reciprocal
    >>> atan = Op("atan", "atan", "atan(x)", (lambda z, x: reciprocal(1 + x * x),))
    >>> x = Value(1.0)
    >>> atan(x).backward()
    >>> x.grad
    0.5

    Raises ValueError for a name that another op has (the same line may be run again), for a number of
    partials other than 1, 2 or 3, and for partials that do not take z and every operand.
    """

    def __init__(
        self, name: str, symbol: str, formula: str, partials: Partials, domain: str = "", *,
        book: Partials | None = None, selects: bool = False,
    ) -> None:  # fmt: skip
        check_line(name, symbol, formula, partials)
        self.name, self.symbol, self.formula, self.domain = name, symbol, formula, domain
        self.partials, self.book, self.selects = partials, book or partials, selects
        self.operands = ("x", "y", "w")[: len(partials)]
        self.by_numpy = by_numpy(self.operands, formula)
        body = EVALUATE.format(formula=formula, operands=", ".join(self.operands))
        self.evaluate = write(name, self.operands, body, by_numpy=self.by_numpy)
        self.forms: dict[tuple[object, ...], Form] = {}  # by form()'s arguments, and by operands' types
        self.call = self.form(*[True] * len(partials)).recorder(self.mixed)
        OPS[name] = self
        if name in METHODS or name in OPERATORS:
            setattr(Value, OPERATORS.get(name, name), self.call)

    def __call__(self, *args: Scalar) -> Value:
        """z: a Value if any operand is one, otherwise a plain float (typed as the notation reads)."""
        return self.call(*args)

    def __repr__(self) -> str:
        return f"Op({self.name!r})"

    def __reduce__(self) -> tuple[Callable[[str], Op], tuple[str]]:
        from .copying import load_op

        return load_op, (self.name,)

    def form(self, *inner: bool) -> Form:
        """This op with the given pattern of operands, True where one is a Value."""
        return self.forms.get(inner) or self.forms.setdefault(inner, Form(self, inner))

    def mixed(self, *args: Scalar) -> Scalar:
        """The call where not every operand is exactly a Value."""
        known = self.forms.get(tuple(map(type, args)))
        if known:
            return known.record(*args)
        if self.selects and isinstance(args[0], BOOL):  # where(x > 0, ...): the choice is made
            args = (float(args[0]), *args[1:])
        operands = [x if isinstance(x, Value) else number(x, self.name) for x in args]
        inner = tuple([x.__class__ is not float for x in operands])
        if self.selects and any(inner) and not inner[0]:
            chosen = operands[1] if operands[0] != 0 else operands[2]
            keep = isinstance(chosen, Value) and SCOPE.get() is not FORGET
            return chosen if keep else Value(chosen.data if isinstance(chosen, Value) else chosen)
        if not any(inner):
            return self.evaluate(*operands)
        self.forms[tuple(map(type, operands))] = form = self.form(*inner)
        return form.record(*operands)

    def text(self, *operands: str) -> str:
        """The formula with its operands filled in."""
        filled: dict[str, str] = dict(zip(self.operands, operands, strict=True))
        return re.sub(r"\b[xyw]\b", lambda word: f"({filled[word[0]]})", self.formula)

    @cached_property
    def defined(self) -> Callable[..., bool]:
        """Whether z is defined and finite at plain operands, overflow aside."""
        return write("defined", self.operands, f"return bool({self.domain or True})")


class Form:
    """An op with a pattern of operands: some are Values, the others plain numbers."""

    def __init__(self, op: Op, inner: tuple[bool, ...]) -> None:
        self.op, self.inner = op, [i for i, is_value in enumerate(inner) if is_value]
        self.data = [f"{x}._data" if is_value else x for x, is_value in zip(op.operands, inner, strict=True)]
        self.record = self.recorder()

    def recorder(self, mixed: Callable[..., Any] | None = None) -> Callable[..., Any]:
        """The function that makes a node; ``mixed`` gets the calls of another pattern."""
        op, operands = self.op, ", ".join(self.op.operands)
        others = " or ".join(f"{x}.__class__ is not Value" for x in op.operands)
        body = RECORD.format(
            guard=f"if {others}: return mixed({operands})" if mixed else "",
            formula=op.text(*self.data), data=", ".join(self.data),
            slots=", ".join((*op.operands, "None", "None")[:3]),
        )  # fmt: skip
        return write(op.name, op.operands, body, form=self, mixed=mixed, by_numpy=op.by_numpy)

    def lost(self, z: float) -> bool:
        """Whether a one-operand op has no value, and so no derivative: 1/x at log(-1) would be a lie."""
        return z != z and self.op.domain != "" and len(self.op.operands) == 1

    def partial(self, z: Value, i: int) -> Scalar:
        """∂z/∂operand i, as a Value if it depends on one; a leaf that the partial made is a plain number."""
        partial = math.nan if self.lost(z.data) else self.op.partials[i](z, *cast("Any", z.args))
        made = isinstance(partial, Value) and partial.form is None and partial not in (z, *z.args)
        return cast("Value", partial).data if made else partial

    def partial_texts(self, z: str, operands: Sequence[str]) -> list[str]:
        """The partials towards the Values among the operands, as source text in the given names."""
        above, below = (self.traced(at, z, operands) for at in (1.5, -1.0))
        if above != below:
            raise TypeError(f"a partial of {self.op.name} asks for data (if, >); write where(step(x), ...)")
        guard = f" if {z} == {z} else nan" if self.lost(math.nan) else ""
        return [text + guard for text in above]

    def traced(self, at: float, z: str, operands: Sequence[str]) -> list[str]:
        """The partials as text, found by applying them to names."""
        symbols = [Value(at, name) for name in (z, *operands)]
        with within(None):
            graphs = [self.op.partials[i](*cast("Any", symbols)) for i in self.inner]
        return [source(graph, {symbol: symbol.name for symbol in symbols}) for graph in graphs]

    @cached_property
    def local(self) -> Callable[..., Sequence[float]]:
        """The partials towards the Values among the operands, from plain floats (z, x, y, w)."""
        names = ("z", *self.op.operands)
        text = f"({', '.join(self.partial_texts('z', self.op.operands))},)"
        body = EVALUATE.format(formula=text, operands=", ".join(names))
        return write("local", names, body, by_numpy=by_numpy(names, text))

    @cached_property
    def pull(self) -> Callable[[Value], None]:
        """Adds to each operand's ``grad`` what flows to it from ``z.grad``."""
        values = [self.op.operands[i] for i in self.inner]
        body = PULL.format(
            unpack="; ".join(f"{x} = z._{x}" for x in self.op.operands),
            flows=", ".join(f"d{x}" for x in values),
            partials=", ".join(self.partial_texts("z._data", self.data)),
            data=", ".join(["z._data", *self.data]),
            adds="; ".join(f"{x}.grad += upstream * d{x}" for x in values),
        )
        return write("pull", ["z"], body, local=self.local)


class Value(Operators):
    """A number that remembers how it was made: ``data = op(*args)``, and, after a backward pass, ``grad``.

    >>> x = Value(2.0, name="x")
    >>> y = 3 * x * x + 1
    >>> y.backward()
    >>> y, x
    (Value(data=13.0, grad=1.0), Value(data=2.0, grad=12.0))

    ``data`` is an int, a float or a NumPy scalar, kept as a Python float; IEEE 754 throughout (inf and nan,
    no exceptions).  A leaf's data may be assigned; graphs built from it then refuse to differentiate until
    ``forward()``.  Values are ordered by their data, but equal (and hashed) by identity.  Raises TypeError
    for anything that is not one real number.
    """

    __slots__ = ("__dict__", "__weakref__", "_data", "_w", "_x", "_y", "clock", "form", "grad", "scope")
    name: str = ""
    parameter: bool = False  # a leaf that training changes; drawings leave it out where it is inside a box
    _data: float
    _x: Value | float | None
    _y: Value | float | None
    _w: Value | float | None
    clock: int
    form: Form | None
    grad: float
    scope: Scope | None

    def __init__(self, data: Real, name: str = "") -> None:
        self._data = number(data, "Value")
        scope = SCOPE.get()
        self.grad, self.form, self.clock = NO_GRAD, None, clock
        self.scope = None if scope is FORGET else scope
        self._x = self._y = self._w = None
        if not isinstance(name, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"a Value's name is a str, not {type(name).__name__}")
        if name:
            self.name = name

    @property
    def data(self) -> float:
        """The number."""
        return self._data

    @data.setter
    def data(self, x: Real) -> None:
        global clock
        if self.form is not None:
            what = f"{describe(self)} is computed by {self.op}"
            raise AttributeError(f"{what}: assign a leaf and call forward()")
        self._data = number(x, "data")
        clock += 1
        self.clock = clock

    @property
    def op(self) -> Op | None:
        """The op that made this Value; None for a leaf."""
        return self.form and self.form.op

    @property
    def args(self) -> tuple[Value | float, ...]:
        """The operands it was made from; a plain number among them is a constant."""
        operands = (self._x, self._y, self._w)[: len(self.form.op.operands) if self.form else 0]
        return cast("tuple[Value | float, ...]", operands)

    @property
    def numbers(self) -> list[float]:
        """The operands as plain floats."""
        return [x._data if isinstance(x, Value) else x for x in self.args]

    @property
    def inner(self) -> tuple[Value, ...]:
        """The Values among the operands."""
        return tuple([x for x in (self._x, self._y, self._w) if isinstance(x, Value)])

    def backward(self, seed: Real = 1.0) -> None:
        """Adds ∂self/∂leaf × seed to every leaf's grad; inner nodes show this pass alone."""
        from .sweeps import backward

        backward(self, seed)

    def forward(self) -> Value:
        """Computes again, in place, what is stale in the graph; gradients of inner nodes are cleared.

        >>> x = Value(2.0)
        >>> y = x * x
        >>> x.data = 3.0
        >>> y.forward().data
        9.0
        """
        global clock
        clock += 1  # so that what others computed from the old numbers is seen to be stale
        for v in toposort(self):
            if v.form is not None:
                v.grad = NO_GRAD
                if any(x.clock > v.clock for x in v.inner):
                    v._data = v.form.op.evaluate(*v.numbers)
                    v.clock = clock
        return self

    def detach(self) -> Value:
        """A leaf with the same number and no history."""
        return Value(self._data)


def describe(v: Value) -> str:
    """A Value as error messages call it: by its name, or by its number."""
    return repr(v.name) if v.name else f"the Value {v.data:g}"


def source(z: Scalar, names: dict[Value, str]) -> str:
    """A small graph as one line of source text; the named Values stand as their names."""
    if not isinstance(z, Value):
        return repr(float(z))
    texts = dict(names)
    for v in toposort(z):
        if v not in texts and v.op:
            texts[v] = v.op.text(*(texts[x] if isinstance(x, Value) else repr(x) for x in v.args))
    return texts[z]


def toposort(*roots: Value) -> list[Value]:
    """Every Value that the roots depend on, operands before results; the graph alone decides the order."""
    for y in roots:
        if not isinstance(y, Value):  # pyright: ignore[reportUnnecessaryIsInstance]
            what = f"a graph ends in a Value, not in {type(y).__name__}"
            raise TypeError(f"{what}; for several Values, write *values")
    order, seen, stack = list[Any](), set[Any](), list[Any](reversed(roots))
    while stack:  # postorder, in a hurry
        v = stack.pop()
        if v is None:
            order.append(stack.pop())
        elif v not in seen:
            seen.add(v)
            if v.form is None:
                order.append(v)
                continue
            stack += (v, None)
            for x in (v._w, v._y, v._x):
                if x is not None and x.__class__ is not float and x not in seen:
                    stack.append(x)
    return order


def postorder(roots: Sequence[T], operands: Callable[[T], Sequence[T]]) -> list[T]:
    """Depth first, without recursion: a chain of a million nodes is as good as any."""
    order: list[T] = []
    seen: set[T] = set()
    stack: list[Any] = [*reversed(roots)]
    while stack:
        v = stack.pop()
        if v is None:
            order.append(stack.pop())
        elif v not in seen:
            seen.add(v)
            stack += (v, None)
            stack += [x for x in reversed(operands(v)) if x not in seen]
    return order


ADVICE.insert(0, (Value, "give it .data, the Value's number, or use the Value itself"))
