"""A graph as a picture: boxes of Values → DOT text → SVG or PNG.

The picture shows what the engine did: numbers come from the Values and from ``ledger``, formulas from the op
table.
"""

from __future__ import annotations

import math
import os
import re
import shutil
import sysconfig
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, Literal, cast

import graphviz
from graphviz.backend import dot_command

from ..ieee import number
from ..scopes import Collapse
from ..value import Value, toposort
from .amounts import number_labels, stale_note
from .boxes import Box, boxes
from .labels import Labels, label_boxes
from .lettering import roomy
from .rendering import PURE, Engine, LayoutTimeoutError, render, seconds, too_large
from .styles import FEW, NODE, Names, attributes, sketch
from .table import table

__all__ = [
    "Drawing",
    "GraphvizMissingError",
    "LayoutTimeoutError",
    "draw",
    "to_dot",
]

MOST_BENDS = 120_000  # of arrows; more would take more than 1 GB
PATIENCE = 30.0  # seconds that a picture may take
GLANCE = 10.0  # seconds that one may take which a notebook shows unasked
CELL = 600.0  # points that a cell of a notebook has at least
AUTO = 300  # visible nodes; of more, composites are collapsed
MOST = 2000  # visible nodes; more are refused
SIZE = re.compile(
    r'<svg width="([\d.]+)pt" height="[\d.]+pt"\s+viewBox="([-\d.]+ [-\d.]+) ([\d.]+)'
)


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
        self,
        format: str | None = None,
        renderer: str | None = None,
        formatter: str | None = None,
        neato_no_op: bool | int | None = None,
        quiet: bool = True,
        *,
        engine: str | None = None,
        encoding: str | None = None,
        timeout: float | None = None,
    ) -> Any:
        """The picture as bytes, or as str with ``encoding``; format "svg", "png", "pdf", ..."""
        form = (format or self.format).lower()
        names = {"renderer": renderer, "formatter": formatter}
        options = checked(engine or self.engine, form, neato_no_op, names)
        limit = self.timeout if timeout is None else timeout
        picture = self.drawn(program(limit), form, options)
        return picture.decode(encoding) if encoding else picture

    def drawn(
        self,
        program: Engine,
        form: str,
        options: Sequence[str] = ("-Kdot", "-Tsvg"),
    ) -> bytes:
        """The picture as that program draws it."""
        if program.path.stem == PURE and form in ("pdf", "ps", "eps"):
            raise ValueError(
                f"{form} needs the system's Graphviz; graphviz-pure writes svg and png"
            )
        if self.bends > MOST_BENDS:
            raise ValueError(too_large("to lay out, with arrows so long"))
        return render(program, self.source, options, form)

    def render(  # pyright: ignore[reportIncompatibleMethodOverride]  which takes some of it by position
        self,
        filename: Any = None,
        directory: Any = None,
        view: bool = False,
        cleanup: bool = False,
        format: str | None = None,
        *,
        outfile: Any = None,
        quiet_view: bool = False,
        raise_if_result_exists: bool = False,
        **options: Any,
    ) -> str:
        """Writes the DOT text and the picture to files, as graphviz.Digraph.render does; returns the path."""
        target = self.target(outfile, directory)
        form = self.form(format, target)
        picture = self.pipe(form, **options)
        if raise_if_result_exists:
            check_new(target)
        writer: Any = super()
        source = writer.save(filename or beside(target), directory=directory)
        written = target or Path(f"{source}.{form}")
        written.write_bytes(picture)
        if cleanup:
            Path(source).unlink()
        if view or quiet_view:
            show(written, quiet_view)
        return str(written)

    def form(self, given: str | None, target: Path | None) -> str:
        """The format that is given, or that of the picture's path, or the drawing's own."""
        return given or suffix_of(target) or self.format

    def target(self, outfile: Any, directory: Any) -> Path | None:
        """The path of the picture; None where it follows from that of the DOT text."""
        return Path(str(directory or self.directory), outfile) if outfile else None

    def save_picture(
        self, path: str | Path, *, timeout: float | None = None
    ) -> Path:
        """Writes the picture or the DOT text to a file, in the format of its suffix: .svg, .png, .dot, ...

        ``timeout`` is in seconds; without it, draw's is the limit.  Where no picture comes of it, the file
        stays as it was.
        """
        target = Path(path)
        content = self.content(target, timeout)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        return target

    def content(self, target: Path, timeout: float | None) -> bytes:
        """What a file of that suffix has in it."""
        suffix = suffix_of(target)
        if suffix in ("dot", "gv"):
            return self.source.encode()
        if suffix in ("svg", "png", "pdf"):
            return self.pipe(format=suffix, timeout=timeout)
        which = ".svg, .png, .dot, or .pdf with a system Graphviz"
        raise ValueError(f"{target.name}: the suffix must be {which}")

    def _repr_mimebundle_(self, *_: Any, **__: Any) -> dict[str, bytes | str]:
        svg, text = self.shown(least=CELL)
        picture: dict[str, bytes | str] = {"image/svg+xml": svg} if svg else {}
        return picture | {"text/plain": text}

    def _mime_(self) -> tuple[str, str]:
        # marimo takes one type, and of what is in a list shows HTML alone
        svg, text = self.shown()
        return (
            ("text/html", svg[svg.index("<svg") :]) if svg else ("text/plain", text)
        )

    def shown(self, least: float = 0.0) -> tuple[str, str]:
        """The SVG for a notebook and the table; or "" and why there is none, with the table."""
        try:
            return fluid(self.pipe("svg", encoding="utf-8"), least), self.table
        except Exception as error:
            return "", f"{error}\n\n{self.table}".strip()


