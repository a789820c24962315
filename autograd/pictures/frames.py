"""The steps of a graph: every node's value, the seed, then every edge of the backward pass.

``steps`` reads the ledger; nothing here differentiates.  What is said, in every language, stands in stepper.json.
"""

from __future__ import annotations

import json
import math
from collections import Counter, defaultdict
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Literal, TypeAlias

from ..ieee import Real
from ..orders import postorder
from ..sweeps import Step, entries, ledger
from ..value import Value
from .algebra import ZERO, Expr, expr
from .boxes import Box
from .formulas import Edge, Formulas, readable
from .labels import Labels
from .writing import Writer

Operand: TypeAlias = "tuple[int, Value | float]"  # its place, and itself
SHORT = Writer(short=True)
LANGUAGES: dict[str, dict[str, str]] = json.loads(
    Path(__file__).with_name("stepper.json").read_text(encoding="utf-8")
)
NUMBERS = ("upstream", "local", "contribution")  # of a Step


@dataclass(frozen=True)
class Frame:
    """One step: a value, of a "leaf" or another node ("forward"); the "seed"; an edge of the "backward" pass.

    ``total`` is the target's data, or its grad after this step; ``formula`` is its own, or the derivative's.
    """

    kind: Literal["leaf", "forward", "seed", "backward"]
    target: Value
    name: Expr
    formula: Expr
    total: float
    before: float | None = None
    edge: Step | None = None

    def __str__(self) -> str:
        return self.parts()["words"]

    def parts(self, lang: str = "en") -> dict[str, str]:
        """The step in words, and what they are made of."""
        parts = self.own_parts() | self.edge_parts()
        if self.before is not None:
            total = added(self.before, parts["contribution"], parts["total"])
            parts["sum"] = total
        sentence = LANGUAGES[lang][self.kind]
        words = sentence.format(formula=SHORT.sum(self.formula), **parts)
        return parts | {"words": words}

    def own_parts(self) -> dict[str, str]:
        """What every step has: its kind, its name, its equation and its number."""
        total = f"{self.total:.4g}"
        return {
            "kind": self.kind,
            "name": SHORT.sum(self.name, tight=True),
            "equation": self.equation(),
            "total": total,
            "sum": total,
        }

    def equation(self) -> str:
        """The target's name and its formula; the name alone where the formula says no more."""
        name = SHORT.sum(self.name, tight=True)
        if self.kind == "leaf" or self.name == self.formula:
            return name
        return f"{name} = {SHORT.sum(self.formula)}"

    def edge_parts(self) -> dict[str, str]:
        """What a step of the backward pass has besides: its factors, and where they are added."""
        if self.edge is None:
            return {}
        numbers = {x: f"{getattr(self.edge, x):.4g}" for x in NUMBERS}
        return numbers | {
            "derivative": derivative(SHORT.sum(self.formula), numbers["local"]),
            "place": SHORT.in_one(self.name),
        }


def added(before: float, contribution: str, total: str) -> str:
    """The sum of a grad and a contribution."""
    return f"{before:.4g} + {contribution} = {total}".replace("+ -", "- ")


def derivative(formula: str, local: str) -> str:
    """A derivative's formula and its number; one of them where they are the same."""
    return formula if formula == local else f"{formula} = {local}"


def steps(y: Value, seed: Real = 1.0) -> list[Frame]:
    """Every node's value, the seed, then every edge of the ledger: a list that print can show.

    >>> print(*steps(Value(3.0, "x") ** 2)[2:], sep="\\n")
    seed ∂L/∂y = 1
    upstream 1 × local 2·x = 6 → 6 added to grad of x: 6
    """
    return Walk(y, seed, readable([y], None)).frames


