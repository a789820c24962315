"""Formulas and variables as they are typed.

Python's parser reads a formula, a closed list of rules computes it; it is never run.  ``spelling`` hands the
parser numbers, names and signs, and nothing else.  What has no rule is refused, with a caret under it.
"""

import ast
import math
import re
import sys
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from operator import add, mul, neg, pos, pow, sub, truediv  # pyright: ignore[reportUnknownVariableType]
from typing import Any

from .pictures.lettering import columns
from .spelling import ALIASES, PARTS, PI, Misread, Spelling, plain, scan, spell
from .value import OPS, Value

RULES: dict[Any, Callable[..., Any]] = {  # by sign, or by name and number of operands
    ast.Add: add, ast.Sub: sub, ast.Mult: mul, ast.Div: truediv, ast.Pow: pow, ast.UAdd: pos, ast.USub: neg,
    **{(word, len(op.operands)): op for op in OPS.values() for word in (op.symbol, op.name)},
}  # fmt: skip
FUNCTIONS = sorted(
    {s for op in OPS.values() for s in (op.symbol, op.name) if s.isidentifier()}
)
LISTED = sorted(
    {op.symbol for op in OPS.values() if op.symbol.isidentifier()}
)  # each once
CONSTANTS = {"pi": math.pi, PI: math.pi, "e": math.e, "inf": math.inf}
INSTEAD = {  # of functions that have no rule
    "cot": "1/tan(x)", "sec": "1/cos(x)", "csc": "1/sin(x)", "exp2": "2**x", "cbrt": "x**(1/3)",
    "lg": "log10(x)", "pow": "x**w", "exp10": "10**x", "square": "x**2", "sum": "x + w", "sine": "sin(x)",
    "cosine": "cos(x)", "tangent": "tan(x)", "tg": "tan(x)", "heaviside": "step(x)",
    "sigma": "sigmoid(x)", "σ": "sigmoid(x)", "logistic": "sigmoid(x)", "expit": "sigmoid(x)",
}  # fmt: skip
CALLED = [*FUNCTIONS, *ALIASES]
INVERSES = {
    f"{a}{f}"
    for a in ("a", "ar", "arc")
    for f in ("sin", "cos", "tan", "sinh", "cosh", "tanh")
}
LONGEST = 100_000  # characters
LONGEST_NAME = 30  # for which another is proposed


def build(text: str, variables: Mapping[str, Value]) -> Value:
    """The graph of a formula; raises ValueError with a caret under what it cannot read.

    >>> build("2x² - ln(x)", {"x": Value(1.0, "x")}).data
    2.0
    """
    pi_is_given = not variables.keys().isdisjoint(("pi", PI))
    constants = {
        name: x
        for name, x in CONSTANTS.items()
        if not (pi_is_given and x == math.pi)
    }
    try:
        if len(text) > LONGEST:
            raise Misread(
                f"more than {LONGEST:,} characters; take a part of it", LONGEST
            )
        spelling = spell(text, variables, constants, FUNCTIONS)
        z = Reader(text, spelling, {**constants, **variables}).read()
    except Misread as error:
        raise refusal(str(error), text, error.at) from None
    return z if isinstance(z, Value) else Value(z)


def refusal(why: str, text: str, at: int) -> ValueError:
    """Why a text is refused, with a caret under the place in it."""
    near = re.sub(r"\s", " ", text[max(0, at - 40) : at + 30])
    near = "".join(c if c.isprintable() else "?" for c in near)
    return ValueError(f"{why}\n  {near}\n  {' ' * columns(near[: min(at, 40)])}^")


