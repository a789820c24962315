"""Formulas in one notation: text, LaTeX or MathML.  What the notations differ in is one table, ``PIECES``."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from fractions import Fraction
from html import escape
from itertools import filterfalse, pairwise
from typing import Any

from .algebra import EXACT, ONE, Base, Expr, Factor, Number, Product, expr

HIGH = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
LOW = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
WHOLE = re.compile("-?[0-9]+")  # exponents that stand raised
PLAIN = re.compile(r"[^\W_⁰¹²³⁴-⁹]+|[\d.]+")  # exponents that need no brackets
INDEXED = re.compile(r"([^\d.]+?)_?(\d+|(?<=_)\w+)")  # x1w1 stays as it is
MORE = "…"
# In any notation, but not 10⁷ or 2/3.
NUMBER = re.compile(r"(<mn>)?\.*\d[\d.]*(</mn>)?")
TEX = str.maketrans(
    {"\\": r"\backslash ", "~": r"\sim ", "^": r"\hat{}"}
    | {c: rf"\{c}" for c in "#$%&_{}"}
)
# Characters that XML has not.
NO_XML = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
NOTATIONS = ("text", "latex", "mathml")
ESCAPES: list[Callable[[str], str]] = [
    str,
    lambda s: s.translate(TEX),
    lambda s: escape(NO_XML.sub("", s)),
]
# What these stand for in MathML.
ROWS = str.maketrans({"{": "<mrow>", "}": "</mrow>", "∂": "<mo>∂</mo>"})
# fmt: off
PIECES = {  #   text        LaTeX                               MathML
    "times":    ("·",       r"\,",                              "<mo>·</mo>"),
    "minus":    ("-",       "-",                                "<mo>−</mo>"),
    "plus":     ("+",       "+",                                "<mo>+</mo>"),
    "comma":    (", ",      ",",                                "<mo>,</mo>"),
    "number":   ("%s",      "%s",                               "<mn>%s</mn>"),
    "letter":   ("%s",      "%s",                               "<mi>%s</mi>"),
    "word":     ("%s",      r"\mathrm{%s}",                     "<mi>%s</mi>"),
    "operator": ("%s",      r"\operatorname{%s}",               "<mi>%s</mi>"),
    "index":    ("%s%s",    "%s_{%s}",                          "<msub>%s%s</msub>"),
    "power":    ("%s%s",    "%s^{%s}",                          "<msup>{%s}{%s}</msup>"),
    "brackets": ("(%s)",    "(%s)",                             "{<mo>(</mo>{%s}<mo>)</mo>}"),
    "tall":     ("(%s)",    r"\left(%s\right)",                 "{<mo>(</mo>{%s}<mo>)</mo>}"),
    "fraction": ("%s/%s",   r"\frac{%s}{%s}",                   "<mfrac>{%s}{%s}</mfrac>"),
    "gradient": ("∂%s/∂%s", r"\frac{\partial %s}{\partial %s}", "<mfrac>{∂%s}{∂%s}</mfrac>"),
    "equation": ("%s = %s", "%s = %s",                          "%s<mo>=</mo>{%s}"),
    "aligned":  ("%s = %s", "%s &= %s",                         "%s<mo>=</mo>{%s}"),
    "lines":    ("\n",      r" \\ ",                            "</mtd></mtr><mtr><mtd>"),
    "whole":    ("%s",      r"\begin{aligned}%s\end{aligned}",
        '<math display="block"><mtable displaystyle="true"><mtr><mtd>%s</mtd></mtr></mtable></math>'),
    "sqrt":     ("sqrt(%s)", r"\sqrt{%s}",                      "<msqrt>%s</msqrt>"),
    "abs":      ("abs(%s)",  r"\left|%s\right|",                "{<mo>|</mo>%s<mo>|</mo>}"),
}
# fmt: on
# The signs of text that stand between parts; with one of them a name needs brackets.
BETWEEN = "".join(PIECES[piece][0] for piece in ("times", "plus", "minus", "comma"))
BREAKING = re.compile(rf"[{re.escape(BETWEEN)}*/^=\s⁰¹²³⁴-⁹]")


class Quotient:
    """A product as a fraction: the number p and factors above a bar, q and others below."""

    def __init__(self, c: Number, factors: Sequence[Factor]) -> None:
        self.above = list(filter(is_above, factors))
        self.below = list(map(opposite, filter(is_below, factors)))
        self.p, self.q = as_fraction(c, over_a_bar=bool(self.below))

    def has_bar(self) -> bool:
        """Whether anything stands below."""
        return bool(self.below) or self.q != 1


class Writer:
    """Writes Exprs in one notation; when ``short``, a long sum or product is cut in the middle."""

    def __init__(self, notation: str = "text", *, short: bool = False) -> None:
        check_notation(notation)
        self.text, self.short = notation == "text", short
        self.low = LOW if self.text else {}
        self.escaped = ESCAPES[NOTATIONS.index(notation)]
        self.pieces = pieces_of(notation)

    def put(self, piece: str, *parts: str) -> str:
        """A piece of the notation with its parts."""
        return self.pieces[piece] % parts

    def brackets(self, s: str) -> str:
        """A text in brackets, which are tall around a fraction."""
        return self.put("tall" if r"\frac" in s else "brackets", s)

    def few(self, items: Sequence[Any], dots: Any, most: int) -> Sequence[Any]:
        """The items; where a long text is cut, the first two and the last."""
        if not self.short or len(items) <= most:
            return items
        return [*items[:2], dots, items[-1]]

    def name(self, s: str) -> str:
        """A name: its last digits, or in LaTeX and MathML what follows its last _, as an index."""
        if s.startswith("∂") and "/∂" in s:
            return self.put("gradient", *map(self.name, s[1:].split("/∂", 1)))
        if BREAKING.search(s):
            return self.brackets(self.put("word", self.escaped(s)))
        if indexed := INDEXED.fullmatch(s):
            return self.indexed(s, indexed[1], indexed[2])
        return self.word(s)

    def indexed(self, s: str, letter: str, index: str) -> str:
        """A name of a letter and an index."""
        if index.isdecimal() and index.isascii():
            number = self.put("number", index.translate(self.low))
            return self.put("index", self.name(letter), number)
        if self.text:
            return self.word(s)
        return self.put("index", self.name(letter), self.name(index))

    def word(self, s: str) -> str:
        """A name without an index."""
        return self.put("letter" if len(s) == 1 else "word", self.escaped(s))

    def number(self, c: Number) -> str:
        """A number with six digits, and a power of ten where it is large or small."""
        digits, _, exponent = f"{float(c):.6g}".replace("inf", "∞").partition("e")
        mantissa = self.put("number", digits)
        if not exponent:
            return mantissa
        n = self.put("number", str(int(exponent)))
        ten = self.power(self.put("number", "10"), n)
        return ten if digits == "1" else mantissa + self.put("times") + ten

    def power(self, base: str, n: str) -> str:
        """A power; in text a whole exponent stands raised."""
        return self.put("power", base, raised(n) if self.text else n)

    def factor(self, base: Base, n: Expr) -> str:
        """A base and its power."""
        written = self.base(base)
        return written if n == ONE else self.power(written, self.sum(n, tight=True))

    def base(self, base: Base) -> str:
        """A name, a sum in brackets or a call."""
        match base:
            case str():
                return self.name(base)
            case Expr():
                return self.bracketed(base)
            case ("sqrt" | "abs") as word, (x,):
                return self.put(word, self.sum(x, tight=True))
            case word, args:
                return self.call(word, args)

    def bracketed(self, e: Expr) -> str:
        """A sum in brackets; a number needs none."""
        written = self.sum(e, tight=True)
        return written if NUMBER.fullmatch(written) else self.brackets(written)

    def call(self, word: str, args: Sequence[Expr]) -> str:
        """A function and its operands."""
        inside = self.put("comma").join(self.sum(x, tight=True) for x in args)
        return self.put("operator", self.escaped(word)) + self.brackets(inside)

    def side_by_side(self, factors: Sequence[str]) -> str:
        """The factors, with dots between those that need one."""
        written, last = "", ""
        for factor in self.few(factors, self.name(MORE), 6):
            if written and not self.is_dotless(last, factor):
                written += self.put("times")
            written += factor
            last = factor
        return written or self.put("number", "1")

    def is_dotless(self, factor: str, following: str) -> bool:
        """A number or a letter needs no dot before a bracket: y(1-y), but exp(x)·(1-y)."""
        return self.text and following[0] == "(" and is_plain(factor)

    def product(self, c: Number, factors: Sequence[Factor]) -> str:
        """All parts of a product side by side."""
        return self.side_by_side(self.parts(c, factors))

    def parts(self, c: Number, factors: Sequence[Factor]) -> list[str]:
        """First what flows in from above (∂…/∂…), then one fraction of numbers and factors."""
        flow = [self.factor(*factor) for factor in filter(is_flow, factors)]
        others = list(filterfalse(is_flow, factors))
        return flow + self.numbers_and_factors(Quotient(c, others))

    def numbers_and_factors(self, x: Quotient) -> list[str]:
        """A coefficient and its factors side by side, or as one fraction."""
        if x.has_bar():
            return [self.quotient(x)]
        written = [self.factor(*factor) for factor in x.above]
        return written if x.p == 1 else [self.number(x.p), *written]

    def in_one(self, e: Expr) -> str:
        """A formula as one thing among words: in brackets where a sign stands between its parts."""
        written = self.sum(e, tight=True)
        return self.brackets(written) if self.is_joined(e) else written

    def is_joined(self, e: Expr) -> bool:
        """Whether a sign stands between or before its parts: +, -, · or a fraction's bar."""
        if len(e) != 1:
            return len(e) > 1
        [(c, factors)] = e
        pairs = pairwise(self.parts(abs(c), factors))
        dots = not all(self.is_dotless(x, y) for x, y in pairs)
        return c < 0 or dots or Quotient(abs(c), factors).has_bar()

    def quotient(self, x: Quotient) -> str:
        """A fraction: with a bar, which is bracket enough, or in a line."""
        if not self.text:
            over, under = sum_of_one(x.p, x.above), sum_of_one(x.q, x.below)
            return self.put("fraction", self.sum(over), self.sum(under))
        bottom = self.product(x.q, x.below)
        if len(x.below) + (x.q != 1) > 1:
            bottom = self.brackets(bottom)
        return self.put("fraction", self.product(x.p, x.above), bottom)

    def sum(self, e: Expr, *, tight: bool = False) -> str:
        """All terms, a positive one first if there is one; + and - stand tight inside brackets."""
        gap = " " if self.text and not tight else ""
        written = ""
        for c, factors in self.few(positive_first(e), expr(MORE)[0], 4):
            written += self.sign(c, written, gap) + self.product(abs(c), factors)
        return written or self.put("number", "0")

    def sign(self, c: Number, before: str, gap: str) -> str:
        """The sign of a term; a positive one that is the first has none, and the first has no gaps."""
        if before:
            return gap + self.put("minus" if c < 0 else "plus") + gap
        return self.put("minus") if c < 0 else ""

    def equation(self, name: str, e: Expr, piece: str = "equation") -> str:
        """A name and what it stands for."""
        return self.put(piece, self.name(name), self.sum(e))


