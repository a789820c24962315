"""What is refused, and the words that tell the way out: a call and its sentence a row.

tests/test_bad_inputs.py sees that every function refuses every object that it does not take; here are the words.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import pytest

from autograd import (
    Value,
    composite,
    draw,
    formula,
    hessian,
    hvp,
    jacobian,
    jvp,
    labels,
    ledger,
    toposort,
    vjp,
)
from nn import MLP, SGD, Layer, Module, Neuron, fit, mse

Row: TypeAlias = tuple[Callable[[Value], object], type[Exception], str]


class Holder(Module):
    """Without a forward."""


VALUES: list[Row] = [
    (lambda x: Value(10**400), OverflowError, r"beyond 1\.8e308"),
    (lambda x: x < 10**400, OverflowError, r"beyond 1\.8e308"),
    *[
        (lambda x, name=name: Value(1.0, name), TypeError, "name is a str")
        for name in (3.0, (1, 2), None)
    ],
    *[
        (lambda x, name=name: setattr(x * 2, name, None), AttributeError, "set")
        for name in ("op", "args", "inner", "_prev", "_op")
    ],
    *[
        (lambda x, function=function: function(3), TypeError, "int")
        for function in (toposort, formula, ledger, draw)
    ],
    (
        lambda x: composite("my"),
        TypeError,
        r"write @composite\(name='my'\)",
    ),
    *[
        (
            lambda x, function=function: function(x * 3, notation="html"),
            ValueError,
            r"'html'.*text, latex, mathml",
        )
        for function in (formula, labels)
    ],
]
BY = "differentiate by Values in a list, not by"
VECTOR = "a list with a number for every x, not"
OF = "differentiate Values in a list, not"
DERIVATIVES: list[tuple[Callable[[Value], object], str]] = [
    (lambda x: vjp(x * x, 3), f"{BY} int; write"),
    (lambda x: vjp(x * x, x), f"{BY} Value; write"),
    (lambda x: jacobian([x, 3.0], [x]), f"{OF} float; give y itself"),
    (lambda x: jacobian(x * x, [x]), rf"{OF} Value; write \[y\]"),
    (lambda x: jacobian([x * x], x), rf"{BY} Value; write \[x\]"),
    (lambda x: hessian(x * x, x), rf"{BY} Value; write \[x\]"),
    (lambda x: hvp(x * x, [x], ["a"]), "hvp's vector takes real numbers"),
    (lambda x: hvp(x * x, [x], 1.0), rf"{VECTOR} float; write hvp\(y, \[x\], "),
    (lambda x: hvp(x * x, [x], x), f"{VECTOR} Value"),
    (lambda x: hvp(x * x, [x], {x: 1.0}), f"{VECTOR} dict"),
    (
        lambda x: vjp(x * x, [x], [1.0]),
        "vjp's seed is one number, as y is one Value, not list",
    ),
    (
        lambda x: vjp(x * x, [x], np.array([1.0])),
        "vjp's seed is one number, .* not ndarray",
    ),
    (
        lambda x: jvp(x * x, [x], [1.0]),
        r"jvp: too many .* then jvp\(y, \{x: 1.0\}\)$",
    ),
]
NETS: list[Row] = [
    (lambda x: Holder()(1.0), NotImplementedError, r"Holder.*forward"),
    (
        lambda x: Layer(1, 2)([1.0, 2.0]),
        ValueError,
        r"Layer takes 1 input, not 2\b",
    ),
    (lambda x: Layer(2, 2, biased=False), TypeError, "biased"),
    (lambda x: Neuron(2, "tanh"), TypeError, "activation='tanh'"),
    (lambda x: Layer(2, 2, "tanh"), TypeError, "activation='tanh'"),
    (lambda x: mse.correct(1.0, 1.0), ValueError, r"mse.*accuracy"),
    (
        lambda x: fit(MLP(1, [1]), [1.0], [1.0], "mse", SGD(0.1), 3),
        TypeError,
        "positional",
    ),
    *[
        (lambda x, rate=rate: SGD(rate), ValueError, rf"above 0.*{rate!r}")
        for rate in (0, 0.0, -0.1, math.inf, -math.inf, math.nan)
    ],
]
ROWS = [*VALUES, *[(call, TypeError, words) for call, words in DERIVATIVES], *NETS]


@pytest.mark.parametrize(("call", "kind", "words"), ROWS, ids=range(len(ROWS)))
def test_what_is_refused_is_told_the_way_out(
    call: Callable[[Value], Any], kind: type[Exception], words: str
) -> None:
    with pytest.raises(kind, match=words):
        call(Value(2.0))
