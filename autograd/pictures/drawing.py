"""A graph as a picture: boxes of Values → DOT text → SVG or PNG.

Two styles of one walk.  "textbook" is the figure of "Deep Learning from Scratch", chapter 5: a circle for
every op, what it sends on thin arrows, the gradient on thick arrows back.  "value" has a box for every Value:
name, op, data, grad.

The picture shows what the engine did: numbers come from the Values and from ``ledger``, formulas from the op
table.  Colours are Okabe and Ito's, and never the only sign of anything.
"""

from __future__ import annotations

import math
import os
import re
import shutil
import sysconfig
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from html import escape
from importlib import metadata
from itertools import count
from pathlib import Path
from typing import Any, Literal, TypeAlias, cast
from unicodedata import category, east_asian_width

import graphviz
from graphviz.backend import dot_command

from ..ieee import number
from ..scopes import Collapse, within
from ..sweeps import StaleGraphError, check_fresh, entries
from ..value import NO_GRAD, Value, plain, toposort
from .boxes import Box, boxes, spans
from .labels import Edge, Labels, computation, formula, label_boxes, partials
from .rendering import PURE, Engine, LayoutTimeoutError, render, seconds, too_large
from .writing import NO_XML, TEXT, Writer

__all__ = ["Drawing", "GraphvizMissingError", "LayoutTimeoutError", "draw", "to_dot"]

Names: TypeAlias = "dict[Value, str]"  # of the nodes in which the Values are drawn
PATIENCE, GLANCE = 30.0, 10.0  # seconds that a picture may take; and one that a notebook shows unasked
FEW = 3  # values and arrows of a composite that are shown one by one
CELL = 600.0  # points that a cell of a notebook has at least
AUTO, MOST = 300, 2000  # more visible nodes than AUTO: composites are collapsed; more than MOST: refused
GRADIENT, LINE, PALE = "#B34700", "#444444", "#666666"
TIMES = {"fontname": "Times", "color": LINE}
LAYOUT = {"rankdir": "LR", "nodesep": "0.35", "ordering": "in"}
MANY, TANGLED, MOST_BENDS = 150, 160_000, 120_000  # from where on a layout takes less care; more bends: 1 GB
QUICK = {"nslimit": "2", "nslimit1": "2"}  # a layout in seconds, not minutes
QUICKER, STRAIGHT = {"mclimit": "0.1", "nodesep": "0.15"}, {"splines": "line"}
GRAPH = LAYOUT | {"bgcolor": "white", "fontname": "Times", "fontsize": "13", "labelloc": "b"}
NODE = {
    "value": {"shape": "box", "style": "rounded", "fontname": "Courier", "fontsize": "11", "color": LINE},
    "textbook": TIMES | {"shape": "circle", "fixedsize": "true", "width": "0.55", "fontsize": "16"},
}
EDGE = TIMES | {"fontsize": "14", "arrowsize": "0.7", "penwidth": "1"}
AHEAD = {"class": "ahead", "weight": "10"}
BACK = AHEAD | {"class": "back", "dir": "back", "penwidth": "3", "color": GRADIENT, "fontcolor": GRADIENT}
BORDER = {"composite": "rounded,dashed", "leaf": "", "op": "rounded"}
LONG = {"shape": "ellipse", "fixedsize": "false"}
END = {"shape": "point", "style": "invis", "width": "0.01"}
WORD = {"shape": "plaintext", "fixedsize": "false", "width": "0", "height": "0", "margin": "0.05"}
CONSTANT = WORD | {"fontcolor": PALE}
ROOM, WIDER = 15.0, 0.1  # points that a text may take more; what a letter takes more if a font is wider


class GraphvizMissingError(graphviz.ExecutableNotFound):
    """There is no program that could render the picture."""

    def __str__(self) -> str:
        return """Graphviz's `dot` was not found, so this graph cannot be rendered.
Install it with `pip install graphviz-pure`, or as a system package (apt, brew or winget install graphviz).
Its DOT text is there without it: print(drawing.source)."""


