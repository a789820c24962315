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
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from html import escape
from itertools import chain, count
from typing import Any, TypeAlias, cast

from .ieee import PYTHON
from .operators import OPS, Scalar
from .scopes import Collapse, within
from .sweeps import entries
from .value import Op, Value
from .view import Box, boxes

Number: TypeAlias = "Fraction | float"
Call: TypeAlias = "tuple[str, tuple[Expr, ...]]"  # a word and its arguments, such as exp(-x)
Base: TypeAlias = "str | Expr | Call"  # a name, a sum in brackets, a call
Factor: TypeAlias = "tuple[Base, Expr]"  # a base and its power
Term: TypeAlias = "tuple[Number, tuple[Factor, ...]]"
Edge: TypeAlias = "tuple[Box, int]"  # the box that reads, and the operand's place among its args
MOST = 5000  # nodes that are worth a formula
EXACT = 1e15  # coefficients up to here stay exact fractions


class Expr(tuple["Term", ...]):
    """A sum of terms in their order of arrival, with the operators that an op's formula needs; () is 0."""

    __slots__ = ()

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
        match coefficient, factors:
            case 1, ((Expr() as total, power),) if power == ONE:
                return total  # 1·(a + b) needs no brackets
            case _:
                return Expr([(coefficient, factors)]) if coefficient else ZERO

    def __pow__(self, y: Any) -> Expr:
        """The power: a whole one of every factor, any other of a plain factor or of the bracketed whole."""
        power = expr(y)
        (c, factors), (k, others) = self.as_term(), power.as_term()
        k = math.nan if others else k
        if k == 0 or (k > 0 and not c):
            return ONE if k == 0 else ZERO
        short = c != 0 and abs(k) * abs(math.log10(abs(c))) < math.log10(EXACT)
        if k % 1 == 0 and short and (factors or k > 0 or isinstance(c, Fraction)):  # 1/3.14159 stays
            return Expr([(c ** int(k), tuple((base, n * power) for base, n in factors))])
        plain = c == 1 and len(factors) == 1 and factors[0][1] == ONE
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
        if len(self) == 1:
            return self[0]
        if self and all(c < 0 for c, _ in self):
            return Fraction(-1), ((Expr((-c, factors) for c, factors in self), ONE),)
        return (Fraction(1), ((self, ONE),)) if self else (Fraction(0), ())


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
    """A word applied to arguments."""
    return expr((word, tuple(map(expr, args))))


ZERO, ONE = Expr(), Expr([(Fraction(1), ())])
CONSTANTS = {word: x for word, x in PYTHON.items() if isinstance(x, float)}
WORDS: dict[str, Any] = {word: partial(call, word) for word in PYTHON} | CONSTANTS | {"pow": pow}