def checked(
    engine: str, form: str, neato_no_op: bool | int | None, names: dict[str, Any]
) -> list[str]:
    """The options of the program; graphviz says what is no format, no engine, ..."""
    command: Any = cast("Any", dot_command).command
    return command(engine, form, neato_no_op=neato_no_op, **names)[1:]


def suffix_of(path: Path | None) -> str:
    """The format that a file's name says."""
    return path.suffix[1:].lower() if path else ""


def beside(picture: Path | None) -> Path | None:
    """The path of the DOT text, beside the picture's."""
    return picture and picture.with_suffix(".gv")


def show(path: Path, quiet: bool) -> None:
    """Opens a picture in the system's viewer."""
    viewer: Any = graphviz
    viewer.view(str(path), quiet=quiet)


def check_new(path: Path | None) -> None:
    """Raises FileExistsError for a file that is there already."""
    if path and path.exists():
        raise graphviz.FileExistsError(f"output file exists: {str(path)!r}")


def program(timeout: float) -> Engine:
    """The program that renders, and its time."""
    path = find_dot()
    if path is None:
        raise GraphvizMissingError(["dot"])
    return Engine(path, timeout)


def find_dot() -> Path | None:
    """The program that renders: ``GRAPHVIZ_DOT``, the system's dot, or graphviz-pure's; else None."""
    named = os.environ.get("GRAPHVIZ_DOT", "dot")
    own, user = scripts()
    tries = [(name, None) for name in (named, "dot", *wheel_files())]
    tries += [(PURE, own), (PURE, user), (PURE, None)]
    for name, folder in tries:
        if path := shutil.which(name, path=folder):
            return Path(path)
    return None


def scripts() -> tuple[str, str]:
    """The folders in which pip puts programs."""
    user = sysconfig.get_path("scripts", f"{os.name}_user")
    return sysconfig.get_path("scripts"), user


def wheel_files() -> list[str]:
    """The programs of graphviz-pure's wheels."""
    wheels = metadata.distributions(name=PURE)
    files = [file for wheel in wheels for file in wheel.files or ()]
    return [str(file.locate()) for file in files if file.stem == PURE]


def fluid(svg: str, least: float = 0.0) -> str:
    """The SVG as wide as its place in a notebook, but no wider than it is, or than ``least`` points.

    Where a notebook makes an image of it, that is as wide as the cell whatever the SVG says.  A small picture
    would be blown up then, so it gets room at its right.
    """
    size = SIZE.search(svg)
    if size is None:
        return svg
    own, corner, room = float(size[1]), size[2], float(size[3])
    width = max(own, least)
    head = f'<svg width="100%" style="max-width:{width:g}pt"\n viewBox="{corner} '
    return f"{svg[: size.start()]}{head}{room * width / own:.2f}{svg[size.end() :]}"


def draw(
    *roots: Value,
    style: Literal["value", "textbook"] = "value",
    labels: Literal["formula", "number"] = "formula",
    gradients: bool = True,
    collapse: Collapse = None,
    siblings: int | None = 3,
    loss: str = "L",
    max_nodes: int = MOST,
    timeout: float = PATIENCE,
) -> Drawing:
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
    view = visible(roots, order, chosen, siblings, max_nodes)
    notes = [counted(order, view)] if chosen is not collapse else []
    notes += stale_note(order)
    text = None
    if style == "textbook":
        text = texts(roots, view, labels, loss, gradients)
        notes += sums_below(text, view) if gradients else []
    drawing = sketched(roots, view, node_names(view), text, gradients)
    drawing.table, drawing.timeout = table(order), patience
    if notes:
        drawing.attr(label=roomy("\n".join(notes), 13))
    return drawing


