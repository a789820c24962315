"""A graph as text: what a node computes, and what flows along every edge, forwards and back.

Nothing here knows an op.  An op whose symbol is a word is written as a call, any other op's own formula is
evaluated on ``Expr``; gradients are the op table's partials, applied to the graph's own nodes.

An Expr gathers equal terms, equal factors, signs and numbers.  It never multiplies out, factors, or looks
into brackets.  A node with a name is a full stop: others see ``u`` and, backwards, ``∂L/∂u``.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from html import escape
from itertools import chain, count
from typing import Any, TypeAlias, cast

from ..ieee import PYTHON
from ..names import check_name
from ..scopes import Collapse, within
from ..sweeps import entries
from ..terms import ARITHMETIC, fold
from ..value import OPS, Op, Scalar, Value, toposort
from .boxes import Box, boxes

Number: TypeAlias = "Fraction | float"
Base: TypeAlias = "str | Expr | tuple[str, tuple[Expr, ...]]"  # a name, a sum in brackets, a call as exp(-x)
Factor: TypeAlias = "tuple[Base, Expr]"  # a base and its power
Term: TypeAlias = "tuple[Number, tuple[Factor, ...]]"
Edge: TypeAlias = "tuple[Box, int]"  # the box that reads, and the operand's place among its args
MOST = 5000  # nodes that are worth a formula
EXACT = 1e15  # coefficients up to here stay exact fractions


class Expr(tuple["Term", ...]):
    """A sum of terms in their order of arrival, with the operators that an op's formula needs; () is 0."""

    def plus(self, *others: Any) -> Expr:
        """The sum; terms with the same factors are added up."""
        gathered: dict[frozenset[Factor], Term] = {}
        for coefficient, factors in chain(self, *map(expr, others)):
            earlier, first = gathered.get(frozenset(factors), (0, factors))
            gathered[frozenset(factors)] = earlier + coefficient, first
        return Expr(term for term in gathered.values() if term[0])

    def __mul__(self, y: Any) -> Expr:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The product; equal bases add their powers, and a sum of several terms counts as one base."""
        (c, left), (d, right) = self.as_term(), expr(y).as_term()
        powers: dict[Base, Expr] = defaultdict(Expr)
        for base, power in left + right:
            powers[base] += power
        factors = tuple((base, power) for base, power in powers.items() if power)
        coefficient = c * d if abs(c * d) < EXACT else float(c) * float(d)
        plain = coefficient == 1 and [n for _, n in factors] == [ONE]
        if plain and isinstance(total := factors[0][0], Expr):
            return total  # 1·(a + b) needs no brackets
        return Expr([(coefficient, factors)]) if coefficient else ZERO

    def __pow__(self, y: Any) -> Expr:
        """The power: a whole one of every factor, any other of a plain factor or of the bracketed whole."""
        power = expr(y)
        (c, factors), (k, others) = self.as_term(), power.as_term()
        k = math.nan if others else k
        if k == 0 or (k > 0 and not c):
            return ONE if k == 0 else ZERO
        short = c != 0 and abs(k * math.log10(abs(c))) < math.log10(EXACT)
        if k % 1 == 0 and short and (factors or k > 0 or isinstance(c, Fraction)):  # 1/3.14159 stays
            return Expr([(c ** int(k), tuple((base, n * power) for base, n in factors))])
        plain = c == 1 and [n for _, n in factors] == [ONE]
        return Expr([(Fraction(1), ((factors[0][0] if plain else self, power),))])

    # fmt: off
    def __add__(self, y: Any) -> Expr: return self.plus(y)  # pyright: ignore[reportIncompatibleMethodOverride]
    def __radd__(self, x: Any) -> Expr: return expr(x) + self
    def __rmul__(self, x: Any) -> Expr: return expr(x) * self  # pyright: ignore[reportIncompatibleMethodOverride]
    def __rpow__(self, x: Any) -> Expr: return expr(x) ** self
    def __neg__(self) -> Expr: return self * -1
    def __sub__(self, y: Any) -> Expr: return self + -expr(y)
    def __rsub__(self, x: Any) -> Expr: return expr(x) - self
    def __truediv__(self, y: Any) -> Expr: return self * expr(y) ** -1
    def __rtruediv__(self, x: Any) -> Expr: return expr(x) / self
    # fmt: on

    def as_term(self) -> Term:
        """As one term: several go into brackets, with a minus that all of them share in front."""
        if len(self) < 2:
            return self[0] if self else (Fraction(0), ())
        if all(c < 0 for c, _ in self):
            return Fraction(-1), ((Expr((-c, factors) for c, factors in self), ONE),)
        return Fraction(1), ((self, ONE),)


def expr(x: Base | float) -> Expr:
    """A base or a number as an Expr.  Whole numbers stay exact, so that x/2 and 0.5·x stay apart."""
    if isinstance(x, Expr):
        return x
    if isinstance(x, str | tuple):
        return Expr([(Fraction(1), ((x, ONE),))])
    if not math.isfinite(x):
        return expr(f"{x:g}".replace("inf", "∞"))
    return Expr([(Fraction(x) if x == int(x) else x, ())]) if x else ZERO


def call(word: str, *args: Any) -> Expr:
    return expr((word, tuple(map(expr, args))))


def bell(x: Expr) -> Expr:
    """The slope of the sigmoid, as a product."""
    return call("sigmoid", x) * call("sigmoid", -x)


ZERO, ONE = Expr(), Expr([(Fraction(1), ())])
WORDS: dict[str, Callable[..., Expr]] = {
    **{word: partial(call, word) for word, x in PYTHON.items() if callable(x)},
    **ARITHMETIC,
    "pow": pow,
    "bell": bell,
}

HIGH, LOW = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"), str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
MORE, NUMBER = "…", re.compile(r"(<mn>)?\.*\d[\d.]*(</mn>)?")  # a number in any notation, but not 10⁷ or 2/3
TEX = str.maketrans({"\\": r"\backslash ", "~": r"\sim ", "^": r"\hat{}"} | {c: rf"\{c}" for c in "#$%&_{}"})
NO_XML = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")  # characters that XML has not
NOTATIONS = ("text", "latex", "mathml")
ESCAPES: list[Callable[[str], str]] = [str, lambda s: s.translate(TEX), lambda s: escape(NO_XML.sub("", s))]
ROWS = str.maketrans({"{": "<mrow>", "}": "</mrow>", "∂": "<mo>∂</mo>"})  # what these stand for in MathML
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
            raise ValueError(f"notation {notation!r} is unknown; choose one of {', '.join(NOTATIONS)}")
        self.text, self.short, column = notation == "text", short, NOTATIONS.index(notation)
        self.low, self.escaped = LOW if self.text else {}, ESCAPES[column]
        rows = ROWS if notation == "mathml" else {}
        self.pieces = {piece: templates[column].translate(rows) for piece, templates in PIECES.items()}

    def put(self, piece: str, *parts: str) -> str:
        return self.pieces[piece] % parts

    def brackets(self, s: str) -> str:
        return self.put("tall" if r"\frac" in s else "brackets", s)

    def few(self, items: Sequence[Any], dots: Any, most: int) -> Sequence[Any]:
        return [*items[:2], dots, items[-1]] if self.short and len(items) > most else items

    def name(self, s: str) -> str:
        """A name: its last digits, or in LaTeX and MathML what follows its last _, as an index."""
        if s.startswith("∂") and "/∂" in s:
            return self.put("gradient", *map(self.name, s[1:].split("/∂", 1)))
        if re.search(r"[-+*/^·,=\s⁰¹²³⁴-⁹]", s):
            return self.brackets(self.put("word", self.escaped(s)))
        parts = re.fullmatch(r"([^\d.]+?)_?(\d+|(?<=_)\w+)", s)  # x1w1 stays as it is
        if parts and parts[2].isdecimal() and parts[2].isascii():
            return self.put("index", self.name(parts[1]), self.put("number", parts[2].translate(self.low)))
        if parts and not self.text:
            return self.put("index", *map(self.name, parts.groups()))
        return self.put("letter" if len(s) == 1 else "word", self.escaped(s))

    def number(self, c: Number) -> str:
        digits, _, exponent = f"{float(c):.6g}".replace("inf", "∞").partition("e")
        if not exponent:
            return self.put("number", digits)
        ten = self.power(self.put("number", "10"), self.put("number", str(int(exponent))))
        return ten if digits == "1" else self.put("number", digits) + self.put("times") + ten

    def power(self, base: str, n: str) -> str:
        if self.text:
            plain = re.fullmatch(r"[^\W_⁰¹²³⁴-⁹]+|[\d.]+", n)
            n = n.translate(HIGH) if re.fullmatch("-?[0-9]+", n) else f"^{n}" if plain else f"^({n})"
        return self.put("power", base, n)

    def factor(self, base: Base, n: Expr) -> str:
        match base:
            case str():
                written = self.name(base)
            case Expr():
                written = self.sum(base, tight=True)
                written = written if NUMBER.fullmatch(written) else self.brackets(written)
            case ("sqrt" | "abs") as word, (x,):
                written = self.put(word, self.sum(x, tight=True))
            case word, args:
                inside = self.put("comma").join(self.sum(x, tight=True) for x in args)
                written = self.put("operator", self.escaped(word)) + self.brackets(inside)
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
        flow = [f for f in factors if isinstance(f[0], str) and f[0].startswith("∂")]
        others = [f for f in factors if f not in flow]
        above = [(base, n) for base, n in others if any(k > 0 for k, _ in n)]
        below = [(base, -n) for base, n in others if all(k < 0 for k, _ in n)]
        near = Fraction(c).limit_denominator(99) if c < EXACT else Fraction(0)
        if float(near) == c and ((below and near.numerator == 1) or float(f"{float(c):.6g}") != c):
            c = near  # x/3, but 0.5·x; and 1/(2·x), where there is a bar anyway
        p, q = (c.numerator, c.denominator) if isinstance(c, Fraction) and c.denominator < 999 else (c, 1)
        if q == 1 and not below:
            fraction = [self.number(p)] * (p != 1) + [self.factor(*f) for f in above]
        elif self.text:
            bottom = self.product(q, below)
            bottom = self.brackets(bottom) if len(below) + (q != 1) > 1 else bottom
            fraction = [self.put("fraction", self.product(p, above), bottom)]
        else:  # the bar is bracket enough, and 1·(a + b) a sum
            over, under = Expr([(p, tuple(above))]) * ONE, Expr([(q, tuple(below))]) * ONE
            fraction = [self.put("fraction", self.sum(over), self.sum(under))]
        return self.side_by_side([self.factor(*f) for f in flow] + fraction)

    def sum(self, e: Expr, *, tight: bool = False) -> str:
        """All terms, a positive one first if there is one; + and - stand tight inside brackets."""
        gap = " " if self.text and not tight else ""
        written = ""
        terms = sorted(e, key=lambda term: e[0][0] < 0 and term[0] < 0)
        for c, factors in self.few(terms, expr(MORE)[0], 4):
            sign = self.put("minus") if c < 0 else self.put("plus") if written else ""
            written += (gap + sign + gap if written else sign) + self.product(abs(c), factors)
        return written or self.put("number", "0")

    def equation(self, name: str, e: Expr, piece: str = "equation") -> str:
        return self.put(piece, self.name(name), self.sum(e))


TEXT = Writer()  # names that look alike in it are told apart


class Literal(str):
    """A name or a number that is gathered with no other, not even with one that reads the same."""

    __slots__ = ()
    __eq__ = object.__eq__
    __hash__ = object.__hash__


class Operands(dict[str, Any]):
    """The operands of a formula: at every place that reads one it is written anew, as a Literal.

    Of numbers only 0 and 1 are, which would be left out as terms and factors.
    """

    def __getitem__(self, operand: str) -> Expr:
        x = super().__getitem__(operand)
        if callable(x):
            return cast("Expr", x())
        name = x if isinstance(x, str) else f"{x:g}" if x in (0.0, 1.0) else None
        return expr(x if name is None else Literal(name))


@dataclass
class Labels:
    """What a drawing writes: (ahead, back) for edges and roots, and the sums that meet in shared nodes."""

    edges: dict[Edge, tuple[str, str]] = field(default_factory=dict[Edge, Any])
    roots: dict[Value, tuple[str, str]] = field(default_factory=dict[Value, Any])
    sums: dict[Value, str] = field(default_factory=dict[Value, str])
    words: dict[Value, str] = field(default_factory=dict[Value, str])  # leaves that are more than an arrow


def unused(taken: set[str], stem: str, letters: str = "") -> Iterator[str]:
    """The letters, then stem1, stem2, ..., without those that look like a name that is taken."""
    for name in chain(letters, (f"{stem}{i}" for i in count(1))):
        if TEXT.name(name) not in taken:
            taken.add(TEXT.name(name))
            yield name


class Formulas:
    """Every Value of a graph as an Expr, and which of them have names.

    Roots and leaves always have one.  What would be long in brackets gets a letter; where the graph is
    ``drawn``, so do nodes that several others read, and long calls.
    """

    def __init__(self, roots: Sequence[Value], view: Sequence[Box], loss: str = "L", *, drawn: bool) -> None:
        if not isinstance(loss, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"loss is a name such as 'L', not {type(loss).__name__}")
        check_name(loss, "a loss")
        self.roots, self.view, self.drawn, self.long = roots, view, drawn, 12 if drawn else 30
        self.full: dict[Value, Expr] = {}
        self.home = {v: box for box in view for v in box.values}
        named = [v for v in self.home if v.name]
        looks = Counter(TEXT.name(v.name) for v in named)
        self.taken = {*looks, *(v.name.rstrip("0123456789").rstrip("_") for v in named)}
        numbered = {v.name: unused(self.taken, v.name) for v in named}
        self.names = {v: next(numbered[v.name]) if looks[TEXT.name(v.name)] > 1 else v.name for v in named}
        nameless = [v for v in self.home if v.op is None and not v.name and v not in roots]
        letters = {"y": "yzf", "u": "uvspqr", "x": "x" * (len(nameless) == 1)}
        self.fresh = {stem: unused(self.taken, stem, first) for stem, first in letters.items()}
        for v in [*roots, *nameless]:
            self.letter(v)
        own = self.names[roots[0]]
        self.loss = own if len(roots) == 1 and own in (loss, "loss") else loss
        self.seeds = {y: ONE if self.names[y] == self.loss else expr(self.bar(y)) for y in roots}
        self.uses = Counter(x for box in view for x in box.args)
        self.calls = Counter((box.scope.name, *box.args) for box in view if box.scope)
        self.kinds = dict.fromkeys((box.scope.name, *box.inside) for box in view if box.scope)
        for box in view:
            self.read_box(box)

    def letter(self, v: Value) -> str:
        """Its name; a new letter if it had none."""
        if v not in self.names:
            self.names[v] = next(self.fresh["y" if v in self.roots else "u" if v.op else "x"])
        return self.names[v]

    def read_box(self, box: Box) -> None:
        """Letters for long operands; then what the box computes, and letters for what needs one."""
        op = None if box.scope else box.values[0].op
        sign = op.symbol.split()[0] if op else ""
        for x in box.args:
            if isinstance(x, Value) and x.op and x not in self.names:
                grows = sign in ("+", "-") or (sign == "×" and len(self.full[x]) == 1)  # a sum in a sum, ...
                called = self.drawn and (self.home[x].scope or x.op.symbol.isidentifier())
                if len(TEXT.sum(self.full[x], tight=True)) > (200 if grows and not called else self.long):
                    self.letter(x)
        for v in box.values:
            self.full[v] = self.read(v)
            bases = [base for _, factors in self.full[v] for base, _ in factors]
            simple = len(bases) <= 1 and all(isinstance(base, str) for base in bases)  # -v, 2·x, x²
            alike = box.scope and self.calls[box.scope.name, *box.args] > 1  # alike, not equal
            if v.op and (alike or len(box.values) > 1 or (self.drawn and self.uses[v] > 1 and not simple)):
                self.letter(v)

    def read(self, v: Value) -> Expr:
        """What v computes, in terms of its operands."""
        box = self.home.get(v)
        if box and box.scope:
            return call(self.word(v, box, box.scope.name), *map(self.of, box.args))
        if v.op is None:
            return expr(v.data)
        operands: dict[str, Any] = dict(zip(v.op.operands, map(self.of, v.args), strict=True))
        if v.op.symbol.isidentifier():
            return call(v.op.symbol, *operands.values())
        if v.op.selects:
            return operands["y"]
        return expr(fold(v.op.tree, WORDS, operands))

    def apart(self, v: Value) -> Expr:
        """What v computes, with nothing gathered: x/x stays x/x, which is nan at 0."""
        box = self.home.get(v)
        if v.op is None or (box and box.scope):
            return self.full[v]
        given = [self.names.get(x) or partial(self.apart, x) if isinstance(x, Value) else x for x in v.args]
        operands = Operands(zip(v.op.operands, given, strict=True))
        if v.op.symbol.isidentifier():
            return call(v.op.symbol, *[operands[x] for x in operands])
        if v.op.selects:
            return call(v.op.name, *[operands[x] for x in operands])
        return expr(fold(v.op.tree, WORDS, operands))

    def word(self, v: Value, box: Box, name: str) -> str:
        """A composite's name, numbered where others have other parameters; and v's number among several."""
        kinds = [kind for kind in self.kinds if kind[0] == box.title]  # none for "×13 more"
        kind = str(kinds.index((name, *box.inside)) + 1) if len(kinds) > 1 else ""
        place = str(box.values.index(v) + 1) if kinds and len(box.values) > 1 else ""
        return name + kind + place.translate(LOW)

    def of(self, x: Scalar) -> Expr:
        """A node or a number as it stands in other formulas."""
        if isinstance(x, Value) and x not in self.full:
            self.full[x] = self.read(x)
        return expr(self.names.get(x) or self.full[x]) if isinstance(x, Value) else expr(float(x))

    def bar(self, v: Value) -> str:
        return f"∂{self.loss}/∂{self.names[v]}"

    def defined(self) -> list[Value]:
        """The inner nodes with a name of their own."""
        return [v for v in self.names if v.op and v not in self.roots]

    def needed(self, y: Value) -> list[Value]:
        """Those of them that y's formula mentions, or the formula of another one that is needed."""
        named, waiting, read = {self.names[v]: v for v in self.defined()}, [y], set[Value]()
        while waiting:
            mentioned = {named[name] for name in letters(self.full[waiting.pop()]) if name in named}
            waiting += mentioned - read
            read |= mentioned
        return [v for v in reversed(self.defined()) if v in read]

    def backward(self) -> tuple[dict[Edge, Expr], dict[Value, Expr]]:
        """What flows back along every edge, and all that arrives at every Value."""
        flow, total = dict[Edge, Expr](), dict[Value, Expr]()
        arrived: dict[Value, list[Expr]] = defaultdict(list, {y: [seed] for y, seed in self.seeds.items()})
        for box in reversed(self.view):
            above: dict[Value, Expr] = {}
            for v in box.values:
                total[v] = ZERO.plus(*arrived[v])
                mixed = self.uses[v] > 1 and len(total[v]) > 1
                if v.op and (mixed or len(TEXT.sum(total[v])) > 3 * self.long):
                    self.letter(v)
                above[v] = total[v] if v in self.roots or v not in self.names else expr(self.bar(v))
            for i, x in enumerate(box.args):
                if isinstance(x, Value):
                    flow[box, i] = ZERO.plus(*(g * self.partial(box, v, i) for v, g in above.items()))
                    arrived[x].append(flow[box, i])
        return flow, total

    def partial(self, box: Box, v: Value, i: int) -> Expr:
        """∂v/∂operand i: by the table's line, also for a composite that is an op of it; else by name."""
        op = v.op if box.scope is None else next((op for op in OPS.values() if is_same(op, box)), None)
        if op is None:
            return expr(f"∂{self.letter(v)}/∂{self.letter(cast('Value', box.args[i]))}")
        with within(None):  # constants as Values, so that log(2) stays log(2)
            args = [x if isinstance(x, Value) else Value(x) for x in box.args]
            return self.of(op.slope(i, v, args, book=True))

    def partial_apart(self, z: Value, i: int) -> Expr:
        """∂z/∂operand i, with nothing gathered: sign(x-x) stays that."""
        assert z.op is not None
        with within(None):
            alike = z.op(*[Value(x.data) if isinstance(x, Value) else x for x in z.args])
        pairs = [(alike, z), *zip(alike.inner, z.inner, strict=True)]
        self.full |= {
            new: expr(Literal(self.names[x])) if x in self.names else self.apart(x) for new, x in pairs
        }
        return self.partial(boxes([alike])[-1], alike, i)


