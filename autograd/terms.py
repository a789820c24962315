"""An op's line as a tree, once.  Whoever evaluates, prints or compiles it folds it with words of its own.

    parse("1 / (1 + exp(-x))")     the tree of a formula
    fold(tree, words, names)       its value, where words say what a word does and names what an operand is
    text(tree, names)              the tree as Python source
    evaluator(operands, tree)      a function of plain floats that neither raises nor warns

A tree is a number or a Term.  A word of a tree is a function's name or a sign of Python, as "+".  Ops that
are applied to Terms give their formulas with the Terms as operands.  That is how a partial becomes a tree: it
is called with the names z, x, y, w in place of Values.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, TypeAlias, TypeVar, cast

from .ieee import PYTHON

T = TypeVar("T")
Tree: TypeAlias = "Term | float"


class NeedsDataError(TypeError):
    """A partial asked an operand for its number, which a tree does not have."""


@dataclass(frozen=True, slots=True)
class Term:
    """word(*args); without args the name of an operand.  The ops of the table are its operators and methods.

    ``varies`` is False for an operand that is a plain number in the graph.
    """

    word: str
    args: tuple[Tree, ...] = ()
    varies: bool = True

    def __repr__(self) -> str:
        if not self.args:
            return self.word
        return f"({' '.join([self.word, *map(repr, self.args)])})"

    def __pos__(self) -> Term:
        return self

    def __bool__(self) -> NoReturn:
        raise NeedsDataError

    __float__ = __bool__

    @property
    def data(self) -> float:
        """A tree has none."""
        raise NeedsDataError

    grad = data

    def __lt__(self, y: object) -> NoReturn:
        raise NeedsDataError

    __le__ = __gt__ = __ge__ = __lt__


# ------------------------------------------------------------------------------------------------ from text
SIGNS: dict[type[ast.AST], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.FloorDiv: "//",
    ast.Mod: "%",
    ast.Pow: "pow",
    ast.USub: "neg",
    ast.Not: "not",
    ast.And: "and",
    ast.Or: "or",
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
}


def parse(formula: str) -> Tree:
    """The tree of a formula.  Raises SyntaxError for what is none.

    >>> print(parse("x * exp(2)"))
    (* x (exp 2))
    """
    return read(ast.parse(formula.strip(), mode="eval").body)


def read(node: ast.AST) -> Tree:
    """A node of Python's syntax tree as a Term."""
    match node:
        case ast.Constant(int() | float() as x):
            return x
        case ast.Name(name):
            constant = PYTHON.get(name)
            return constant if isinstance(constant, float) else Term(name)
        case ast.UnaryOp(ast.UAdd(), x):
            return read(x)
        case ast.Call(ast.Name(word), [*args], []) if args:
            return term(word, *args)
        case _:
            return read_sign(node)


def read_sign(node: ast.AST) -> Tree:
    """The same of a sign with its operands."""
    match node:
        case ast.UnaryOp(sign, x) if type(sign) in SIGNS:
            return term(SIGNS[type(sign)], x)
        case ast.BinOp(x, sign, y) if type(sign) in SIGNS:
            return term(SIGNS[type(sign)], x, y)
        case ast.IfExp(condition, x, y):
            return term("if", condition, x, y)
        case ast.BoolOp(sign, [*parts]):
            return joined(SIGNS[type(sign)], [*map(read, parts)])
        case ast.Compare(x, signs, others) if SIGNS.keys() >= {*map(type, signs)}:
            pairs = zip(signs, [x, *others], others, strict=False)
            return joined(
                "and", [term(SIGNS[type(sign)], *xy) for sign, *xy in pairs]
            )
        case _:
            raise SyntaxError(ast.unparse(node))


def term(word: str, *operands: ast.AST) -> Term:
    """A word with its operands, which are nodes of Python's syntax tree."""
    return Term(word, tuple(map(read, operands)))


def joined(word: str, parts: Sequence[Tree]) -> Tree:
    """Several parts by a word of two operands, from the left."""
    tree, *others = parts
    for part in others:
        tree = Term(word, (tree, part))
    return tree