class Drawing(graphviz.Digraph):
    """A graphviz.Digraph that renders with the system's dot, or else with the one of graphviz-pure.

    Every picture has a limit of time, draw's ``timeout``, and of memory: 1 GB.  One of pixels is drawn at
    fewer dots per inch where it would take more.

    Raises LayoutTimeoutError when the time is over.  Raises ValueError for a picture that is too large, and
    for letters that a picture of pixels cannot show; GraphvizMissingError if there is no dot.
    """

    table = ""  # what a notebook shows when there is no dot
    timeout = PATIENCE
    bends = 0  # how many places the layout gives to arrows alone

    def pipe(
        self, format: str | None = None, renderer: str | None = None, formatter: str | None = None,
        neato_no_op: bool | int | None = None, quiet: bool = True, *,
        engine: str | None = None, encoding: str | None = None, timeout: float | None = None,
    ) -> Any:  # fmt: skip
        """The picture as bytes, or as str with ``encoding``; format "svg", "png", "pdf", ..."""
        form, names = (format or self.format).lower(), {"renderer": renderer, "formatter": formatter}
        checked = cast("Any", dot_command).command  # says what is no format, no engine, ...
        _, *options = checked(engine or self.engine, form, neato_no_op=neato_no_op, **names)
        picture = self.drawn(program(self.timeout if timeout is None else timeout), form, options)
        return picture.decode(encoding) if encoding else picture

    def drawn(self, program: Engine, form: str, options: Sequence[str] = ("-Kdot", "-Tsvg")) -> bytes:
        """The picture as that program draws it."""
        if program.path.stem == PURE and form in ("pdf", "ps", "eps"):
            raise ValueError(f"{form} needs the system's Graphviz; graphviz-pure writes svg and png")
        if self.bends > MOST_BENDS:
            raise ValueError(too_large("to lay out, with arrows so long"))
        return render(program, self.source, options, form)

    def render(  # pyright: ignore[reportIncompatibleMethodOverride]  which takes some of it by position
        self, filename: Any = None, directory: Any = None, view: bool = False, cleanup: bool = False,
        format: str | None = None, *, outfile: Any = None, quiet_view: bool = False,
        raise_if_result_exists: bool = False, **options: Any,
    ) -> str:  # fmt: skip
        """Writes the DOT text and the picture to files, as graphviz.Digraph.render does; returns the path."""
        target = Path(str(directory or self.directory), outfile) if outfile else None
        form = format or (target and target.suffix[1:].lower()) or self.format
        picture = self.pipe(form, **options)
        if target and raise_if_result_exists and target.exists():
            raise graphviz.FileExistsError(f"output file exists: {str(target)!r}")
        writer: Any = super()
        source = writer.save(filename or (target and target.with_suffix(".gv")), directory=directory)
        written = target or Path(f"{source}.{form}")
        written.write_bytes(picture)
        if cleanup:
            Path(source).unlink()
        if view or quiet_view:
            cast("Any", graphviz).view(str(written), quiet=quiet_view)
        return str(written)

    def save_picture(self, path: str | Path, *, timeout: float | None = None) -> Path:
        """Writes the picture or the DOT text to a file, in the format of its suffix: .svg, .png, .dot, ...

        ``timeout`` is in seconds; without it, draw's is the limit.  Where no picture comes of it, the file
        stays as it was.
        """
        target = Path(path)
        suffix = target.suffix[1:].lower()
        if suffix not in ("svg", "png", "pdf", "dot", "gv"):
            which = ".svg, .png, .dot, or .pdf with a system Graphviz"
            raise ValueError(f"{target.name}: the suffix must be {which}")
        as_text = suffix in ("dot", "gv")
        picture = self.source.encode() if as_text else self.pipe(format=suffix, timeout=timeout)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(picture)
        return target

    def _repr_mimebundle_(self, *_: Any, **__: Any) -> dict[str, bytes | str]:
        svg, text = self.shown(least=CELL)
        return {"image/svg+xml": svg, "text/plain": text} if svg else {"text/plain": text}

    def _mime_(self) -> tuple[str, str]:  # marimo takes one type, and of what is in a list shows HTML alone
        svg, text = self.shown()
        return ("text/html", svg[svg.index("<svg") :]) if svg else ("text/plain", text)

    def shown(self, least: float = 0.0) -> tuple[str, str]:
        """The SVG for a notebook and the table; or "" and why there is none, with the table."""
        try:
            return fluid(self.pipe("svg", encoding="utf-8"), least), self.table
        except Exception as error:
            return "", f"{error}\n\n{self.table}".strip()


