"""What Python's own syntax does with a Value: operators, comparisons, printing, copying.

Every operator is an op of the table, or a TypeError with the way out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from keyword import iskeyword
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias, cast

import numpy as np

from .ieee import PYTHON, number

if TYPE_CHECKING:
    from pathlib import Path

    from .stepper import Page
    from .value import Op, Value

Real: TypeAlias = "float | np.floating[Any] | np.integer[Any]"
Scalar: TypeAlias = "Value | Real"
Unary: TypeAlias = "Callable[[Value, Value], Scalar]"  # ∂z/∂x from (z, x)
Binary: TypeAlias = "Callable[[Value, Value, Value], Scalar]"
Ternary: TypeAlias = "Callable[[Value, Value, Value, Value], Scalar]"
Partials: TypeAlias = "tuple[Unary] | tuple[Binary, Binary] | tuple[Ternary, Ternary, Ternary]"

OPS: dict[str, Op] = {}  # every op by its name
OPERATORS = {
    "add": "__add__", "sub": "__sub__", "mul": "__mul__", "div": "__truediv__", "power": "__pow__",
    "neg": "__neg__", "absolute": "__abs__",
}  # fmt: skip
METHODS = (
    "reciprocal", "exp", "expm1", "log", "log1p", "sqrt", "sin", "cos", "relu", "step", "sign", "tanh",
    "sigmoid", "softplus",
)  # fmt: skip


def check_line(name: str, symbol: str, formula: str, partials: Partials) -> None:
    """Raises ValueError for a line that cannot be an op."""
    operands = ("x", "y", "w")[: len(partials)]
    if not name.isidentifier() or iskeyword(name) or not symbol or not 1 <= len(partials) <= 3:
        raise ValueError(f"op {name!r} needs an identifier for its name, a symbol, and 1 to 3 partials")
    try:
        words = set(compile(formula, name, "eval").co_names)
    except SyntaxError as error:
        raise ValueError(f"op {name!r}: its formula {formula!r} does not parse") from error
    unknown = ", ".join(sorted(words - set(PYTHON) - set(operands)))
    if unknown:
        why = "which is no operand and no word of Python's math"
        raise ValueError(f"op {name!r}: its formula has {unknown}, {why}")
    codes = [getattr(partial, "__code__", None) for partial in partials]
    if any(code and code.co_argcount not in (len(partials) + 1, 0) for code in codes):  # 0: (*args)
        raise ValueError(f"op {name!r}: every partial takes z and all of the {len(partials)} operands")
    if name in OPS and not same_line(OPS[name], symbol, formula, codes):
        raise ValueError(f"there is another op {name!r}; choose a new name, or del OPS[{name!r}] first")


def same_line(old: Op, symbol: str, formula: str, codes: Sequence[Any]) -> bool:
    """Whether a line is only run again, as notebooks do."""
    before = [getattr(partial, "__code__", None) for partial in old.partials]
    texts = [
        [(code.co_code, code.co_consts, code.co_names) for code in side if code] for side in (before, codes)
    ]
    return (old.symbol, old.formula) == (symbol, formula) and texts[0] == texts[1]


def me(v: Operators) -> Value:
    """What the type checker should see: Value is the one class with these operators."""
    return cast("Value", v)


class Operators:
    """The part of Value that Python's syntax reaches."""

    __slots__ = ()
    __array_ufunc__ = None  # NumPy's scalars and arrays leave the operation to us

    if TYPE_CHECKING:  # the ops themselves, which are bound as they register: that saves a call in every node
        # fmt: off
        def __add__(self, y: Scalar) -> Value: ...
        def __neg__(self) -> Value: ...
        def exp(self) -> Value: ...
        # fmt: on
        __sub__ = __mul__ = __truediv__ = __pow__ = __add__
        __abs__ = __neg__
        reciprocal = expm1 = log = log1p = sqrt = sin = cos = exp
        relu = step = sign = tanh = sigmoid = softplus = exp

    # fmt: off
    def __rsub__(self, x: Scalar) -> Value: return OPS["sub"](x, me(self))
    def __rmul__(self, x: Scalar) -> Value: return OPS["mul"](x, me(self))
    def __rpow__(self, x: Scalar) -> Value: return OPS["power"](x, me(self))
    def __pos__(self) -> Value: return me(self)
    def __lt__(self, y: Scalar) -> bool: return me(self).data < plain(y)
    def __le__(self, y: Scalar) -> bool: return me(self).data <= plain(y)
    def __gt__(self, y: Scalar) -> bool: return me(self).data > plain(y)
    def __ge__(self, y: Scalar) -> bool: return me(self).data >= plain(y)
    # fmt: on

    def __radd__(self, x: Scalar) -> Value:
        return me(self) if x.__class__ is int and x == 0 else OPS["add"](x, me(self))  # sum() begins with 0

    def __rtruediv__(self, x: Scalar) -> Value:
        if not isinstance(x, Operators) and number(x, "div") == 1:
            return OPS["reciprocal"](me(self))
        return OPS["div"](x, me(self))

    def __bool__(self) -> NoReturn:
        raise TypeError("a Value has no truth value; compare it, as in v > 0, or use v.data")

    def __format__(self, spec: str) -> str:
        return format(me(self).data, spec) if spec else repr(self)

    def __repr__(self) -> str:
        return f"Value(data={me(self).data}, grad={me(self).grad})"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, bytes | str]:
        from .drawing import mimebundle

        return mimebundle(me(self))

    def explain(self, path: str | Path | None = None, **options: Any) -> Page:
        """The backward pass step by step, shown by notebooks: what ``to_html`` makes, with its options."""
        from .stepper import to_html

        return to_html(me(self), path, **options)

    def __copy__(self) -> Value:
        from .copying import shallow

        return shallow(me(self))

    def __deepcopy__(self, memo: dict[int, Any]) -> Value:
        from .copying import deep

        return deep(me(self), memo)

    def __reduce__(self) -> tuple[Any, ...]:
        from .copying import reduce

        return reduce(me(self))

    @property
    def _prev(self) -> tuple[Value, ...]:
        """The operands as micrograd's notebooks walk them: every one a Value."""
        constant = type(me(self))
        return tuple([constant(x) if isinstance(x, (float, int)) else x for x in me(self).args])

    @property
    def _op(self) -> str:
        """The op's symbol, as micrograd's notebooks print it."""
        op = me(self).op
        return op.symbol if op else ""

    def __float__(self) -> NoReturn:
        raise TypeError("math.exp(v), float(v) and the like cut the graph; use autograd's exp(v), or v.data")


def plain(y: Scalar) -> float:
    """The number that a comparison is about."""
    return me(y).data if isinstance(y, Operators) else number(y, "a comparison")


def times(x: Scalar, y: Scalar) -> Scalar:
    """x·y without the products that say nothing, so that gradient graphs stay readable: 1·y, -1·y, 0·y."""
    for one, other in ((x, y), (y, x)):
        if not isinstance(one, Operators) and one in (1, -1, 0):
            return other if one == 1 else -other if one == -1 else 0.0
    return x * y


def plus(x: Scalar, y: Scalar) -> Scalar:
    """x + y without 0 + y."""
    for one, other in ((x, y), (y, x)):
        if not isinstance(one, Operators) and one == 0:
            return other
    return x + y