class Walk:
    """The steps of a graph as boxes, and one naming for all its pictures."""

    def __init__(
        self, y: Value, seed: Real, view: Sequence[Box], borders: Iterable[Any] = ()
    ) -> None:
        edges = ledger_of_boxes(y, seed, view)
        shown = [v for box in view for v in box.values]
        self.at: dict[Any, int] = {v: i for i, v in enumerate(shown)}
        self.f = Formulas([y], view, drawn=True)
        for v in borders:
            self.f.letter(v)
        self.total = self.f.backward()[1]  # from here on all have their names
        self.frames = [self.ahead(v) for v in shown]
        self.go_back(y, float(seed), edges)

    def go_back(self, y: Value, seed: float, edges: Iterable[Step]) -> None:
        """Adds the frames of the seed and of every edge, with the grads so far."""
        grads = {y: seed}
        bar = expr(self.f.bar(y))
        self.frames.append(Frame("seed", y, self.f.of(y), bar, seed))
        for edge in edges:
            x = edge.operand
            before = grads.get(x)
            grads[x] = grads.get(x, 0.0) + edge.contribution
            self.frames.append(self.back(edge, before, grads[x]))

    def back(self, edge: Step, before: float | None, total: float) -> Frame:
        """The frame of an edge; the grad of its operand was ``before``, and is ``total`` now."""
        x = edge.operand
        name = self.frames[self.at[x]].name
        return Frame("backward", x, name, self.local(edge), total, before, edge)

    def ahead(self, v: Value) -> Frame:
        """What v computes; where that is not finite, as it was computed: 1 is not nan, but x/x is."""
        name, written = self.f.of(v), self.f.full[v]
        if self.is_apart(v):
            written = self.f.apart(v)
            name = name if v in self.f.names else written
        return Frame("forward" if v.op else "leaf", v, name, written, v.data)

    def is_apart(self, v: Value) -> bool:
        """Whether v is the result of an op, and not finite."""
        if v.op is None or self.f.home[v].scope:
            return False
        return not math.isfinite(v.data)

    def local(self, edge: Step) -> Expr:
        """The derivative along an edge, as a formula; where it is not finite, as it was computed."""
        f, z, i = self.f, edge.node, edge.position
        if i < 0:
            return expr(f"∂{f.letter(z)}/∂{f.letter(edge.operand)}")
        if math.isfinite(edge.local):
            return f.partial(f.home[z], z, i)
        return f.partial_apart(z, i)

    def labels(self, roots: Sequence[Value], view: Sequence[Box]) -> Labels:
        """What a textbook picture writes: every operand, and what flows back to it."""
        flows = self.flows()
        return Labels(
            roots={y: (self.write(y), SHORT.sum(flows[y])) for y in roots},
            words={v: self.write(v) for v in shared_leaves(view)},
            edges=self.edges(view, flows),
        )

    def edges(
        self, view: Sequence[Box], flows: Mapping[Value, Expr]
    ) -> dict[Edge, tuple[str, str]]:
        """What every operand sends, and what flows back to it."""
        edges: dict[Edge, tuple[str, str]] = {}
        for box in view:
            for i, x in enumerate(box.args):
                ahead = self.write(x)
                edges[box, i] = ahead, self.back_along(box, (i, x), flows)
        return edges

    def flows(self) -> dict[Value, Expr]:
        """What flows back from every Value: a letter for those with a name."""
        inner = [v for v in self.f.names if v not in self.f.roots]
        return self.total | {v: expr(self.f.bar(v)) for v in inner}

    def write(self, x: Value | float) -> str:
        """An operand as text."""
        return SHORT.sum(self.f.of(x))

    def back_along(
        self, box: Box, operand: Operand, flows: Mapping[Value, Expr]
    ) -> str:
        """What a box sends back to an operand; a number gets 0."""
        i, x = operand
        givers = box.values if isinstance(x, Value) else ()
        back = [flows[v] * self.f.partial(box, v, i) for v in givers]
        return SHORT.sum(ZERO.plus(*back))


def ledger_of_boxes(y: Value, seed: Real, view: Sequence[Box]) -> list[Step]:
    """The ledger; what happens inside of a box that is a composite is one step for each of its operands."""
    edges = edges_by_box(y, seed, view)
    return list(
        chain.from_iterable(steps_of(box, edges[box]) for box in reversed(view))
    )


def edges_by_box(
    y: Value, seed: Real, view: Sequence[Box]
) -> dict[Box, list[Step]]:
    """The ledger's steps, by the box in which they happen."""
    home = {v: box for box in view for v in box.members}
    edges = defaultdict[Box, list[Step]](list)
    for edge in ledger(y, seed):
        edges[home[edge.node]].append(edge)
    return edges


def steps_of(box: Box, edges: Sequence[Step]) -> Iterable[Step]:
    """What is told of a box: its edges, or a composite's sums."""
    return summed(box, edges) if box.scope else edges


def shared_leaves(view: Sequence[Box]) -> list[Value]:
    """The leaves that no other reads, or several."""
    uses = Counter(x for box in view for x in box.args)
    leaves = [box for box in view if not box.args]
    return [v for box in leaves for v in box.values if uses[v] != 1]


def summed(box: Box, edges: Sequence[Step]) -> Generator[Step]:
    """A composite's steps: from each value that it gives to what it reads, and to others that it gives."""
    upstream = {edge.node: edge.upstream for edge in edges}
    for v in reversed(box.values):
        if v in upstream:
            yield from summed_from(v, box, edges, upstream[v])


def summed_from(
    v: Value, box: Box, edges: Sequence[Step], upstream: float
) -> Generator[Step]:
    """The steps from one of the values that a composite gives."""
    between = between_borders(v, box)
    local = passed_from(v, between, 1.0)
    alone = len(box.values) == 1
    flow = passed(edges, between) if alone else passed_from(v, between, upstream)
    for i, x in border(box):
        if isinstance(x, Value) and x in local:
            yield Step(v, x, i, local[x], upstream, flow[x])


def passed_from(
    v: Value, between: Sequence[Value], seed: float
) -> dict[Value, float]:
    """What flows out of the nodes when the seed flows into v."""
    return passed(entries(between, {v: seed}), between)


def between_borders(v: Value, box: Box) -> list[Value]:
    """The nodes inside of a composite that v is computed from, and v."""
    inner = set(box.members).difference(box.values)
    return postorder([v], lambda u: [x for x in u.inner if x in inner])


def border(box: Box) -> list[Operand]:
    """What a composite reads, each at its place, and what it gives, at -1."""
    return [*enumerate(box.args), *((-1, v) for v in box.values)]


def passed(edges: Iterable[Step], between: Sequence[Value]) -> dict[Value, float]:
    """What the edges carry out of the nodes that they lie between."""
    inner = set(between)
    total = defaultdict[Value, float](float)
    for edge in edges:
        if edge.operand not in inner:
            total[edge.operand] += edge.contribution
    return total