def letters(e: Expr) -> Iterator[str]:
    """Every name in an expression."""
    for base, power in chain(*[factors for _, factors in e]):
        match base:
            case str():
                yield base
            case Expr():
                yield from letters(base)
            case _, args:
                yield from chain(*map(letters, args))
        if power != ONE:
            yield from letters(power)


def is_same(op: Op, box: Box) -> bool:
    """Whether a composite is this op: by its name, its operands, its value and its gradient here."""
    named = box.scope and box.scope.name in (op.name, op.symbol)
    if not named or box.inside or len(box.values) != 1 or len(op.operands) != len(box.args):
        return False
    z, numbers = box.values[0], [cast("Value", x).data for x in box.args]
    flows: dict[Any, float] = defaultdict(float)
    for step in entries(box.members, {z: 1.0}):
        flows[step.operand] += step.contribution
    found = z.data, *(flows[x] for x in box.args)
    expected = op.evaluate(*numbers), *op.form(*[True] * len(numbers)).local(z.data, *numbers)
    return all(math.isclose(x, y, rel_tol=1e-9, abs_tol=1e-100) for x, y in zip(found, expected, strict=True))


def formula(y: Value, notation: str = "text", *, collapse: Collapse = None) -> str:
    """y = ..., and a line for each letter in it.

    >>> from autograd import exp
    >>> x = Value(0.5, name="x")
    >>> print(formula(1 / (1 + exp(-x))))
    y = 1/(1+exp(-x))

    ``notation`` is "text", "latex" or "mathml"; ValueError for any other.  Equal factors and terms are
    gathered: x·x is printed as x², and x/x as 1.
    """
    write, f = Writer(notation), Formulas([y], readable([y], collapse), drawn=False)
    lines = [write.equation(f.names[v], f.full[v], "aligned") for v in [y, *f.needed(y)]]
    return write.put("whole", write.put("lines").join(lines))


