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
from collections import Counter, defaultdict
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from importlib import metadata
from itertools import count
from pathlib import Path
from threading import RLock
from typing import Any, Literal, TypeAlias, cast
from unicodedata import east_asian_width

import graphviz
from graphviz.backend import dot_command

from .ieee import number
from .notation import NO_XML, TEXT, Edge, Labels, Writer, computation, formula, label_boxes, partials
from .scopes import Collapse, within
from .sweeps import StaleGraphError, check_fresh, entries
from .value import NO_GRAD, Value, plain, toposort
from .view import Box, boxes

__all__ = ["Drawing", "GraphvizMissingError", "draw", "to_dot"]

Names: TypeAlias = "dict[Value, str]"  # of the nodes in which the Values are drawn
PURE = "graphviz-pure"  # a wheel, and the binary in it
PATIENCE = 10  # seconds that a notebook waits for a layout
LOCK = RLock()  # the graphviz package has one name for its program, shared by all threads
FEW = 3  # values and arrows of a composite that are shown one by one
AUTO, MOST = 300, 2000  # more visible nodes than AUTO: composites are collapsed; more than MOST: refused
GRADIENT, LINE, PALE = "#B34700", "#444444", "#666666"
TIMES = {"fontname": "Times", "color": LINE}
LAYOUT = {"rankdir": "LR", "nodesep": "0.35", "ordering": "in"}
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


class GraphvizMissingError(graphviz.ExecutableNotFound):
    """There is no program that could render the picture."""

    def __str__(self) -> str:
        return """Graphviz's `dot` was not found, so this graph cannot be rendered.
Install it with `pip install graphviz-pure`, or as a system package (apt, brew or winget install graphviz).
Its DOT text is there without it: print(drawing.source)."""


class Drawing(graphviz.Digraph):
    """A graphviz.Digraph that renders with the system's dot, or else with the one of graphviz-pure."""

    table = ""  # what a notebook shows when there is no dot

    def pipe(self, *args: Any, **kwargs: Any) -> Any:
        """The picture as bytes, or as str with ``encoding``; format "svg", "png", "pdf", ..."""
        with engine(*args[:1], kwargs.get("format"), self.format):
            return super().pipe(*args, **kwargs | {"quiet": True})

    def render(self, *args: Any, **kwargs: Any) -> Any:
        """Writes the DOT text and the picture to files, as graphviz.Digraph.render does."""
        with engine(kwargs.get("format"), Path(kwargs.get("outfile") or "").suffix[1:], self.format):
            return cast("Any", super()).render(*args, **kwargs | {"quiet": True})

    def save_picture(self, path: str | Path) -> Path:
        """Writes the picture or the DOT text to a file, in the format of its suffix: .svg, .png, .dot, ..."""
        target = Path(path)
        suffix = target.suffix[1:].lower()
        if suffix not in ("svg", "png", "pdf", "dot", "gv"):
            which = ".svg, .png, .dot, or .pdf with a system Graphviz"
            raise ValueError(f"{target.name}: the suffix must be {which}")
        picture = self.source.encode() if suffix in ("dot", "gv") else self.pipe(format=suffix)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(picture)
        return target

    def _repr_mimebundle_(self, *_: Any, **__: Any) -> dict[str, bytes | str]:
        try:
            command, text = [find_dot() or "dot", "-Tsvg"], self.source.encode()
            done = subprocess.run(command, input=text, capture_output=True, timeout=PATIENCE, check=True)
            return {"image/svg+xml": done.stdout.decode(), "text/plain": self.table}
        except FileNotFoundError:
            why = str(GraphvizMissingError(["dot"]))
        except subprocess.TimeoutExpired:
            why = f"no layout within {PATIENCE} seconds; collapse composites, or draw a smaller part"
        except Exception as error:
            why = str(error)
        return {"text/plain": f"{why}\n\n{self.table}".strip()}


@contextmanager
def engine(*formats: str | None) -> Generator[None]:
    """Lets the graphviz package run the program that ``find_dot`` found, and only in this block."""
    found, wanted = find_dot(), next(filter(None, formats))
    if found is None:
        raise GraphvizMissingError(["dot"])
    if found.stem == PURE and wanted in ("pdf", "ps", "eps"):
        raise ValueError(f"{wanted} needs the system's Graphviz; graphviz-pure writes svg and png")
    with LOCK:
        usual, dot_command.DOT_BINARY = dot_command.DOT_BINARY, found
        try:
            yield
        finally:
            dot_command.DOT_BINARY = usual


def find_dot() -> Path | None:
    """The program that renders: ``GRAPHVIZ_DOT``, the system's dot, or graphviz-pure's; else None."""
    wheels = metadata.distributions(name=PURE)
    files = [str(file.locate()) for wheel in wheels for file in wheel.files or () if file.stem == PURE]
    named = os.environ.get("GRAPHVIZ_DOT", "dot")
    scripts = sysconfig.get_path("scripts"), sysconfig.get_path("scripts", f"{os.name}_user")
    tries = [(name, None) for name in (named, "dot", *files)]
    tries += [(PURE, folder) for folder in (*scripts, None)]
    return next((Path(found) for name, folder in tries if (found := shutil.which(name, path=folder))), None)


