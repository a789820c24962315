"""From a woven graph to its plan: the reverse sweep, the primitives, the buffers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress

from ..value import Value
from .plan import plan
from .primitives import primitives
from .reverse import reverse
from .steps import Plan
from .tensors import Tensors
from .weaving import NotWovenError, Woven, weave


class Plans:
    """The plans of a program: its graph is woven once, when the first one is asked for."""

    def __init__(
        self,
        outputs: Sequence[Value],
        inputs: Sequence[Value],
        parameters: Sequence[Value],
        recorded: Mapping[Value, float],
    ) -> None:
        self.graph = outputs, inputs, parameters, recorded
        self.weavings = list[Woven | None]()
        self.known = dict[bool, Plan | None]()

    def woven(self) -> Woven | None:
        """The graph as arrays, if it can be woven."""
        if not self.weavings:
            made = None
            with suppress(NotWovenError):
                made = weave(*self.graph)
            self.weavings.append(made)
        return self.weavings[0]

    def get(self, by_inputs: bool) -> Plan | None:
        """For the gradient by the parameters, or also by the inputs; None if there is none."""
        if by_inputs not in self.known:
            made, woven = None, self.woven()
            with suppress(NotImplementedError):
                made = woven and plan_of(woven, by_inputs=by_inputs)
            self.known[by_inputs] = made
        return self.known[by_inputs]


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
    copy = Tensors()
    copy.order, copy.known = [*tensors.order], dict(tensors.known)
    return copy
