"""A recorded graph as one straight line of Python, for one row: what runs where there is nothing to group.

Formulas and partials are the op table's own text, and contributions are added in the order in which the
engine adds them, so every number is the eager one, bit for bit.  What raises is left to the engine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from keyword import iskeyword
from typing import Any

from .ieee import PYTHON
from .value import Form, Value, toposort

MOST = 20_000  # Python's own compiler takes 20 µs and 6.6 KB for a node
SPACE = {**PYTHON, "inf": float("inf"), "nan": float("nan")}


@cache
def partials(form: Form) -> dict[int, str]:
    """The partial towards every operand that is a Value, in the words {z}, {x}, {y}, {w}."""
    names = [f"{{{x}}}" for x in form.op.operands]
    form.partial_texts("{z}", names)  # raises TypeError for a partial that asks for data
    guard = " if {z} == {z} else nan" if form.lost(float("nan")) else ""
    texts = form.traced(1.5, "{z}", names)
    return {i: text + guard for i, text in zip(form.inner, texts, strict=True)}


@cache
def formula(form: Form) -> str:
    """The op's formula in the words {x}, {y}, {w}."""
    return form.op.text(*[f"{{{x}}}" for x in form.op.operands])


def labels(order: Iterable[Value], taken: Iterable[str] = ()) -> dict[Value, str]:
    """A name in source text for every Value: its own where that will do, else v and a number."""
    used = {*SPACE, *taken, "row", "theta", "seeds"}
    found: dict[Value, str] = {}
    for i, v in enumerate(order):
        own = v.name if v.name.isidentifier() and not iskeyword(v.name) and v.name not in used else f"v{i}"
        while own in used:
            own += "_"
        used.add(own)
        found[v] = own
    return found


class Line:
    """``forward(row, theta)`` and ``sweep(row, theta, seeds)``: their source, and the functions."""

    def __init__(
        self, outputs: Sequence[Value], inputs: Sequence[Value], parameters: Sequence[Value]
    ) -> None:
        self.outputs, self.inputs, self.parameters = outputs, inputs, parameters
        self.order = toposort(*outputs)
        self.names = labels(dict.fromkeys([*parameters, *inputs, *self.order]))
        self.source = "\n".join([*self.forward(), "", *self.sweep()])
        space: dict[str, Any] = {}
        exec(self.source, dict(SPACE), space)  # noqa: S102  the op table's own text
        self.run: Callable[..., tuple[float, ...]] = space["forward"]
        self.gradient: Callable[..., Any] = space["sweep"]

    def text(self, template: str, v: Value) -> str:
        """A template with the names of v and its operands."""
        operands = [self.names[x] if isinstance(x, Value) else repr(x) for x in v.args]
        return template.format(z=self.names[v], **dict(zip("xyw", operands, strict=False)))

    def values(self) -> list[str]:
        """A line for every node, operands before results."""
        lines = [f"    {self.listed(leaves)} = {name}" for leaves, name in
                 ((self.inputs, "row"), (self.parameters, "theta")) if leaves]  # fmt: skip
        given = {*self.inputs, *self.parameters}
        lines += [
            f"    {self.names[v]} = {self.text(formula(v.form), v) if v.form else repr(v.data)}"
            for v in self.order if v not in given
        ]  # fmt: skip
        return lines

    def listed(self, values: Sequence[Value], prefix: str = "") -> str:
        return "[" + ", ".join(prefix + self.names[v] for v in values) + "]"

    def forward(self) -> list[str]:
        return ["def forward(row, theta):", *self.values(), f"    return {self.listed(self.outputs)}"]

    def sweep(self) -> list[str]:
        """The values, then the adjoints, results before operands; a first contribution assigns."""
        needed = {*self.inputs, *self.parameters}
        needed.update(v for v in self.order if any(x in needed for x in v.inner))
        lines, reached = self.values(), set[Value]()
        for i, y in enumerate(self.outputs):
            lines.append(self.add(y, f"seeds[{i}]", reached))
        for v in reversed(self.order):
            if v.form is not None and v in reached and v in needed:
                lines += [
                    self.add(x, self.flow(v, partials(v.form)[i]), reached)
                    for i, x in enumerate(v.args) if isinstance(x, Value) and x in needed
                ]  # fmt: skip
        lines += [
            f"    d_{self.names[v]} = 0.0" for v in (*self.inputs, *self.parameters) if v not in reached
        ]
        found = ", ".join(self.listed(x, "d_") for x in (self.parameters, self.inputs))
        return ["def sweep(row, theta, seeds):", *lines, f"    return {self.listed(self.outputs)}, {found}"]

    def flow(self, v: Value, partial: str) -> str:
        """What v sends to an operand."""
        d = f"d_{self.names[v]}"
        return {"1.0": d, "-1.0": f"-{d}"}.get(partial) or f"{d} * ({self.text(partial, v)})"

    def add(self, x: Value, flow: str, reached: set[Value]) -> str:
        first = x not in reached
        reached.add(x)
        return f"    d_{self.names[x]} {'=' if first else '+='} {flow}"