def program(timeout: float) -> Engine:
    """The program that renders, and its time."""
    if (found := find_dot()) is None:
        raise GraphvizMissingError(["dot"])
    return Engine(found, timeout)


def find_dot() -> Path | None:
    """The program that renders: ``GRAPHVIZ_DOT``, the system's dot, or graphviz-pure's; else None."""
    wheels = metadata.distributions(name=PURE)
    files = [str(file.locate()) for wheel in wheels for file in wheel.files or () if file.stem == PURE]
    named = os.environ.get("GRAPHVIZ_DOT", "dot")
    scripts = sysconfig.get_path("scripts"), sysconfig.get_path("scripts", f"{os.name}_user")
    tries = [(name, None) for name in (named, "dot", *files)]
    tries += [(PURE, folder) for folder in (*scripts, None)]
    return next((Path(found) for name, folder in tries if (found := shutil.which(name, path=folder))), None)


def fluid(svg: str, least: float = 0.0) -> str:
    """The SVG as wide as its place in a notebook, but no wider than it is, or than ``least`` points.

    Where a notebook makes an image of it, that is as wide as the cell whatever the SVG says.  A small picture
    would be blown up then, so it gets room at its right.
    """
    size = r'<svg width="([\d.]+)pt" height="[\d.]+pt"\s+viewBox="([-\d.]+ [-\d.]+) ([\d.]+)'
    if not (found := re.search(size, svg)):
        return svg
    own, width = float(found[1]), max(float(found[1]), least)
    head = f'<svg width="100%" style="max-width:{width:g}pt"\n viewBox="{found[2]} '
    return f"{svg[: found.start()]}{head}{float(found[3]) * width / own:.2f}{svg[found.end() :]}"


def draw(
    *roots: Value, style: Literal["value", "textbook"] = "value",
    labels: Literal["formula", "number"] = "formula", gradients: bool = True, collapse: Collapse = None,
    siblings: int | None = 3, loss: str = "L", max_nodes: int = MOST, timeout: float = PATIENCE,
) -> Drawing:  # fmt: skip
    """The graph that ends in the given Values, as a graphviz.Digraph; nothing is rendered yet.

    ``style``: "value" has a box for every Value, "textbook" a circle for every op and its ``labels`` on the
    arrows, "formula" or "number" (of a pass from the root, whether there has been one or not); without
    ``gradients`` only the forward pass.  ``collapse`` draws composites as one node: by name, by depth (1 is
    the outermost), or by a function of the scope; parameters of a module are inside its box, and of
    composites side by side, such as a layer's neurons, only the first ``siblings`` stand alone.  A graph of
    more than 300 nodes is collapsed to its outermost composites by itself, unless ``collapse`` is (); one of
    more than ``max_nodes`` is refused with a ValueError.

    >>> x = Value(3.0, name="x")
    >>> "-∂L/∂y·y²" in draw(1 / x, style="textbook").source
    True
    """
    check_options(roots, style, labels)
    order, patience = toposort(*roots), seconds(timeout)
    chosen = outermost(order, collapse)
    view, auto = visible(roots, order, chosen, siblings, max_nodes), chosen is not collapse
    names = {v: f"n{i}" for i, box in enumerate(view) for v in box.values}
    notes = [f"{len(order):,} nodes, drawn as {len(view)}"] * auto + stale_note(order)
    text = None
    if style == "textbook":
        named = labels == "formula"
        text = label_boxes(roots, view, loss) if named else number_labels(roots, view, gradients)
        bundled = {v for box in view if len(box.values) > FEW for v in box.values}
        notes += [total for v, total in text.sums.items() if gradients and v not in bundled]
    drawing = sketch(roots, view, names, text, gradients)
    drawing.table, drawing.timeout = table(order), patience
    if notes:
        drawing.attr(label=roomy("\n".join(notes), 13))
    return drawing


