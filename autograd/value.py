"""The two nouns: a Value (a number that remembers how it was made) and an Op (a way of making one).

Words used throughout: ``z = op(x, y, w)``: x, y, w are the operands, z is the result.  A *leaf* is a Value that no op made.
A *partial* is a local derivative, ∂z/∂x; an *adjoint* is the derivative of the last result, ∂L/∂x.

An op is one line of data (ops.py).  From that line this module writes the few functions that run often:

    evaluate(x, y)  z from plain floats
    record(x, y)    z as a Value that remembers its operands
    local(z, x, y)  the partials, from plain floats
    pull(z)         moves the adjoint of z on to its operands

All arithmetic is IEEE 754.  Python's floats raise on 1/0, log(0) and exp(1000); whatever raises is computed again by NumPy,
which gives inf, -inf or nan.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cached_property
from numbers import Number
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias, TypeVar, cast

import numpy as np

if TYPE_CHECKING:
    from .scopes import Scope

T = TypeVar("T")
Real: TypeAlias = "float | np.floating[Any] | np.integer[Any]"
Scalar: TypeAlias = "Value | Real"
Unary: TypeAlias = "Callable[[Value, Value], Scalar]"  # ∂z/∂x from (z, x)
Binary: TypeAlias = "Callable[[Value, Value, Value], Scalar]"
Ternary: TypeAlias = "Callable[[Value, Value, Value, Value], Scalar]"
Partials: TypeAlias = "tuple[Unary] | tuple[Binary, Binary] | tuple[Ternary, Ternary, Ternary]"

OPS: dict[str, Op] = {}  # every op by its name: operators, tests and drawings look here
NO_GRAD = float("0.0")  # a 0.0 of its own, "no backward pass has come by", which drawings show as a dash
FORGET: Any = object()  # the scope in which nothing is recorded
SCOPE: ContextVar[Scope | None] = ContextVar("scope", default=None)
clock = 0  # advances when a leaf is assigned; every node keeps the time at which it was computed


class StaleGraphError(RuntimeError):
    """A leaf was assigned after a graph had been built from it: the graph's numbers no longer fit one another."""


def sign(x: float) -> float:
    return 1.0 if x > 0 else -1.0 if x < 0 else x + 0.0


def heaviside(x: float, at_zero: float) -> float:
    return 1.0 if x > 0 else 0.0 if x < 0 else at_zero if x == 0 else x


def maximum(x: float, y: float) -> float:
    if x == y:
        return x if math.copysign(1.0, x) > 0 else y
    return x if x > y or x != x else y


def minimum(x: float, y: float) -> float:
    return -maximum(-x, -y)


def where(x: float, y: float, w: float) -> float:
    return y if x else w


# The words of a formula: those of Python's math, and five by the names that NumPy gives them.
PYTHON: dict[str, Any] = {**vars(math), **{f.__name__: f for f in (sign, heaviside, maximum, minimum, where)}}
NUMPY: dict[str, Any] = {**vars(math), **vars(np)}
ADVICE: tuple[tuple[Any, str], ...] = (
    ((bool, np.bool_), "write 1.0 or 0.0"),
    ((str, bytes), "convert it with float(...)"),
    ((complex, np.complexfloating), "take its .real part or its abs(...)"),
    (np.ndarray, "a Value holds one number, so take one element with .item() or [i], or make a Value of each"),
    (Number, "convert it with float(...)"),
    (Iterable, "a Value holds one number, so make one of each element"),
)

METHODS = {  # the ops that are operators or methods of Value
    "add": "__add__", "sub": "__sub__", "mul": "__mul__", "div": "__truediv__", "power": "__pow__", "neg": "__neg__",
    "absolute": "__abs__",
} | dict.fromkeys("reciprocal exp expm1 log log1p sqrt sin cos relu step sign tanh sigmoid softplus".split(), "")  # fmt: skip


def number(x: object, taker: str = "Value") -> float:
    """x as a Python float; otherwise a TypeError that names its type and the way out."""
    if isinstance(x, float | int | np.floating | np.integer) and not isinstance(x, bool | np.timedelta64):
        return float(x)
    if isinstance(x, Value):
        raise TypeError(f"{taker} takes a plain number here, not a Value; give it .data, the Value's number")
    advice = next((text for types, text in ADVICE if isinstance(x, types)), "convert it to a float first")
    raise TypeError(f"{taker} takes real numbers (int, float, NumPy scalar), not {type(x).__name__}; {advice}")


