"""A graph as a picture: boxes of Values → DOT text → SVG or PNG.

Two styles of one walk.  "textbook" is the figure of "Deep Learning from Scratch", chapter 5: a circle for
every op, what it sends on thin arrows, the gradient on thick arrows back.  "value" has a box for every Value:
name, op, data, grad.

The picture shows what the engine did: numbers come from the Values and from ``ledger``, formulas from the op
table.  Colours are Okabe and Ito's, and never the only sign of anything.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sysconfig
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from threading import RLock
from typing import Any, Literal, TypeAlias, cast

import graphviz
from graphviz.backend import dot_command

from .notation import NO_XML, Labels, Writer, label_boxes
from .scopes import Collapse
from .sweeps import StaleGraphError, check_fresh, entries
from .value import NO_GRAD, Value, toposort
from .view import Box, boxes

__all__ = ["Drawing", "GraphvizMissingError", "draw", "to_dot"]

Style: TypeAlias = Literal["value", "textbook"]
Flow: TypeAlias = "dict[tuple[Box, int], float]"
Canvas: TypeAlias = Any  # a Drawing: the graphviz package is not typed
GRADIENT, LINE, PALE = "#B34700", "#444444", "#666666"
PATIENCE = 10  # seconds that a notebook waits for a layout
LOCK = RLock()  # the graphviz package has one name for its program, shared by all threads
FORMATS = ("svg", "png", "pdf", "dot", "gv")
FEW = 3  # values and arrows of a composite that are shown one by one
AUTO, MOST = 300, 2000  # more visible nodes than AUTO: composites are collapsed; more than MOST: refused
# fmt: off
GRAPH = {"rankdir": "LR", "bgcolor": "white", "fontname": "Times", "fontsize": "13", "labelloc": "b",
         "nodesep": "0.35", "ordering": "in"}
NODE = {
    "value": {"shape": "box", "style": "rounded", "fontname": "Courier", "fontsize": "11", "color": LINE},
    "textbook": {"shape": "circle", "fixedsize": "true", "width": "0.55", "fontname": "Times",
                 "fontsize": "16", "color": LINE},
}
# fmt: on
EDGE = {"fontname": "Times", "fontsize": "14", "color": LINE, "arrowsize": "0.7", "penwidth": "1"}
WORD = {"shape": "ellipse", "fixedsize": "false"}
BACK = {"dir": "back", "color": GRADIENT, "fontcolor": GRADIENT, "penwidth": "3"}
END = {"shape": "point", "style": "invis", "width": "0.01"}
PLAIN = {"shape": "plaintext", "fixedsize": "false", "width": "0", "height": "0", "margin": "0.05"}
INSTALL = """Graphviz's `dot` was not found, so this graph cannot be rendered.
Install it with `pip install graphviz-pure`, or as a system package (apt, brew or winget install graphviz).
Its DOT text is there without it: print(drawing.source)."""


class GraphvizMissingError(graphviz.ExecutableNotFound):
    """There is no program that could render the picture."""

    def __init__(self) -> None:
        super().__init__(["dot"])

    def __str__(self) -> str:
        return INSTALL


class Drawing(graphviz.Digraph):
    """A graphviz.Digraph that renders with the system's dot, or else with the one of graphviz-pure."""

    table = ""  # what a notebook shows when there is no dot

    def pipe(self, *args: Any, **kwargs: Any) -> Any:
        """The picture as bytes, or as str with ``encoding``; format "svg", "png", "pdf", ..."""
        with engine(str((args and args[0]) or kwargs.get("format") or self.format)):
            return cast("Any", super()).pipe(*args, **{**kwargs, "quiet": True})

    def render(self, *args: Any, **kwargs: Any) -> Any:
        """Writes the DOT text and the picture to files, as graphviz.Digraph.render does."""
        suffix = Path(kwargs.get("outfile") or "").suffix[1:]
        with engine(str(kwargs.get("format") or suffix or self.format)):
            return cast("Any", super()).render(*args, **{**kwargs, "quiet": True})

    def save_picture(self, path: str | Path) -> Path:
        """Writes the picture or the DOT text to a file, in the format of its suffix: .svg, .png, .dot, ..."""
        target = Path(path)
        suffix = target.suffix[1:].lower()
        if suffix not in FORMATS:
            which = ".svg, .png, .dot, or .pdf with a system Graphviz"
            raise ValueError(f"{target.name}: the suffix must be {which}")
        picture = self.source.encode() if suffix in ("dot", "gv") else self.pipe(format=suffix)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(picture)
        return target

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None, **_: Any) -> dict[str, bytes | str]:
        try:
            return {"image/svg+xml": self.svg(timeout=PATIENCE), "text/plain": self.table}
        except Exception as error:
            late = f"no layout within {PATIENCE} seconds; collapse composites, or draw a smaller part"
            why = late if isinstance(error, subprocess.TimeoutExpired) else str(error)
            return {"text/plain": f"{why}\n\n{self.table}".strip()}

    def svg(self, timeout: float) -> str:
        """The picture for a notebook, which must not hang."""
        found = find_dot()
        if found is None:
            raise GraphvizMissingError
        command, text = [str(found), "-Tsvg"], self.source.encode()
        done = subprocess.run(command, input=text, capture_output=True, timeout=timeout, check=True)
        return done.stdout.decode()