def outermost(order: Sequence[Value], collapse: Collapse) -> Collapse:
    """What is collapsed: as was said, or the outermost composites of a graph that is too large without."""
    too_many = collapse is None and len(order) > AUTO and any(v.scope for v in order)
    return 1 if too_many else collapse


def visible(
    roots: Sequence[Value], order: Sequence[Value], collapse: Collapse, siblings: int | None, max_nodes: int
) -> list[Box]:
    """The boxes of a drawing; ValueError if there are too many."""
    endless = collapse is None and len(order) > limit(max_nodes)
    view = [] if endless else boxes(roots, collapse, siblings)
    check_size(len(view or order), max_nodes)
    return view


def check_options(roots: Sequence[object], style: str, labels: str) -> None:
    for option, given, known in (("style", style, tuple(NODE)), ("labels", labels, ("formula", "number"))):
        if not isinstance(given, str) or given not in known:  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ValueError(f"{option}={given!r}: choose {known[0]!r} or {known[1]!r}")
    wrong = [type(y).__name__ for y in roots if not isinstance(y, Value)]
    if wrong or not roots:
        what = f"not {', '.join(wrong) or 'nothing'}"
        raise TypeError(f"draw takes Values, {what}; write draw(*values), and draw(y, style='textbook')")


def to_dot(*roots: Value, **options: Any) -> str:
    """The DOT text of ``draw(...)``: same graph, same options, same bytes."""
    return draw(*roots, **options).source


def limit(most: Any) -> float:
    """``max_nodes`` as a number, which may be inf."""
    found = number(most, "max_nodes")
    if math.isnan(found):
        raise ValueError("max_nodes=nan is no limit; give a number of nodes, or math.inf")
    return found


def check_size(nodes: int, most: int) -> None:
    if nodes > limit(most):
        what = f"this graph has {nodes:,} nodes, too many to draw (max_nodes={most:,})"
        way_out = "collapse composites with collapse=, draw a smaller part such as a single sample"
        raise ValueError(f"{what}: {way_out}, or raise max_nodes")


def stale_note(order: Sequence[Value]) -> list[str]:
    """What a picture of a stale graph says."""
    try:
        check_fresh(order)
    except StaleGraphError as error:
        return [f"stale: {error}"]
    return []


def number_labels(roots: Sequence[Value], view: Sequence[Box], gradients: bool) -> Labels:
    """Numbers in the places of the formulas; nothing flows back in a stale graph."""
    order = toposort(*roots)
    flow = flows(roots, order, view) if gradients and not stale_note(order) else {}
    start, found = seeds(roots, order), Labels()
    found.words = {v: v.name for box in view for v in box.values if v.op is None and v.name}
    for y in roots:
        ahead = f"{y.name} = {short(y)}" if y.name and y.op else short(y)
        found.roots[y] = ahead, short(start[y]) if flow or not y.inner else ""
    for box in view:
        for i, x in enumerate(box.args):
            found.edges[box, i] = short(x), short(flow[box, i]) if (box, i) in flow else ""
    arrived = defaultdict[Any, list[float]](list)
    for (box, i), amount in flow.items():
        arrived[box.args[i]].append(amount)
    for x, parts in arrived.items():
        if x.name and len(parts) > 1:
            found.sums[x] = f"{x.name}: {' + '.join(map(short, parts))} = {short(sum(parts))}"
    return found


