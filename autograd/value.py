"""The two nouns: a Value (a number that remembers how it was made) and an Op (a way of making one).

With terms.py, ops.py and sweeps.py this is the engine.  An op is one line of data; from that line are written
the few functions that run often:

    evaluate(x, y)  z from plain floats
    record(x, y)    z as a Value that remembers its operands
    local(z, x, y)  the partials, from plain floats
    pull(z)         adds to each operand's grad what flows to it from z.grad

``print(inspect.getsource(mul.pull))`` shows one of them.  What later modules add to Value (backward, copies,
pictures, ...) stands in one place, ``autograd/__init__.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from inspect import Parameter, Signature
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias, TypeVar, cast

from .defining import define
from .elements import elementwise, holds_objects
from .forking import Kept
from .ieee import ADVICE, BOOL, ERRORS, Real, number
from .lines import check_line
from .names import one_name
from .scopes import FORGET, SCOPE
from .terms import (
    NeedsDataError,
    Term,
    Tree,
    evaluator,
    evaluator_of_all,
    parse,
    substitute,
    text,
    words_in,
)

Scalar: TypeAlias = "Value | Real"
Unary: TypeAlias = "Callable[[Value, Value], Scalar]"  # ∂z/∂x from (z, x)
Binary: TypeAlias = "Callable[[Value, Value, Value], Scalar]"
Ternary: TypeAlias = "Callable[[Value, Value, Value, Value], Scalar]"
Partials: TypeAlias = (
    "tuple[Unary] | tuple[Binary, Binary] | tuple[Ternary, Ternary, Ternary]"
)
T = TypeVar("T")

OPS: dict[str, Op] = {}  # every op by its name
# a 0.0 of its own, "no backward pass has come by", which drawings show as a dash
NO_GRAD = float("0.0")
NAMELESS = ""
OWN_OP = 'define an op: cube = Op("cube", "cube", "x**3", (lambda z, x: 3 * x * x,)), then write cube(x)'
NAN = float("nan")
clock: int = 0  # advances when a leaf is assigned; every node keeps the time at which it was computed

RECORD = """
try:
    data = {formula}
except ERRORS:
    data = evaluate({data})
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


def made_by(frame: FrameType) -> Value | None:
    """The node that a frame of a function with the lines of RECORD has made."""
    z = frame.f_locals.get("z") if frame.f_globals is globals() else None
    return z if isinstance(z, Value) and z.form else None


