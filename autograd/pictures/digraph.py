"""A drawing: DOT text that renders itself, into files and notebooks."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import graphviz
from graphviz.backend import dot_command

from .programs import program
from .rendering import PURE, Renderer, render, too_large

MOST_BENDS = 120_000  # of arrows; more would take more than 1 GB
PATIENCE = 30.0  # seconds that a picture may take
CELL = 600.0  # points that a cell of a notebook has at least
SIZE = re.compile(
    r'<svg width="([\d.]+)pt" height="[\d.]+pt"\s+viewBox="([-\d.]+ [-\d.]+) ([\d.]+)'
)


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
        program: Renderer,
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
