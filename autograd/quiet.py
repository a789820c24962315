"""NumPy's arithmetic without its warnings, for what Python's floats refuse."""

from collections.abc import Callable
from contextvars import copy_context
from typing import Any

import numpy as np


def quietly(function: Callable[..., Any], args: tuple[float, ...]) -> Any:
    """The function of NumPy's scalars, in a context of its own: an interrupt leaves nothing to put back."""

    def compute() -> Any:
        np.seterr(all="ignore")
        return np.array(function(*map(np.float64, args)), float).tolist()

    return copy_context().run(compute)