class Op:
    """A way of making a number, and all that is known about it; filed in ``OPS`` under its name.

    ``symbol`` is for people.  A sign may carry a number, which drawings show as a constant: neg is "× -1".
    ``formula`` computes z from x, y, w in the words of Python's math and the few of ieee.py.  It runs as
    code: never build it from what a user typed.  ``partials`` has a function of (z, x, y, w) for each
    operand, ∂z/∂operand written in ops, so that it can be differentiated, printed and compiled as well.
    ``domain``, a formula too, says where z is defined and finite; "" means everywhere.  ``book`` has the
    partials as books print them, where those look different, and ``printed`` the formula.  ``selects`` marks
    an op whose first operand chooses among the others: its partials are those of what it chooses; what it
    does not choose gets no gradient.

    >>> from autograd import Op, Value, sin
    >>> versine = Op("versine", "versin", "1 - cos(x)", (lambda z, x: sin(x),))
    >>> x = Value(0.0)
    >>> versine(x).backward()
    >>> x.grad
    0.0

    Raises ValueError for a name that another op has (the same line may be run again), for a number of
    partials other than 1, 2 or 3, and for partials that do not take z and every operand.
    """

    def __init__(
        self,
        name: str,
        symbol: str,
        formula: str,
        partials: Partials,
        domain: str = "",
        *,
        book: Partials | None = None,
        printed: str = "",
        selects: bool = False,
    ) -> None:
        check_line(name, symbol, formula, partials, domain, book, printed, OPS)
        self.name = name
        self.symbol = symbol
        self.formula = formula
        self.domain = domain
        self.partials = partials
        self.book = book or partials
        self.selects = selects
        self.operands = ("x", "y", "w")[: len(partials)]
        self.tree = parse(formula)
        self.printed = parse(printed or formula)
        self.evaluate = evaluator(self.operands, self.tree)
        self.in_domain = evaluator(
            self.operands, parse(domain or "True"), "in_domain"
        )
        # by form()'s arguments, and by operands' types
        self.forms: dict[tuple[object, ...], Form] = {}
        self.call = self.form(*[True] * len(partials)).recorder(self.mixed)
        self.__doc__ = self.call.__doc__ = self.described()
        self.__signature__ = self.call.__signature__ = signature(self.operands)  # pyright: ignore[reportFunctionMemberAccess]
        OPS[name] = self

    def described(self) -> str:
        """The docstring: what the op computes, from its line."""
        where = f", where {self.domain}" if self.domain else ""
        return f"z = {self.formula}{where}; recorded as the op {self.name!r}, drawn as {self.symbol!r}."

    def __call__(self, *args: Scalar) -> Value:
        """z: a Value if any operand is one, otherwise a plain float (typed as the notation reads).

        Of an array of Values, as NumPy holds objects, it is an array of results.
        """
        return self.call(*args)

    def __repr__(self) -> str:
        return f"Op({self.name!r})"

    def __reduce__(self) -> tuple[Callable[[str], Op], tuple[str]]:
        return load_op, (self.name,)

    def defined(self, *operands: float) -> bool:
        """Whether z is defined and finite there, as the domain says."""
        return bool(self.in_domain(*operands))

    def form(self, *inner: bool) -> Form:
        """This op with the given pattern of operands, True where one is a Value."""
        return self.forms.get(inner) or self.forms.setdefault(
            inner, Form(self, inner)
        )

    @property
    def pull(self) -> Callable[[Value], None]:
        """Adds to each operand's grad what flows to it from z.grad, where all operands are Values."""
        return self.form(*[True] * len(self.operands)).pull

    def mixed(self, *args: Scalar) -> Any:
        """The call where not every operand is exactly a Value."""
        if known := self.forms.get(tuple(map(type, args))):
            return known.record(*args)
        if Term in map(type, args):
            return self.of_terms(args)
        if holds_objects(*args):
            return elementwise(self.call, args)
        first, *others = args
        if self.selects and isinstance(first, BOOL):
            # where(x > 0, ...): the choice is made
            return self.of_scalars(float(first), *others)
        return self.of_scalars(*args)

    def of_scalars(self, *args: Scalar) -> Any:
        """The call with Values and numbers; their types are known from then on."""
        operands = [scalar(x, self.name) for x in args]
        inner = [isinstance(x, Value) for x in operands]
        if not any(inner):
            return self.evaluate(*operands)
        if self.selects and not inner[0] and len(operands) > 2:
            return self.chosen(*operands)
        self.forms[tuple(map(type, operands))] = form = self.form(*inner)
        return form.record(*operands)

    def of_terms(self, args: Sequence[Any]) -> Any:
        """The formula with the given trees as its operands."""
        operands = [
            x if isinstance(x, Term) else number(x, self.name) for x in args
        ]
        names = zip(self.operands, operands, strict=True)
        return substitute(self.tree, dict(names))

    def chosen(self, condition: Scalar, x: Scalar, y: Scalar) -> Value:
        """The operand that a plain number chooses, once and for all."""
        operand = x if self.evaluate(condition, 1.0, 0.0) else y
        if isinstance(operand, Value) and SCOPE.get() is not FORGET:
            return operand
        return Value(plain(operand))

    def slope(
        self, i: int, z: Value, operands: Sequence[Scalar], *, book: bool = False
    ) -> Scalar:
        """∂z/∂operand i in ops; 0 where an op that selects does not take this operand."""
        partials = self.book if book else self.partials
        partial = partials[i](z, *cast("Any", operands))
        if not self.selects or i == 0:
            return partial
        return self.choice(operands[0], i, partial)

    def choice(
        self, condition: Scalar, i: int, taken: Scalar, otherwise: Scalar = 0.0
    ) -> Scalar:
        """One number where an op that selects takes operand i, and another one where it does not."""
        operands = [otherwise] * len(self.operands[1:])
        operands[i - 1] = taken
        return self(condition, *operands)


