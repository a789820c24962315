"""A graph computed row by row in Python: where there is nothing to group, or where a row is not finite.

The graph becomes one straight line of source, 20 times faster than the engine.  Formulas and partials are
the op table's own text, and contributions are added in the engine's order, so every number is the eager one,
bit for bit.  What raises or has a nan among its gradients goes to a copy of the graph and the engine itself,
or, if there are many such rows, to ``columnwise``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from copy import deepcopy
from functools import cache
from itertools import chain
from keyword import iskeyword
from threading import RLock
from typing import Any, TypeAlias

import numpy as np

from ..defining import define
from ..forking import Kept
from ..ieee import ERRORS, NUMPY, PYTHON, WORDS
from ..sweeps import entries
from ..terms import ARITHMETIC, LOGIC, Term, Tree, terms_of, text
from ..value import NAN, Form, Op, Value, plain, toposort
from .arrays import IN_PARTIALS, Array
from .columnwise import Columnwise
from .helpers import free
from .typesetting import block

MOST = 20_000  # nodes: Python's own compiler takes 20 µs and 6.6 KB for each
FEW = 8  # rows that are not finite, which the engine computes one by one
Result: TypeAlias = "tuple[list[float], list[float], list[float]]"  # outputs, gradients by parameters and inputs
SPACE = {**PYTHON, "inf": math.inf, "nan": math.nan}
ADJOINT = Term("d")


def usable(name: str) -> bool:
    """Whether a name can stand in source as it is."""
    return (
        name.isascii()
        and name.isidentifier()
        and not iskeyword(name)
        and name != "__debug__"
    )


PLACES = {x: f"{{{x}}}" for x in "zxywd"}


@cache
def formula_of(op: Op) -> str:
    """An op's formula as source over {x}, {y}, {w}."""
    return text(op.tree, PLACES)


@cache
def flows_of(form: Form) -> dict[int, str]:
    """What flows to the operands that are Values, by their places, as source; {d} is the adjoint of z."""
    flows = [times_adjoint(partial) for partial in form.guarded_partials]
    return {
        i: text(flow, PLACES) for i, flow in zip(form.inner, flows, strict=True)
    }


def times_adjoint(partial: Tree) -> Tree:
    """The adjoint of z times a partial, without factors of 1."""
    if partial in (1.0, -1.0):
        return ADJOINT if partial == 1.0 else Term("neg", (ADJOINT,))
    return Term("*", (ADJOINT, partial))


@cache
def keeps_nan(form: Form) -> bool:
    """Whether every word of an op gives nan where an operand is nan."""
    if form.guarded or form.op.selects:
        return False
    calls = [
        term
        for tree in (form.op.tree, *form.partials)
        for term in terms_of(tree)
        if term.args
    ]
    return all(term.word in ARITHMETIC or spreads(term) for term in calls)


def spreads(call: Term) -> bool:
    """Whether a function of one operand, and of numbers beside it, is nan where that is."""
    if sum(isinstance(x, Term) for x in call.args) != 1 or call.word in LOGIC:
        return False
    return math.isnan(
        NUMPY[call.word](*[NAN if isinstance(x, Term) else x for x in call.args])
    )


def words_for(text: str) -> list[str]:
    """The lines that get what a text reads, from Python's math and from the engine's few words."""
    names = sorted(free(text))
    own = [name for name in names if name in WORDS]
    lines = [f"from math import {name}" for name in names if name not in WORDS]
    lines += ["from autograd.ieee import WORDS", ""] if own else []
    lines += [f'{name} = WORDS["{name}"]' for name in own]
    return [*lines, "", ""] if lines else []


