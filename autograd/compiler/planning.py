"""From a woven graph to its plan: the reverse sweep, the primitives, the buffers."""

from __future__ import annotations

from .plan import plan
from .primitives import primitives
from .reverse import reverse
from .steps import Plan
from .tensors import Tensors
from .weaving import Woven


def plan_of(woven: Woven, *, by_inputs: bool = False) -> Plan:
    """The plan of a program and of its gradient by the parameters, or also by the inputs.

    NotImplementedError where NumPy computes an op otherwise, or no step computes a product.
    """
    tensors = copied(woven.tensors)
    by = ("theta", "X") if by_inputs else ("theta",)
    adjoints = reverse(
        tensors, woven.outputs, rows=bool(woven.inputs), by=by, book=False
    )
    return plan(primitives(tensors, woven.outputs, adjoints), len(woven.parameters))


def copied(tensors: Tensors) -> Tensors:
    """The same Tensors, to which others may be added."""
    copy = Tensors(exact=tensors.exact)
    copy.order, copy.known = [*tensors.order], dict(tensors.known)
    return copy