# ---------------------------------------------------------------------------------------------------- engines
def find_dot() -> Path | None:
    """The program that renders: ``GRAPHVIZ_DOT``, the system's dot, or graphviz-pure's; else None."""
    named = os.environ.get("GRAPHVIZ_DOT")
    found = (named and shutil.which(named)) or shutil.which("dot") or bundled_dot()
    return Path(found) if found else None


def bundled_dot() -> str | None:
    """The binary of the graphviz-pure wheel: by its record, in the scripts' folders, or on the path."""
    try:
        files = metadata.distribution("graphviz-pure").files or []
    except metadata.PackageNotFoundError:
        files = []
    found = [str(file.locate()) for file in files if file.stem == "graphviz-pure"]
    folders = [sysconfig.get_path("scripts"), sysconfig.get_path("scripts", f"{os.name}_user"), None]
    found += [path for folder in folders if (path := shutil.which("graphviz-pure", path=folder))]
    return next((path for path in found if os.access(path, os.X_OK)), None)


@contextmanager
def engine(suffix: str) -> Generator[None]:
    """Lets the graphviz package run the program that ``find_dot`` found, and only in this block."""
    found = find_dot()
    if found is None:
        raise GraphvizMissingError
    if found.stem == "graphviz-pure" and suffix in ("pdf", "ps", "eps"):
        raise ValueError(f"{suffix} needs the system's Graphviz; graphviz-pure writes svg and png")
    with LOCK:
        usual = dot_command.DOT_BINARY
        dot_command.DOT_BINARY = found
        try:
            yield
        finally:
            dot_command.DOT_BINARY = usual


