"""A graph computed row by row in Python: where there is nothing to group, or where a row is not finite.

The graph becomes one straight line of source, 20 times faster than the engine.  Formulas and partials are
the op table's own text, and contributions are added in the engine's order, so every number is the eager one,
bit for bit.  What raises or is not finite goes to a copy of the graph and the engine itself.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from copy import deepcopy
from functools import cache, cached_property
from keyword import iskeyword
from typing import Any

import numpy as np

from .arrays import Array
from .ieee import ERRORS, PYTHON
from .sweeps import zero_grad
from .value import Form, Value, toposort

MOST = 20_000  # nodes: Python's own compiler takes 20 µs and 6.6 KB for each
SPACE = {**PYTHON, "inf": math.inf, "nan": math.nan}


def usable(name: str) -> bool:
    """Whether a name can stand in source as it is."""
    return name.isascii() and name.isidentifier() and not iskeyword(name) and name != "__debug__"


@cache
def texts(form: Form) -> tuple[str, dict[int, str]]:
    """An op's formula and its partials towards the operands that are Values, over {z}, {x}, {y}, {w}."""
    names = [f"{{{x}}}" for x in form.op.operands]
    return form.op.text(*names), dict(zip(form.inner, form.partial_texts("{z}", names), strict=True))


class Rowwise:
    """Values and gradients of a graph, row by row."""

    def __init__(self, outputs: list[Value], inputs: list[Value], parameters: list[Value]) -> None:
        self.order, self.outputs, self.inputs, self.parameters = (
            toposort(*outputs),
            outputs,
            inputs,
            parameters,
        )
        self.leaves = dict.fromkeys([*inputs, *parameters])
        self.constants = {v: v.data for v in self.order if v.form is None and v not in self.leaves}

    @cached_property
    def names(self) -> dict[Value, str]:
        """A name in source text for every Value: its own where that will do, else v and a number."""
        found, used = dict[Value, str](), {*SPACE, "row", "theta", "seeds"}
        for i, v in enumerate(dict.fromkeys([*self.leaves, *self.order])):
            own = usable(v.name) and v.name not in used and not re.match(r"v\d|d_", v.name)
            found[v] = v.name if own else f"v{i}"
            used.add(found[v])
        return found

    @cached_property
    def source(self) -> str:
        """``sweep(row, theta, seeds)`` gives the outputs, and their gradients by parameters and by inputs."""
        names, lines = self.names, ["def sweep(row, theta, seeds):"]
        for name, leaves in (("row", self.inputs), ("theta", self.parameters)):
            lines += [f"    {self.listed(leaves)} = {name}"] * bool(leaves)
        for v in self.order:
            if v not in self.leaves:
                text = self.fill(texts(v.form)[0], v) if v.form else repr(self.constants[v])
                lines.append(f"    {names[v]} = {text}")
        gradients = ", ".join(self.listed(values, "d_") for values in (self.parameters, self.inputs))
        return "\n".join([*lines, *self.adjoints(), f"    return {self.listed(self.outputs)}, {gradients}"])

    def listed(self, values: Sequence[Value], prefix: str = "") -> str:
        return "[" + ", ".join(prefix + self.names[v] for v in values) + "]"

    def fill(self, template: str, v: Value) -> str:
        """A template with the names of v and its operands."""
        operands = [self.names[x] if isinstance(x, Value) else repr(x) for x in v.args]
        return template.format(z=self.names[v], **dict(zip("xyw", operands, strict=False)))

    def adjoints(self) -> list[str]:
        """A line for every contribution, results before operands; the first one assigns."""
        flows = [(y, f"seeds[{i}]") for i, y in enumerate(self.outputs)]
        reached, lines = set(self.outputs), list[str]()
        for v in reversed(self.order):
            for i, partial in texts(v.form)[1].items() if v.form and v in reached else ():
                d, x = f"d_{self.names[v]}", v.args[i]
                flow = {"1.0": d, "-1.0": f"-{d}"}.get(partial) or f"{d} * ({self.fill(partial, v)})"
                if x not in self.constants and isinstance(x, Value):
                    flows.append((x, flow))
                    reached.add(x)
        flows = [(v, "0.0") for v in self.leaves if v not in reached] + flows
        for x, flow in flows:
            sign = "=" if x in reached or flow == "0.0" else "+="
            reached.discard(x)
            lines.append(f"    d_{self.names[x]} {sign} {flow}")
        return lines

    @cached_property
    def sweep(self) -> Callable[..., Any]:
        space: dict[str, Any] = {}
        exec(self.source, dict(SPACE), space)  # noqa: S102  the op table's own text
        return space["sweep"]

    @cached_property
    def twin(self) -> Rowwise:
        """A copy for the engine to assign to."""
        return self.copy()

    def copy(self) -> Rowwise:
        """The graph once more, with numbers of its own."""
        graph = self.outputs, self.inputs, self.parameters
        *copies, constants = deepcopy((*graph, [*self.constants]))
        for v, x in zip(constants, self.constants.values(), strict=True):
            v.data = x
        for y in copies[0]:
            y.forward()
        return Rowwise(*copies)

    def by_engine(self, row: list[float], theta: list[float], seed: list[float]) -> Any:
        """The outputs, and the gradients by parameters and by inputs, by ``backward``."""
        for v, x in zip(self.leaves, [*row, *theta], strict=True):
            v.data = x
        out = [y.forward().data for y in self.outputs]
        zero_grad(*self.leaves)
        for y, s in zip(self.outputs, seed, strict=True):
            y.backward(s)
        return out, [v.grad for v in self.parameters], [v.grad for v in self.inputs]

    def gradient(self, row: list[float], theta: list[float], seed: list[float]) -> Any:
        """The same by the straight line, where that is finite."""
        if len(self.order) <= MOST:
            with suppress(*ERRORS):
                found: Any = self.sweep(row, theta, seed)
                if all(math.isfinite(x) for part in found for x in part):
                    return found
        return self.twin.by_engine(row, theta, seed)

    def run(
        self, at: Iterable[int], theta: Array, rows: Array, seeds: Array, out: Array, back: Array
    ) -> Array:
        """For some rows: writes outputs and gradients by the inputs, adds up those by the parameters."""
        gradient, numbers = np.zeros(len(theta)), theta.tolist()
        for i in at:
            seed = seeds[i].tolist() or [0.0] * len(self.outputs)
            out[i], by_theta, by_inputs = self.gradient(rows[i].tolist(), numbers, seed)
            gradient += by_theta
            back[i] = by_inputs[: back.shape[1]]
        return gradient
