"""Lines of a text, of at most 100 letters."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from itertools import accumulate

from .helpers import free

WIDTH = 100
INDENT = " " * 4
GLUE = "\0"  # a space at which no line is broken


def closed(text: str) -> bool:
    """Whether one pair of brackets holds all of a text but its beginning."""
    depth = 0
    for at, letter in enumerate(text):
        depth += (letter in "([") - (letter in ")]")
        if letter in ")]" and depth == 0:
            return at == len(text) - 1
        if letter == " " and depth == 0:
            return False
    return False


def wrapped(line: str) -> str:
    """A line of at most WIDTH letters, or several, within brackets."""
    if len(line) <= WIDTH:
        return line
    for sign in (" = ", " += ", "return "):
        head, sign, text = line.partition(sign)
        if sign:
            break
    sign = sign.replace(" ", GLUE)
    if len(head) > WIDTH // 2:
        start = len(head) - len(head.lstrip())
        head = f"{head[:start]}({head[start:]})"
    text = text if closed(text) else f"({text})"
    start = " " * (len(line) - len(line.lstrip()))
    for depth in range(2, deepest(text) + 2):
        whole = head + sign + glued(text, depth)
        filled = filled_in(whole, start + INDENT).replace(GLUE, " ")
        fits = max(map(len, filled.split("\n"))) <= WIDTH
        if fits and filled.startswith(start + head.strip()[:1]):
            return filled
    return line


def deepest(text: str) -> int:
    """Within how many brackets a text goes."""
    depths = accumulate((x in "([") - (x in ")]") for x in text)
    return max(depths, default=0)


def glued(text: str, most: int) -> str:
    """Without a place to break a line within so many brackets, or within an index."""
    letters, stack = list[str](), list[bool]()
    for at, letter in enumerate(text):
        if letter in "([":
            index = (
                letter == "["
                and at > 0
                and (text[at - 1].isalnum() or text[at - 1] in "_)]")
            )
            stack.append(index)
        elif letter in ")]":
            stack.pop()
        inside = not 0 < len(stack) <= most or any(stack)
        letters.append(GLUE if letter == " " and inside else letter)
    return "".join(letters)


def filled_in(text: str, indent: str) -> str:
    """In lines of at most WIDTH letters, if it has places to break."""
    return textwrap.fill(
        text,
        WIDTH,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def block(lines: Sequence[str]) -> str:
    """Lines of a function's body."""
    return "\n".join(wrapped(INDENT + line) if line else "" for line in lines)


def gradient_line(name: str, text: str) -> list[str]:
    """The line of a gradient, unless it has its name already."""
    return [] if text == name else [f"{name} = {text}"]


def joined(lines: Sequence[str]) -> str:
    """A function's head and body; n is the number of rows, where that is asked for."""
    head, *body = lines
    body = body[1:] if body[0] == "" else body
    text = f"{head}\n{block(body)}"
    if "n" not in free(text):
        return text
    return joined([head, "n = X.shape[0]", *body])