def flows(roots: Sequence[Value], order: Sequence[Value], view: Sequence[Box]) -> dict[Edge, float]:
    """What flows back along every edge of the drawing, by the ledger; from a composite, the sum inside it."""
    home = {v: box for box in view for v in box.members}
    place = {(box, x): i for box in view if box.scope for i, x in enumerate(box.args)}
    total = {(box, i): 0.0 for box in view for i, x in enumerate(box.args) if isinstance(x, Value)}
    for step in entries(order, seeds(roots, order)):
        box = home[step.node]
        edge = box, place.get((box, step.operand), -1) if box.scope else step.position
        if edge in total:  # or it is inside a composite
            total[edge] += step.contribution
    return total


def seeds(roots: Sequence[Value], order: Sequence[Value]) -> dict[Value, float]:
    """What flows into the roots from outside: 1 before any pass, then their grad, unless others gave it."""
    inner = {x for v in order for x in v.inner}
    return {y: 1.0 if y.grad is NO_GRAD else 0.0 if y in inner else y.grad for y in roots}


def short(x: Value | float) -> str:
    return f"{x:.6g}"


def escaped(text: str) -> str:
    """User's text for a DOT label, where backslashes and a leading < would be read as markup."""
    return graphviz.escape(NO_XML.sub("", text.replace("\r", "")).replace("&", "&amp;"))


def lines(*texts: str) -> str:
    """Texts one below the other."""
    return graphviz.nohtml(escaped("\n".join(texts)).replace("\n", "\\n"))  # also where one is <b>


def roomy(text: str, size: float, spare: float = 0.0) -> str:
    """A label in Times, with the room that a reader's font needs where that is more than Graphviz thinks.

    Graphviz takes every byte of what is not ASCII for a space, so that Hangul would run over its place.
    ``spare`` is the room for every letter of a long line, if the font is wider than Times.
    """
    extra = overflow(text, spare) * size
    if extra <= ROOM or "\\" in text:  # in a table, \E would be the arrow's own name
        return lines(text)
    found = escape(NO_XML.sub("", text.replace("\r", ""))).replace("\n", "<BR/>")
    table = '<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="0">'
    return f'<{table}<TR><TD>{found}</TD><TD WIDTH="{extra:.0f}"></TD></TR></TABLE>>'


def widened(text: str, margin: float, size: float = 16) -> dict[str, str]:
    """Margins for a node with this text."""
    extra = overflow(text, WIDER) * size
    return {"margin": f"{margin + extra / 144:.3f},0.05"} if extra > ROOM else {}


def overflow(text: str, spare: float) -> float:
    """By how many times the font's size its lines are wider than Graphviz thinks, which counts bytes."""
    found = list[float]()
    for line in text.split("\n"):
        wide = sum(width(c, line) - len(c.encode()) / 4 for c in line if c > "~")
        found.append(wide + spare * max(len(line) - 12, 0))
    return max(found)


def width(c: str, line: str) -> float:
    """What a letter outside of ASCII takes of its line, as a part of the font's size."""
    kind, east = category(c), east_asian_width(c)
    if kind[0] == "M" or kind == "Cf":  # drawn over the letter before
        return 0.0
    if east in "WF":
        return 1.0 if c <= "\uffff" else 1.3  # most of those are emoji
    if east == "A" and any(east_asian_width(other) in "WF" for other in line):
        return 0.75  # ∂ and ·, which an East Asian font has wider
    return 0.9 if kind == "Lu" else 0.6 if kind[0] == "L" else 0.5


def arrows(box: Box, names: Names) -> dict[tuple[str, int | None], int]:
    """{(where an arrow into the box begins, its operand's place): how many do}; many share one, at None."""
    tails = [(names[x], i) for i, x in enumerate(box.args) if isinstance(x, Value)]
    uses = Counter(tail for tail, _ in tails)
    return {(tail, i if uses[tail] <= FEW else None): uses[tail] for tail, i in tails}