# ---------------------------------------------------------------------------------------------------- writing
HIGH, LOW = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"), str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
MORE, NUMBER = "…", re.compile(r"(<mn>)?\.*\d[\d.]*(</mn>)?")  # a number in any notation, but not 10⁷ or 2/3
LATEX = {"\\": r"\backslash ", "~": r"\sim ", "^": r"\hat{}"} | {c: rf"\{c}" for c in "#$%&_{}"}
NO_XML = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")  # characters that XML has not
NOTATIONS: dict[str, Callable[[str], str]] = {  # and how a name is escaped in each
    "text": str,
    "latex": lambda s: s.translate(str.maketrans(LATEX)),
    "mathml": lambda s: escape(NO_XML.sub("", s)),
}
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
        if notation not in NOTATIONS:
            raise ValueError(f"notation {notation!r} is unknown; choose one of {', '.join(NOTATIONS)}")
        self.text, self.short, self.escaped = notation == "text", short, NOTATIONS[notation]
        self.column = list(NOTATIONS).index(notation)

    def put(self, piece: str, *parts: str) -> str:
        template = PIECES[piece][self.column]
        return (template.translate(ROWS) if self.column == 2 else template) % parts

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
        base, index = parts.groups() if parts else (s, "")
        if index.isdecimal() and index.isascii():
            digits = index.translate(LOW) if self.text else index
            return self.put("index", self.name(base), self.put("number", digits))
        if index and not self.text:
            return self.put("index", self.name(base), self.name(index))
        return self.put("letter" if len(s) == 1 else "word", self.escaped(s))

    def number(self, c: Number) -> str:
        digits, _, exponent = f"{float(c):.6g}".replace("inf", "∞").partition("e")
        if not exponent:
            return self.put("number", digits)
        ten = self.power(self.put("number", "10"), self.put("number", str(int(exponent))))
        return ten if digits == "1" else self.product_of([self.put("number", digits), ten])

    def power(self, base: str, n: str) -> str:
        if self.text and re.fullmatch("-?[0-9]+", n):
            n = n.translate(HIGH)
        elif self.text:
            n = f"^{n}" if re.fullmatch(r"[^\W_⁰¹²³⁴-⁹]+|[\d.]+", n) else f"^({n})"
        return self.put("power", base, n)

    def factor(self, base: Base, n: Expr, *, alone: bool = False) -> str:
        if isinstance(base, str):
            written = self.name(base)
        elif isinstance(base, Expr):
            written = self.sum(base, tight=True)
            bare = (alone and n == ONE) or NUMBER.fullmatch(written)
            written = written if bare else self.brackets(written)
        else:
            written = self.call(*base)
        return written if n == ONE else self.power(written, self.sum(n, tight=True))

    def call(self, word: str, args: Sequence[Expr]) -> str:
        inside = self.put("comma").join(self.sum(x, tight=True) for x in args)
        if word in ("sqrt", "abs"):
            return self.put(word, inside)
        return self.put("operator", self.escaped(word)) + self.brackets(inside)

    def product_of(self, factors: Sequence[str]) -> str:
        """Factors side by side; a number or a letter needs no dot before a bracket: y(1-y), exp(x)·(1-y)."""
        written, last = "", ""
        for factor in self.few(factors, self.put("letter", MORE), 6):
            plain = (len(last) == 1 and last.isalpha()) or NUMBER.fullmatch(last)
            bare = not written or (self.text and plain and factor[0] == "(")
            written += factor if bare else self.put("times") + factor
            last = factor
        return written or self.put("number", "1")

    def product(self, c: Number, factors: Iterable[Factor]) -> str:
        """First what flows in from above (∂…/∂…), then one fraction of numbers and factors."""
        flow, above, below = list[Factor](), list[Factor](), list[Factor]()
        for base, n in factors:
            flows = isinstance(base, str) and base.startswith("∂")
            sinks = not flows and all(k < 0 for k, _ in n)
            (flow if flows else below if sinks else above).append((base, -n if sinks else n))
        p, q = ratio(c, bar=bool(below))
        if q == 1 and not below:
            return self.product_of(self.parts(1, flow) + self.parts(p, above))
        top, bottom = self.parts(p, above, bar=True), self.parts(q, below, bar=True)
        under = self.product_of(bottom)
        under = self.brackets(under) if self.text and len(bottom) > 1 else under
        return self.product_of([*self.parts(1, flow), self.put("fraction", self.product_of(top), under)])

    def parts(self, k: Number, factors: Sequence[Factor], *, bar: bool = False) -> list[str]:
        """A number and factors; a bar of LaTeX or MathML brackets a lone sum by itself."""
        alone = bar and not self.text and k == 1 and len(factors) == 1
        return [self.number(k)] * (k != 1) + [self.factor(*f, alone=alone) for f in factors]

    def sum(self, e: Expr, *, tight: bool = False) -> str:
        """All terms, a positive one first if there is one; + and - stand tight inside brackets."""
        gap = " " if self.text and not tight else ""
        terms = sorted(e, key=lambda term: e[0][0] < 0 and term[0] < 0)
        dots: Term = (Fraction(1), ((MORE, ONE),))
        written = ""
        for c, factors in self.few(terms, dots, 4):
            sign = self.put("minus") if c < 0 else self.put("plus") if written else ""
            written += (gap + sign + gap if written else sign) + self.product(abs(c), factors)
        return written or self.put("number", "0")

    def equation(self, name: str, e: Expr, piece: str = "equation") -> str:
        return self.put(piece, self.name(name), self.sum(e))


def ratio(c: Number, *, bar: bool) -> tuple[Number, int]:
    """A coefficient above and below the bar: x/2 and x/3, but 0.5·x; and 1/(2·x) where there is a bar."""
    if abs(c) < EXACT:
        near = Fraction(c).limit_denominator(99)
        if float(near) == c and ((bar and near.numerator == 1) or float(f"{float(c):.6g}") != c):
            return near.numerator, near.denominator
    return (c.numerator, c.denominator) if isinstance(c, Fraction) and c.denominator < 999 else (c, 1)


# ----------------------------------------------------------------------------------------------------- naming
TEXT = Writer()  # names that look alike in it are told apart


@dataclass
class Labels:
    """What a drawing writes: (ahead, back) for edges and roots, and the sums that meet in shared nodes."""

    edges: dict[Edge, tuple[str, str]] = field(default_factory=dict[Edge, Any])
    roots: dict[Value, tuple[str, str]] = field(default_factory=dict[Value, Any])
    sums: dict[Value, str] = field(default_factory=dict[Value, str])
    words: dict[Value, str] = field(default_factory=dict[Value, str])  # leaves that are more than an arrow


def numbered(stem: str, taken: set[str]) -> Iterator[str]:
    """stem1, stem2, ... without those that look like a name that is taken, as x1 looks like x_1."""
    names = (f"{stem}{i}" for i in count(1))
    return (name for name in names if TEXT.name(name) not in taken)