def write(name: str, operands: Sequence[str], body: Sequence[str], **known: object) -> Callable[..., Any]:
    """The function ``name(operands)`` with the given lines of source, which may use this module's names and the known ones."""
    text = "\n".join(body)
    words = {word: PYTHON[word] for word in re.findall(r"\b[a-z]\w*", text) if word in PYTHON} | known
    lines = [f"def build({', '.join(words)}):", f"    def function({', '.join(operands)}):"]
    lines += [f"        {line}" for line in text.splitlines()] + ["    return function"]
    space: dict[str, Any] = {}
    exec("\n".join(lines), globals(), space)  # noqa: S102  our own text, as namedtuple's
    function = space["build"](**words)
    function.__name__ = function.__qualname__ = name
    return function


def ieee(operands: Sequence[str], text: str) -> Callable[..., Any]:
    """The text as a function of plain floats by NumPy's rules, under which nothing raises."""
    function = eval(f"lambda {', '.join(operands)}: {text}", NUMPY)  # noqa: S307  our own text

    def compute(*args: float) -> Any:
        with np.errstate(all="ignore"):
            z = function(*map(np.float64, args))
        return tuple(map(float, z)) if isinstance(z, tuple) else float(z)

    return compute


class Op:
    """A way of making a number, and all that is known about it; filed in ``OPS`` under its name.

    ``symbol`` is for people.  A sign may carry a number, which drawings show as a constant: neg is "× -1".
    ``formula`` computes z from x, y, w in the words of Python's math, and of ``PYTHON`` above.  It runs as code: never
    build it from what a user typed.
    ``partials`` has a function for each operand, ∂z/∂operand from (z, x, y, w), written in ops, so that it can be
    differentiated, printed and compiled as well.
    ``domain`` says where z is defined and finite, in the formula's language; "" means everywhere.
    ``book`` has the partials as books print them, where the accurate ones look different.
    ``selects`` marks an op whose first operand chooses among the others: what is not chosen gets no gradient.

    >>> from autograd import Op, Value, reciprocal
    >>> atan = Op("atan", "atan", "atan(x)", (lambda z, x: reciprocal(1 + x * x),))
    >>> x = Value(1.0)
    >>> atan(x).backward()
    >>> x.grad
    0.5

    Raises ValueError for a name that another op has, and for a number of partials other than 1, 2 or 3.
    """

    def __init__(
        self, name: str, symbol: str, formula: str, partials: Partials, domain: str = "", *,
        book: Partials | None = None, selects: bool = False,
    ) -> None:  # fmt: skip
        if name in OPS and (OPS[name].symbol, OPS[name].formula) != (symbol, formula):
            raise ValueError(f"there is an op {name!r} already; choose another name, or `del OPS[{name!r}]` first")
        if not name.isidentifier() or not 1 <= len(partials) <= 3:
            raise ValueError(f"op {name!r} needs an identifier as its name and a partial for each of its 1 to 3 operands")
        self.name, self.symbol, self.formula, self.domain = name, symbol, formula, domain
        self.partials, self.book, self.selects = partials, book or partials, selects
        self.operands = ("x", "y", "w")[: len(partials)]
        self.ieee = ieee(self.operands, formula)
        self.evaluate = write(name, self.operands, self.careful(f"return {formula}", "return "), ieee=self.ieee)
        self.forms: dict[tuple[bool, ...], Form] = {}
        self.call = self.form(*[True] * len(partials)).write_record(self.mixed)
        OPS[name] = self
        if name in METHODS:
            setattr(Value, METHODS[name] or name, self.call)

    def __call__(self, *args: Scalar) -> Value:
        """z: a Value if any operand is one, otherwise a plain float (typed as the notation reads)."""
        return self.call(*args)

    def __repr__(self) -> str:
        return f"Op({self.name!r})"

    def __reduce__(self) -> tuple[Callable[[str], Op], tuple[str]]:
        return op_named, (self.name,)

    def form(self, *inner: bool) -> Form:
        """This op with the given pattern of operands, True where one is a Value."""
        return self.forms.get(inner) or self.forms.setdefault(inner, Form(self, inner))

    def mixed(self, *args: Scalar) -> Value | float:
        """The call where not every operand is exactly a Value."""
        operands = [x if isinstance(x, Value) else number(x, self.name) for x in args]
        inner = [isinstance(x, Value) for x in operands]
        if self.selects and not inner[0]:
            return operands[1] if operands[0] else operands[2]
        return self.form(*inner).record(*operands) if any(inner) else self.evaluate(*operands)

    def text(self, *operands: str) -> str:
        """The formula with its operands filled in."""
        filled = dict(zip(self.operands, operands, strict=True))
        return re.sub(r"\b[xyw]\b", lambda word: f"({filled[word[0]]})", self.formula)

    @cached_property
    def defined(self) -> Callable[..., bool]:
        """Whether z is defined and finite at plain operands, overflow aside."""
        return write("defined", self.operands, [f"return bool({self.domain or True})"])

    def careful(self, line: str, assign: str, arguments: str = "") -> list[str]:
        """Lines that try one line and, where Python's floats raise, let NumPy do it."""
        again = f"    {assign}ieee({arguments or ', '.join(self.operands)})"
        return ["try:", f"    {line}", "except (ValueError, ArithmeticError):", again]


