"""DOT text to a picture, by a program that gets so much time and memory, and no more.

A picture of pixels takes memory with its area, so the graph is laid out first.  From the layout follow the
dots per inch at which the picture is small enough.  Letters that the program would draw as empty boxes come
from the fonts of the machine: resvg then draws the same layout's SVG.
"""

from __future__ import annotations

import math
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from shutil import which
from time import monotonic
from typing import Any

import graphviz

from ..ieee import number

__all__ = ["LayoutTimeoutError"]

# Limits of other programs.
RESOURCE: Any = import_module("resource") if sys.platform == "linux" else None
PURE = "graphviz-pure"  # a wheel, and the binary in it
# Made of pixels.
RASTER = {
    "bmp",
    "gif",
    "jpe",
    "jpeg",
    "jpg",
    "png",
    "tga",
    "tif",
    "tiff",
    "webp",
}
MEMORY = 1_000_000_000  # bytes that the program may take
LARGEST = 48_000_000  # pixels; graphviz-pure takes 8 bytes for each
LONGEST = 32_767  # pixels of a side that a system Graphviz draws; of more it would draw fewer, unasked
# Dots per inch: what pictures have, and where their letters can hardly be read.
USUAL, COARSEST = (
    96,
    40,
)
PLACED = ("-Kneato", "-n2")  # the layout that the text has
SIGNATURE = b"\x89PNG\r\n\x1a\n"
NO_LETTER = "\u0378"  # a place in Unicode that is not assigned: every font draws it as a missing letter
FONTS = {  # what the drawings ask for, and what comes near it where that is not installed
    "Times": "Times, Times New Roman, Liberation Serif, Tinos, Nimbus Roman, DejaVu Serif, Noto Serif, serif",
    "Courier": "Courier New, Liberation Mono, Cousine, DejaVu Sans Mono, Noto Sans Mono, monospace",
}
ONE_LETTER = """graph { graph [pad=0 margin=0 dpi=48]
n [label="%s" shape=plaintext fixedsize=true width=.4 height=.4 fontname=%s] }
"""
ONE_SVG = """<svg xmlns="http://www.w3.org/2000/svg" width="32" height="32">
<text x="4" y="24" font-size="16" font-family="%s">%s</text></svg>"""
ELSEWHERE = """save it as .svg, or a system Graphviz (apt, brew or winget install graphviz) draws it, \
with a font that has such letters"""
OTHER_FONT = (
    "save it as .svg, or install a font that has such letters, as Noto Sans CJK"
)
SMALLER = "collapse composites with collapse=, or draw a smaller part such as a single sample"
shown: dict[
    tuple[str, str, str], bool
] = {}  # by program, font and letter: whether it is drawn


class LayoutTimeoutError(TimeoutError):
    """A picture was not ready in the time that it was given."""


class Renderer:
    """A program that reads DOT text, until the time is over that all its runs have together."""

    def __init__(self, path: Path, timeout: float) -> None:
        self.path, self.timeout = path, seconds(timeout)
        self.end = monotonic() + self.timeout

    def run(self, text: str, *options: str) -> bytes:
        """What the program prints.

        Raises LayoutTimeoutError, ValueError if the memory does not suffice, and CalledProcessError for any
        other failure.  The program and what it started have ended then, too.
        """
        command = [str(self.path), *options]
        left = max(self.end - monotonic(), 0.0)
        limit = None if math.isinf(left) else left
        with started(command) as process:
            try:
                out, err = process.communicate(text.encode(), limit)
            except subprocess.TimeoutExpired:
                stop(process)
                raise LayoutTimeoutError(self.too_slow()) from None
            except BaseException:
                stop(process)
                raise
        if process.returncode:
            check_memory(err)
            raise graphviz.CalledProcessError(process.returncode, command, out, err)
        return out

    def too_slow(self) -> str:
        """What is said when the time is over."""
        what = f"there was no picture of this graph after {self.timeout:g} seconds"
        quicker = "style='value' and gradients=False are quicker, a .dot file is there at once"
        longer = f"give it longer, as by timeout={10 * self.timeout:g}"
        return f"{what}: {SMALLER}; {quicker}; or {longer}"


def check_memory(err: bytes) -> None:
    """Raises ValueError where a program says that its memory does not suffice."""
    if re.search(rb"memory allocation|out of memory", err, re.IGNORECASE):
        raise ValueError(too_large("to lay out or to draw"))