def distinct(named: Sequence[Value]) -> dict[Value, str]:
    """Their names, numbered where several are the same."""
    uses = Counter(TEXT.name(v.name) for v in named)
    taken, names = set(uses), dict[Value, str]()
    for v in named:
        alike = uses[TEXT.name(v.name)] > 1
        names[v] = next(numbered(v.name, taken)) if alike else v.name
        taken.add(TEXT.name(names[v]))
    return names


class Formulas:
    """Every Value of a graph as an Expr, and which of them have names.

    Roots and leaves always have one.  What would be long in brackets gets a letter; where the graph is
    ``drawn``, so do nodes that several others read, and long calls.
    """

    def __init__(self, roots: Sequence[Value], view: Sequence[Box], loss: str = "L", *, drawn: bool) -> None:
        self.roots, self.view, self.drawn, self.long = roots, view, drawn, 12 if drawn else 30
        self.full: dict[Value, Expr] = {}
        self.home = {v: box for box in view for v in box.values}
        self.names = distinct([v for v in self.home if v.name])
        for y in roots:
            self.names.setdefault(y, next(self.unused("yzf")))
        leaves = [v for v in self.home if v.op is None and v not in self.names]
        self.names.update(zip(leaves, self.unused("x" if len(leaves) == 1 else ""), strict=False))
        own = self.names[roots[0]]
        self.loss = own if len(roots) == 1 and own in (loss, "loss") else loss
        self.seeds = {y: ONE if self.names[y] == self.loss else expr(self.bar(y)) for y in roots}
        self.fresh = self.unused("uvspqr")
        self.uses = Counter(x for box in view for x in box.args if isinstance(x, Value))
        self.kinds: dict[str, list[tuple[Value, ...]]] = defaultdict(list)
        for box in view:
            self.kinds[box.scope.name if box.scope else ""].append(tuple(box.inside))
        self.calls = Counter((box.scope.name, *box.args) for box in view if box.scope)
        for box in view:
            self.read_box(box)

    def unused(self, letters: str) -> Iterator[str]:
        """The letters, then the first of them (or x) with a number, without the names that are taken."""
        stems = {name.rstrip("0123456789").rstrip("_") for name in self.names.values()}
        free = (letter for letter in letters if letter not in stems)
        return chain(free, numbered(letters[:1] or "x", set(map(TEXT.name, self.names.values()))))

    def letter(self, v: Value) -> str:
        """Its name; a new letter if it had none."""
        self.names[v] = self.names.get(v) or next(self.fresh)
        return self.names[v]

    def read_box(self, box: Box) -> None:
        for x in box.args:
            if isinstance(x, Value) and self.is_long(x, box):
                self.letter(x)
        for v in box.values:
            self.full[v] = self.read(v)
            bases = [base for _, factors in self.full[v] for base, _ in factors]
            simple = len(bases) <= 1 and all(isinstance(base, str) for base in bases)  # -v, 2·x, x²
            alike = box.scope is not None and self.calls[box.scope.name, *box.args] > 1  # alike, not equal
            if v.op and (alike or len(box.values) > 1 or (self.drawn and self.uses[v] > 1 and not simple)):
                self.letter(v)

    def is_long(self, x: Value, reader: Box) -> bool:
        """Whether x is too long for its reader's formula: a sum may grow in a sum, a product in a product."""
        if x.op is None or x in self.names:
            return False
        op = reader.values[0].op if reader.scope is None else None
        sign = op.symbol.split()[0] if op else ""
        inside = not (sign in ("+", "-") or (sign == "×" and len(self.full[x]) == 1))
        call_here = self.drawn and (self.home[x].scope is not None or x.op.symbol.isidentifier())
        return len(TEXT.sum(self.full[x], tight=True)) > (self.long if inside or call_here else 200)

    def read(self, v: Value) -> Expr:
        """What v computes, in terms of its operands."""
        box = self.home.get(v)
        if box and box.scope:
            number = (
                str(box.values.index(v) + 1) if len(box.values) > 1 and box.title == box.scope.name else ""
            )
            return call(self.function(box) + number.translate(LOW), *map(self.of, box.args))
        if v.op is None:
            return expr(v.data)
        operands = [self.of(x) for x in v.args]
        if v.op.symbol.isidentifier():
            return call(v.op.symbol, *operands)
        names = dict[str, Expr](zip(v.op.operands, operands, strict=True))
        return eval(v.op.formula, WORDS, names)  # noqa: S307  the op table's own text

    def function(self, box: Box) -> str:
        """A composite's name, numbered where others of that name have other parameters."""
        name = box.scope.name if box.scope else ""
        kinds = list(dict.fromkeys(self.kinds[name]))
        return f"{name}{kinds.index(tuple(box.inside)) + 1}" if len(kinds) > 1 and box.title == name else name

    def of(self, x: Scalar) -> Expr:
        """A node or a number as it stands in other formulas."""
        if not isinstance(x, Value):
            return expr(float(x))
        if x not in self.full:
            self.full[x] = self.read(x)
        return expr(self.names.get(x) or self.full[x])

    def bar(self, v: Value) -> str:
        return f"∂{self.loss}/∂{self.names[v]}"

    def defined(self) -> list[Value]:
        """The inner nodes with a name of their own."""
        return [v for v in self.names if v.op and v not in self.roots]

    def backward(self) -> tuple[dict[Edge, Expr], dict[Value, Expr]]:
        """What flows back along every edge, and all that arrives at every Value."""
        flow: dict[Edge, Expr] = {}
        total: dict[Value, Expr] = {}
        arrived: dict[Value, list[Expr]] = defaultdict(list, {y: [seed] for y, seed in self.seeds.items()})
        for box in reversed(self.view):
            total |= {v: ZERO.plus(*arrived[v]) for v in box.values}
            above = {v: self.above(v, total[v]) for v in box.values}
            for i, x in enumerate(box.args):
                if isinstance(x, Value):
                    flow[box, i] = ZERO.plus(*(g * self.partial(box, v, i) for v, g in above.items()))
                    arrived[x].append(flow[box, i])
        return flow, total

    def above(self, v: Value, total: Expr) -> Expr:
        """What v passes on: all that arrived, or its name if that is long or made of several terms."""
        if v.op and ((self.uses[v] > 1 and len(total) > 1) or len(TEXT.sum(total)) > 3 * self.long):
            self.letter(v)
        return total if v in self.roots or v not in self.names else expr(self.bar(v))

    def partial(self, box: Box, v: Value, i: int) -> Expr:
        """∂v/∂operand i: by the table's line, also for a composite that is an op of it; else by name."""
        op = v.op if box.scope is None else composite_op(box)
        if op is not None:
            with within(None):  # constants as Values, so that log(2) stays log(2)
                args = [x if isinstance(x, Value) else Value(x) for x in box.args]
                return self.of(op.book[i](*cast("Any", (v, *args))))
        x = cast("Value", box.args[i])
        return expr(f"∂{self.letter(v)}/∂{self.letter(x)}")


