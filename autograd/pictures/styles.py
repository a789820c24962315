"""Boxes and labels as DOT, in two styles.

"textbook" is the figure of "Deep Learning from Scratch", chapter 5: a circle for every op, what it sends on
thin arrows, the gradient on thick arrows back.  "value" has a box for every Value: name, op, data, grad.
Colours are Okabe and Ito's, and never the only sign of anything.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

from ..value import NoGrad, Value
from .boxes import Box, spans
from .labels import Labels
from .lettering import WIDER, escaped, lines, roomy, widened
from .writing import Writer

Names: TypeAlias = "dict[Value, str]"  # of the nodes in which the Values are drawn
FEW = 3  # values and arrows of a composite that are shown one by one
GRADIENT, LINE, PALE = "#B34700", "#444444", "#666666"
TIMES = {"fontname": "Times", "color": LINE}
LAYOUT = {"rankdir": "LR", "nodesep": "0.35", "ordering": "in"}
MANY, TANGLED = 150, 160_000  # from where on a layout takes less care
QUICK = {"nslimit": "2", "nslimit1": "2"}  # a layout in seconds, not minutes
QUICKER, STRAIGHT = {"mclimit": "0.1", "nodesep": "0.15"}, {"splines": "line"}
GRAPH = LAYOUT | {
    "bgcolor": "white",
    "fontname": "Times",
    "fontsize": "13",
    "labelloc": "b",
}
NODE = {
    "value": {
        "shape": "box",
        "style": "rounded",
        "fontname": "Courier",
        "fontsize": "11",
        "color": LINE,
    },
    "textbook": TIMES
    | {"shape": "circle", "fixedsize": "true", "width": "0.55", "fontsize": "16"},
}
EDGE = TIMES | {"fontsize": "14", "arrowsize": "0.7", "penwidth": "1"}
AHEAD = {"class": "ahead", "weight": "10"}
BACK = AHEAD | {
    "class": "back",
    "dir": "back",
    "penwidth": "3",
    "color": GRADIENT,
    "fontcolor": GRADIENT,
}
BORDER = {"composite": "rounded,dashed", "leaf": "", "op": "rounded"}
LONG = {"shape": "ellipse", "fixedsize": "false"}
END = {"shape": "point", "style": "invis", "width": "0.01"}
WORD = {
    "shape": "plaintext",
    "fixedsize": "false",
    "width": "0",
    "height": "0",
    "margin": "0.05",
}
CONSTANT = WORD | {"fontcolor": PALE}


def attributes(style: str) -> dict[str, Any]:
    """What a style says of all nodes and arrows."""
    return {"graph_attr": GRAPH, "node_attr": NODE[style], "edge_attr": EDGE}


def sketch(
    drawing: Any,
    roots: Sequence[Value],
    view: Sequence[Box],
    names: Names,
    text: Labels | None,
    gradients: bool = True,
) -> Any:
    """The boxes in the textbook's style with that text on the arrows, or in the value style without any."""
    drawing.attr(**{"class": "textbook" if text else "value"})
    effort = effort_for(view, names, text, gradients)
    drawing.bends = effort.bends
    for attributes in effort.attributes(straight=text is not None):
        drawing.attr(**attributes)
    if text:
        Textbook(drawing, names, text, gradients, effort).draw(roots, view)
    else:
        value_style(drawing, view, names, effort)
    return drawing


def arrows(box: Box, names: Names) -> dict[tuple[str, int | None], int]:
    """{(where an arrow into the box begins, its operand's place): how many do}; many share one, at None."""
    tails = [(names[x], i) for i, x in enumerate(box.args) if isinstance(x, Value)]
    uses = Counter(tail for tail, _ in tails)
    arrows: dict[tuple[str, int | None], int] = {}
    for tail, i in tails:
        arrows[tail, i if uses[tail] <= FEW else None] = uses[tail]
    return arrows


def constants_of(box: Box) -> list[tuple[int, float]]:
    """The operands of a box that are numbers, with their places."""
    return [(i, x) for i, x in enumerate(box.args) if not isinstance(x, Value)]


