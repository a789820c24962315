"""A graph computed row by row in Python: where there is nothing to group, or where a row is not finite.

The graph becomes one straight line of source, 20 times faster than the engine.  Formulas and partials are
the op table's own text, and contributions are added in the engine's order, so every number is the eager one,
bit for bit.  What raises or is not finite goes to a copy of the graph and the engine itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from copy import deepcopy
from functools import cache, cached_property
from typing import Any

import numpy as np

from .arrays import Array
from .ieee import ERRORS, PYTHON
from .lowering import usable
from .sweeps import zero_grad
from .value import Form, Value, toposort

MOST = 20_000  # nodes: Python's own compiler takes 20 µs and 6.6 KB for each
SPACE = {**PYTHON, "inf": math.inf, "nan": math.nan}


@cache
def texts(form: Form) -> tuple[str, dict[int, str]]:
    """An op's formula and its partials towards the operands that are Values, over {z}, {x}, {y}, {w}."""
    names = [f"{{{x}}}" for x in form.op.operands]
    return form.op.text(*names), dict(zip(form.inner, form.partial_texts("{z}", names), strict=True))


def labels(values: Iterable[Value]) -> dict[Value, str]:
    """A name in source text for every Value: its own where that will do, else v and a number."""
    used, found = {*SPACE, "row", "theta", "seeds"}, dict[Value, str]()
    for i, v in enumerate(values):
        name = v.name if usable(v.name) and v.name[:2] != "d_" else f"v{i}"
        while not used.isdisjoint((name, f"d_{name}")):
            name += "_"
        used |= {name, f"d_{name}"}
        found[v] = name
    return found


class Rowwise:
    """Values and gradients of a graph, row by row."""

    def __init__(
        self, order: list[Value], outputs: list[Value], inputs: list[Value], parameters: list[Value]
    ) -> None:
        self.order, self.outputs, self.inputs, self.parameters = order, outputs, inputs, parameters
        self.leaves = dict.fromkeys([*inputs, *parameters])
        self.constants = {v: v.data for v in order if v.form is None and v not in self.leaves}

    @cached_property
    def names(self) -> dict[Value, str]:
        return labels([*self.leaves, *(v for v in self.order if v not in self.leaves)])

    @cached_property
    def source(self) -> str:
        """``sweep(row, theta, seeds)`` gives the outputs, and their gradients by parameters and by inputs."""
        given = {"row": self.inputs, "theta": self.parameters}
        lines = [f"    {self.listed(leaves)} = {name}" for name, leaves in given.items() if leaves]
        lines += [
            f"    {self.names[v]} = {self.fill(texts(v.form)[0], v) if v.form else repr(self.constants[v])}"
            for v in self.order if v not in self.leaves
        ]  # fmt: skip
        gradients = ", ".join(self.listed(values, "d_") for values in (self.parameters, self.inputs))
        end = f"    return {self.listed(self.outputs)}, {gradients}"
        return "\n".join(["def sweep(row, theta, seeds):", *lines, *self.adjoints(), end])

    @cached_property
    def sweep(self) -> Callable[..., Any]:
        space: dict[str, Any] = {}
        exec(self.source, dict(SPACE), space)  # noqa: S102  the op table's own text
        return space["sweep"]

    def listed(self, values: Sequence[Value], prefix: str = "") -> str:
        return "[" + ", ".join(prefix + self.names[v] for v in values) + "]"

    def fill(self, template: str, v: Value) -> str:
        """A template with the names of v and its operands."""
        operands = [self.names[x] if isinstance(x, Value) else repr(x) for x in v.args]
        return template.format(z=self.names[v], **dict(zip("xyw", operands, strict=False)))

    def adjoints(self) -> list[str]:
        """A line for every contribution, results before operands; the first one assigns."""
        needed = set(self.leaves)
        needed.update(v for v in self.order if any(x in needed for x in v.inner))
        flows = [(y, f"seeds[{i}]") for i, y in enumerate(self.outputs)]
        reached = set(self.outputs)
        for v in reversed(self.order):
            for i, partial in texts(v.form)[1].items() if v.form and v in reached else ():
                x, d = v.args[i], f"d_{self.names[v]}"
                if isinstance(x, Value) and x in needed:
                    flow = {"1.0": d, "-1.0": f"-{d}"}.get(partial) or f"{d} * ({self.fill(partial, v)})"
                    flows.append((x, flow))
                    reached.add(x)
        lines = [f"    d_{self.names[v]} = 0.0" for v in self.leaves if v not in reached]
        first = set[Value]()
        for x, flow in flows:
            lines.append(f"    d_{self.names[x]} {'+=' if x in first else '='} {flow}")
            first.add(x)
        return lines

    @cached_property
    def twin(self) -> Rowwise:
        """A copy for the engine to assign to."""
        return self.copy()

    def copy(self) -> Rowwise:
        """The graph once more, with numbers of its own."""
        outputs, inputs, parameters, copies = deepcopy(
            [self.outputs, self.inputs, self.parameters, [*self.constants]]
        )
        for v, x in zip(copies, self.constants.values(), strict=True):
            v.data = x
        for y in outputs:
            y.forward()
        return Rowwise(toposort(*outputs), outputs, inputs, parameters)

    def gradient(self, row: list[float], theta: list[float], seed: list[float]) -> Any:
        """The outputs, and the gradients by parameters and by inputs."""
        if len(self.order) <= MOST:
            with suppress(*ERRORS):
                found: Any = self.sweep(row, theta, seed)
                if all(math.isfinite(x) for part in found for x in part):
                    return found
        return self.twin.by_engine(row, theta, seed)

    def by_engine(self, row: list[float], theta: list[float], seed: list[float]) -> Any:
        """The same by ``backward``."""
        for v, x in zip(self.leaves, [*row, *theta], strict=True):
            v.data = x
        out = [y.forward().data for y in self.outputs]
        zero_grad(*self.leaves)
        for y, s in zip(self.outputs, seed, strict=True):
            y.backward(s)
        return out, [v.grad for v in self.parameters], [v.grad for v in self.inputs]

    def run(self, rows: Array, theta: Array, seeds: Array | None) -> tuple[Array, Array, Array]:
        """For all rows: the outputs, the gradient by the parameters summed up, and those by the inputs."""
        out, by_inputs = np.zeros((len(rows), len(self.outputs))), np.zeros(rows.shape)
        gradient, numbers = np.zeros(len(theta)), theta.tolist()
        for i, (row, seed) in enumerate(
            zip(rows.tolist(), (out if seeds is None else seeds).tolist(), strict=True)
        ):
            out[i], by_theta, by_inputs[i] = self.gradient(row, numbers, seed)
            gradient += by_theta
        return out, gradient, by_inputs
