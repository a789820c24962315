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
PATIENCE, GLANCE = (
    30.0,
    10.0,
)  # seconds that a picture may take; and one that a notebook shows unasked
CELL = 600.0  # points that a cell of a notebook has at least
AUTO, MOST = (
    300,
    2000,
)  # more visible nodes than AUTO: composites are collapsed; more than MOST: refused


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
        form, names = (
            (format or self.format).lower(),
            {"renderer": renderer, "formatter": formatter},
        )
        checked = cast(
            "Any", dot_command
        ).command  # says what is no format, no engine, ...
        _, *options = checked(
            engine or self.engine, form, neato_no_op=neato_no_op, **names
        )
        picture = self.drawn(
            program(self.timeout if timeout is None else timeout), form, options
        )
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
        target = (
            Path(str(directory or self.directory), outfile) if outfile else None
        )
        form = format or (target and target.suffix[1:].lower()) or self.format
        picture = self.pipe(form, **options)
        if target and raise_if_result_exists and target.exists():
            raise graphviz.FileExistsError(f"output file exists: {str(target)!r}")
        writer: Any = super()
        source = writer.save(
            filename or (target and target.with_suffix(".gv")), directory=directory
        )
        written = target or Path(f"{source}.{form}")
        written.write_bytes(picture)
        if cleanup:
            Path(source).unlink()
        if view or quiet_view:
            cast("Any", graphviz).view(str(written), quiet=quiet_view)
        return str(written)

    def save_picture(
        self, path: str | Path, *, timeout: float | None = None
    ) -> Path:
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
        picture = (
            self.source.encode()
            if as_text
            else self.pipe(format=suffix, timeout=timeout)
        )
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(picture)
        return target

    def _repr_mimebundle_(self, *_: Any, **__: Any) -> dict[str, bytes | str]:
        svg, text = self.shown(least=CELL)
        return (
            {"image/svg+xml": svg, "text/plain": text}
            if svg
            else {"text/plain": text}
        )

    def _mime_(
        self,
    ) -> tuple[
        str, str
    ]:  # marimo takes one type, and of what is in a list shows HTML alone
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


def program(timeout: float) -> Engine:
    """The program that renders, and its time."""
    if (found := find_dot()) is None:
        raise GraphvizMissingError(["dot"])
    return Engine(found, timeout)


def find_dot() -> Path | None:
    """The program that renders: ``GRAPHVIZ_DOT``, the system's dot, or graphviz-pure's; else None."""
    wheels = metadata.distributions(name=PURE)
    files = [
        str(file.locate())
        for wheel in wheels
        for file in wheel.files or ()
        if file.stem == PURE
    ]
    named = os.environ.get("GRAPHVIZ_DOT", "dot")
    scripts = (
        sysconfig.get_path("scripts"),
        sysconfig.get_path("scripts", f"{os.name}_user"),
    )
    tries = [(name, None) for name in (named, "dot", *files)]
    tries += [(PURE, folder) for folder in (*scripts, None)]
    return next(
        (
            Path(found)
            for name, folder in tries
            if (found := shutil.which(name, path=folder))
        ),
        None,
    )


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
    view, auto = (
        visible(roots, order, chosen, siblings, max_nodes),
        chosen is not collapse,
    )
    names = {v: f"n{i}" for i, box in enumerate(view) for v in box.values}
    notes = [f"{len(order):,} nodes, drawn as {len(view)}"] * auto + stale_note(
        order
    )
    text = None
    if style == "textbook":
        named = labels == "formula"
        text = (
            label_boxes(roots, view, loss)
            if named
            else number_labels(roots, view, gradients)
        )
        bundled = {v for box in view if len(box.values) > FEW for v in box.values}
        notes += [
            total
            for v, total in text.sums.items()
            if gradients and v not in bundled
        ]
    drawing = sketched(roots, view, names, text, gradients)
    drawing.table, drawing.timeout = table(order), patience
    if notes:
        drawing.attr(label=roomy("\n".join(notes), 13))
    return drawing


def sketched(
    roots: Sequence[Value],
    view: Sequence[Box],
    names: Names,
    text: Labels | None,
    gradients: bool = True,
) -> Any:
    """The boxes in the textbook's style with that text on the arrows, or in the value style without any."""
    drawing = Drawing(
        "autograd", format="svg", **attributes("textbook" if text else "value")
    )
    return sketch(drawing, roots, view, names, text, gradients)


def outermost(order: Sequence[Value], collapse: Collapse) -> Collapse:
    """What is collapsed: as was said, or the outermost composites of a graph that is too large without."""
    too_many = (
        collapse is None and len(order) > AUTO and any(v.scope for v in order)
    )
    return 1 if too_many else collapse


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
    for option, given, known in (
        ("style", style, tuple(NODE)),
        ("labels", labels, ("formula", "number")),
    ):
        if not isinstance(given, str) or given not in known:  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ValueError(
                f"{option}={given!r}: choose {known[0]!r} or {known[1]!r}"
            )
    wrong = [type(y).__name__ for y in roots if not isinstance(y, Value)]
    if wrong or not roots:
        what = f"not {', '.join(wrong) or 'nothing'}"
        raise TypeError(
            f"draw takes Values, {what}; write draw(*values), and draw(y, style='textbook')"
        )


def to_dot(*roots: Value, **options: Any) -> str:
    """The DOT text of ``draw(...)``: same graph, same options, same bytes."""
    return draw(*roots, **options).source


def limit(most: Any) -> float:
    """``max_nodes`` as a number, which may be inf."""
    found = number(most, "max_nodes")
    if math.isnan(found):
        raise ValueError(
            "max_nodes=nan is no limit; give a number of nodes, or math.inf"
        )
    return found


def check_size(nodes: int, most: int) -> None:
    if nodes > limit(most):
        what = (
            f"this graph has {nodes:,} nodes, too many to draw (max_nodes={most:,})"
        )
        way_out = "collapse composites with collapse=, draw a smaller part such as a single sample"
        raise ValueError(f"{what}: {way_out}, or raise max_nodes")


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