class Form:
    """An op with a pattern of operands: some are Values, the others plain numbers."""

    def __init__(self, op: Op, inner: tuple[bool, ...]) -> None:
        self.op, self.inner = op, tuple(i for i, is_value in enumerate(inner) if is_value)
        self.data = [f"{x}._data" if is_value else x for x, is_value in zip(op.operands, inner, strict=True)]
        self.record = self.write_record()

    def write_record(self, mixed: Callable[..., Any] | None = None) -> Callable[..., Any]:
        """The function that makes a node; with ``mixed``, one that hands over any call of another pattern."""
        op = self.op
        others = " or ".join(f"{x}.__class__ is not Value" for x in op.operands)
        slots = [f"z._{x} = {x if x in op.operands else None}" for x in ("x", "y", "w")]
        body = [f"if {others}: return mixed({', '.join(op.operands)})"] if mixed else []
        body += op.careful(f"data = {op.text(*self.data)}", "data = ", ", ".join(self.data))
        body += ["within = get_scope()", "if within is FORGET: return Value(data)", "z = new(Value)", "z._data = data"]
        body += ["z.grad = NO_GRAD", "z.form = form", *slots, "z.clock = clock", "z.scope = within", "return z"]
        return write(op.name, op.operands, body, form=self, mixed=mixed, ieee=op.ieee)

    def partial(self, z: Value, i: int) -> Scalar:
        """∂z/∂operand i, as a Value if it depends on one.

        A one-operand op has no derivative where it has no value: 1/x at log(-1) would be a finite lie.
        """
        lost = self.op.domain and len(self.op.operands) == 1 and z.data != z.data
        return math.nan if lost else self.op.partials[i](z, *cast("Any", z.args))

    def partial_texts(self, z: str, operands: Sequence[str]) -> list[str]:
        """The partials towards the Values among the operands, as source text in the given names."""
        symbols = [Value(1.0, name) for name in (z, *operands)]
        with recording():
            graphs = [self.op.partials[i](*cast("Any", symbols)) for i in self.inner]
        texts = [source(graph, {symbol: symbol.name for symbol in symbols}) for graph in graphs]
        lost = self.op.domain and len(operands) == 1
        return [f"{text} if {z} == {z} else nan" if lost else text for text in texts]

    @cached_property
    def local(self) -> Callable[..., tuple[float, ...]]:
        """The partials towards the Values among the operands, from plain floats (z, x, y, w)."""
        names = ("z", *self.op.operands)
        text = "".join(f"{text}, " for text in self.partial_texts("z", self.op.operands))
        return write("local", names, self.op.careful(f"return {text}", "return ", ", ".join(names)), ieee=ieee(names, f"({text})"))

    @cached_property
    def pull(self) -> Callable[[Value], None]:
        """Adds to each operand's ``grad`` what flows to it from ``z.grad``."""
        values = [self.op.operands[i] for i in self.inner]
        locals_ = ", ".join(f"d{x}" for x in values)
        texts = ", ".join(self.partial_texts("z._data", self.data))
        body = [f"{x} = z._{x}" for x in self.op.operands]
        body += self.op.careful(f"{locals_} = {texts}", f"{locals_}, = ", ", ".join(["z._data", *self.data]))
        body += ["g = z.grad", *(f"{x}.grad += g * d{x}" for x in values)]
        return write("pull", ["z"], body, ieee=self.local)


def op_named(name: str) -> Op:
    if name not in OPS:
        raise ValueError(f"this graph uses an op {name!r} that is not registered here; define it before loading the graph")
    return OPS[name]


