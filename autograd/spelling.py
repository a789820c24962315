"""The notation of people, spelled as Python's: 2x² - ln(x) becomes 2 * x ** ( 2 ) - log(x).

``Speller`` reads the tokens of a formula, and writes the * that a product left out.  Where a text has more
than one meaning, or none, ``Misread`` says what to write.  Nothing is computed here.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from keyword import iskeyword
from typing import NamedTuple

from .scanning import (
    ALIASES,
    NAMES,
    NUMERALS,
    PARTS,
    RAISED,
    SIGNS,
    Misread,
    Token,
    no_place,
    plain,
    scan,
)

__all__ = ["SIGNS", "Spelling", "plain", "spell"]

PI = "π"
ENDS = (*NAMES, "number", ")")  # of an operand
BEGINNINGS = (*NAMES, "number", "(", "√")
ENDING = ("+", "-", "*", "/", ",")  # what was bound by signs before


class Spelling(NamedTuple):
    """A formula as Python's parser reads it, and the place of each of its characters in the user's text."""

    python: str
    places: list[int]


@dataclass
class Bracket:
    """An open bracket: whether it is a function's or an exponent's, and what binds its last operand.

    ``tight`` has 1/ or x^ where that operand stands right of one, and √ where it stands under a bare root.
    """

    call: bool = False
    exponent: bool = False
    tight: list[str] = field(default_factory=list[str])


def spell(
    text: str,
    variables: Collection[str],
    constants: Collection[str],
    functions: Collection[str],
) -> Spelling:
    """A formula as Python has it; raises Misread.

    >>> spell("2x² − ln(π)", ["x"], ["π"], ["log"]).python
    '2 * x_ ** ( 2 ) - log_ ( π_ )'
    """
    speller = Speller(text, variables, constants, [*functions, *ALIASES])
    for token in scan(plain(text), range(len(text))):
        speller.read(token)
    places: list[int] = []
    for token in speller.written:
        places += [token.at] * (len(token.python) + 1)
    return Spelling(
        " ".join(token.python for token in speller.written),
        [*places[:-1], len(text)],
    )


class Speller:
    """Reads tokens one by one, and writes them with the * that products left out."""

    def __init__(
        self,
        text: str,
        variables: Collection[str],
        constants: Collection[str],
        functions: Collection[str],
    ) -> None:
        self.text = text
        self.variables = variables
        self.constants = constants
        self.functions = functions
        self.brackets = [Bracket()]  # those that are open, the innermost last
        self.before = [Token("", "", 0)] * 2  # the last two tokens
        self.written: list[Token] = []

    def read(self, token: Token) -> None:
        """Writes one more token; raises Misread."""
        for part in self.parts(token):
            self.write(part)

    def parts(self, token: Token) -> list[Token]:
        """The token, but πx as π and x where these have a meaning, and πx has none."""
        rest = token.text[1:]
        if (
            token.kind != "name"
            or token.text[:1] != PI
            or self.has_value(token.text)
        ):
            return [token]
        if not self.has_value(PI) or not self.is_known(rest):
            return [token]
        return [Token("name", PI, token.at), Token("name", rest, token.at + 1)]

    def has_value(self, name: str) -> bool:
        """Whether a name is a variable or a constant."""
        return name in self.variables or name in self.constants

    def is_known(self, name: str) -> bool:
        """Whether a name has any meaning."""
        return self.has_value(name) or name in self.functions

    def write(self, token: Token) -> None:
        """Writes a token, and the * before it that was left out."""
        token = token._replace(kind=self.kind(token))
        left = self.before[-1]
        self.check_dot(token)
        if token.kind == "number":
            self.check_number(token)
        if self.is_product(left, token):
            self.written.append(Token("*", "*", token.at))
        self.written += self.under_root(token) if left.kind == "√" else [token]
        self.follow(left, token)
        self.before = [left, token]

    def kind(self, token: Token) -> str:
        """Whether a name has a value or is a function; of other tokens their own kind."""
        name = token.text
        if token.kind != "name":
            return token.kind
        if self.has_value(name):
            return "value"
        if name in self.functions:
            return "function"
        if iskeyword(name):
            raise no_place(name, token.at)
        return "unknown"

    def check_dot(self, token: Token) -> None:
        """Raises Misread for np.exp, and for x.y."""
        name, dot = self.before
        if dot.kind == "." and name.kind in NAMES and token.kind in NAMES:
            raise misread_dot(name, dot, token)

    def check_number(self, token: Token) -> None:
        """Raises Misread for 0,5, and for 2e3 where a variable is named e3."""
        self.check_comma(token)
        tail = re.search(r"[A-Za-z]\w*", token.text)
        if tail and tail[0] in self.variables:
            first, last = token.text[: tail.start()], token.text[tail.start() :]
            product = f"{first:.30}*{last:.30}"
            why = f"{token.shown} has two meanings; write {product}, or rename {tail[0]:.30}"
            raise Misread(why, token.at)

    def check_comma(self, token: Token) -> None:
        """Raises Misread for 0,5."""
        first, comma = self.before
        if self.brackets[-1].call or (first.kind, comma.kind) != ("number", ","):
            return
        if token.at == first.at + len(first.text) + 1:
            raise misread_comma(first, token)

    def is_product(self, left: Token, right: Token) -> bool:
        """Whether a * was left out between two neighbours; raises Misread where it need not be a *."""
        if left.kind not in ENDS or right.kind not in BEGINNINGS:
            return False
        if self.is_call(left, right):
            return False
        self.check_product(left, right)
        return True

    def check_product(self, left: Token, right: Token) -> None:
        """Raises Misread where what was left out need not be a *."""
        x, y = left.shown, right.shown
        if left.kind == "function":
            f = f"{left.text:.30}"
            why = f"{f} needs brackets around its operand; write {f}(x)"
            raise Misread(why, right.at)
        if self.is_sign_lost(left, right):
            written = f"{x}*{y}{other_than_product(left, right)}"
            raise Misread(f"no sign between {x} and {y}; write {written}", right.at)
        for bound in self.brackets[-1].tight[-1:]:
            two = f"{bound}{x}{y} has two meanings"
            why = f"{two}; write {bound}({x}*{y}) or {bound}{x}*{y}"
            raise Misread(why, right.at)

    def is_sign_lost(self, left: Token, right: Token) -> bool:
        """Whether another sign than * may have been meant: before a number, a name, or a new line."""
        if right.kind == "number" or are_names(left, right):
            return True
        return len(self.text[left.at : right.at + 1].splitlines()) > 1

    def is_call(self, left: Token, right: Token) -> bool:
        """Whether a name is called; raises Misread where it may be multiplied instead."""
        if right.kind != "(" or left.kind not in NAMES:
            return False
        self.check_call(left)
        return left.kind != "value"

    def check_call(self, name: Token) -> None:
        """Raises Misread for a name before a bracket that has two meanings."""
        if name.kind == "value" and name.text in self.functions:
            why = f"{name.text:.30} is both a function and a variable; rename the variable"
            raise Misread(why, name.at)
        if name.text == "e" and "e" not in self.variables:
            raise Misread("e(…) has two meanings; write e*(…) or exp(…)", name.at)

    def under_root(self, token: Token) -> list[Token]:
        """What stands right of √, in brackets; raises Misread where a root has no clear end."""
        if token.kind == "(":
            return [token]
        if token.kind not in ("number", "value"):
            raise Misread(
                "√ needs brackets around its operand; write √(x)", token.at
            )
        return [Token("(", "(", token.at), token, Token(")", ")", token.at)]

    def follow(self, left: Token, token: Token) -> None:
        """Keeps account of brackets, and of what binds the last operand."""
        match token.kind:
            case "(":
                self.open(left)
            case ")":
                self.close()
            case "**":
                self.check_power(left)
                self.brackets[-1].tight.append(f"{left.shown}^")
            case _:
                self.bind(left, token)

    def open(self, left: Token) -> None:
        """Opens a bracket, which is a function's or an exponent's by what stands left of it."""
        call = left.kind in ("function", "unknown")
        self.brackets.append(Bracket(call, left.kind == "**"))

    def bind(self, left: Token, token: Token) -> None:
        """Notes a bare root or a 1/ before an operand; other signs end what was bound."""
        if left.kind == "√":
            self.brackets[-1].tight.append("√")
        elif left.kind in ENDS and token.kind in ENDING:
            self.brackets[-1].tight = divided(left, token)

    def close(self) -> None:
        """Closes a bracket; an exponent in brackets has a clear end."""
        if len(self.brackets) == 1:
            return
        closed = self.brackets.pop()
        bracket = self.brackets[-1]
        if closed.exponent:
            bracket.tight.pop()

    def check_power(self, left: Token) -> None:
        """Raises Misread for a power of what has no clear end."""
        if left.kind == "function":
            f = f"{left.text:.30}"
            square = f"write {f}(x)^2 for the square of {f}(x)"
            raise Misread(f"a power stands after the brackets; {square}", left.at)
        if left.text == RAISED:
            written = "write (x^2)^3 or x^(2^3)"
            raise Misread(f"a power of a power needs brackets; {written}", left.at)
        if self.brackets[-1].tight[-1:] == ["√"]:
            x = left.shown
            why = f"√{x}^ has two meanings; write √({x}^2) or √({x})^2"
            raise Misread(why, left.at)


def divided(left: Token, sign: Token) -> list[str]:
    """What binds the operand right of a sign: 1/ where it divides, else nothing."""
    return [f"{left.shown}/"] if sign.kind == "/" else []


def misread_dot(name: Token, dot: Token, token: Token) -> Misread:
    """What is said of np.exp, and of x.y."""
    x, y = name.shown, f"{token.text:.30}"
    if name.kind == token.kind == "value":
        return Misread(f"no sign between {x} and {y}; write {x}*{y}", dot.at)
    written = {"function": f"write {y}(x)", "value": f"write {y}"}
    advice = written.get(token.kind, PARTS)
    return Misread(f"{y} has no {x}. before it; {advice}", name.at)


def misread_comma(first: Token, token: Token) -> Misread:
    """What is said of 0,5, and of 1,000."""
    whole, rest = f"{first.text:.30}".replace(".", ""), token.shown
    grouped = f" or {whole}{rest}" if len(rest) == 3 else ""
    why = f"a comma stands between operands; write {whole}.{rest}{grouped}; {PARTS}"
    return Misread(why, first.at)


def other_than_product(left: Token, right: Token) -> str:
    """What else may have been meant by two operands without a sign."""
    x, y = left.shown, right.shown
    if left.kind == "number" and right.text in NUMERALS:
        return f" or ({x}+{y})"
    if not right.text.isdigit():
        return ""
    return {")": f" or {x}^{y}", "number": f" or {x}{y}"}.get(left.kind, "")


def are_names(left: Token, right: Token) -> bool:
    """Whether two names stand side by side, but not as πx."""
    if left.kind not in NAMES or right.kind not in ("value", "unknown"):
        return False
    return left.text != PI or right.at > left.at + 1
