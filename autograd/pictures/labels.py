"""A graph as text: what a node computes, and what flows along every edge, forwards and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ..scopes import Collapse
from ..value import Value
from .algebra import Expr, expr
from .boxes import Box, boxes
from .formulas import Edge, Formulas, readable
from .writing import TEXT, Writer


@dataclass
class Labels:
    """What a drawing writes: (ahead, back) for edges and roots, and the sums that meet in shared nodes."""

    edges: dict[Edge, tuple[str, str]] = field(default_factory=dict[Edge, Any])
    roots: dict[Value, tuple[str, str]] = field(default_factory=dict[Value, Any])
    sums: dict[Value, str] = field(default_factory=dict[Value, str])
    # Leaves that are more than an arrow.
    words: dict[Value, str] = field(default_factory=dict[Value, str])


def formula(y: Value, notation: str = "text", *, collapse: Collapse = None) -> str:
    """y = ..., and a line for each letter in it.

    >>> from autograd import exp
    >>> x = Value(0.5, name="x")
    >>> print(formula(1 / (1 + exp(-x))))
    y = 1/(1+exp(-x))

    ``notation`` is "text", "latex" or "mathml"; ValueError for any other.  Equal factors and terms are
    gathered: x·x is printed as x², and x/x as 1.
    """
    write = Writer(notation)
    f = Formulas([y], readable([y], collapse), drawn=False)
    shown = [y, *f.needed(y)]
    lines = [write.equation(f.names[v], f.full[v], "aligned") for v in shown]
    return write.put("whole", write.put("lines").join(lines))


def computation(z: Value) -> str:
    """z = ..., as its op computes it from operands that are leaves: equal ones are not gathered.

    >>> x = Value(0.0, name="x")
    >>> print(formula(x / x), computation(x / x), computation(x * 0), sep="; ")
    y = 1; y = x/x; y = x·0
    """
    f = Formulas([z], boxes([z]), drawn=False)
    return TEXT.equation(f.names[z], f.apart(z))


def right_side(z: Value) -> str:
    """The same without z = ..., unless z gets a number, since an operand has its name."""
    f = Formulas([z], boxes([z]), drawn=False)
    if f.names[z] == z.name:
        return TEXT.sum(f.apart(z))
    return TEXT.equation(f.names[z], f.apart(z))


def partials(z: Value) -> list[str]:
    """∂z/∂operand for every Value among the operands, which are leaves; equal ones are not gathered."""
    f, writer = Formulas([z], boxes([z]), drawn=False), Writer(short=True)
    places = [i for i, x in enumerate(z.args) if isinstance(x, Value)]
    return [writer.sum(f.partial_apart(z, i)) for i in places]


def latex(y: Value) -> str:
    r"""The same as LaTeX, for a display.

    >>> x = Value(2.0, name="x")
    >>> print(latex(1 / x))
    \begin{aligned}y &= \frac{1}{x}\end{aligned}
    """
    return formula(y, "latex")


def mathml(y: Value) -> str:
    """The same as MathML, which browsers show."""
    return formula(y, "mathml")


def labels(
    *roots: Value,
    collapse: Collapse = None,
    loss: str = "L",
    notation: str = "text",
) -> Labels:
    """What stands on every edge: ahead, what the operand sends; back, what flows to it from the loss.

    The loss is L; a root that has its name, or the name loss, is the loss itself, and its gradient is 1.
    """
    return label_boxes(roots, readable(roots, collapse), loss, notation)


def label_boxes(
    roots: Sequence[Value], view: Sequence[Box], loss: str, notation: str = "text"
) -> Labels:
    """What stands on every edge of the boxes."""
    f = Formulas(roots, view, loss, drawn=True)
    return Labeller(f, Writer(notation, short=True)).labels()


class Labeller:
    """Writes the labels of a graph's formulas."""

    def __init__(self, f: Formulas, write: Writer) -> None:
        self.f, self.write = f, write
        self.flow, self.total = f.backward()
        self.definitions: dict[Any, str] = {
            v: self.definition(v) for v in f.defined()
        }

    def labels(self) -> Labels:
        """What stands on every edge."""
        labels = Labels(roots=self.roots(), sums=self.sums(), words=self.words())
        for box in self.f.view:
            for i, x in enumerate(box.args):
                labels.edges[box, i] = self.edge(box, i, x)
        return labels

    def definition(self, v: Value) -> str:
        """A named Value and what it computes."""
        return self.write.equation(self.f.names[v], self.f.full[v])

    def roots(self) -> dict[Value, tuple[str, str]]:
        """Every root's name and what flows into it."""
        write, names = self.write, self.f.names
        seeds = self.f.seeds.items()
        return {y: (write.name(names[y]), write.sum(seed)) for y, seed in seeds}

    def sums(self) -> dict[Value, str]:
        """The gradients of named Values that several others read."""
        shared = [v for v in self.total if self.f.uses[v] > 1 and v in self.f.names]
        return {v: self.gradient(v, self.total[v]) for v in shared}

    def words(self) -> dict[Value, str]:
        """The names of leaves that no other reads, or several."""
        leaves = [v for v in self.f.home if v.op is None and self.f.uses[v] != 1]
        return {v: self.write.name(self.f.names[v]) for v in leaves}

    def edge(self, box: Box, i: int, x: Value | float) -> tuple[str, str]:
        """What an operand sends, with its definition at its first edge, and what flows back to it."""
        definition = self.definitions.pop(x, "")
        back = ""
        if isinstance(x, Value):
            back = self.back(x, self.flow[box, i], alone=definition != "")
        return definition or self.write.sum(self.f.of(x)), back

    def back(self, x: Value, flow: Expr, *, alone: bool) -> str:
        """What flows back along an edge; an equation where it is all that a named operand gets."""
        if alone and self.f.uses[x] == 1 and flow != expr(self.f.bar(x)):
            return self.gradient(x, flow)
        return self.write.sum(flow)

    def gradient(self, v: Value, total: Expr) -> str:
        """The gradient of a named Value and what it is."""
        return self.write.equation(self.f.bar(v), total)