class Value:
    """A number that remembers how it was made: ``data = op(*args)``, and, after a backward pass, ``grad``.

    >>> x = Value(2.0, name="x")
    >>> y = 3 * x * x + 1
    >>> y.backward()
    >>> y, x
    (Value(data=13.0, grad=1.0), Value(data=2.0, grad=12.0))

    ``data`` is an int, a float or a NumPy scalar and is kept as a Python float; IEEE 754 throughout (inf, nan, no exceptions).
    A leaf's data may be assigned; graphs built from it then refuse to differentiate until ``forward()`` is called on them.
    Values compare by their data, but are equal (and hash) by identity.
    """

    __slots__ = ("__dict__", "__weakref__", "_data", "_w", "_x", "_y", "clock", "form", "grad", "scope")
    __array_ufunc__ = None  # NumPy's scalars and arrays leave the operation to us
    name: str = ""
    _data: float
    _x: Value | float | None
    _y: Value | float | None
    _w: Value | float | None
    clock: int
    form: Form | None
    grad: float
    scope: Scope | None

    def __init__(self, data: Real, name: str = "") -> None:
        self._data = data if data.__class__ is float else number(data)  # pyright: ignore[reportAttributeAccessIssue]
        within = get_scope()
        self.grad, self.form, self.clock, self.scope = NO_GRAD, None, clock, None if within is FORGET else within
        self._x = self._y = self._w = None
        if not isinstance(name, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"a Value's name is a str, not {type(name).__name__}; a Value holds one number")
        if name:
            self.name = name

    @property
    def data(self) -> float:
        return self._data

    @data.setter
    def data(self, x: Real) -> None:
        global clock
        if self.form is not None:
            raise AttributeError(
                f"{describe(self)} was computed by {self.form.op.name}, so its data cannot be assigned; "
                "assign a leaf and call forward()"
            )
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
    def inner(self) -> tuple[Value, ...]:
        """The Values among the operands."""
        return tuple([x for x in (self._x, self._y, self._w) if isinstance(x, Value)])

    @property
    def _prev(self) -> tuple[Value, ...]:
        """The operands as micrograd's notebooks walk them, every one a Value."""
        return tuple(x if isinstance(x, Value) else Value(x) for x in self.args)

    @property
    def _op(self) -> str:
        return self.form.op.symbol if self.form else ""

    def backward(self, seed: Real = 1.0) -> None:
        """Adds ∂self/∂leaf times seed to every leaf's grad; inner nodes show this pass alone.  See sweeps.backward."""
        from .sweeps import backward

        backward(self, seed)

    def forward(self) -> Value:
        """Computes the graph again from its leaves, in place, and returns self; gradients of inner nodes are cleared.

        >>> x = Value(2.0); y = x * x
        >>> x.data = 3.0
        >>> y.forward().data
        9.0
        """
        for v in toposort(self):
            if v.form is not None:
                v._data = v.form.op.evaluate(*(x._data if isinstance(x, Value) else x for x in v.args))
                v.clock, v.grad = clock, NO_GRAD
        return self

    def detach(self) -> Value:
        """A leaf with the same number and no history."""
        return Value(self._data)

    if TYPE_CHECKING:  # bound to the ops' own functions as ops.py registers them (METHODS): a call saved in every node
        # fmt: off
        def __add__(self, y: Scalar) -> Value: ...
        def __sub__(self, y: Scalar) -> Value: ...
        def __mul__(self, y: Scalar) -> Value: ...
        def __truediv__(self, y: Scalar) -> Value: ...
        def __pow__(self, y: Scalar) -> Value: ...
        def __neg__(self) -> Value: ...
        def __abs__(self) -> Value: ...
        def reciprocal(self) -> Value: ...
        def exp(self) -> Value: ...
        def expm1(self) -> Value: ...
        def log(self) -> Value: ...
        def log1p(self) -> Value: ...
        def sqrt(self) -> Value: ...
        def sin(self) -> Value: ...
        def cos(self) -> Value: ...
        def relu(self) -> Value: ...
        def step(self) -> Value: ...
        def sign(self) -> Value: ...
        def tanh(self) -> Value: ...
        def sigmoid(self) -> Value: ...
        def softplus(self) -> Value: ...
        # fmt: on

    def __rsub__(self, x: Scalar) -> Value:
        return OPS["sub"](x, self)

    def __rmul__(self, x: Scalar) -> Value:
        return OPS["mul"](x, self)

    def __rpow__(self, x: Scalar) -> Value:
        return OPS["power"](x, self)

    def __pos__(self) -> Value:
        return self

    def __lt__(self, y: Scalar) -> bool:
        return self._data < plain(y)

    def __le__(self, y: Scalar) -> bool:
        return self._data <= plain(y)

    def __gt__(self, y: Scalar) -> bool:
        return self._data > plain(y)

    def __ge__(self, y: Scalar) -> bool:
        return self._data >= plain(y)

    def __radd__(self, x: Scalar) -> Value:
        return self if x.__class__ is int and x == 0 else OPS["add"](x, self)  # sum() begins with the int 0

    def __rtruediv__(self, x: Scalar) -> Value:
        one = not isinstance(x, Value) and number(x, "div") == 1
        return OPS["reciprocal"](self) if one else OPS["div"](x, self)

    def __bool__(self) -> NoReturn:
        raise TypeError("a Value has no truth value; compare it, as in v > 0, or use v.data")

    def __float__(self) -> NoReturn:
        raise TypeError("float(v) would cut the graph; use v.data for the number, or autograd's own functions")

    def __format__(self, spec: str) -> str:
        return format(self._data, spec) if spec else repr(self)

    def __repr__(self) -> str:
        return f"Value(data={self._data}, grad={self.grad})"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        from .drawing import mimebundle

        return mimebundle(self)

    def __copy__(self) -> Value:
        return node(self._data, self.grad, self.form, self.args, self.clock, self.scope, self.__dict__, type(self))

    def __deepcopy__(self, memo: dict[int, Any]) -> Value:
        for v in toposort(self):
            if id(v) not in memo:
                memo[id(v)] = twin = v.__copy__()
                twin._x, twin._y, twin._w = (memo[id(x)] if isinstance(x, Value) else x for x in (v._x, v._y, v._w))
        return memo[id(self)]

    def __reduce__(self) -> tuple[Any, ...]:
        grad = None if self.grad is NO_GRAD else self.grad
        if self.form is None:
            return unpickle_leaf, (type(self), self._data, grad, self.scope, self.__dict__)
        order = toposort(self)
        check_fresh(order)
        index = {v: i for i, v in enumerate(order)}
        return unpickle_graph, ([v if v.form is None else v.row(index) for v in order],)

    def row(self, index: dict[Value, int]) -> tuple[Any, ...]:
        """This node in the flat list that pickles a graph: Values among its operands stand as their places in the list."""
        operands = [index[x] if isinstance(x, Value) else x for x in self.args]
        return self.op, operands, self._data, None if self.grad is NO_GRAD else self.grad, self.scope, self.__dict__