def sketch(
    roots: Sequence[Value], view: Sequence[Box], names: Names, text: Labels | None, gradients: bool = True
) -> Any:
    """The boxes in the textbook's style with that text on the arrows, or in the value style without any."""
    style = "textbook" if text else "value"
    drawing: Any = Drawing("autograd", format="svg", graph_attr=GRAPH, node_attr=NODE[style], edge_attr=EDGE)
    drawing.attr(**{"class": style})
    effort = Effort(view, names, *((2, 2 if gradients else 1) if text else (1, 1)))
    drawing.bends = effort.bends
    if effort.large or effort.tangled:
        drawing.attr(**QUICK)
    if effort.tangled:
        drawing.attr(**(QUICKER | STRAIGHT if text else QUICKER))
    if text:
        textbook_style(drawing, roots, view, names, text, gradients, effort)
    else:
        value_style(drawing, view, names, effort)
    return drawing


class Effort:
    """How much care a layout can take; a label has a rank of its own, so that arrows span ``ranks`` each.

    Curves cost time with the square of what an arrow spans; where that is long, the lines are straight.
    """

    def __init__(self, view: Sequence[Box], names: Names, ranks: int, pairs: int) -> None:
        lengths = [ranks * span for span in spans(view)]
        self.bends = pairs * sum(lengths)
        self.large = sum(1 + len(box.args) for box in view) > MANY
        self.tangled = pairs * sum(length**2 for length in lengths) > TANGLED
        self.ops = {names[x] for box in view if box.args for x in box.values}
        leaves = {x: names[x] for box in view if not box.args for x in box.values}
        uses = Counter(leaves[x] for box in view for x in box.args if x in leaves)
        self.loose = {name for name in leaves.values() if uses[name] == 1}

    def weight(self, tail: str, light: str, heavy: str) -> dict[str, str]:
        """An arrow's weight: a chain goes straight on, and does not bend to leaves that it alone reads."""
        return {"weight": light if tail in self.loose else heavy} if self.large else {}

    def ends(self, tail: str, head: str, side: str) -> tuple[str, str]:
        """Where an arrow begins and ends: straight ones, there and back, would hide one another.

        At what is small, a word or a point, Graphviz before 3.0 loses arrows that have a side to begin at.
        """
        ops = self.ops if self.tangled else set[str]()
        return f"{tail}:{side}e" if tail in ops else tail, f"{head}:{side}w" if head in ops else head


def value_style(drawing: Any, view: Sequence[Box], names: Names, effort: Effort) -> None:
    """A box for every Value."""
    for box in view:
        v, name = box.values[0], names[box.values[0]]
        kind = "composite" if box.scope else "op" if v.op else "leaf"
        title = " ".join(filter(None, [v.name, v.op and f"[{v.op.symbol}]"]))
        rows = [box.title, f"{len(box.members)} nodes"] if box.scope else [title] * bool(title)
        for y in box.values[:FEW]:
            rows += [f"data {y:>10.4g}", f"grad {'–' if y.grad is NO_GRAD else f'{y.grad:.4g}':>10}"]
        rows += [f"… {len(box.values) - FEW} more"] * (len(box.values) > FEW)
        drawing.node(name, lines(*rows), id=name, style=BORDER[kind], **{"class": kind})
        for (tail, place), n in arrows(box, names).items():
            many = f"{n} values" if place is None else None
            drawing.edge(tail, name, many, id=f"{tail}-{name}-{place}", **effort.weight(tail, "1", "2"))
        for i, x in enumerate(box.args):
            if not isinstance(x, Value):
                drawing.node(f"{name}c{i}", Writer().number(x), **CONSTANT)
                drawing.edge(f"{name}c{i}", name, color=PALE)


