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
from .scanning import ALIASES, PARTS, Misread, plain, scan
from .spelling import PI, Spelling, spell
from .value import OPS, Value

RULES: dict[Any, Callable[..., Any]] = {  # by sign, or by name and number of operands
    ast.Add: add, ast.Sub: sub, ast.Mult: mul, ast.Div: truediv, ast.Pow: pow, ast.UAdd: pos, ast.USub: neg,
    **{(word, len(op.operands)): op for op in OPS.values() for word in (op.symbol, op.name)},
}  # fmt: skip
FUNCTIONS = sorted(
    {s for op in OPS.values() for s in (op.symbol, op.name) if s.isidentifier()}
)
# Every function once.
LISTED = sorted({op.symbol for op in OPS.values() if op.symbol.isidentifier()})
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
    constants = constants_beside(variables)
    try:
        check_length(text)
        spelling = spell(text, variables, constants, FUNCTIONS)
        z = Reader(text, spelling, {**constants, **variables}).read()
    except Misread as error:
        raise refusal(str(error), text, error.at) from None
    return z if isinstance(z, Value) else Value(z)


def constants_beside(variables: Collection[str]) -> dict[str, float]:
    """The constants; where a variable is named pi or π, neither name is one."""
    if "pi" not in variables and PI not in variables:
        return CONSTANTS
    return {name: x for name, x in CONSTANTS.items() if x != math.pi}


def check_length(text: str) -> None:
    """Raises Misread for a formula that is too long to be read."""
    if len(text) > LONGEST:
        most = f"more than {LONGEST:,} characters"
        raise Misread(f"{most}; take a part of it", LONGEST)


def refusal(why: str, text: str, at: int) -> ValueError:
    """Why a text is refused, with a caret under the place in it."""
    near = re.sub(r"\s", " ", text[max(0, at - 40) : at + 30])
    near = "".join(map(printable, near))
    return ValueError(f"{why}\n  {near}\n  {' ' * columns(near[: min(at, 40)])}^")


def printable(c: str) -> str:
    """A character; a ? for what a terminal cannot print."""
    return c if c.isprintable() else "?"


@dataclass(frozen=True)
class Reader:
    """Computes a formula, with the values of its names."""

    text: str
    spelling: Spelling
    values: Mapping[str, Any]

    def read(self) -> Any:
        """The Value of the formula, or its number where it has no variable; raises Misread."""
        try:
            return self.compute(ast.parse(self.spelling.python, mode="eval").body)
        except SyntaxError as error:
            raise self.misread(error.msg, error.offset) from None
        except (RecursionError, MemoryError):
            why = "too deep, or too long without brackets"
            raise self.misread(why, 1) from None

    def misread(self, why: str, offset: int | None) -> Misread:
        """What the parser says, at the place in the user's text."""
        places = self.spelling.places
        at = min(offset or len(places), len(places))
        first = re.split("[.;] ", why)[0]
        return Misread(f"{first}; {PARTS}", places[at - 1])

    def compute(self, node: ast.expr) -> Any:
        """A node of the parser's tree."""
        match node:
            case ast.Constant(value=int() | float() as x):
                return float(x) if x <= sys.float_info.max else math.inf
            case ast.Name(id=spelled):
                return self.value(spelled.removesuffix("_"), node)
            case _:
                op, args = self.operation(node)
                return applied(op, [self.compute(x) for x in args])

    def operation(
        self, node: ast.expr
    ) -> tuple[Callable[..., Any], list[ast.expr]]:
        """The op of a node, and its operands; raises Misread for what has no rule."""
        match node:
            case ast.Call(func=ast.Name(id=spelled), args=args, keywords=[]):
                return self.function(spelled.removesuffix("_"), args, node), args
            case ast.UnaryOp(op=sign, operand=x):
                return RULES[type(sign)], [x]
            case ast.BinOp(op=ast.Pow(), left=ast.Name("e_"), right=x) if (
                self.values["e"] is CONSTANTS["e"]
            ):
                return RULES["exp", 1], [x]
            case ast.BinOp(op=sign, left=x, right=y):
                return RULES[type(sign)], [x, y]
            case _:
                raise Misread(PARTS, self.place(node))

    def place(self, node: ast.expr) -> int:
        """Where it begins in the user's text; the parser counts bytes."""
        before = self.spelling.python.encode()[: node.col_offset].decode()
        return self.spelling.places[len(before)]

    def value(self, name: str, node: ast.expr) -> Any:
        """What stands for a name; raises Misread if there is nothing, with the nearest name."""
        if name in self.values:
            return self.values[name]
        at = self.place(node)
        name = self.typed(name, at)
        near = self.near(name)
        written = f"write {name:.30}=0.5 after the formula"
        advice = f"did you mean {near}? If not, {written}" if near else written
        raise Misread(f"{name:.30} has no value; {advice}", at)

    def typed(self, name: str, at: int) -> str:
        """A name as the user typed it, which may be another one of the same function."""
        word = re.match(r"\w+", plain(self.text)[at:])
        return word[0] if word and word[0] in ALIASES else name

    def near(self, name: str) -> str:
        """A call of the function, or the name that is nearest."""
        if name in CALLED:
            return f"{name}(x)"
        return nearest(name, self.values, FUNCTIONS)

    def function(
        self, name: str, args: list[ast.expr], node: ast.expr
    ) -> Callable[..., Any]:
        """The op of a name and a number of operands; raises Misread if there is none, with the nearest."""
        if op := RULES.get((name, len(args))):
            return op
        why = f"no {name:.30} of {len(args)} operands; {self.advice(name)}"
        raise Misread(why, self.place(node))

    def advice(self, name: str) -> str:
        """What to write in place of a function that there is not, or not of so many operands."""
        listed = f"functions: {' '.join(LISTED)}"
        if name in FUNCTIONS:
            return f"{listed}{self.about_commas()}"
        if name in INSTEAD:
            return f"write {INSTEAD[name]}"
        if near := self.near_function(name):
            return f"did you mean {INSTEAD.get(near, near)}?"
        variable = f"write {name:.30}=0.5 after the formula"
        return f"{listed}; if it is a variable, {variable}"

    def about_commas(self) -> str:
        """What is said where a comma may be a decimal's."""
        decimal = re.search(r"\d,\d", plain(self.text))
        return "; a decimal is written as 0.5" if decimal else ""

    def near_function(self, name: str) -> str:
        """The name that is nearest; none for an inverse, which is near to what it inverts."""
        if name in INVERSES:
            return ""
        return nearest(name, self.values, [*CALLED, *INSTEAD])


