"""Arrays of Values, which NumPy holds as objects: what is done with each element."""

from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np


def holds_objects(*operands: object) -> bool:
    """Whether one of them is an array of Python's objects, as np.array([v, w]) of Values is."""
    return any(
        isinstance(x, np.ndarray) and cast("Any", x).dtype == object
        for x in operands
    )


def elementwise(
    function: Callable[..., Any], operands: Sequence[Any], **options: Any
) -> Any:
    """The array of what a function gives for the elements of arrays; a lone operand is taken with each."""
    arrays = [np.asarray(x, dtype=object) for x in operands]
    return np.frompyfunc(function, len(arrays), 1)(*arrays, **options)
