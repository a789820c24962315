"""Texts of a drawing as DOT takes them, with the room that their letters need."""

from __future__ import annotations

from html import escape
from unicodedata import category, east_asian_width

import graphviz

from .writing import NO_XML

# Points that a text may take more; what a letter takes more if a font is wider.
ROOM, WIDER = (
    15.0,
    0.1,
)
# Of letters, as parts of the font's size; others take 0.5.
WIDTHS = {
    "Lu": 0.9,
    "L": 0.6,
}


def escaped(text: str) -> str:
    """User's text for a DOT label, where backslashes and a leading < would be read as markup."""
    return graphviz.escape(
        NO_XML.sub("", text.replace("\r", "")).replace("&", "&amp;")
    )


def lines(*texts: str) -> str:
    """Texts one below the other."""
    # A text such as <b> is no markup.
    return graphviz.nohtml(escaped("\n".join(texts)).replace("\n", "\\n"))


def roomy(text: str, size: float, spare: float = 0.0) -> str:
    """A label in Times, with the room that a reader's font needs where that is more than Graphviz thinks.

    Graphviz takes every byte of what is not ASCII for a space, so that Hangul would run over its place.
    ``spare`` is the room for every letter of a long line, if the font is wider than Times.
    """
    extra = overflow(text, spare) * size
    if extra <= ROOM or "\\" in text:
        return lines(text)  # in a table, \E would be the arrow's own name
    cell = escape(NO_XML.sub("", text.replace("\r", ""))).replace("\n", "<BR/>")
    table = '<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="0">'
    room = f'<TD WIDTH="{extra:.0f}"></TD>'
    return f"<{table}<TR><TD>{cell}</TD>{room}</TR></TABLE>>"


def widened(text: str, margin: float, size: float = 16) -> dict[str, str]:
    """Margins for a node with this text."""
    extra = overflow(text, WIDER) * size
    return {"margin": f"{margin + extra / 144:.3f},0.05"} if extra > ROOM else {}


def overflow(text: str, spare: float) -> float:
    """By how many times the font's size its lines are wider than Graphviz thinks, which counts bytes."""
    return max(overflow_of(line, spare) for line in text.split("\n"))


def overflow_of(line: str, spare: float) -> float:
    """The same of one line."""
    foreign = [c for c in line if c > "~"]
    wide = sum(width(c, line) - len(c.encode()) / 4 for c in foreign)
    return wide + spare * max(len(line) - 12, 0)


def width(c: str, line: str) -> float:
    """What a letter outside of ASCII takes of its line, as a part of the font's size."""
    east = east_asian_width(c)
    if is_drawn_over(c):
        return 0.0
    if east in "WF":
        return 1.0 if c <= "\uffff" else 1.3  # most of those are emoji
    if east == "A" and is_east_asian(line):
        return 0.75  # ∂ and ·, which an East Asian font has wider
    return usual_width(c)


def usual_width(c: str) -> float:
    """What a letter of its kind takes."""
    kind = category(c)
    return WIDTHS.get(kind, WIDTHS.get(kind[0], 0.5))


def is_drawn_over(c: str) -> bool:
    """Whether a character is drawn over the letter before it."""
    return category(c)[0] == "M" or category(c) == "Cf"


def is_east_asian(line: str) -> bool:
    """Whether a line has letters of an East Asian font."""
    return any(east_asian_width(c) in "WF" for c in line)


def columns(text: str) -> int:
    """How many columns of a terminal it takes: a character of Hangul takes two."""
    return sum(1 + (east_asian_width(c) in "WF") for c in text)