def signature(operands: Sequence[str]) -> Signature:
    """How a program calls an op: with its operands by their places."""
    parameters = [
        Parameter(x, Parameter.POSITIONAL_ONLY, annotation=Scalar) for x in operands
    ]
    return Signature(parameters, return_annotation=Value)


def load_op(name: str) -> Op:
    """The op of that name."""
    if name in OPS:
        return OPS[name]
    what = f"this graph uses the op {name!r}, which is not registered here"
    raise ValueError(f"{what}; define it before loading")


class Form:
    """An op with a pattern of operands: some are Values, the others plain numbers."""

    def __init__(self, op: Op, inner: tuple[bool, ...]) -> None:
        self.op = op
        self.inner = [i for i, is_value in enumerate(inner) if is_value]
        pairs = zip(op.operands, inner, strict=True)
        self.data = {x: f"{x}._data" if is_value else x for x, is_value in pairs}
        self.values = [op.operands[i] for i in self.inner]
        # Outside of its domain an op has no value, so it has no slope there: log at -1.  x/0 has a value.
        self.guarded = op.domain != "" and op.name != "div"
        slots = "".join(map("z._{}, ".format, self.values))
        self.read = define("read", ["z"], f"return ({slots})", {}, {})
        self.record = self.recorder()

    def recorder(
        self, mixed: Callable[..., Any] | None = None
    ) -> Callable[..., Any]:
        """The function that makes a node; ``mixed`` gets the calls of another pattern."""
        op, operands = self.op, ", ".join(self.op.operands)
        body = RECORD.format(
            formula=text(op.tree, self.data),
            data=", ".join(self.data.values()),
            slots=", ".join((*op.operands, "None", "None")[:3]),
        )
        if mixed:
            others = " or ".join(f"{x}.__class__ is not Value" for x in op.operands)
            body = f"if {others}:\n    return mixed({operands}){body}"
        known = {"form": self, "mixed": mixed, "evaluate": op.evaluate}
        known |= {"ERRORS": ERRORS, "new": object.__new__, "get_scope": SCOPE.get}
        known |= words_in(op.tree)
        record = define("record", op.operands, body, known, globals())
        record.__name__ = record.__qualname__ = op.name
        # tracebacks and profilers show the code's name
        record.__code__ = record.__code__.replace(co_name=op.name)
        return record

    @Kept
    def partials(self) -> list[Tree]:
        """The partials towards the Values among the operands, as trees over z, x, y, w."""
        op, z = self.op, cast("Any", Term("z"))
        operands: Any = [
            Term(x, varies=i in self.inner) for i, x in enumerate(op.operands)
        ]
        try:
            slopes = [op.slope(i, z, operands) for i in self.inner]
        except NeedsDataError:
            what = f"a partial of {op.name} asks for data (>, .data)"
            raise TypeError(f"{what}; use where(step(x), ...)") from None
        return [x if isinstance(x, Term) else plain(x) for x in slopes]

    @Kept
    def guarded_partials(self) -> list[Tree]:
        """The same, but nan where a guarded op has no value."""
        if not self.guarded:
            return self.partials
        has_value = Term("==", (Term("z"), Term("z")))
        return [Term("if", (has_value, partial, NAN)) for partial in self.partials]

    @Kept
    def local(self) -> Callable[..., Sequence[float]]:
        """The partials towards the Values among the operands, from plain floats (z, x, y, w)."""
        return evaluator_of_all(
            ("z", *self.op.operands), self.guarded_partials, "local"
        )

    @Kept
    def pull(self) -> Callable[[Value], None]:
        """Adds to each operand's ``grad`` what flows to it from ``z.grad``."""
        names = {"z": "z._data", **self.data}
        partials = self.guarded_partials
        body = PULL.format(
            unpack="\n".join(f"{x} = z._{x}" for x in self.op.operands),
            flows=", ".join(f"d{x}" for x in self.values),
            partials=", ".join(text(partial, names) for partial in partials),
            data=", ".join(names.values()),
            adds="\n".join(f"{x}.grad += upstream * d{x}" for x in self.values),
        )
        known = {"ERRORS": ERRORS, "local": self.local, **words_in(*partials)}
        return define("pull", ["z"], body, known, globals())