def computation(z: Value) -> str:
    """z = ..., as its op computes it from operands that are leaves: equal ones are not gathered.

    >>> x = Value(0.0, name="x")
    >>> print(formula(x / x), computation(x / x), computation(x * 0), sep="; ")
    y = 1; y = x/x; y = x·0
    """
    f = Formulas([z], boxes([z]), drawn=False)
    return TEXT.equation(f.names[z], f.apart(z))


def partials(z: Value) -> list[str]:
    """∂z/∂operand for every Value among the operands, which are leaves; equal ones are not gathered."""
    f, writer = Formulas([z], boxes([z]), drawn=False), Writer(short=True)
    return [writer.sum(f.partial_apart(z, i)) for i, x in enumerate(z.args) if isinstance(x, Value)]


def latex(y: Value) -> str:
    r"""The same as LaTeX, for a display.

    >>> x = Value(2.0, name="x")
    >>> print(latex(1 / x))
    \begin{aligned}y &= \frac{1}{x}\end{aligned}
    """
    return formula(y, "latex")


def mathml(y: Value) -> str:
    """The same as MathML, which browsers show."""
    return formula(y, "mathml")


def labels(*roots: Value, collapse: Collapse = None, loss: str = "L", notation: str = "text") -> Labels:
    """What stands on every edge: ahead, what the operand sends; back, what flows to it from the loss.

    The loss is L; a root that has its name, or the name loss, is the loss itself, and its gradient is 1.
    """
    return label_boxes(roots, readable(roots, collapse), loss, notation)