def textbook_style(
    drawing: Any, roots: Sequence[Value], view: Sequence[Box], names: Names, text: Labels, gradients: bool,
    effort: Effort,
) -> None:  # fmt: skip
    """A circle for every op, an arrow there and a thick one back for every edge."""

    def there_and_back(tail: str, head: str, place: int | None, ahead: str, back: str) -> None:
        weight, name = effort.weight(tail, "5", "10"), f"{tail}-{head}-{place}"
        there = roomy(ahead, 14, WIDER if tail in effort.loose else 0.0)
        drawing.edge(*effort.ends(tail, head, "n"), there, **(AHEAD | weight), id=name)
        if gradients and back:
            way = BACK | weight
            drawing.edge(*effort.ends(tail, head, "s"), roomy(back, 14), **way, id=f"{name}-back")

    for box in view:
        v, name = box.values[0], names[box.values[0]]
        if box.scope:
            sign, constants = box.title, list[str]()
        elif v.op and box.args:
            sign, *constants = v.op.symbol.split()
        else:
            drawing.node(name, **(leaf(text.words[v]) if v in text.words else END))
            continue
        drawing.node(name, escaped(sign), id=name, **(LONG | widened(sign, 0.11) if len(sign) > 3 else {}))
        for (tail, place), n in arrows(box, names).items():
            many = f"{n} values", f"{n} gradients"
            there_and_back(tail, name, place, *(many if place is None else text.edges[box, place]))
        constants += [text.edges[box, i][0] for i, x in enumerate(box.args) if not isinstance(x, Value)]
        constants_below(drawing, name, constants)
    for i, y in enumerate(roots):
        drawing.node(f"end{i}", **END)
        there_and_back(names[y], f"end{i}", 0, *text.roots[y])


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


def table(order: Sequence[Value], most: int = 40) -> str:
    """The graph as a table of text: what the command prints, and notebooks where nothing can be rendered."""
    taken = {TEXT.name(v.name) for v in order}
    fresh = (name for i in count(1) if TEXT.name(name := f"v{i}") not in taken)
    names = {v: v.name or next(fresh) for v in order}
    rows = [("node", "formula", "value", "local derivatives", "gradient")]
    for v in order[-most:]:
        symbols: dict[Any, Any] = {x: Value(x.data, names[x]) for x in v.inner}
        with within(None):
            z = v.op(*[symbols.get(x, x) for x in v.args]) if v.op else Value(v.data)
        z.name, name = names[v], TEXT.name(names[v])
        told = computation(z) if v.op else formula(z)
        written, local = told.removeprefix(f"{name} = "), list[str]()
        with suppress(Exception):  # of a partial that is no graph
            for x, equal in zip(v.inner, slopes(v, z), strict=True):
                local.append(" = ".join(dict.fromkeys([f"∂{name}/∂{TEXT.name(names[x])}", *equal])))
        grad = "–" if v.grad is NO_GRAD else short(v.grad)
        rows.append((name, written, short(v), ", ".join(local), grad))
    widths = [max(map(columns, column)) for column in zip(*rows, strict=True)]
    padded = [[s + " " * (n - columns(s)) for s, n in zip(row, widths, strict=True)] for row in rows]
    text = ["  ".join(row).rstrip() for row in padded]
    text[1:1] = [f"… and {len(order) - most:,} more above"] * (len(order) > most)
    return "\n".join(text)


def slopes(v: Value, z: Value) -> Iterable[Sequence[str]]:
    """Every partial as written for z, a copy with named operands, and its number; nan alone at no value."""
    if v.form is None:
        return []
    numbers = [*map(short, v.form.local(v.data, *map(plain, v.args)))]
    if v.form.guarded and math.isnan(v.data):  # where the op has no value, its slope is not what is written
        return [[number] for number in numbers]
    return zip(partials(z), numbers, strict=True)


def columns(text: str) -> int:
    """How many columns of a terminal it takes: a character of Hangul takes two."""
    return sum(1 + (east_asian_width(c) in "WF") for c in text)


def mimebundle(y: Value, include: object = None, exclude: object = None) -> dict[str, bytes | str]:
    """What a notebook shows of a Value: its graph, or a table where it cannot be drawn; it never raises."""
    try:
        return draw(y, timeout=GLANCE)._repr_mimebundle_()  # pyright: ignore[reportPrivateUsage]
    except Exception as error:
        return {"text/plain": f"{y!r}\n{error}"}


def mime(y: Value) -> tuple[str, str]:
    """The same for marimo."""
    try:
        return draw(y, timeout=GLANCE)._mime_()  # pyright: ignore[reportPrivateUsage]
    except Exception as error:
        return "text/plain", f"{y!r}\n{error}"