def is_plain(factor: str) -> bool:
    """Whether a factor is one letter or a number."""
    letter = len(factor) == 1 and factor.isalpha()
    return letter or NUMBER.fullmatch(factor) is not None


def check_notation(notation: object) -> None:
    """Raises ValueError for a notation that is none."""
    if not isinstance(notation, str) or notation not in NOTATIONS:
        known = ", ".join(NOTATIONS)
        raise ValueError(f"notation {notation!r} is unknown; choose one of {known}")


def pieces_of(notation: str) -> dict[str, str]:
    """The pieces of a notation."""
    column = NOTATIONS.index(notation)
    rows = ROWS if notation == "mathml" else {}
    pieces = {piece: templates[column] for piece, templates in PIECES.items()}
    return {piece: template.translate(rows) for piece, template in pieces.items()}


def raised(n: str) -> str:
    """An exponent in text: raised where it is a whole number, else behind a ^."""
    if WHOLE.fullmatch(n):
        return n.translate(HIGH)
    return f"^{n}" if PLAIN.fullmatch(n) else f"^({n})"


def positive_first(e: Expr) -> Sequence[Product]:
    """The terms of a sum; where the first is negative, those that are not stand before it."""
    if e and e[0][0] < 0:
        return sorted(e, key=lambda term: term[0] < 0)
    return e