def composite_op(box: Box) -> Op | None:
    """The op of the table that a composite is: by its name, its operands, its value and its gradient here."""
    name = box.scope.name if box.scope else ""
    op = OPS.get(name) or next((op for op in OPS.values() if op.symbol == name), None)
    if op is None or box.inside or len(box.values) != 1 or len(op.operands) != len(box.args):
        return None
    z, numbers = box.values[0], [x.data if isinstance(x, Value) else x for x in box.args]
    flows: dict[Any, float] = defaultdict(float)
    for step in entries(box.members, {z: 1.0}):
        flows[step.operand] += step.contribution
    local = op.form(*[True] * len(numbers)).local(z.data, *numbers)
    pairs = [(z.data, op.evaluate(*numbers)), *zip((flows[x] for x in box.args), local, strict=True)]
    return op if all(math.isclose(x, y, rel_tol=1e-9, abs_tol=1e-100) for x, y in pairs) else None


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
    lines = [write.equation(f.names[v], f.full[v], "aligned") for v in [y, *reversed(f.defined())]]
    return write.put("whole", write.put("lines").join(lines))


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
    view = boxes(roots, collapse)
    if not 0 < len(view) <= MOST:
        raise ValueError(f"a formula of {len(view):,} nodes is of no use; write smaller parts of the graph")
    return view


def label_boxes(roots: Sequence[Value], view: Sequence[Box], loss: str, notation: str = "text") -> Labels:
    f, write = Formulas(roots, view, loss, drawn=True), Writer(notation, short=True)
    flow, total = f.backward()
    definitions: dict[Any, str] = {v: write.equation(f.names[v], f.full[v]) for v in f.defined()}
    found = Labels()
    found.words = {v: write.name(f.names[v]) for v in f.home if v.op is None and f.uses[v] != 1}
    found.roots = {y: (write.name(f.names[y]), write.sum(seed)) for y, seed in f.seeds.items()}
    for box in view:
        for i, x in enumerate(box.args):
            definition, back = definitions.pop(x, ""), ""  # it stands on the first edge
            if isinstance(x, Value):
                e = flow[box, i]
                alone = definition and f.uses[x] == 1 and e != expr(f.bar(x))
                back = write.equation(f.bar(x), e) if alone else write.sum(e)
            found.edges[box, i] = definition or write.sum(f.of(x)), back
    shared = [v for v in total if f.uses[v] > 1 and v in f.names]
    found.sums = {v: write.equation(f.bar(v), total[v]) for v in shared}
    return found