# ---------------------------------------------------------------------------------------------------- drawing
def draw(
    *roots: Value, style: Style = "value", labels: Literal["formula", "number"] = "formula",
    gradients: bool = True, collapse: Collapse = None, siblings: int | None = 3, loss: str = "L",
    max_nodes: int = MOST,
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
    order = toposort(*roots)
    view, notes = visible(roots, order, collapse, siblings, max_nodes)
    notes += stale_note(order)
    if style == "value":
        drawing = value_style(view)
    else:
        flow = flows(roots, order, view) if gradients and labels == "number" else {}
        text = label_boxes(roots, view, loss) if labels == "formula" else number_labels(roots, view, flow)
        drawing = textbook_style(roots, view, text, gradients=gradients)
        bundled = {v for box in view if len(box.values) > FEW for v in box.values}
        notes += [total for v, total in text.sums.items() if gradients and v not in bundled]
    if sum(1 + len(box.args) for box in view) > 150:  # a layout in seconds, not minutes
        drawing.attr(nslimit="2", nslimit1="2")
    if notes:
        drawing.attr(label=lines(*notes))
    drawing.table = table(order)
    return drawing


def check_options(roots: Sequence[object], style: str, labels: str) -> None:
    """Raises for what draw cannot draw."""
    for option, given, known in (("style", style, tuple(NODE)), ("labels", labels, ("formula", "number"))):
        if given not in known:
            raise ValueError(f"{option}={given!r}: choose {' or '.join(map(repr, known))}")
    wrong = [type(y).__name__ for y in roots if not isinstance(y, Value)]
    if wrong or not roots:
        what = f"not {', '.join(wrong) or 'nothing'}"
        raise TypeError(f"draw takes Values, {what}; write draw(*values), and draw(y, style='textbook')")


def to_dot(*roots: Value, **options: Any) -> str:
    """The DOT text of ``draw(...)``: same graph, same options, same bytes."""
    return draw(*roots, **options).source


def visible(
    roots: Sequence[Value], order: Sequence[Value], collapse: Collapse, siblings: int | None, most: int
) -> tuple[list[Box], list[str]]:
    """The boxes to draw, and what must be said about them."""
    auto = collapse is None and len(order) > AUTO and any(v.scope for v in order)
    whole = collapse is None and not auto  # then there is a box for every node
    view = [] if whole and len(order) > most else boxes(roots, 1 if auto else collapse, siblings)
    if len(view or order) > most:
        way_out = "collapse composites with collapse=, draw a smaller part such as a single sample"
        what = f"this graph has {len(view or order):,} nodes, too many to draw (max_nodes={most:,})"
        raise ValueError(f"{what}: {way_out}, or raise max_nodes")
    return view, [f"{len(order):,} nodes, drawn as {len(view)}"] if auto else []


def stale_note(order: Sequence[Value]) -> list[str]:
    """What a picture of a stale graph says."""
    try:
        check_fresh(order)
    except StaleGraphError as error:
        return [f"stale: {error}"]
    return []


def flows(roots: Sequence[Value], order: Sequence[Value], view: Sequence[Box]) -> Flow:
    """What flows back along every edge of the drawing, by the ledger; from a composite, the sum inside it.

    The pass starts with the roots' own grad, or with 1 where there has been none; a stale graph has no flows.
    """
    if stale_note(order):
        return {}
    home = {v: box for box in view for v in box.members}
    place = {(box, x): i for box in view if box.scope for i, x in enumerate(box.args)}
    total: Flow = {}
    for step in entries(order, seeds(roots, order)):
        box = home[step.node]
        i = place.get((box, step.operand)) if box.scope else step.position  # None: a parameter inside
        if i is not None and home[step.operand] is not box:
            total[box, i] = total.get((box, i), 0.0) + step.contribution
    return total


def seeds(roots: Sequence[Value], order: Sequence[Value]) -> dict[Value, float]:
    """What flows into the roots from outside: 1 before any pass, then their grad, unless others gave it."""
    inner = {x for v in order for x in v.inner}
    return {y: 1.0 if y.grad is NO_GRAD else 0.0 if y in inner else y.grad for y in roots}


def number_labels(roots: Sequence[Value], view: Sequence[Box], flow: Flow) -> Labels:
    """Numbers in the places of the formulas."""
    found, start = Labels(), seeds(roots, toposort(*roots))
    found.words = {v: v.name for box in view for v in box.values if v.op is None and v.name}
    for y in roots:
        ahead = f"{y.name} = {short(y.data)}" if y.name and y.op else short(y.data)
        found.roots[y] = ahead, short(start[y]) if flow or not y.inner else ""
    arrived: dict[Value, list[float]] = {}
    for box in view:
        for i, x in enumerate(box.args):
            back = [flow[box, i]] if (box, i) in flow else []
            found.edges[box, i] = short(x.data if isinstance(x, Value) else x), "".join(map(short, back))
            if isinstance(x, Value) and x.name:
                arrived.setdefault(x, []).extend(back)
    for x, parts in arrived.items():
        if len(parts) > 1:
            found.sums[x] = f"{x.name}: {' + '.join(map(short, parts))} = {short(sum(parts))}"
    return found


def short(x: float) -> str:
    """A number as pictures show it."""
    return f"{x:.6g}"


def escaped(text: str) -> str:
    """User's text for a DOT label, where backslashes and a leading < would be read as markup."""
    return graphviz.escape(NO_XML.sub("", text.replace("\r", "")).replace("&", "&amp;"))


def lines(*texts: str) -> str:
    """Texts one below the other."""
    return "".join(escaped(text).replace("\n", "\\n") + "\\n" for text in texts).removesuffix("\\n")


def canvas(style: Style) -> Canvas:
    """An empty picture."""
    looks = {"graph_attr": GRAPH, "node_attr": NODE[style], "edge_attr": EDGE}
    drawing: Canvas = cast("Any", Drawing)("autograd", format="svg", **looks)
    drawing.attr(**{"class": style})
    return drawing


# ------------------------------------------------------------------------------------------------ value style
def value_style(view: Sequence[Box]) -> Canvas:
    """A box for every Value."""
    drawing = canvas("value")
    number = {v: f"n{i}" for i, box in enumerate(view) for v in box.values}
    for i, box in enumerate(view):
        v = box.values[0]
        inside = [box.title, f"{len(box.members)} nodes"] if box.scope else []
        rows = inside + [row for y in box.values[:FEW] for row in rows_of(y)[-2 if box.scope else 0 :]]
        rows += [f"… {len(box.values) - FEW} more"] * (len(box.values) > FEW)
        kind = "composite" if box.scope else "leaf" if v.op is None else "op"
        style = {"composite": "rounded,dashed", "leaf": "", "op": "rounded"}[kind]
        drawing.node(f"n{i}", lines(*rows), id=f"n{i}", style=style, **{"class": kind})
        for tail, places in bundles(box, number):
            drawing.edge(tail, f"n{i}", **({"label": f"{len(places)} values"} if len(places) > FEW else {}))
        for k, x in enumerate(box.args):
            if not isinstance(x, Value):
                drawing.node(f"n{i}c{k}", Writer().number(x), fontcolor=PALE, **PLAIN)
                drawing.edge(f"n{i}c{k}", f"n{i}", color=PALE)
    return drawing


def bundles(box: Box, number: dict[Value, str]) -> list[tuple[str, list[int]]]:
    """The arrows into a box: where each begins, and its operands' places; a few have an arrow each."""
    found: dict[str, list[int]] = {}
    for k, x in enumerate(box.args):
        if isinstance(x, Value):
            found.setdefault(number[x], []).append(k)
    many = [(tail, places) for tail, places in found.items() if len(places) > FEW]
    few = [(tail, [k]) for tail, places in found.items() if len(places) <= FEW for k in places]
    return sorted(many + few, key=lambda arrow: arrow[1])


def rows_of(v: Value) -> list[str]:
    """What the box of a Value says."""
    title = f"{v.name} [{v.op.symbol}]" if v.name and v.op else v.name or (f"[{v.op.symbol}]" if v.op else "")
    grad = "–" if v.grad is NO_GRAD else f"{v.grad:.4g}"
    return [title] * bool(title) + [f"data {v.data:>10.4g}", f"grad {grad:>10}"]


# --------------------------------------------------------------------------------------------- textbook style
def textbook_style(roots: Sequence[Value], view: Sequence[Box], text: Labels, *, gradients: bool) -> Canvas:
    """A circle for every op, an arrow there and a thick one back for every edge."""
    drawing = canvas("textbook")
    number = {v: f"n{i}" for i, box in enumerate(view) for v in box.values}
    for i, box in enumerate(view):
        v = box.values[0]
        if box.scope is None and v.op is None:
            drawing.node(f"n{i}", **(PLAIN | {"label": escaped(text.words[v])} if v in text.words else END))
            continue
        sign, *constants = [box.title] if box.scope else v.op.symbol.split() if v.op else [""]
        drawing.node(f"n{i}", escaped(sign), id=f"n{i}", **(WORD if len(sign) > 3 else {}))
        for tail, places in bundles(box, number):
            many = f"{len(places)} values", f"{len(places)} gradients"
            label = many if len(places) > FEW else text.edges[box, places[0]]
            there_and_back(drawing, tail, f"n{i}", label, gradients=gradients)
        constants += [text.edges[box, k][0] for k, x in enumerate(box.args) if not isinstance(x, Value)]
        for k, constant in enumerate(constants):
            from_below(drawing, f"n{i}", f"n{i}c{k}", constant)
    for k, y in enumerate(roots):
        drawing.node(f"end{k}", **END)
        there_and_back(drawing, number[y], f"end{k}", text.roots[y], gradients=gradients)
    return drawing


def there_and_back(drawing: Canvas, tail: str, head: str, text: tuple[str, str], *, gradients: bool) -> None:
    """A thin arrow ahead and, under it, the thick one that brings the gradient back."""
    ahead, back = text
    drawing.edge(tail, head, escaped(ahead), weight="10", **{"class": "ahead"})
    if gradients and back:
        drawing.edge(tail, head, escaped(back), weight="10", **BACK, **{"class": "back"})


def from_below(drawing: Canvas, op: str, name: str, constant: str) -> None:
    """A constant under its op: on the same rank, or it would go to the far left."""
    with drawing.subgraph() as rank:
        rank.attr(rank="same")
        rank.node(op)
        rank.node(name, constant, fontcolor=PALE, **PLAIN)
    drawing.edge(op, name, color=PALE, dir="back")


# ------------------------------------------------------------------------------------------------------- text
def table(order: Sequence[Value], most: int = 40) -> str:
    """The graph as a table of text: what notebooks show where nothing can be rendered."""
    index = {v: v.name or f"v{i}" for i, v in enumerate(order)}
    rows = [("name", "op", "operands", "data", "grad")]
    for v in order[-most:]:
        operands = ", ".join(index[x] if isinstance(x, Value) else short(x) for x in v.args)
        grad = "–" if v.grad is NO_GRAD else short(v.grad)
        rows.append((index[v], v.op.symbol if v.op else "", operands, short(v.data), grad))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    text = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    left_out = [f"… and {len(order) - most:,} more above"] if len(order) > most else []
    return "\n".join([text[0], *left_out, *text[1:]])


def mimebundle(y: Value) -> dict[str, bytes | str]:
    """What a notebook shows of a Value: its graph, or a table where it cannot be drawn; it never raises."""
    try:
        return draw(y)._repr_mimebundle_()  # pyright: ignore[reportPrivateUsage]
    except Exception as error:
        return {"text/plain": f"{y!r}\n{error}"}