def counted(order: Sequence[Value], view: Sequence[Box]) -> str:
    """What a picture says that is collapsed by itself."""
    return f"{len(order):,} nodes, drawn as {len(view)}"


def node_names(view: Sequence[Box], prefix: str = "") -> Names:
    """The names of the nodes in which Values are drawn."""
    return {v: f"{prefix}n{i}" for i, box in enumerate(view) for v in box.values}


def texts(
    roots: Sequence[Value],
    view: Sequence[Box],
    labels: str,
    loss: str,
    gradients: bool,
) -> Labels:
    """The texts on the arrows: formulas or numbers."""
    if labels == "formula":
        return label_boxes(roots, view, loss)
    return number_labels(roots, view, gradients)


def sums_below(text: Labels, view: Sequence[Box]) -> list[str]:
    """The sums that stand below a drawing; values whose arrows are drawn as one have none."""
    many = [box.values for box in view if len(box.values) > FEW]
    bundled = {v for values in many for v in values}
    return [total for v, total in text.sums.items() if v not in bundled]


def sketched(
    roots: Sequence[Value],
    view: Sequence[Box],
    names: Names,
    text: Labels | None,
    gradients: bool = True,
) -> Any:
    """The boxes in the textbook's style with that text on the arrows, or in the value style without any."""
    look = attributes("textbook" if text else "value")
    drawing = Drawing("autograd", format="svg", **look)
    return sketch(drawing, roots, view, names, text, gradients)


def outermost(order: Sequence[Value], collapse: Collapse) -> Collapse:
    """What is collapsed: as was said, or the outermost composites of a graph that is too large without."""
    if collapse is not None or len(order) <= AUTO:
        return collapse
    return 1 if has_composites(order) else None


def has_composites(order: Sequence[Value]) -> bool:
    """Whether a Value was made in a composite."""
    return any(v.scope for v in order)


def visible(
    roots: Sequence[Value],
    order: Sequence[Value],
    collapse: Collapse,
    siblings: int | None,
    max_nodes: int,
) -> list[Box]:
    """The boxes of a drawing; ValueError if there are too many."""
    endless = collapse is None and len(order) > limit(max_nodes)
    view = [] if endless else boxes(roots, collapse, siblings)
    check_size(len(view or order), max_nodes)
    return view


def check_options(roots: Sequence[object], style: str, labels: str) -> None:
    """Raises ValueError or TypeError for what ``draw`` does not take."""
    check_choice("style", style, tuple(NODE))
    check_choice("labels", labels, ("formula", "number"))
    check_roots(roots)


def check_roots(roots: Sequence[object]) -> None:
    """Raises TypeError for what is no Value, and where there is none."""
    wrong = [type(y).__name__ for y in roots if not isinstance(y, Value)]
    if wrong or not roots:
        what = f"not {', '.join(wrong) or 'nothing'}"
        raise TypeError(
            f"draw takes Values, {what}; write draw(*values), and draw(y, style='textbook')"
        )


def check_choice(option: str, given: object, known: Sequence[str]) -> None:
    """Raises ValueError for what is neither of two words."""
    if not isinstance(given, str) or given not in known:
        first, second = known
        raise ValueError(f"{option}={given!r}: choose {first!r} or {second!r}")


def to_dot(*roots: Value, **options: Any) -> str:
    """The DOT text of ``draw(...)``: same graph, same options, same bytes."""
    return draw(*roots, **options).source


def limit(most: Any) -> float:
    """``max_nodes`` as a number, which may be inf."""
    nodes = number(most, "max_nodes")
    if math.isnan(nodes):
        raise ValueError(
            "max_nodes=nan is no limit; give a number of nodes, or math.inf"
        )
    return nodes


def check_size(nodes: int, most: int) -> None:
    """Raises ValueError for more nodes than are drawn."""
    if nodes > limit(most):
        large = f"this graph has {nodes:,} nodes, too many to draw"
        smaller = "collapse composites with collapse=, draw a smaller part such as a single sample"
        raise ValueError(
            f"{large} (max_nodes={most:,}): {smaller}, or raise max_nodes"
        )


def mimebundle(
    y: Value, include: object = None, exclude: object = None
) -> dict[str, bytes | str]:
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
