"""What ``fit`` takes: a model with parameters, and rows with targets; each is checked before training begins."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from autograd import Value
from autograd.compiler.lazy import refuse
from autograd.compiler.tables import MASKED, TABLE, columns, masked
from autograd.ieee import number

from .losses import Loss


def parameters_of(model: Any) -> list[Value]:
    """The model's parameters, each once.  Raises TypeError for no model, ValueError if it has none."""
    if not is_model(model):
        raise TypeError(
            f"a model is a function of a row with a method parameters(), not {model!r:.60}"
        )
    parameters = as_leaves(dict.fromkeys(model.parameters()))
    if not parameters:
        raise ValueError(
            "the model has no parameters to train; make them with nn.parameter(0.5)"
        )
    return parameters


def is_model(model: Any) -> bool:
    """Whether it can be called for a row, and has parameters; a class is no model yet."""
    called = callable(model) and not isinstance(model, type)
    return called and hasattr(model, "parameters")


def as_leaves(parameters: Iterable[Any]) -> list[Value]:
    """The parameters as a list; a TypeError for what is no leaf."""
    several = list(parameters)
    for p in several:
        if not isinstance(p, Value) or p.op:
            raise TypeError(f"a parameter is a Value that no op made, not {p!r}")
    return several


def check_targets(loss: Loss, output: Any, targets: Sequence[Any]) -> None:
    """Raises ValueError for a target that does not fit what the model gives for row 0."""
    for i, target in enumerate(targets):
        try:
            loss.pairs(output, target)
        except ValueError as error:
            raise ValueError(f"X[0] and y[{i}]: {error}") from None


def rows_of(data: Any, name: str) -> list[Any]:
    """A row of floats, or one float, for every sample; checked."""
    if masked(data):
        raise TypeError(f"{name} {MASKED}")
    data = list(data) if hasattr(data, "__next__") else data
    refuse(data, name)
    named = columns(data, name)
    array = numbers(data, name) if named is None else named
    if array.ndim not in (1, 2) or not array.size:
        raise ValueError(
            f"{name} has the shape {array.shape}; it needs a row, or a number, for every sample"
        )
    check_finite(array, name)
    return array.astype(float).tolist()


def check_finite(array: Any, name: str) -> None:
    """Raises ValueError for the first row that is not finite."""
    for i, *_ in np.argwhere(~np.isfinite(array)):
        raise ValueError(f"{name}[{i}] is not finite: {array[i]}")


def numbers(data: Any, name: str) -> Any:
    """An array of real numbers; TypeError for what is none."""
    try:
        array = np.asarray(data)
    except ValueError as error:
        raise ValueError(f"{name} needs rows of one length: {error}") from None
    if array.dtype.kind in TABLE:
        return array
    return np.vectorize(number, otypes=[float])(array, name)