class Value:
    """A number that remembers how it was made: ``data = op(*args)``, and, after a backward pass, ``grad``.

    >>> x = Value(2.0, name="x")
    >>> y = 3 * x * x + 1
    >>> y.backward()
    >>> y, x
    (Value(data=13.0, grad=1.0), Value(data=2.0, grad=12.0))

    ``data`` is an int, a float or a NumPy scalar (TypeError for anything else), kept as a Python float; IEEE
    754 throughout: inf and nan, no exceptions.  A leaf's data may be assigned; graphs built from it refuse to
    differentiate until ``forward()``.  Values are ordered by data, but equal (and hashed) by identity.
    ``label`` is micrograd's word for the name; its ``_op`` and ``_children`` are refused: ops record them.
    NumPy's functions, as np.exp, record the op of their name.
    """

    __slots__ = (
        "__dict__",
        "__weakref__",
        "_data",
        "_w",
        "_x",
        "_y",
        "clock",
        "form",
        "grad",
        "scope",
    )
    _name: str = NAMELESS
    parameter: bool = False  # a leaf that training changes; drawings leave it out where it is inside a box

    def __init__(
        self,
        data: Real,
        name: str = NAMELESS,
        _op: None = None,
        label: str = NAMELESS,
        _children: None = None,
    ) -> None:
        if _op is not None or _children is not None:
            raise TypeError(
                f"Value(data, name) is a leaf; an op records its operands: {OWN_OP}"
            )
        self.form: Form | None = None
        scope = SCOPE.get()
        self.scope = None if scope is FORGET else scope
        self._data = number(data, "Value")
        self.grad = NO_GRAD
        self.clock = clock
        self._x: Value | float | None = None
        self._y: Value | float | None = None
        self._w: Value | float | None = None
        if name is not NAMELESS or label is not NAMELESS:
            self._name = one_name(name, label)

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if cls._backward is not Value._backward:
            raise TypeError(
                f"{cls.__name__}: gradients come from ops alone, not from _backward; {OWN_OP}"
            )

    @property
    def name(self) -> str:
        """What pictures and formulas call it; also ``label``."""
        return self._name

    @name.setter
    def name(self, text: str) -> None:
        self._name = one_name(text)

    label = name

    @property
    def data(self) -> float:
        """The number."""
        return self._data

    @data.setter
    def data(self, x: Real) -> None:
        global clock
        if self.form is not None:
            raise AttributeError(
                f"{describe(self)} is computed by {self.op}: assign a leaf, call forward()"
            )
        self._data = number(x, "data")
        self.clock = clock = clock + 1

    @property
    def op(self) -> Op | None:
        """The op that made this Value; None for a leaf."""
        return self.form and self.form.op

    @property
    def args(self) -> tuple[Value | float, ...]:
        """The operands it was made from; a plain number among them is a constant."""
        return tuple([x for x in (self._x, self._y, self._w) if x is not None])

    @property
    def inner(self) -> tuple[Value, ...]:
        """The Values among the operands."""
        return self.form.read(self) if self.form else ()

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
                    v._data = v.form.op.evaluate(*map(plain, v.args))
                    v.clock = clock
        return self

    def detach(self) -> Value:
        """A leaf with the same number and no history."""
        return Value(self._data)

    if TYPE_CHECKING:  # ops.py gives Value its ops, autograd/__init__.py what the modules above know of it

        def __add__(self, y: Scalar) -> Value: ...
        def __neg__(self) -> Value: ...
        def exp(self) -> Value: ...

        __sub__ = __mul__ = __truediv__ = __pow__ = __add__
        __radd__ = __rsub__ = __rmul__ = __rtruediv__ = __rpow__ = __add__
        __abs__ = __neg__
        reciprocal = expm1 = log = log2 = log10 = log1p = sqrt = erf = erfc = exp
        sin = cos = tan = atan = sinh = cosh = tanh = step = sign = exp
        relu = leaky_relu = elu = gelu = softplus = sigmoid = logsigmoid = exp

        def backward(self, seed: Real = 1.0) -> None: ...
        def explain(self, path: Any = None, **options: Any) -> str: ...

        __array_ufunc__: Callable[..., Any]
        __array_function__: Callable[..., Any]

        @property
        def _prev(self) -> tuple[Value, ...]: ...
        @property
        def _op(self) -> str: ...
        @property
        def _backward(self) -> Callable[[], None]: ...

    def __pos__(self) -> Value:
        return self

    def __lt__(self, y: Scalar) -> bool:
        return self.data < plain(y)

    def __le__(self, y: Scalar) -> bool:
        return self.data <= plain(y)

    def __gt__(self, y: Scalar) -> bool:
        return self.data > plain(y)

    def __ge__(self, y: Scalar) -> bool:
        return self.data >= plain(y)

    def __bool__(self) -> NoReturn:
        raise TypeError(
            "a Value has no truth value; compare it, as in v > 0, or use v.data"
        )

    def __format__(self, spec: str) -> str:
        return format(self.data, spec) if spec else repr(self)

    def __repr__(self) -> str:
        return f"Value(data={self.data}, grad={self.grad})"

    def __setstate__(self, attributes: dict[str, Any]) -> None:
        for attribute in attributes.items():  # version 0.5 kept the name as one
            setattr(self, *attribute)

    def __float__(self) -> NoReturn:
        raise TypeError(
            'math.exp(v), float(v), "%f" % v cut the graph; use autograd\'s exp(v), v.data, or f"{v:.2f}"'
        )