def seconds(timeout: Any) -> float:
    """The time that a picture may take."""
    limit = number(timeout, "timeout")
    if not limit > 0:
        raise ValueError(
            f"timeout={timeout!r}: give the seconds that the picture may take, as 30 or math.inf"
        )
    return limit


def too_large(what: str) -> str:
    """What is said of a picture that would take too much memory."""
    memory = f"more than {MEMORY // 10**9} GB of memory"
    return f"this picture would take {memory} {what}: {SMALLER}"


def started(command: Sequence[str]) -> subprocess.Popen[bytes]:
    """A program in a group of its own, with a limit of memory where the system can set one for others."""
    own: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        own = {"creationflags": subprocess.CREATE_NO_WINDOW}
    pipe = subprocess.PIPE
    process: Any = subprocess.Popen(
        command, stdin=pipe, stdout=pipe, stderr=pipe, **own
    )
    if RESOURCE:
        with suppress(OSError, ValueError):  # it has ended, or has less already
            RESOURCE.prlimit(process.pid, RESOURCE.RLIMIT_AS, (MEMORY, MEMORY))
    return process


def stop(process: subprocess.Popen[bytes]) -> None:
    """Ends a program and, where it has a group, all that it started."""
    if sys.platform == "win32":
        process.kill()
    elif process.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, 9)


def render(
    renderer: Renderer, source: str, options: Sequence[str], form: str
) -> bytes:
    """The picture; ``options`` are those of the program, the second says the format."""
    if form not in RASTER:
        return renderer.run(source, *options)
    lacking = lacking_letters(renderer, source, form)
    layout = renderer.run(source, options[0], "-Tdot", *options[2:]).decode()
    dpi = resolution(renderer, layout)
    if lacking:
        svg = renderer.run(layout, *PLACED, "-Tsvg", "-Gdpi=72").decode()
        return rasterised(svg, dpi or USUAL)
    coarser = [f"-Gdpi={dpi:.6g}"] if dpi else []
    return renderer.run(layout, *PLACED, options[1], *coarser)


def lacking_letters(renderer: Renderer, source: str, form: str) -> list[str]:
    """The letters that the program lacks; raises ValueError if the machine's fonts lack them, too."""
    letters = {c for c in source if not c.isascii()}
    if renderer.path.stem != PURE:
        check_system_fonts(letters, form)
    lacking = missing(engine_draws(renderer), str(renderer.path), letters)
    if lacking:
        check_fonts(form, letters, lacking)
    return lacking


def check_system_fonts(letters: Iterable[str], form: str) -> None:
    """Raises ValueError for letters of which a system Graphviz has no font."""
    if absent := without_font(letters):
        what = f"no font of this machine shows {few(absent)} in a {form}"
        raise ValueError(f"{what}: {OTHER_FONT}")


def resolution(renderer: Renderer, layout: str) -> float | None:
    """The dots per inch at which the picture is small enough; None if it is so by itself."""
    longest = math.inf if renderer.path.stem == PURE else LONGEST
    sides = inches(renderer, layout)
    pixels = [USUAL * side for side in sides]
    if math.prod(pixels) <= LARGEST and max(pixels) <= longest:
        return None
    sides = inches(renderer, layout, "-Gdpi=72")
    dpi = min(math.sqrt(LARGEST / math.prod(sides)), longest / max(sides))
    if dpi < COARSEST:
        raise ValueError(unreadable(*sides))
    return dpi


def inches(renderer: Renderer, layout: str, *options: str) -> list[float]:
    """Width and height of a layout."""
    svg = renderer.run(layout, *PLACED, "-Tsvg", *options)
    return [side / 72 for side in extent(svg)]


def unreadable(width: float, height: float) -> str:
    """What is said of a graph that is too large for pixels."""
    what = f"this graph is {width:,.0f} × {height:,.0f} inches large"
    few = "with as many pixels as can be drawn it could not be read"
    return f"{what}; {few}: save it as .svg, or {SMALLER}"


def extent(svg: bytes) -> tuple[float, float]:
    """Width and height in the SVG's points."""
    size = re.search(rb'<svg width="([\d.]+)pt" height="([\d.]+)pt"', svg)
    return (float(size[1]), float(size[2])) if size else (0.0, 0.0)


