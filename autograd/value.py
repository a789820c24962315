"""The two nouns: a Value (a number that remembers how it was made) and an Op (a way of making one).

With ops.py and sweeps.py this is the engine.  An op is one line of data; from that line are written the few
functions that run often:

    evaluate(x, y)  z from plain floats
    record(x, y)    z as a Value that remembers its operands
    local(z, x, y)  the partials, from plain floats
    pull(z)         adds to each operand's grad what flows to it from z.grad
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cached_property, partial
from textwrap import indent
from typing import Any, NoReturn, TypeVar, cast

from .ieee import ADVICE, BOOL, ERRORS, PYTHON, Real, evaluator, number
from .names import one_name
from .operators import OPERATORS, OPS, Partials, Scalar, check_line
from .scopes import FORGET, SCOPE, within

T = TypeVar("T")
NO_GRAD = float("0.0")  # a 0.0 of its own, "no backward pass has come by", which drawings show as a dash
NAMELESS = ""
OWN_OP = 'define an op: cube = Op("cube", "cube", "x**3", (lambda z, x: 3 * x * x,)), then write cube(x)'
clock: int = 0  # advances when a leaf is assigned; every node keeps the time at which it was computed

RECORD = """
{guard}
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


def write(name: str, operands: Sequence[str], body: str, **known: object) -> Callable[..., Any]:
    """The function ``name(operands)`` with the given source, which may use this module's names too."""
    known |= {word: PYTHON[word] for word in re.findall(r"\w+", body) if word in PYTHON}
    known |= {"ERRORS": ERRORS, "new": object.__new__, "get_scope": SCOPE.get}
    head = f"def build({', '.join(known)}):\n def function({', '.join(operands)}):\n"
    space: dict[str, Any] = {}
    exec(head + indent(body, "  ") + "\n return function", globals(), space)  # noqa: S102  our own text
    function = space["build"](**known)
    function.__name__ = function.__qualname__ = name
    return function