def varies(x: Scalar | Term) -> bool:
    """Whether an operand of a partial is a Value of the graph, not a plain number."""
    return x.varies if isinstance(x, Term) else isinstance(x, Value)


ADVICE.insert(
    0, (Value, "give it .data, the Value's number, or use the Value itself")
)


def scalar(x: Scalar, taker: str) -> Value | float:
    """x as it stands in a graph: a Value, or a number as a Python float."""
    return x if isinstance(x, Value) else number(x, taker)


def plain(x: Scalar) -> float:
    """The number alone."""
    return x.data if isinstance(x, Value) else number(x, "a comparison")


def describe(v: Value) -> str:
    """A Value as error messages call it: by its name, or by its number."""
    return repr(v.name) if v.name else f"the Value {v.data:g}"


def toposort(*roots: Value) -> list[Value]:
    """Every Value that the roots depend on, operands before results; the graph alone decides the order."""
    for y in roots:
        if not isinstance(y, Value):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(
                f"a graph ends in a Value, not in {type(y).__name__}; of several, write *values"
            )
    return postorder(roots, lambda v: v.form.read(v) if v.form else ())


def postorder(roots: Sequence[T], operands: Callable[[T], Sequence[T]]) -> list[T]:
    """Depth first, without recursion: a chain of a million nodes is as good as any."""
    order, seen, stack = list[T](), set[T](), list[Any](reversed(roots))
    while stack:
        v = stack.pop()
        if v is None:
            order.append(stack.pop())
        elif v not in seen:
            seen.add(v)
            stack += (v, None)
            for x in reversed(operands(v)):
                if x not in seen:
                    stack.append(x)
    return order