class Rowwise:
    """Values and gradients of a graph, row by row."""

    def __init__(
        self, outputs: list[Value], inputs: list[Value], parameters: list[Value]
    ) -> None:
        self.outputs, self.inputs, self.parameters = outputs, inputs, parameters
        self.lock = RLock()  # of the twin
        self.order = toposort(*outputs)
        self.leaves = dict.fromkeys([*inputs, *parameters])
        self.constants = {
            v: v.data for v in self.order if v.form is None and v not in self.leaves
        }

    @Kept
    def names(self) -> dict[Value, str]:
        """A name in source text for every Value: its own where that will do, else v and a number."""
        found, used = dict[Value, str](), {*SPACE, "row", "theta", "seeds"}
        for i, v in enumerate(dict.fromkeys([*self.leaves, *self.order])):
            own = (
                usable(v.name)
                and v.name not in used
                and not re.match(r"v\d|d_", v.name)
            )
            found[v] = v.name if own else f"v{i}"
            used.add(found[v])
        return found

    @Kept
    def reads(self) -> Array:
        """A row for every input: 1 for the outputs that depend on it, 0 for the others."""
        bits = {x: 1 << i for i, x in enumerate(self.inputs)}
        for v in self.order:
            for x in v.inner:
                bits[v] = bits.get(v, 0) | bits.get(x, 0)
        depends = [
            [bits.get(y, 0) >> i & 1 for y in self.outputs]
            for i in range(len(self.inputs))
        ]
        return np.array(depends, float).reshape(len(self.inputs), len(self.outputs))

    @Kept
    def strict(self) -> bool:
        """Whether nan spreads by the words of the formulas alone, so that the order of products is the same.

        In a row without inf, a node is then nan where an operand is, and a contribution where the adjoint or
        a number in the partial is; nothing is dead, and no domain is asked.
        """
        return all(map(keeps_nan, {v.form for v in self.order if v.form}))

    @Kept
    def hasty(self) -> bool:
        """Whether a partial has a word of which the lines lose a nan."""
        partials = chain(*[v.form.partials for v in self.order if v.form])
        return any(
            term.word in IN_PARTIALS
            for partial in partials
            for term in terms_of(partial)
        )

    @Kept
    def values(self) -> list[str]:
        """A line for every Value, operands before results."""
        lines = list[str]()
        for name, leaves in (("row", self.inputs), ("theta", self.parameters)):
            lines += [f"{self.listed(leaves)} = {name}"] * bool(leaves)
        for v in self.order:
            if v not in self.leaves:
                written = (
                    self.fill(formula_of(v.form.op), v)
                    if v.form
                    else repr(self.constants[v])
                )
                lines.append(f"{self.names[v]} = {written}")
        return lines

    @Kept
    def source(self) -> str:
        """``sweep(row, theta, seeds)`` gives the outputs, and their gradients by parameters and by inputs.

        It is a module that runs as it stands.
        """
        text = f"def sweep(row, theta, seeds):\n{block(self.lines)}\n"
        return "\n".join([*words_for(text), text])

    @Kept
    def lines(self) -> list[str]:
        """The body of that function."""
        results = [self.listed(self.outputs)]
        results += [
            self.listed(values, "d_") for values in (self.parameters, self.inputs)
        ]
        return [*self.values, *self.adjoints(), f"return {', '.join(results)}"]

    def listed(self, values: Sequence[Value], prefix: str = "") -> str:
        return "[" + ", ".join(prefix + self.names[v] for v in values) + "]"

    def fill(self, template: str, v: Value) -> str:
        """A template with the names of v, its adjoint and its operands."""
        operands = [
            self.names[x] if isinstance(x, Value) else f"({x!r})" for x in v.args
        ]
        z = self.names[v]
        return template.format(
            z=z, d=f"d_{z}", **dict(zip("xyw", operands, strict=False))
        )

    def adjoints(self) -> list[str]:
        """A line for every contribution, results before operands; the first one assigns."""
        flows = self.flows()
        first = {x for x, _ in flows}
        flows = [(v, "0.0") for v in self.leaves if v not in first] + flows
        lines = list[str]()
        for x, flow in flows:
            sign = "=" if x in first or flow == "0.0" else "+="
            first.discard(x)
            lines.append(f"d_{self.names[x]} {sign} {flow}")
        return lines

    def flows(self) -> list[tuple[Value, str]]:
        """What flows to the outputs and, through every node that is reached, to its operands."""
        flows = [(y, f"seeds[{i}]") for i, y in enumerate(self.outputs)]
        reached = set(self.outputs)
        for v in reversed(self.order):
            if v.form and v in reached:
                onward = self.flows_through(v, v.form)
                reached.update(x for x, _ in onward)
                flows += onward
        return flows

    def flows_through(self, v: Value, form: Form) -> list[tuple[Value, str]]:
        """What flows on to the operands of v, but constants."""
        pairs = [(v.args[i], flow) for i, flow in flows_of(form).items()]
        return [
            (x, self.fill(flow, v))
            for x, flow in pairs
            if isinstance(x, Value) and x not in self.constants
        ]

    @Kept
    def sweep(self) -> Callable[..., Any]:
        return define(
            "sweep",
            ["row", "theta", "seeds"],
            "\n".join(self.lines),
            {},
            dict(SPACE),
        )

    @Kept
    def forward(self) -> Callable[..., Any]:
        """``forward(row, theta)`` gives the outputs alone."""
        lines = [*self.values, f"return {self.listed(self.outputs)}"]
        return define(
            "forward", ["row", "theta"], "\n".join(lines), {}, dict(SPACE)
        )

    def copy(self) -> Rowwise:
        """The graph once more, with numbers of its own."""
        graph = self.outputs, self.inputs, self.parameters
        *copies, constants = deepcopy((*graph, [*self.constants]))
        for v, x in zip(constants, self.constants.values(), strict=True):
            v.data = x
        for y in copies[0]:
            y.forward()
        return Rowwise(*copies)

    twin = Kept(copy)  # for the engine to assign to

    @Kept
    def columnwise(self) -> Columnwise:
        """The graph for many rows that are not finite."""
        return Columnwise(
            self.outputs, (self.inputs, self.parameters), self.order, self.constants
        )

    def by_engine(
        self, row: list[float], theta: list[float], seed: list[float]
    ) -> Result:
        """The outputs, and from a seed for each the gradients by parameters and by inputs, in one sweep."""
        for v, x in zip(self.leaves, [*row, *theta], strict=True):
            v.data = x
        for v in self.order:
            if v.form:
                v._data = v.form.op.evaluate(*map(plain, v.args))  # pyright: ignore[reportPrivateUsage]
        if seed:
            self.pull(seed)
        by_theta, by_inputs = (
            [v.grad for v in part] for part in (self.parameters, self.inputs)
        )
        return [y.data for y in self.outputs], by_theta, by_inputs

    def pull(self, seed: list[float]) -> None:
        """``backward`` from all outputs at once."""
        self.begin(seed)
        for v in reversed(self.order):
            if v.form:
                v.form.pull(v)
        if any(v.grad != v.grad for v in self.leaves):
            adjoint = self.begin(seed)
            for step in entries(self.order, adjoint):
                step.operand.grad += step.contribution

    def begin(self, seed: list[float]) -> dict[Value, float]:
        """Sets every grad to 0, the outputs' to their seeds."""
        for v in chain(self.leaves, self.order):
            v.grad = 0.0
        for y, s in zip(self.outputs, seed, strict=True):
            y.grad += s
        return {y: y.grad for y in self.outputs}

    def gradient(
        self, row: list[float], theta: list[float], seed: list[float]
    ) -> Result:
        """The same as by the engine, by the straight line where that can do it."""
        return self.by_line(row, theta, seed) or self.by_twin(row, theta, seed)

    def by_twin(
        self, row: list[float], theta: list[float], seed: list[float]
    ) -> Result:
        """The same by the engine, one thread at a time."""
        with self.lock:
            return self.twin.by_engine(row, theta, seed)

    def by_line(
        self, row: list[float], theta: list[float], seed: list[float]
    ) -> Result | None:
        """The same by the straight line; None if it raises, or for a nan that the ledger may know better."""
        if len(self.order) > MOST:
            return None
        try:
            found: Any = (
                self.sweep(row, theta, seed)
                if seed
                else (self.forward(row, theta), [], [])
            )
        except ERRORS:
            return None
        # The sum is nan if one of them is, or if inf and -inf are among them.
        total = sum(map(sum, found[1:]))
        return (
            found
            if total == total or all(x == x for x in chain(*found[1:]))
            else None
        )

    def run(self, at: Iterable[int], theta: Array, *block: Array) -> Array:
        """For some rows: writes outputs and gradients by the inputs, adds up those by the parameters."""
        return self.each(at, self.by_line, theta, *block)

    def careful(self, at: Sequence[int], theta: Array, *block: Array) -> Array:
        """The same where the straight line cannot do it."""
        if len(at) > FEW:
            return self.columnwise.run(at, theta, *block)
        return (
            self.each(at, self.by_twin, theta, *block)
            if len(at)
            else np.zeros(len(theta))
        )

    def each(
        self,
        at: Iterable[int],
        compute: Callable[..., Result | None],
        theta: Array,
        *block: Array,
    ) -> Array:
        """The same, row by row; what is not computed is left for care."""
        (rows, seeds, out, back), gradient, numbers = (
            block,
            np.zeros(len(theta)),
            theta.tolist(),
        )
        left: list[int] = []
        seeded = seeds.shape[1] > 0
        for i in at:
            found = compute(rows[i].tolist(), numbers, seeds[i].tolist())
            if found is None:
                left.append(i)
                continue
            out[i], by_theta, by_inputs = found
            if seeded:
                gradient += by_theta
            if back.shape[
                1
            ]:  # else they are not wanted, and this may be a view of the caller's table
                back[i] = by_inputs
        return gradient + self.careful(left, theta, *block) if left else gradient