class Op:
    """A way of making a number, and all that is known about it; filed in ``OPS`` under its name.

    ``symbol`` is for people.  A sign may carry a number, which drawings show as a constant: neg is "× -1".
    ``formula`` computes z from x, y, w in the words of Python's math and the few of ieee.py.  It runs as
    code: never build it from what a user typed.  ``partials`` has a function of (z, x, y, w) for each
    operand, ∂z/∂operand written in ops, so that it can be differentiated, printed and compiled as well.
    ``domain``, a formula too, says where z is defined and finite; "" means everywhere.  ``book`` has the
    partials as books print them, where those look different.  ``selects`` marks an op whose first operand
    chooses among the others: its partials are those of what it chooses; what it does not choose gets no
    gradient.

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
        check_line(name, symbol, formula, partials, domain, book)
        self.name, self.symbol, self.formula, self.domain = name, symbol, formula, domain
        self.partials, self.book, self.selects = partials, book or partials, selects
        self.operands = ("x", "y", "w")[: len(partials)]
        self.evaluate = evaluator(self.operands, formula)
        self.defined = evaluator(self.operands, f"bool({domain or True})")
        self.forms: dict[tuple[object, ...], Form] = {}  # by form()'s arguments, and by operands' types
        self.call = self.form(*[True] * len(partials)).recorder(self.mixed)
        OPS[name] = self
        method = OPERATORS.get(name, name)
        if method in METHODS:
            setattr(Value, method, self.call)

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
        if known := self.forms.get(tuple(map(type, args))):
            return known.record(*args)
        if self.selects and isinstance(args[0], BOOL):  # where(x > 0, ...): the choice is made
            args = (float(args[0]), *args[1:])
        operands = [scalar(x, self.name) for x in args]
        inner = tuple([isinstance(x, Value) for x in operands])
        if not any(inner):
            return self.evaluate(*operands)
        if self.selects and not inner[0] and len(operands) > 2:
            chosen = operands[1] if self.evaluate(operands[0], 1.0, 0.0) else operands[2]
            keep = isinstance(chosen, Value) and SCOPE.get() is not FORGET
            return chosen if keep else Value(plain(chosen))
        self.forms[tuple(map(type, operands))] = form = self.form(*inner)
        return form.record(*operands)

    def slope(self, i: int, z: Value, operands: Sequence[Scalar], *, book: bool = False) -> Scalar:
        """∂z/∂operand i in ops; 0 where an op that selects does not take this operand."""
        partial = (self.book if book else self.partials)[i](z, *cast("Any", operands))
        if not self.selects or i == 0:
            return partial
        return self.choice(operands[0], i, partial)

    def choice(self, condition: Scalar, i: int, taken: Scalar, otherwise: Scalar = 0.0) -> Value:
        """One number where an op that selects takes operand i, and another one where it does not."""
        operands = [otherwise] * len(self.operands[1:])
        operands[i - 1] = taken
        return self(condition, *operands)

    def text(self, *operands: str) -> str:
        """The formula with its operands filled in."""
        filled: dict[str, str] = dict(zip(self.operands, operands, strict=True))
        return re.sub(r"\b[xyw]\b", lambda word: f"({filled[word[0]]})", self.formula)


class Form:
    """An op with a pattern of operands: some are Values, the others plain numbers."""

    def __init__(self, op: Op, inner: tuple[bool, ...]) -> None:
        self.op, self.inner = op, [i for i, is_value in enumerate(inner) if is_value]
        self.data = [f"{x}._data" if is_value else x for x, is_value in zip(op.operands, inner, strict=True)]
        self.values = [op.operands[i] for i in self.inner]
        self.guarded = op.domain != "" and op.name != "div"  # at log(-1), 1/x is a lie; at 0/0, 1/0 is none
        self.read = write("read", ["z"], f"return ({''.join(f'z._{x}, ' for x in self.values)})")
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
        return write(op.name, op.operands, body, form=self, mixed=mixed, evaluate=op.evaluate)

    def partial_texts(self, z: str, operands: Sequence[str]) -> list[str]:
        """The partials towards the Values among the operands, as source text in the given names."""
        above, below = (self.traced(at, z, operands) for at in (1.5, -1.0))
        if above != below:
            raise TypeError(f"a partial of {self.op.name} asks for data (>, .data); use where(step(x), ...)")
        return [f"({text}) if {z} == {z} else nan" if self.guarded else text for text in above]

    def traced(self, at: float, z: str, operands: Sequence[str]) -> list[str]:
        """The partials as text, found by applying them to names."""
        varying = [z, *(operands[i] for i in self.inner)]
        texts = {(Value if name in varying else Constant)(at): name for name in (z, *operands)}
        with within(None):
            node, *args = texts
            partials = [self.op.slope(i, node, args) for i in self.inner]

        def text(x: Scalar) -> str:
            return texts[x] if isinstance(x, Value) else repr(float(x))

        for v in toposort(*[x for x in partials if isinstance(x, Value)]):
            if v.op:
                texts[v] = v.op.text(*map(text, v.args))
        return [*map(text, partials)]

    @cached_property
    def local(self) -> Callable[..., Sequence[float]]:
        """The partials towards the Values among the operands, from plain floats (z, x, y, w)."""
        texts = self.partial_texts("z", self.op.operands)
        return evaluator(("z", *self.op.operands), f"({', '.join(texts)},)")

    @cached_property
    def pull(self) -> Callable[[Value], None]:
        """Adds to each operand's ``grad`` what flows to it from ``z.grad``."""
        body = PULL.format(
            unpack="; ".join(f"{x} = z._{x}" for x in self.op.operands),
            flows=", ".join(f"d{x}" for x in self.values),
            partials=", ".join(self.partial_texts("z._data", self.data)),
            data=", ".join(["z._data", *self.data]),
            adds="; ".join(f"{x}.grad += upstream * d{x}" for x in self.values),
        )
        return write("pull", ["z"], body, local=self.local)


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

    __slots__ = ("__dict__", "__weakref__", "_data", "_w", "_x", "_y", "clock", "form", "grad", "scope")
    _name: str = NAMELESS
    parameter: bool = False  # a leaf that training changes; drawings leave it out where it is inside a box

    def __init__(
        self, data: Real, name: str = NAMELESS, _op: None = None, label: str = NAMELESS,
        _children: None = None,
    ) -> None:  # fmt: skip
        if _op is not None or _children is not None:
            raise TypeError(f"Value(data, name) is a leaf; an op records its operands: {OWN_OP}")
        self.form: Form | None = None
        self.scope = None if (scope := SCOPE.get()) is FORGET else scope
        self._data, self.grad, self.clock = number(data, "Value"), NO_GRAD, clock
        self._x: Value | float | None = None
        self._y: Value | float | None = None
        self._w: Value | float | None = None
        if name is not NAMELESS or label is not NAMELESS:
            self._name = one_name(name, label)

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if cls._backward is not Value._backward:
            raise TypeError(f"{cls.__name__}: gradients come from ops alone, not from _backward; {OWN_OP}")

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
            raise AttributeError(f"{describe(self)} is computed by {self.op}: assign a leaf, call forward()")
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

    def backward(self, seed: Real = 1.0) -> None:
        """Adds ∂self/∂leaf × seed to every leaf's grad; inner nodes show this pass alone.

        If anything is raised, the leaves have the gradients that they had before: TypeError for a seed that
        is not a real number, StaleGraphError after a leaf was assigned.  ``zero_grad`` clears gradients.

        >>> x = Value(3.0)
        >>> y = x * x
        >>> y.backward(); y.backward()
        >>> x.grad, y.grad
        (12.0, 1.0)
        """
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
                    v._data = v.form.op.evaluate(*[x._data if isinstance(x, Value) else x for x in v.args])
                    v.clock = clock
        return self

    def detach(self) -> Value:
        """A leaf with the same number and no history."""
        return Value(self._data)

    # fmt: off
    # Places that the ops themselves take as they register, which saves a call in every node.
    def __add__(self, y: Scalar) -> Value: ...
    def __neg__(self) -> Value: ...
    def exp(self) -> Value: ...
    __sub__ = __mul__ = __truediv__ = __pow__ = __add__
    __abs__ = __neg__
    reciprocal = expm1 = log = log1p = sqrt = sin = cos = exp
    relu = step = sign = tanh = sigmoid = softplus = exp

    def __rsub__(self, x: Scalar) -> Value: return OPS["sub"](x, self)
    def __rmul__(self, x: Scalar) -> Value: return OPS["mul"](x, self)
    def __rpow__(self, x: Scalar) -> Value: return OPS["power"](x, self)
    def __pos__(self) -> Value: return self
    def __lt__(self, y: Scalar) -> bool: return self.data < plain(y)
    def __le__(self, y: Scalar) -> bool: return self.data <= plain(y)
    def __gt__(self, y: Scalar) -> bool: return self.data > plain(y)
    def __ge__(self, y: Scalar) -> bool: return self.data >= plain(y)
    # fmt: on

    def __radd__(self, x: Scalar) -> Value:
        return self if x.__class__ is int and x == 0 else OPS["add"](x, self)  # sum() begins with 0

    def __rtruediv__(self, x: Scalar) -> Value:
        one = not isinstance(x, Value) and number(x, "div") == 1
        return OPS["reciprocal"](self) if one else OPS["div"](x, self)

    def __bool__(self) -> NoReturn:
        raise TypeError("a Value has no truth value; compare it, as in v > 0, or use v.data")

    def __format__(self, spec: str) -> str:
        return format(self.data, spec) if spec else repr(self)

    def __repr__(self) -> str:
        return f"Value(data={self.data}, grad={self.grad})"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, bytes | str]:
        from .drawing import mimebundle

        return mimebundle(self)

    def _mime_(self) -> tuple[str, str]:
        from .drawing import mime

        return mime(self)

    def explain(self, path: Any = None, **options: Any) -> str:
        """The backward pass step by step, as a page that notebooks show: ``to_html`` with its options."""
        from .stepper import to_html

        return to_html(self, path, **options)

    def __copy__(self) -> Value:
        from .copying import shallow

        return shallow(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> Value:
        from .copying import deep

        return deep(self, memo)

    def __reduce__(self) -> tuple[Any, ...]:
        from .copying import reduce

        return reduce(self)

    @property
    def _prev(self) -> tuple[Value, ...]:
        """The operands as micrograd's notebooks walk them: every one a Value."""
        return tuple([x if isinstance(x, Value) else Value(x) for x in self.args])

    @property
    def _op(self) -> str:
        """The op's symbol, as micrograd's notebooks print it."""
        return self.op.symbol if self.op else ""

    @property
    def _backward(self) -> Callable[[], None]:
        """Adds to the operands' grad what flows to them from this node's: a step of ``backward`` by hand."""
        from .pulling import pull_node

        return partial(pull_node, self)

    @_backward.setter
    def _backward(self, function: object) -> NoReturn:
        raise AttributeError(f"gradients come from ops alone, so _backward cannot be assigned; {OWN_OP}")

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        from .ufuncs import call_ufunc

        return call_ufunc(ufunc, method, inputs, kwargs)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        from .ufuncs import call_function

        return call_function(func, args, kwargs)

    def __setstate__(self, attributes: dict[str, Any]) -> None:
        for name, x in attributes.items():  # version 0.5 kept the name as one of them
            setattr(self, name, x)

    def __float__(self) -> NoReturn:
        raise TypeError("math.exp(v), float(v) and the like cut the graph; use autograd's exp(v), or v.data")


class Constant(Value):
    """A plain number among the operands, while the text of a partial is traced."""


def varies(x: Scalar) -> bool:
    """Whether an operand of a partial is a Value of the graph, not a plain number."""
    return isinstance(x, Value) and not isinstance(x, Constant)


ADVICE.insert(0, (Value, "give it .data, the Value's number, or use the Value itself"))
METHODS = {name for name, f in vars(Value).items() if f in (Value.__add__, Value.__neg__, Value.exp)}


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
            raise TypeError(f"a graph ends in a Value, not in {type(y).__name__}; of several, write *values")
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