class Effort:
    """How much care a layout can take; a label has a rank of its own, so that arrows span ``ranks`` each.

    Curves cost time with the square of what an arrow spans; where that is long, the lines are straight.
    """

    def __init__(
        self, view: Sequence[Box], names: Names, ranks: int, pairs: int
    ) -> None:
        lengths = [ranks * span for span in spans(view)]
        squares = [length**2 for length in lengths]
        self.bends = pairs * sum(lengths)
        self.large = size_of(view) > MANY
        self.tangled = pairs * sum(squares) > TANGLED
        self.ops = names_of(values_of(view, leaves=False), names)
        self.loose = names_of(read_once(view), names)

    def attributes(self, *, straight: bool) -> Iterator[dict[str, str]]:
        """What a layout of this size needs to be quick."""
        if self.large or self.tangled:
            yield QUICK
        if self.tangled:
            yield QUICKER | STRAIGHT if straight else QUICKER

    def weight(self, tail: str, light: str, heavy: str) -> dict[str, str]:
        """An arrow's weight: a chain goes straight on, and does not bend to leaves that it alone reads."""
        if not self.large:
            return {}
        return {"weight": light if tail in self.loose else heavy}

    def ends(self, tail: str, head: str, side: str) -> tuple[str, str]:
        """Where an arrow begins and ends: straight ones, there and back, would hide one another.

        At what is small, a word or a point, Graphviz before 3.0 loses arrows that have a side to begin at.
        """
        ops = self.ops if self.tangled else set[str]()
        return (
            f"{tail}:{side}e" if tail in ops else tail,
            f"{head}:{side}w" if head in ops else head,
        )


def size_of(view: Sequence[Box]) -> int:
    """How many boxes and arrows there are."""
    return sum(1 + len(box.args) for box in view)


def names_of(values: Sequence[Value], names: Names) -> set[str]:
    """The nodes in which Values are drawn."""
    return {names[v] for v in values}


def effort_for(
    view: Sequence[Box], names: Names, text: Labels | None, gradients: bool
) -> Effort:
    """The effort for a style: the textbook's arrows have labels, and there is one back for each."""
    if text is None:
        return Effort(view, names, ranks=1, pairs=1)
    return Effort(view, names, ranks=2, pairs=2 if gradients else 1)


def values_of(view: Sequence[Box], *, leaves: bool) -> list[Value]:
    """The Values of boxes that read nothing, the ``leaves``, or of all others."""
    chosen = [box for box in view if leaves is not bool(box.args)]
    return [x for box in chosen for x in box.values]


def read_once(view: Sequence[Box]) -> list[Value]:
    """The leaves that are read once."""
    uses = Counter(x for box in view for x in box.args)
    return [x for x in values_of(view, leaves=True) if uses[x] == 1]


def value_style(
    drawing: Any, view: Sequence[Box], names: Names, effort: Effort
) -> None:
    """A box for every Value."""
    for box in view:
        value_box(drawing, box, names, effort)


def value_box(drawing: Any, box: Box, names: Names, effort: Effort) -> None:
    """A box with its arrows and its constants."""
    name, kind = names[box.values[0]], kind_of(box)
    look = {"id": name, "style": BORDER[kind], "class": kind}
    drawing.node(name, lines(*rows_of(box)), **look)
    for (tail, place), n in arrows(box, names).items():
        many = f"{n} values" if place is None else None
        weight = effort.weight(tail, "1", "2")
        drawing.edge(tail, name, many, id=f"{tail}-{name}-{place}", **weight)
    for i, x in constants_of(box):
        drawing.node(f"{name}c{i}", Writer().number(x), **CONSTANT)
        drawing.edge(f"{name}c{i}", name, color=PALE)


def kind_of(box: Box) -> str:
    """The class of a box in the SVG."""
    if box.scope:
        return "composite"
    return "op" if box.values[0].op else "leaf"


