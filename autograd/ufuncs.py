"""NumPy's functions on Values: np.exp(v) records the op exp, np.float64(2) * v the op mul.

A function's op is the one of its name, or of another name that NumPy has for the same function, so that
np.arctan records the op atan.  What Python writes with an operator is done by that operator.

Where all operands are arrays or numbers, NumPy asks no Value for its way: np.maximum(0, np.array([v, w]))
compares the elements in C and hands on the larger ones, decided once.  The op does it: maximum(0, array).
"""

from __future__ import annotations

import operator
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from .elements import elementwise, holds_objects
from .ieee import number
from .value import OPS, Scalar, Value

COMPARISONS = {
    np.less: "lt",
    np.less_equal: "le",
    np.greater: "gt",
    np.greater_equal: "ge",
}
OPERATORS: dict[Any, str] = {  # by their names in Python's module operator
    np.add: "add",
    np.subtract: "sub",
    np.multiply: "mul",
    np.divide: "truediv",
    np.power: "pow",
    np.float_power: "pow",
    np.negative: "neg",
    np.positive: "pos",
    np.absolute: "abs",
    np.fabs: "abs",
    **COMPARISONS,
}
IDENTITY: dict[Any, Callable[..., bool]] = {
    np.equal: operator.is_,
    np.not_equal: operator.is_not,
}
TESTS = (*COMPARISONS, *IDENTITY)
INSTEAD: dict[Any, str] = {  # of functions without an op
    np.exp2: "2**x",
    np.clip: "minimum(maximum(x, low), high)",
    np.sum: "sum(xs)",
    np.mean: "sum(xs) / len(xs)",
    np.dot: "sum(x * y for x, y in zip(xs, ys))",
    np.matmul: "sum(x * y for x, y in zip(xs, ys))",
}


def square(x: Value) -> Value:
    return x * x


def heaviside(x: Scalar, at_zero: Scalar) -> Scalar:
    """The op step, which is 0 at 0."""
    if isinstance(at_zero, Value) or number(at_zero, "np.heaviside") != 0:
        raise TypeError(
            "np.heaviside records the op step, which is 0 at 0; write np.heaviside(x, 0.0)"
        )
    return OPS["step"](x)


def ndim(v: Value) -> int:
    return 0


def shape(v: Value) -> tuple[()]:
    return ()


def size(v: Value, axis: None = None) -> int:
    return 1


KNOWN: dict[Any, Callable[..., Any]] = {
    np.square: square,
    np.heaviside: heaviside,
    np.ndim: ndim,
    np.shape: shape,
    np.size: size,
}


def names_in_numpy() -> Mapping[Any, Sequence[str]]:
    """NumPy's functions, each with all of its names."""
    names: defaultdict[Any, list[str]] = defaultdict(list)
    for name, function in vars(np).items():
        if isinstance(function, np.ufunc) or hasattr(function, "_implementation"):
            names[function].append(name)
    return names


NAMES = names_in_numpy()


def of_value(
    self: Value, ufunc: Any, method: str, *inputs: Any, **kwargs: Any
) -> Any:
    """``Value.__array_ufunc__``, with NumPy's names of its parameters."""
    return call_ufunc(ufunc, method, inputs, kwargs)


def of_value_function(
    self: Value, func: Any, types: Any, args: Any, kwargs: Any
) -> Any:
    """``Value.__array_function__``, with NumPy's names of its parameters."""
    return call_function(func, args, kwargs)


def call_ufunc(
    function: Any, method: str, operands: Sequence[Any], options: Mapping[str, Any]
) -> Any:
    """A universal function of NumPy, of an array of Values for each element.

    Raises TypeError for arrays of numbers, and for what no op does.
    """
    if method != "__call__":
        what = (
            f"{called(function)}.{method} takes arrays, and a Value is one number"
        )
        raise TypeError(f"{what}; write a loop over Values")
    if by_elements(function, operands, options):
        return call_on_elements(function, operands, options)
    if options:
        raise TypeError(no_option(called(function), options))
    return call_on_values(function, operands)


def no_option(name: str, options: Mapping[str, Any]) -> str:
    """The refusal of options, as out=, which no op has."""
    what = f"{name} records an op for Values, which has no {'=, '.join(options)}="
    return f"{what}: a graph fits in no array; write z = {name}(...)"


def call_on_elements(
    function: Any, operands: Sequence[Any], options: Mapping[str, Any]
) -> Any:
    """A universal function of every element; of truth values, if it compares."""
    array = elementwise(partial(call_elements, function), operands, **options)
    return array.astype(bool) if function in TESTS else array


def call_on_values(function: Any, operands: Sequence[Any]) -> Any:
    """A universal function of Values and numbers."""
    if function in IDENTITY:
        return IDENTITY[function](*operands)
    if function in COMPARISONS:
        operands = [without_dimensions(x) for x in operands]
    if function in OPERATORS:
        return operate(function, operands)
    return call_function(function, operands, {})


def without_dimensions(x: Any) -> Any:
    """The scalar in an array without dimensions, as which NumPy gives its scalars to comparisons."""
    return x[()] if has_no_dimensions(x) else x


def has_no_dimensions(x: Any) -> bool:
    """Whether it is an array, but of one number."""
    return isinstance(x, np.ndarray) and x.ndim == 0


def operate(function: Any, operands: Sequence[Any]) -> Any:
    """What Python writes with an operator, by that operator."""
    name = called(function)
    apply = getattr(operator, OPERATORS[function])
    return apply(
        *[x if isinstance(x, Value) else number(x, name) for x in operands]
    )


def by_elements(
    function: Any, operands: Sequence[Any], options: Mapping[str, Any]
) -> bool:
    """Whether there are arrays of Values, to be taken element by element; results may go into one."""
    elements = function.signature is None and holds_objects(*operands)
    return (
        elements
        and options.keys() <= {"out"}
        and all(map(holds_objects, options.get("out", ())))
    )


def call_elements(function: Any, *operands: Any) -> Any:
    """A universal function of one Value and a Value or number."""
    return call_ufunc(function, "__call__", operands, {})


def call_function(
    function: Any, operands: Sequence[Any], options: Mapping[str, Any]
) -> Any:
    """Any function of NumPy: np.where is an op; most others have none, and refuse."""
    op = op_of(function)
    if op is None:
        kinds = " and ".join([type(x).__name__ for x in operands])
        what = f"{called(function)} of {kinds} has no op"
        raise TypeError(
            f"{what}: write {way_out(function)}, or take v.data, the number alone"
        )
    return op(*operands, **options)


def op_of(function: Any) -> Callable[..., Any] | None:
    """The op with one of the function's names in NumPy, or what is known to do the same."""
    for name in NAMES.get(function, ()):
        if name in OPS:
            return OPS[name]
    return KNOWN.get(function)


def way_out(function: Any) -> str:
    """What to write for a function that has no op."""
    own = f", define an Op named {function.__name__!r}" if function in NAMES else ""
    return INSTEAD.get(function, "it in ops" + own)


def called(function: Any) -> str:
    """The function as a program calls it."""
    where = "np" if function in NAMES else getattr(function, "__module__", None)
    return f"{where}.{function.__name__}" if where else str(function.__name__)