def draw(
    *roots: Value, style: Literal["value", "textbook"] = "value",
    labels: Literal["formula", "number"] = "formula", gradients: bool = True, collapse: Collapse = None,
    siblings: int | None = 3, loss: str = "L", max_nodes: int = MOST,
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
    auto = collapse is None and len(order) > AUTO and any(v.scope for v in order)
    full = collapse is None and not auto  # with a box for every node
    endless = full and len(order) > number(max_nodes, "max_nodes")
    view = [] if endless else boxes(roots, 1 if auto else collapse, siblings)
    check_size(len(view or order), max_nodes)
    names = {v: f"n{i}" for i, box in enumerate(view) for v in box.values}
    notes = [f"{len(order):,} nodes, drawn as {len(view)}"] * auto + stale_note(order)
    text = None
    if style == "textbook":
        named = labels == "formula"
        text = label_boxes(roots, view, loss) if named else number_labels(roots, view, gradients)
        bundled = {v for box in view if len(box.values) > FEW for v in box.values}
        notes += [total for v, total in text.sums.items() if gradients and v not in bundled]
    drawing = sketch(roots, view, names, text, gradients)
    drawing.table = table(order)
    if notes:
        drawing.attr(label=lines(*notes))
    return drawing


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


def check_size(nodes: int, most: int) -> None:
    if nodes > number(most, "max_nodes"):
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
    return escaped("\n".join(texts)).replace("\n", "\\n")


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
    if sum(1 + len(box.args) for box in view) > 150:  # a layout in seconds, not minutes
        drawing.attr(nslimit="2", nslimit1="2")
    if text:
        textbook_style(drawing, roots, view, names, text, gradients)
    else:
        value_style(drawing, view, names)
    return drawing


def value_style(drawing: Any, view: Sequence[Box], names: Names) -> None:
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
            drawing.edge(tail, name, many, id=f"{tail}-{name}-{place}")
        for i, x in enumerate(box.args):
            if not isinstance(x, Value):
                drawing.node(f"{name}c{i}", Writer().number(x), **CONSTANT)
                drawing.edge(f"{name}c{i}", name, color=PALE)


def textbook_style(
    drawing: Any, roots: Sequence[Value], view: Sequence[Box], names: Names, text: Labels, gradients: bool
) -> None:
    """A circle for every op, an arrow there and a thick one back for every edge."""

    def there_and_back(tail: str, head: str, place: int | None, ahead: str, back: str) -> None:
        drawing.edge(tail, head, escaped(ahead), **AHEAD, id=f"{tail}-{head}-{place}")
        if gradients and back:
            drawing.edge(tail, head, escaped(back), **BACK, id=f"{tail}-{head}-{place}-back")

    for box in view:
        v, name = box.values[0], names[box.values[0]]
        if box.scope:
            sign, constants = box.title, list[str]()
        elif v.op and box.args:
            sign, *constants = v.op.symbol.split()
        else:
            drawing.node(name, **(WORD | {"label": escaped(text.words[v])} if v in text.words else END))
            continue
        drawing.node(name, escaped(sign), id=name, **(LONG if len(sign) > 3 else {}))
        for (tail, place), n in arrows(box, names).items():
            many = f"{n} values", f"{n} gradients"
            there_and_back(tail, name, place, *(many if place is None else text.edges[box, place]))
        constants += [text.edges[box, i][0] for i, x in enumerate(box.args) if not isinstance(x, Value)]
        for i, constant in enumerate(constants):
            with drawing.subgraph() as rank:  # under its op, or it would go to the far left
                rank.attr(rank="same")
                rank.node(name)
                rank.node(f"{name}c{i}", constant, **CONSTANT)
            drawing.edge(name, f"{name}c{i}", color=PALE, dir="back")
    for i, y in enumerate(roots):
        drawing.node(f"end{i}", **END)
        there_and_back(names[y], f"end{i}", 0, *text.roots[y])


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
            numbers = v.form.local(v.data, *map(plain, v.args)) if v.form else ()
            for x, *equal in zip(v.inner, partials(z) if v.op else (), map(short, numbers), strict=True):
                local.append(" = ".join(dict.fromkeys([f"∂{name}/∂{TEXT.name(names[x])}", *equal])))
        grad = "–" if v.grad is NO_GRAD else short(v.grad)
        rows.append((name, written, short(v), ", ".join(local), grad))
    widths = [max(map(columns, column)) for column in zip(*rows, strict=True)]
    padded = [[s + " " * (n - columns(s)) for s, n in zip(row, widths, strict=True)] for row in rows]
    text = ["  ".join(row).rstrip() for row in padded]
    text[1:1] = [f"… and {len(order) - most:,} more above"] * (len(order) > most)
    return "\n".join(text)


def columns(text: str) -> int:
    """How many columns of a terminal it takes: a character of Hangul takes two."""
    return sum(1 + (east_asian_width(c) in "WF") for c in text)


def mimebundle(y: Value) -> dict[str, bytes | str]:
    """What a notebook shows of a Value: its graph, or a table where it cannot be drawn; it never raises."""
    try:
        return draw(y)._repr_mimebundle_()  # pyright: ignore[reportPrivateUsage]
    except Exception as error:
        return {"text/plain": f"{y!r}\n{error}"}
