"""A formula cut into tokens, each with its place in the user's text.

``plain`` puts every character into its usual form, at its place; ``scan`` cuts the text.  What no formula has
is refused with a ``Misread``, which says what to write.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple
from unicodedata import decimal, decomposition, normalize, numeric

PARTS = "a formula has numbers, names, + - * / **, brackets and functions"
SPELLINGS = {
    "*": "×·⋅∙∗✕⨯・\N{INVISIBLE TIMES}",
    "/": "÷∕⁄",
    "-": "−–—‐‑‒",
    "^": "ˆ",
    " ": "\N{ZERO WIDTH SPACE}\N{WORD JOINER}\N{FUNCTION APPLICATION}\N{ZERO WIDTH NO-BREAK SPACE}",
}
SIGNS = {other: sign for sign, others in SPELLINGS.items() for other in others}
NUMERALS = {c: repr(numeric(c)) for c in "¼½¾⅐⅑⅒⅓⅔⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞"} | {"∞": "1e999"}
ALIASES = {"ln": "log", "arctan": "atan"}
HINTS = {
    "=": "write only what stands right of it",
    "|": "write abs(x)",
    "%": "write 5/100 for 5 %",
    "!": "write 1*2*3 for 3!",
    "°": "write 90*pi/180 for 90°",
    "//": "write x/2",
    "lambda": "write lambda=0.5 after the formula",
    **dict.fromkeys("[]{}", "brackets are round"),
    **dict.fromkeys("<>≤≥", "write step(x - w) for 1 where x > w, else 0"),
}
DIGITS = r"\d+(?:_\d+)*"
DECIMAL = rf"(?:{DIGITS}\.?(?:{DIGITS})?|\.{DIGITS})(?:[eE][-+]?{DIGITS})?"
OTHER_BASES = r"0[xX][\da-fA-F]+|0[oO][0-7]+|0[bB][01]+"
NUMBER = re.compile(f"{OTHER_BASES}|{DECIMAL}|[{''.join(NUMERALS)}]", re.ASCII)
BLANK = re.compile(r"\s+")
SIGN = re.compile(r"\*\*|/(?!/)|[-+*^(),.√]")
RAISED = "⁾"  # closes an exponent that stands raised
NAMES = ("value", "function", "unknown")


class Misread(ValueError):  # noqa: N818  said to the user as a sentence
    """Why a formula is refused, and the place in the user's text."""

    def __init__(self, why: str, at: int) -> None:
        super().__init__(why)
        self.at = at


class Token(NamedTuple):
    """A piece of a formula and its place in the user's text.

    ``kind`` is "number", or of a name "value", "function" or "unknown"; a sign is its own kind.
    """

    kind: str
    text: str
    at: int

    @property
    def shown(self) -> str:
        """As a message says it."""
        if self.kind in ("(", ")"):
            return "(…)"
        text = f"{self.text:.30}"
        return f"{text}(…)" if self.kind in ("√", "function") else text

    @property
    def python(self) -> str:
        """As Python's parser reads it; every name ends in _, so that none is a word of Python."""
        if self.kind == "function":
            return f"{ALIASES.get(self.text, self.text)}_"
        if self.kind in NAMES:
            return f"{self.text}_"
        if self.kind == "number":
            return python_number(NUMERALS.get(self.text, self.text))
        return "sqrt_" if self.kind == "√" else self.kind


def plain(text: str) -> str:
    """As long as the text, with － as -, ３ as 3, × as *; what stands raised or lowered stays as it is."""
    return text.translate({ord(c): usual(c) for c in set(text)})


def usual(c: str) -> str:
    """A character in its usual form, which is one character too."""
    if raised(c) or lowered(c):
        return c
    c = one_character(normalize("NFKC", c), c)
    return SIGNS.get(c) or str(decimal(c, c))


def one_character(form: str, c: str) -> str:
    """The form of a character where it is one too, else the character."""
    return form if len(form) == 1 else c


def raised(c: str) -> bool:
    """Whether it stands raised, as the 2 of x²."""
    return decomposition(c).startswith("<super>")


def lowered(c: str) -> bool:
    """Whether it stands lowered, as the 1 of x₁."""
    return decomposition(c).startswith("<sub>")


def in_name(c: str) -> bool:
    """Whether a name may have it after its first character."""
    letter = normalize("NFKC", c) if lowered(c) else c
    return not raised(c) and f"_{letter}".isidentifier()


def scan(text: str, places: Sequence[int]) -> Iterator[Token]:
    """The tokens of a plain text; its characters have these places in the user's text.  Names are NFKC."""
    start = 0
    while start < len(text):
        end = piece(text, places, start)
        yield from tokens(text[start:end], places[start:end])
        start = end


def tokens(part: str, places: Sequence[int]) -> Iterator[Token]:
    """The tokens of one piece; blanks are none."""
    if raised(part[0]):
        yield from exponent(part, places)
    elif NUMBER.match(part):
        yield Token("number", part, places[0])
    elif in_name(part[0]):
        yield Token("name", normalize("NFKC", part), places[0])
    elif not part.isspace():
        yield sign(part, places[0])


def sign(text: str, at: int) -> Token:
    """A sign, which is its own kind; ^ is **."""
    text = "**" if text == "^" else text
    return Token(text, text, at)


def piece(text: str, places: Sequence[int], start: int) -> int:
    """Where the piece ends that starts here; raises Misread where a formula has none such."""
    for pattern in (BLANK, NUMBER, SIGN):
        if match := pattern.match(text, start):
            return match.end()
    if raised(text[start]):
        return run_of(raised, text, start)
    end = run_of(in_name, text, start)
    if not normalize("NFKC", text[start:end]).isidentifier():
        part = "//" if text.startswith("//", start) else text[start]
        raise no_place(part, places[start])
    return end


def run_of(belongs: Callable[[str], bool], text: str, start: int) -> int:
    """Where the characters end that belong together."""
    end = start
    while end < len(text) and belongs(text[end]):
        end += 1
    return end


def no_place(part: str, at: int) -> Misread:
    """What is said of a character, or a word, that no formula has."""
    hint = f": {HINTS[part]}" if part in HINTS else ""
    return Misread(f"{part!r:.30} has no place here{hint}; {PARTS}", at)


def exponent(part: str, places: Sequence[int]) -> Iterator[Token]:
    """What stands raised, as a power whose exponent stands in brackets."""
    forms = [normalize("NFKC", c) for c in part]
    spread = [at for form, at in zip(forms, places, strict=True) for _ in form]
    yield sign("**", places[0])
    yield sign("(", places[0])
    yield from scan(plain("".join(forms)), spread)
    yield Token(")", RAISED, places[-1])


def python_number(number: str) -> str:
    """A number as Python's parser reads it: 007 is 7."""
    return number.lstrip("0") or "0" if number.isdigit() else number