def missing(
    draws: Callable[[Iterable[str], str], list[bytes]],
    where: str,
    letters: set[str],
) -> list[str]:
    """The letters that are drawn as a letter is that no font has."""
    lacking = set[str]()
    for font in FONTS:
        new = [c for c in sorted(letters) if (where, font, c) not in shown]
        if new:
            pictures = draws([NO_LETTER, *new], font)
            note(where, font, new, pictures)
        lacking |= {c for c in letters if not shown.get((where, font, c), True)}
    return sorted(lacking)


def note(
    where: str, font: str, letters: Sequence[str], pictures: Sequence[bytes]
) -> None:
    """Notes which letters are drawn; the first picture is of a letter that no font has."""
    empty, *drawn = pictures
    for c, picture in zip(letters, drawn, strict=False):
        shown[where, font, c] = picture != empty


def without_font(letters: Iterable[str]) -> list[str]:
    """The letters for which a system Graphviz draws a box with their numbers, as no font has them."""
    fonts = letters_of_fonts(which("fc-list"))
    lacking = sorted(c for c in letters if is_lacking(c, fonts))
    if lacking:
        letters_of_fonts.cache_clear()  # a font may be installed before the next picture
    return lacking


def is_lacking(c: str, fonts: Sequence[range]) -> bool:
    """Whether no font has a letter; of no fonts nothing is known."""
    return bool(fonts) and not any(ord(c) in part for part in fonts)


@cache
def letters_of_fonts(program: str | None) -> list[range]:
    """What the fonts of this machine have, told by fontconfig's fc-list; empty if it cannot be asked."""
    if program is None:
        return []
    try:
        return [*map(range_of, listed_by(program))]
    except (OSError, subprocess.SubprocessError, ValueError):
        return []


def listed_by(program: str) -> set[str]:
    """The ranges of characters that fc-list prints for all fonts."""
    asked = [program, "--format", "%{charset} "]
    listed = subprocess.run(
        asked, capture_output=True, text=True, timeout=10, check=True
    )
    return {*listed.stdout.split()}


def range_of(part: str) -> range:
    """A range as fc-list prints it: 20-7e, or a single 20."""
    ends = [int(end, 16) for end in part.split("-")]
    return range(ends[0], ends[-1] + 1)


def engine_draws(renderer: Renderer) -> Callable[[Iterable[str], str], list[bytes]]:
    """How the program draws letters: a picture for each, all by one run."""

    def draws(letters: Iterable[str], font: str) -> list[bytes]:
        # No letter is ASCII, so none needs to be escaped.
        text = "".join(ONE_LETTER % (c, font) for c in letters)
        return renderer.run(text, "-Kdot", "-Tpng").split(SIGNATURE)[1:]

    return draws


def check_fonts(form: str, letters: set[str], lacking: list[str]) -> None:
    """ValueError if this machine cannot draw the letters either, which graphviz-pure lacks."""
    if form != "png" or find_spec("resvg_py") is None:
        what = f"graphviz-pure cannot show {few(lacking)} in a {form}"
        resvg = "; so does `pip install resvg-py`" if form == "png" else ""
        raise ValueError(f"{what}: {ELSEWHERE}{resvg}")
    if still := missing(resvg_draws, "resvg", letters | {"a"}):
        what = f"no font of this machine shows {few(still)} in a png"
        raise ValueError(f"{what}: {ELSEWHERE}")


def resvg_draws(letters: Iterable[str], font: str) -> list[bytes]:
    """How the fonts of this machine draw letters: a picture for each."""
    return [rasterised(ONE_SVG % (font, c), 72) for c in letters]


def rasterised(svg: str, dpi: float) -> bytes:
    """The SVG as PNG, with the fonts of this machine."""
    svg_to_bytes: Any = import_module("resvg_py").svg_to_bytes
    for font, families in FONTS.items():
        svg = re.sub(f'font-family="{font}[^"]*"', f'font-family="{families}"', svg)
    return svg_to_bytes(svg, dpi=dpi)


def few(letters: Sequence[str]) -> str:
    """The first letters, and how many more there are."""
    first = ", ".join(map(repr, letters[:5]))
    more = len(letters) - 5
    return f"{first} and {more} more" if more > 0 else first