def rows_of(box: Box) -> list[str]:
    """What stands in a box: its title, then data and grad of what it gives."""
    rows = title_of(box)
    for y in box.values[:FEW]:
        rows += [f"data {y:>10.4g}", f"grad {grad_of(y):>10}"]
    if len(box.values) > FEW:
        rows.append(f"… {len(box.values) - FEW} more")
    return rows


def title_of(box: Box) -> list[str]:
    """The first rows of a box: a composite's name and size, or a Value's name and its op."""
    if box.scope:
        return [box.title, f"{len(box.members)} nodes"]
    v = box.values[0]
    title = " ".join(filter(None, [v.name, v.op and f"[{v.op.symbol}]"]))
    return [title] if title else []


def grad_of(y: Value) -> str:
    """A Value's grad with four digits; a dash where it has none."""
    return "–" if isinstance(y.grad, NoGrad) else f"{y.grad:.4g}"


class Textbook:
    """A circle for every op, an arrow there and a thick one back for every edge."""

    def __init__(
        self,
        drawing: Any,
        names: Names,
        text: Labels,
        gradients: bool,
        effort: Effort,
    ) -> None:
        self.drawing, self.names, self.text = drawing, names, text
        self.gradients, self.effort = gradients, effort

    def draw(self, roots: Sequence[Value], view: Sequence[Box]) -> None:
        """Draws all boxes, and the arrows out of the roots."""
        for box in view:
            self.box(box)
        for i, y in enumerate(roots):
            self.drawing.node(f"end{i}", **END)
            self.there_and_back(self.names[y], f"end{i}", 0, *self.text.roots[y])

    def box(self, box: Box) -> None:
        """A circle, or a leaf where nothing is read."""
        if box.scope or (box.values[0].op and box.args):
            self.circle(box)
        else:
            self.leaf(box.values[0])

    def leaf(self, v: Value) -> None:
        """A leaf: an arrow's bare beginning, or a word where several read it."""
        words = self.text.words
        self.drawing.node(self.names[v], **(leaf(words[v]) if v in words else END))

    def circle(self, box: Box) -> None:
        """An op or a composite, with its arrows and its constants."""
        name = self.names[box.values[0]]
        sign, *constants = signs_of(box)
        look = LONG | widened(sign, 0.11) if len(sign) > 3 else {}
        self.drawing.node(name, escaped(sign), id=name, **look)
        for (tail, place), n in arrows(box, self.names).items():
            many = f"{n} values", f"{n} gradients"
            texts = many if place is None else self.text.edges[box, place]
            self.there_and_back(tail, name, place, *texts)
        constants += [self.text.edges[box, i][0] for i, _ in constants_of(box)]
        constants_below(self.drawing, name, constants)

    def there_and_back(
        self, tail: str, head: str, place: int | None, ahead: str, back: str
    ) -> None:
        """Both arrows of an edge."""
        effort, name = self.effort, f"{tail}-{head}-{place}"
        weight = effort.weight(tail, "5", "10")
        ends = effort.ends(tail, head, "n")
        there = roomy(ahead, 14, WIDER if tail in effort.loose else 0.0)
        self.drawing.edge(*ends, there, **(AHEAD | weight), id=name)
        if self.gradients and back:
            ends = effort.ends(tail, head, "s")
            look = BACK | weight | {"id": f"{name}-back"}
            self.drawing.edge(*ends, roomy(back, 14), **look)


def signs_of(box: Box) -> list[str]:
    """A composite's name, or an op's sign with the constants that belong to it."""
    v = box.values[0]
    if box.scope:
        return [box.title]
    return v.op.symbol.split() if v.op else []


def leaf(word: str) -> dict[str, str]:
    """A leaf that is more than an arrow."""
    return WORD | {"label": escaped(word)} | widened(word, 0.05)


def constants_below(drawing: Any, name: str, constants: Sequence[str]) -> None:
    """Constants under their op, or they would go to the far left."""
    for i, constant in enumerate(constants):
        with drawing.subgraph() as rank:
            rank.attr(rank="same")
            rank.node(name)
            rank.node(f"{name}c{i}", constant, **CONSTANT)
        drawing.edge(name, f"{name}c{i}", color=PALE, dir="back")