def sum_of_one(c: Number, factors: Sequence[Factor]) -> Expr:
    """A product as a sum."""
    return Expr([(c, tuple(factors))]) * ONE


def is_above(factor: Factor) -> bool:
    """Whether a factor stands above a fraction's bar: its power has a positive term."""
    _, n = factor
    return any(k > 0 for k, _ in n)


def is_below(factor: Factor) -> bool:
    """Whether a factor stands below a fraction's bar: its power is negative."""
    _, n = factor
    return all(k < 0 for k, _ in n)


def opposite(factor: Factor) -> Factor:
    """A factor with its power negated."""
    base, n = factor
    return base, -n


def is_flow(factor: Factor) -> bool:
    """Whether a factor is a gradient from above, ∂L/∂y."""
    base, _ = factor
    return isinstance(base, str) and base.startswith("∂")


def as_fraction(c: Number, *, over_a_bar: bool) -> tuple[Number, Number]:
    """A number's numerator and denominator: x/3, but 0.5·x; and 1/(2·x), where there is a bar anyway."""
    if reads_as_fraction(c, over_a_bar):
        c = near_fraction(c)
    if isinstance(c, Fraction) and c.denominator < 999:
        return c.numerator, c.denominator
    return c, 1


def reads_as_fraction(c: Number, over_a_bar: bool) -> bool:
    """Whether a number is a fraction of small numbers, and reads better as one."""
    near = near_fraction(c)
    if float(near) != c:
        return False
    return is_rounded(c) or (over_a_bar and near.numerator == 1)


def near_fraction(c: Number) -> Fraction:
    """The nearest fraction of small numbers; 0 for a large number."""
    return Fraction(c).limit_denominator(99) if c < EXACT else Fraction(0)


def is_rounded(c: Number) -> bool:
    """Whether six digits are not all of it."""
    return float(f"{float(c):.6g}") != c


def width(e: Expr, *, tight: bool = False) -> int:
    """How many characters a formula takes as text."""
    return len(TEXT.sum(e, tight=tight))


TEXT = Writer()  # names that look alike in it are told apart
