"""The two nouns: a Value (a number that remembers how it was made) and an Op (a way of making one).

With forms.py, ops.py and sweeps.py this is the engine.  An op is one line of data; from that line are written
the few functions that run often, among them ``record`` and ``pull``, which adds to the operands' gradients.
``print(inspect.getsource(mul.pull))`` shows one of them.  What later modules add to Value (backward, copies,
pictures, ...) stands in one place, ``autograd/__init__.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from inspect import Parameter, Signature
from typing import TYPE_CHECKING, Any, TypeAlias

from .elements import elementwise, holds_objects
from .forms import NAN as NAN, Line, Written
from .ieee import ADVICE, BOOL, Real, number
from .lines import check_line
from .names import NAMELESS, Named, one_name
from .numeral import NO_GRAD as NO_GRAD, NoGrad as NoGrad, Numeral, plain as plain
from .orders import postorder
from .scopes import FORGET, SCOPE
from .terms import Term, parse

Scalar: TypeAlias = "Value | Real"
Unary: TypeAlias = "Callable[[Value, Value], Scalar]"  # ∂z/∂x from (z, x)
Binary: TypeAlias = "Callable[[Value, Value, Value], Scalar]"
Ternary: TypeAlias = "Callable[[Value, Value, Value, Value], Scalar]"
Partials: TypeAlias = (
    "tuple[Unary] | tuple[Binary, Binary] | tuple[Ternary, Ternary, Ternary]"
)

OPS: dict[str, Op] = {}  # every op by its name
OWN_OP = 'define an op: cube = Op("cube", "cube", "x**3", (lambda z, x: 3 * x * x,)), then write cube(x)'
clock: int = 0  # advances when a leaf is assigned; every node keeps the time at which it was computed


class Op(Line):
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
        tree, books = parse(printed or formula), book or partials
        super().__init__(
            name, symbol, formula, partials, domain, books, tree, selects
        )
        # by form()'s arguments, and by operands' types
        self.forms: dict[tuple[object, ...], Form] = {}
        self.of_values = self.form(*[True] * len(partials))
        self.call = self.of_values.recorder(self.mixed)
        self.__doc__ = self.call.__doc__ = self.described()
        self.__signature__ = self.call.__signature__ = signature(self.operands)  # pyright: ignore[reportFunctionMemberAccess]
        OPS[name] = self

    def __call__(self, *args: Scalar) -> Value:
        """z: a Value if any operand is one, otherwise a plain float (typed as the notation reads).

        Of an array of Values, as NumPy holds objects, it is an array of results.
        """
        return self.call(*args)

    def __repr__(self) -> str:
        return f"Op({self.name!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return load_op, (self.name,)

    def form(self, *inner: bool) -> Form:
        """This op with the given pattern of operands, True where one is a Value."""
        return self.forms.get(inner) or self.forms.setdefault(
            inner, Form(self, inner)
        )

    @property
    def pull(self) -> Callable[[Value], None]:
        """Adds to each operand's grad what flows to it from z.grad, where all operands are Values."""
        return self.of_values.pull

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

    def chosen(self, condition: Scalar, x: Scalar, y: Scalar) -> Value:
        """The operand that a plain number chooses, once and for all."""
        operand = x if self.evaluate(condition, 1.0, 0.0) else y
        if isinstance(operand, Value) and SCOPE.get() is not FORGET:
            return operand
        return Value(plain(operand))


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


class Value(Named, Numeral):
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

    def __repr__(self) -> str:
        return f"Value(data={self.data}, grad={self.grad})"

    def __setstate__(self, attributes: dict[str, Any]) -> None:
        for attribute in attributes.items():  # version 0.5 kept the name as one
            setattr(self, *attribute)


def varies(x: Scalar | Term) -> bool:
    """Whether an operand of a partial is a Value of the graph, not a plain number."""
    return x.varies if isinstance(x, Term) else isinstance(x, Value)


ADVICE.insert(
    0, (Value, "give it .data, the Value's number, or use the Value itself")
)


def scalar(x: Scalar, taker: str) -> Value | float:
    """x as it stands in a graph: a Value, or a number as a Python float."""
    return x if isinstance(x, Value) else number(x, taker)


class Form(Written["Op"]):
    """An op with a pattern of operands: some are Values, the others plain numbers."""

    space = globals()


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