def node(
    data: float, grad: float | None, form: Form | None, operands: Sequence[Value | float], time: int,
    scope: Scope | None, attributes: dict[str, Any], cls: type[Value] = Value,
) -> Value:  # fmt: skip
    """A Value put together from its parts."""
    z = cls.__new__(cls)
    z._data, z.grad, z.form, z.clock, z.scope = data, NO_GRAD if grad is None else grad, form, time, scope  # pyright: ignore[reportPrivateUsage]
    z._x, z._y, z._w = (*operands, None, None, None)[:3]  # pyright: ignore[reportPrivateUsage]
    z.__dict__.update(attributes)
    return z


def unpickle_leaf(cls: type[Value], data: float, grad: float | None, scope: Scope | None, attributes: dict[str, Any]) -> Value:
    return node(data, grad, None, (), clock, scope, attributes, cls)


def unpickle_graph(rows: list[Any]) -> Value:
    nodes: list[Value] = []
    for row in rows:
        if not isinstance(row, Value):
            op, places, data, grad, scope, attributes = row
            operands = [nodes[x] if isinstance(x, int) else x for x in places]
            form = op.form(*(isinstance(x, int) for x in places))
            row = node(data, grad, form, operands, clock, scope, attributes)  # noqa: PLW2901
        nodes.append(row)
    return nodes[-1]


def plain(y: Scalar) -> float:
    return y.data if isinstance(y, Value) else number(y, "a comparison")


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
    """Every Value that the roots depend on, operands before results, in an order that depends on the graph alone."""
    return postorder(roots, lambda v: v.inner)


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


def check_fresh(order: Sequence[Value]) -> None:
    """Raises StaleGraphError if a leaf was assigned after a node was computed from it."""
    if {v.clock for v in order if v.form is not None} <= {clock}:
        return  # nothing at all was assigned since
    for v in order:
        for x in v.inner:
            if x.clock > v.clock:
                raise StaleGraphError(
                    f"{describe(x)} was assigned after this graph was built from it; "
                    "call forward() on the graph's root to compute it again"
                )


@contextmanager
def within(scope: Scope | None) -> Iterator[None]:
    """What is recorded in this block belongs to the given scope."""
    token = SCOPE.set(scope)
    try:
        yield
    finally:
        SCOPE.reset(token)


def recording() -> Any:
    """A block in which Values remember, and belong to no scope."""
    return within(None)


def no_grad() -> Any:
    """A block (or a decorator) in which Values remember nothing.

    >>> x = Value(2.0)
    >>> with no_grad():
    ...     y = x * x
    >>> y.op is None, y.data
    (True, 4.0)
    """
    return within(FORGET)


new = object.__new__
get_scope = SCOPE.get