@dataclass(frozen=True)
class Reader:
    """Computes a formula, with the values of its names."""

    text: str
    spelling: Spelling
    values: Mapping[str, Any]

    def read(self) -> Any:
        """The Value of the formula, or its number where it has no variable; raises Misread."""
        python, places = self.spelling
        try:
            return self.compute(ast.parse(python, mode="eval").body)
        except (SyntaxError, RecursionError, MemoryError) as error:
            why = getattr(error, "msg", "too deep, or too long without brackets")
            at = getattr(error, "offset", 1) or len(places)
            raise Misread(
                f"{re.split('[.;] ', why)[0]}; {PARTS}",
                places[min(at, len(places)) - 1],
            ) from None

    def compute(self, node: ast.expr) -> Any:
        """A node of the parser's tree; numbers alone, too, by the engine's arithmetic, where 1/0 is inf."""
        match node:
            case ast.Constant(value=int() | float() as x):
                return float(x) if x <= sys.float_info.max else math.inf
            case ast.Name(id=spelled):
                return self.value(spelled.removesuffix("_"), node)
            case ast.Call(func=ast.Name(id=spelled), args=args, keywords=[]):
                op = self.function(spelled.removesuffix("_"), args, node)
            case ast.UnaryOp(op=sign, operand=x):
                op, args = RULES[type(sign)], [x]
            case ast.BinOp(op=ast.Pow(), left=ast.Name("e_"), right=x) if (
                self.values["e"] is CONSTANTS["e"]
            ):
                op, args = RULES["exp", 1], [x]
            case ast.BinOp(op=sign, left=x, right=y):
                op, args = RULES[type(sign)], [x, y]
            case _:
                raise Misread(PARTS, self.place(node))
        xs = [self.compute(x) for x in args]
        return op(*xs) if Value in map(type, xs) else op(Value(xs[0]), *xs[1:]).data

    def place(self, node: ast.expr) -> int:
        """Where it begins in the user's text; the parser counts bytes."""
        before = self.spelling.python.encode()[: node.col_offset].decode()
        return self.spelling.places[len(before)]

    def value(self, name: str, node: ast.expr) -> Any:
        """What stands for a name; raises Misread if there is nothing, with the nearest name."""
        if name in self.values:
            return self.values[name]
        at = self.place(node)
        word = re.match(r"\w+", plain(self.text)[at:])
        name = word[0] if word and word[0] in ALIASES else name
        example = f"{name:.30}=0.5 after the formula"
        near = (
            f"{name}(x)"
            if name in CALLED
            else nearest(name, self.values, FUNCTIONS)
        )
        advice = (
            f"did you mean {near}? If not, write {example}"
            if near
            else f"write {example}"
        )
        raise Misread(f"{name:.30} has no value; {advice}", at)

    def function(
        self, name: str, args: list[ast.expr], node: ast.expr
    ) -> Callable[..., Any]:
        """The op of a name and a number of operands; raises Misread if there is none, with the nearest."""
        if op := RULES.get((name, len(args))):
            return op
        raise Misread(
            f"no {name:.30} of {len(args)} operands; {self.advice(name)}",
            self.place(node),
        )

    def advice(self, name: str) -> str:
        """What to write in place of a function that there is not, or not of so many operands."""
        advice = f"functions: {' '.join(LISTED)}"
        if name in FUNCTIONS:
            return (
                f"{advice}; a decimal is written as 0.5"
                if re.search(r"\d,\d", plain(self.text))
                else advice
            )
        if name in INSTEAD:
            return f"write {INSTEAD[name]}"
        if name not in INVERSES and (
            near := nearest(name, self.values, [*CALLED, *INSTEAD])
        ):
            return f"did you mean {INSTEAD.get(near, near)}?"
        return (
            f"{advice}; if it is a variable, write {name:.30}=0.5 after the formula"
        )


def nearest(name: str, values: Collection[str], functions: Collection[str]) -> str:
    """A product of known names, or a known name that is like it, in other letters too; else nothing.

    >>> nearest("xy2", ["x", "y"], []), nearest("Sin", ["x"], ["sin"]), nearest("wieght", ["weight"], [])
    ('x*y*2', 'sin', 'weight')
    """
    if len(name) > LONGEST_NAME:
        return ""
    if factors := split(name, values, functions):
        return "*".join(factors)
    if call := without_brackets(name, values, functions):
        return call
    known = {other.casefold(): other for other in (*functions, *values)}
    return next(
        (known[other] for other in get_close_matches(name.casefold(), known, 1)), ""
    )


def without_brackets(
    name: str, values: Collection[str], functions: Collection[str]
) -> str:
    """What sinx or sin2x may mean, with the longest function that it begins with; nothing for exp2x."""
    known = [
        word for word in (*functions, *ALIASES, *INSTEAD) if name.startswith(word)
    ]
    function = max(known, key=len, default="")
    operand = "*".join(split(name.removeprefix(function), values, []))
    written = INSTEAD.get(function, f"{function}(x)")
    if not function or not operand or re.search(r"\bw\b|\*\*", written):
        return ""
    return re.sub(r"\bx\b", operand, written)


def split(
    name: str, values: Collection[str], functions: Collection[str]
) -> list[str]:
    """The known names and numbers that a name is made of, with a function at most at its end; else none."""
    parts: dict[int, list[str]] = {0: []}  # of the first so many letters
    for end in range(1, len(name) + 1):
        for start, before in list(parts.items()):
            part = name[start:end]
            if (
                part in values
                or part.isdigit()
                or (part in functions and end == len(name))
            ):
                parts[end] = [*before, part]
                break
    return parts.get(len(name), [])


def variables(words: Iterable[str]) -> dict[str, Value]:
    """Leaves by name, from words such as x=0.5; raises ValueError for a name that is given twice."""
    leaves: dict[str, Value] = {}
    for word in words:
        x = variable(word)
        if x.name in leaves:
            raise refusal(
                f"{x.name:.30} is given twice; leave one of them out", word, 0
            )
        leaves[x.name] = x
    return leaves


def variable(word: str) -> Value:
    """A leaf from name=number."""
    name, _, number = word.partition("=")
    try:
        ((kind, text, _),) = scan(plain(name), range(len(name)))
        return Value(float(plain(number) if kind == "name" else ""), text)
    except ValueError:
        why = "a variable is given as in x=0.5, with one number"
        quotes = "; a formula with spaces stands in quotes"
        hint = reckoned(name, number) if "=" in word else quotes
        raise refusal(f"{why}{hint}", word, word.find("=") + 1) from None


def reckoned(name: str, formula: str) -> str:
    """What to write for x=1/2, a variable with a formula of numbers alone; "" for what is none."""
    try:
        return (
            f"; write {name:.30}={build(formula, {}).data!r}"
            if plain(name).isidentifier()
            else ""
        )
    except ValueError:
        return ""