def readable(roots: Sequence[Value], collapse: Collapse) -> list[Box]:
    """The graph as boxes; a ValueError if there are more than anyone would read."""
    order = toposort(*roots)
    view = boxes(roots, collapse) if collapse is not None or len(order) <= MOST else []
    if not 0 < len(view) <= MOST:
        raise ValueError(
            f"a formula of {len(view or order):,} nodes is of no use; write smaller parts of the graph"
        )
    return view


def label_boxes(roots: Sequence[Value], view: Sequence[Box], loss: str, notation: str = "text") -> Labels:
    f, write = Formulas(roots, view, loss, drawn=True), Writer(notation, short=True)
    flow, total = f.backward()
    found = Labels(
        roots={y: (write.name(f.names[y]), write.sum(seed)) for y, seed in f.seeds.items()},
        sums={v: write.equation(f.bar(v), e) for v, e in total.items() if f.uses[v] > 1 and v in f.names},
        words={v: write.name(f.names[v]) for v in f.home if v.op is None and f.uses[v] != 1},
    )
    definitions: dict[Any, str] = {v: write.equation(f.names[v], f.full[v]) for v in f.defined()}
    for box in view:
        for i, x in enumerate(box.args):
            definition, back = definitions.pop(x, ""), ""  # it stands on the first edge
            if isinstance(x, Value):
                alone = definition and f.uses[x] == 1 and flow[box, i] != expr(f.bar(x))
                back = write.equation(f.bar(x), flow[box, i]) if alone else write.sum(flow[box, i])
            found.edges[box, i] = definition or write.sum(f.of(x)), back
    return found