# ---------------------------------------------------------------------------------------------------- folds
def fold(
    tree: Tree,
    words: Mapping[str, Callable[..., T]],
    names: Mapping[str, T],
    number: Callable[[float], Any] = operator.pos,
) -> T:
    """The tree's value, from the values of its operands and numbers.

    >>> fold(parse("x * y + 1"), {"*": max, "+": min}, {"x": 2, "y": 3})
    1
    """
    if not isinstance(tree, Term):
        return cast("T", number(tree))
    if not tree.args:
        return names[tree.word]
    return words[tree.word](*[fold(x, words, names, number) for x in tree.args])


def substitute(tree: Tree, names: Mapping[str, Tree]) -> Tree:
    """The tree with other trees for its operands."""
    if not isinstance(tree, Term):
        return tree
    if not tree.args:
        return names[tree.word]
    return Term(tree.word, tuple([substitute(x, names) for x in tree.args]))


def terms_of(tree: Tree) -> Iterator[Term]:
    """Every Term of a tree, itself first."""
    if isinstance(tree, Term):
        yield tree
        for x in tree.args:
            yield from terms_of(x)


# ------------------------------------------------------------------------------------------------ as source
class Printed:
    """How a sign stands in source: its template, how strongly it binds, and what it asks of its operands."""

    def __init__(self, template: str, level: int, *needs: int) -> None:
        self.template, self.level, self.needs = template, level, needs

    def around(self, operands: Sequence[tuple[str, int]]) -> str:
        """The sign with its operands, in parentheses where they bind less than it asks."""
        pairs = zip(operands, self.needs, strict=True)
        return self.template.format(
            *[x if level >= need else f"({x})" for (x, level), need in pairs]
        )


def infix(level: int, left: int, right: int, *signs: str) -> dict[str, Printed]:
    """Signs between two operands, which bind equally."""
    return {x: Printed(f"{{0}} {x} {{1}}", level, left, right) for x in signs}


CALL, NEGATIVE = 9, 8
PRINTED = {
    "if": Printed("{1} if {0} else {2}", 1, 2, 2, 1),
    **infix(2, 2, 3, "or"),
    **infix(3, 3, 4, "and"),
    "not": Printed("not {0}", 4, 4),
    **infix(5, 6, 6, "==", "!=", "<", "<=", ">", ">="),
    **infix(6, 6, 7, "+", "-"),
    **infix(7, 7, 8, "*", "/", "//", "%"),
    "neg": Printed("-{0}", NEGATIVE, NEGATIVE),
}


def text(tree: Tree, names: Mapping[str, str]) -> str:
    """The tree as Python source, with the given text for its operands; others have their names.

    >>> text(parse("(x + 1) * -x"), {"x": "z._x"})
    '(z._x + 1) * -z._x'
    """
    return levelled(tree, names)[0]


def levelled(tree: Tree, names: Mapping[str, str]) -> tuple[str, int]:
    """A tree's source, and how strongly its outermost sign binds."""
    if not isinstance(tree, Term):
        return repr(tree), NEGATIVE if math.copysign(1.0, tree) < 0 else CALL
    if not tree.args:
        return names.get(tree.word, tree.word), CALL
    operands = [levelled(x, names) for x in tree.args]
    if tree.word not in PRINTED:
        return f"{tree.word}({', '.join(x for x, _ in operands)})", CALL
    sign = PRINTED[tree.word]
    return sign.around(operands), sign.level


# ----------------------------------------------------------------------------------------------- as numbers
def either(x: T, y: T) -> T:
    return x or y


def both(x: T, y: T) -> T:
    return x and y


def choose(condition: object, x: T, y: T) -> T:
    """x if the condition holds, else y."""
    return x if condition else y


ARITHMETIC: dict[str, Callable[..., Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,  # pyright: ignore[reportUnknownMemberType]
    "neg": operator.neg,
}
LOGIC: dict[str, Callable[..., Any]] = {
    "//": operator.floordiv,  # pyright: ignore[reportUnknownMemberType]
    "%": operator.mod,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "if": choose,
    "or": either,
    "and": both,
    "not": operator.not_,
}