def applied(op: Callable[..., Any], xs: list[Any]) -> Any:
    """The op's result; of numbers alone, too, by the engine's arithmetic, where 1/0 is inf."""
    if Value in map(type, xs):
        return op(*xs)
    return op(Value(xs[0]), *xs[1:]).data


def nearest(name: str, values: Collection[str], functions: Collection[str]) -> str:
    """A product of known names, or a known name that is like it, in other letters too; else nothing.

    >>> nearest("xy2", ["x", "y"], []), nearest("Sin", ["x"], ["sin"]), nearest("wieght", ["weight"], [])
    ('x*y*2', 'sin', 'weight')
    """
    if len(name) > LONGEST_NAME:
        return ""
    product = "*".join(split(name, values, functions))
    call = product or without_brackets(name, values, functions)
    return call or alike(name, [*functions, *values])


def alike(name: str, known: Iterable[str]) -> str:
    """The known name that is most like it; else nothing."""
    folded = {other.casefold(): other for other in known}
    close = get_close_matches(name.casefold(), folded, 1)
    return folded[close[0]] if close else ""


def without_brackets(
    name: str, values: Collection[str], functions: Collection[str]
) -> str:
    """What sinx or sin2x may mean, with the longest function that it begins with; nothing for exp2x."""
    words = (*functions, *ALIASES, *INSTEAD)
    function = max(filter(name.startswith, words), key=len, default="")
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
        known = [*values, *functions] if end == len(name) else values
        for start in parts:
            part = name[start:end]
            if part in known or part.isdigit():
                parts[end] = [*parts[start], part]
                break
    return parts.get(len(name), [])


def variables(words: Iterable[str]) -> dict[str, Value]:
    """Leaves by name, from words such as x=0.5; raises ValueError for a name that is given twice."""
    leaves: dict[str, Value] = {}
    for word in words:
        x = variable(word)
        if x.name in leaves:
            why = f"{x.name:.30} is given twice; leave one of them out"
            raise refusal(why, word, 0)
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
        at = word.find("=") + 1
        raise refusal(f"{why}{hint(word)}", word, at) from None


def hint(word: str) -> str:
    """What to write for a word that is no variable."""
    name, equals, number = word.partition("=")
    if equals:
        return reckoned(name, number)
    return "; a formula with spaces stands in quotes"


def reckoned(name: str, formula: str) -> str:
    """What to write for x=1/2, a variable with a formula of numbers alone; "" for what is none."""
    if not plain(name).isidentifier():
        return ""
    try:
        return f"; write {name:.30}={build(formula, {}).data!r}"
    except ValueError:
        return ""
