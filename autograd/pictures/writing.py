"""Formulas in one notation: text, LaTeX or MathML.  What the notations differ in is one table, ``PIECES``."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from fractions import Fraction
from html import escape
from typing import Any

from .algebra import EXACT, ONE, Base, Expr, Factor, Number, expr

HIGH, LOW = (
    str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"),
    str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉"),
)
SIGNS = re.compile(r"[-+*/^·,=\s⁰¹²³⁴-⁹]")  # with one of them a name needs brackets
INDEXED = re.compile(r"([^\d.]+?)_?(\d+|(?<=_)\w+)")  # x1w1 stays as it is
MORE, NUMBER = (
    "…",
    re.compile(r"(<mn>)?\.*\d[\d.]*(</mn>)?"),
)  # a number in any notation, but not 10⁷ or 2/3
TEX = str.maketrans(
    {"\\": r"\backslash ", "~": r"\sim ", "^": r"\hat{}"}
    | {c: rf"\{c}" for c in "#$%&_{}"}
)
NO_XML = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]"
)  # characters that XML has not
NOTATIONS = ("text", "latex", "mathml")
ESCAPES: list[Callable[[str], str]] = [
    str,
    lambda s: s.translate(TEX),
    lambda s: escape(NO_XML.sub("", s)),
]
ROWS = str.maketrans(
    {"{": "<mrow>", "}": "</mrow>", "∂": "<mo>∂</mo>"}
)  # what these stand for in MathML
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


class Writer:
    """Writes Exprs in one notation; when ``short``, a long sum or product is cut in the middle."""

    def __init__(self, notation: str = "text", *, short: bool = False) -> None:
        if not isinstance(notation, str) or notation not in NOTATIONS:  # pyright: ignore
            raise ValueError(
                f"notation {notation!r} is unknown; choose one of {', '.join(NOTATIONS)}"
            )
        self.text, self.short, column = (
            notation == "text",
            short,
            NOTATIONS.index(notation),
        )
        self.low, self.escaped = LOW if self.text else {}, ESCAPES[column]
        rows = ROWS if notation == "mathml" else {}
        self.pieces = {
            piece: templates[column].translate(rows)
            for piece, templates in PIECES.items()
        }

    def put(self, piece: str, *parts: str) -> str:
        return self.pieces[piece] % parts

    def brackets(self, s: str) -> str:
        return self.put("tall" if r"\frac" in s else "brackets", s)

    def few(self, items: Sequence[Any], dots: Any, most: int) -> Sequence[Any]:
        return (
            [*items[:2], dots, items[-1]]
            if self.short and len(items) > most
            else items
        )

    def name(self, s: str) -> str:
        """A name: its last digits, or in LaTeX and MathML what follows its last _, as an index."""
        if s.startswith("∂") and "/∂" in s:
            return self.put("gradient", *map(self.name, s[1:].split("/∂", 1)))
        if SIGNS.search(s):
            return self.brackets(self.put("word", self.escaped(s)))
        indexed = INDEXED.fullmatch(s)
        if indexed and indexed[2].isdecimal() and indexed[2].isascii():
            return self.put(
                "index",
                self.name(indexed[1]),
                self.put("number", indexed[2].translate(self.low)),
            )
        if indexed and not self.text:
            return self.put("index", *map(self.name, indexed.groups()))
        return self.put("letter" if len(s) == 1 else "word", self.escaped(s))

    def number(self, c: Number) -> str:
        digits, _, exponent = f"{float(c):.6g}".replace("inf", "∞").partition("e")
        if not exponent:
            return self.put("number", digits)
        ten = self.power(
            self.put("number", "10"), self.put("number", str(int(exponent)))
        )
        return (
            ten
            if digits == "1"
            else self.put("number", digits) + self.put("times") + ten
        )

    def power(self, base: str, n: str) -> str:
        if self.text:
            plain = re.fullmatch(r"[^\W_⁰¹²³⁴-⁹]+|[\d.]+", n)
            n = (
                n.translate(HIGH)
                if re.fullmatch("-?[0-9]+", n)
                else f"^{n}"
                if plain
                else f"^({n})"
            )
        return self.put("power", base, n)

    def factor(self, base: Base, n: Expr) -> str:
        match base:
            case str():
                written = self.name(base)
            case Expr():
                written = self.sum(base, tight=True)
                written = (
                    written if NUMBER.fullmatch(written) else self.brackets(written)
                )
            case ("sqrt" | "abs") as word, (x,):
                written = self.put(word, self.sum(x, tight=True))
            case word, args:
                inside = self.put("comma").join(
                    self.sum(x, tight=True) for x in args
                )
                written = self.put("operator", self.escaped(word)) + self.brackets(
                    inside
                )
        return written if n == ONE else self.power(written, self.sum(n, tight=True))

    def side_by_side(self, factors: Sequence[str]) -> str:
        """A number or a letter needs no dot before a bracket: y(1-y), but exp(x)·(1-y)."""
        written, last = "", ""
        for factor in self.few(factors, self.name(MORE), 6):
            plain = (len(last) == 1 and last.isalpha()) or NUMBER.fullmatch(last)
            dotless = not written or (self.text and plain and factor[0] == "(")
            written += factor if dotless else self.put("times") + factor
            last = factor
        return written or self.put("number", "1")

    def product(self, c: Number, factors: Sequence[Factor]) -> str:
        """First what flows in from above (∂…/∂…), then one fraction of numbers and factors."""
        flow = [factor for factor in factors if is_flow(factor)]
        others = [factor for factor in factors if not is_flow(factor)]
        above = [(base, n) for base, n in others if any(k > 0 for k, _ in n)]
        below = [(base, -n) for base, n in others if all(k < 0 for k, _ in n)]
        p, q = as_fraction(c, over_a_bar=bool(below))
        if q == 1 and not below:
            rest = [self.number(p)] * (p != 1) + [
                self.factor(*factor) for factor in above
            ]
        else:
            rest = [self.quotient(p, above, q, below)]
        return self.side_by_side([self.factor(*factor) for factor in flow] + rest)

    def quotient(
        self, p: Number, above: Sequence[Factor], q: Number, below: Sequence[Factor]
    ) -> str:
        """A fraction: with a bar, which is bracket enough, or in a line."""
        if not self.text:
            over, under = (
                Expr([(p, tuple(above))]) * ONE,
                Expr([(q, tuple(below))]) * ONE,
            )
            return self.put("fraction", self.sum(over), self.sum(under))
        bottom = self.product(q, below)
        if len(below) + (q != 1) > 1:
            bottom = self.brackets(bottom)
        return self.put("fraction", self.product(p, above), bottom)

    def sum(self, e: Expr, *, tight: bool = False) -> str:
        """All terms, a positive one first if there is one; + and - stand tight inside brackets."""
        gap = " " if self.text and not tight else ""
        written = ""
        terms = sorted(e, key=lambda term: e[0][0] < 0 and term[0] < 0)
        for c, factors in self.few(terms, expr(MORE)[0], 4):
            sign = (
                self.put("minus") if c < 0 else self.put("plus") if written else ""
            )
            written += (gap + sign + gap if written else sign) + self.product(
                abs(c), factors
            )
        return written or self.put("number", "0")

    def equation(self, name: str, e: Expr, piece: str = "equation") -> str:
        return self.put(piece, self.name(name), self.sum(e))


def is_flow(factor: Factor) -> bool:
    """Whether a factor is a gradient from above, ∂L/∂y."""
    base, _ = factor
    return isinstance(base, str) and base.startswith("∂")


def as_fraction(c: Number, *, over_a_bar: bool) -> tuple[Number, Number]:
    """A number's numerator and denominator: x/3, but 0.5·x; and 1/(2·x), where there is a bar anyway."""
    near = Fraction(c).limit_denominator(99) if c < EXACT else Fraction(0)
    rounded = float(f"{float(c):.6g}") != c
    if float(near) == c and (rounded or (over_a_bar and near.numerator == 1)):
        c = near
    return (
        (c.numerator, c.denominator)
        if isinstance(c, Fraction) and c.denominator < 999
        else (c, 1)
    )


TEXT = Writer()  # names that look alike in it are told apart
