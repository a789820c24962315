"""The command line.  Python's parser reads a formula, a closed list of rules computes it; it is never run."""

import ast
import math
import re
import sys
from argparse import SUPPRESS, ArgumentParser, Namespace
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from operator import add, mul, neg, pos, pow, sub, truediv  # pyright: ignore[reportUnknownVariableType]
from pathlib import Path
from subprocess import SubprocessError
from typing import Any, cast
from unicodedata import normalize

from . import alone

if trouble := alone.trouble():
    raise ImportError(trouble)

from . import OPS, Value, composite, draw, grad, latex, toposort
from .drawing import GraphvizMissingError, columns, table

RULES: dict[Any, Callable[..., Any]] = {  # by sign, or by name and number of operands
    ast.Add: add, ast.Sub: sub, ast.Mult: mul, ast.Div: truediv, ast.Pow: pow, ast.UAdd: pos, ast.USub: neg,
    **{(word, len(op.operands)): op for op in OPS.values() for word in (op.symbol, op.name)},
}  # fmt: skip
WORDS = " ".join(sorted({s for op in OPS.values() for s in (op.symbol, op.name) if s.isidentifier()}))
PARTS = "a formula has numbers, names, + - * / **, brackets and functions"
LONGEST, LARGEST, MOST = 100_000, 20_000, 500  # characters, nodes to differentiate, nodes to draw
FORMATS: dict[str, Callable[[Value, Sequence[Value], dict[str, Any]], bytes]] = {
    ".svg": lambda y, _, look: draw(y, **look).pipe(format="svg"),
    ".png": lambda y, _, look: draw(y, **look).pipe(format="png"),
    ".dot": lambda y, _, look: draw(y, **look).source.encode(),
    ".tex": lambda y, xs, _: tex(y, xs).encode(),
    ".html": lambda y, _, look: import_module(".stepper", __package__).to_html(y, **look).encode(),
}


def refusal(why: str, text: str, at: int) -> ValueError:
    """Why a text is refused, with a caret under the place in it."""
    near = "".join(c if c.isprintable() else "?" for c in text[max(0, at - 40) : at + 30])
    return ValueError(f"{why}\n  {near}\n  {' ' * columns(near[: min(at, 40)])}^")


def compute(node: ast.expr, text: str, names: Mapping[str, Any]) -> Any:
    """A node of the parser's tree; of plain numbers, too, by the engine's arithmetic, where 1/0 is inf."""
    rule, why, args = None, PARTS, [x for x in ast.iter_child_nodes(node) if isinstance(x, ast.expr)]
    match node:
        case ast.Constant(value=int() | float() as x) if not isinstance(x, bool):
            return float(x) if x <= sys.float_info.max else math.inf
        case ast.Name(id=name) if name in names:
            return names[name]
        case ast.Name(id=name):
            why = f"{name:.30} has no value; write {name:.30}=0.5 after the formula"
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]):
            rule, why = (name, len(args)), f"no {name:.30} of {len(args)} operands; functions: {WORDS}"
        case _:
            rule = cast("object", type(getattr(node, "op", node)))
    if not (op := RULES.get(rule)):
        raise refusal(why, text, len(text.encode()[: node.col_offset].decode()))  # the parser counts bytes
    xs = [compute(x, text, names) for x in args]
    return op(*xs) if Value in map(type, xs) else op(Value(xs[0]), *xs[1:]).data


def build(text: str, variables: Mapping[str, Value]) -> Value:  # the parser would only warn of 1or
    if strange := re.search(r"[^\w\s.+*/(),-]|//|(?<![\w.])[\d.][\w.]*?(and|else|for|i[fns]|not|or)", text):
        raise refusal(f"{strange[0]!r:.30} has no place here; {PARTS}", text, strange.start())
    if len(text) > LONGEST:
        raise refusal(f"more than {LONGEST:,} characters; take a part of it", text, LONGEST)
    try:
        z = compute(ast.parse(text, mode="eval").body, text, {"pi": math.pi, "e": math.e, **variables})
    except (SyntaxError, RecursionError, MemoryError) as error:
        why, at = getattr(error, "msg", "too deep, or too long without brackets"), getattr(error, "offset", 1)
        raise refusal(f"{re.split('[.;] ', why)[0]}; {PARTS}", text, (at or len(text) + 1) - 1) from None
    return z if isinstance(z, Value) else Value(z)


def variable(text: str) -> Value:
    """A leaf from name=number."""
    name, _, digits = normalize("NFKC", text).partition("=")  # as the parser does
    try:
        return Value(float(digits if name.isidentifier() else ""), name)
    except ValueError:
        raise refusal("a variable is given as in x=0.5", text, text.find("=") + 1) from None


def tex(y: Value, xs: Sequence[Value]) -> str:
    r"""Value and gradient for \input in a document with amsmath: as formulas, then as numbers."""
    dy = [g + 0.0 if g.op or g.name else Value(g.data) for g in grad(y, xs)]
    for x, g in zip(xs, dy, strict=True):
        g.name = f"∂{y.name}/∂{x.name}"
    return "".join(f"\\[{latex(v)}\\]\n" for v in (y, *dy, *(Value(v.data, v.name) for v in (*xs, y, *dy))))


def run(options: Namespace) -> tuple[str, dict[Path, bytes]]:
    """What to print, and what to write where."""
    if strange := [path for path in options.out if path.suffix not in FORMATS]:
        raise ValueError(f"{strange[0]}: a file ends in {' '.join(FORMATS)}")
    text = sys.stdin.read(LONGEST + 1) if options.formula == "-" else options.formula
    xs = {x.name: x for x in map(variable, options.variables)}
    make = composite(name=options.collapse)(build) if options.collapse else build
    y = make(re.sub(r"\s", " ", text).strip(), xs)
    for n in range(options.order):
        if not xs or len(toposort(y)) > LARGEST:
            raise ValueError(f"order {n + 1} needs a variable and at most {LARGEST:,} nodes; lower --order")
        y = grad(y, next(iter(xs.values())))
    y.name = y.name or next(name for name in (*"yzf", "_y") if name not in xs) + "'" * options.order
    y.backward()
    look = {"style": options.style, "collapse": options.collapse, "max_nodes": MOST}
    return table(toposort(y)), {path: FORMATS[path.suffix](y, [*xs.values()], look) for path in options.out}


def main(argv: Sequence[str] | None = None) -> None:
    """Prints the table and writes the files; says in one line what is wrong, with exit code 2."""
    cli = ArgumentParser("glassgrad", SUPPRESS, __doc__, f"Functions: {WORDS}. Constants: pi e.")
    cli.add_argument("formula", help="such as '1 / (1 + exp(-x))'; - reads it from standard input")
    cli.add_argument("variables", nargs="*", metavar="x=0.5", help="the value of each variable")
    cli.add_argument("--out", action="append", default=[], type=Path, help=f"file: {' '.join(FORMATS)}")
    cli.add_argument("--style", choices=("value", "textbook"), default="value", help="of the picture")
    cli.add_argument("--collapse", metavar="NAME", help="draw the whole formula as one node of this name")
    cli.add_argument("--order", type=int, choices=range(10), default=0, help="derivative by the first x")
    words = [re.sub("^-(?!-|h?$)", " -", word) for word in argv or sys.argv[1:]]  # -x is a formula
    try:
        text, files = run(cli.parse_intermixed_args(words))
        for path, data in files.items():
            path.write_bytes(data)
        cast("Any", sys.stdout).reconfigure(errors="replace")  # where ∂ cannot be printed
        print(text)
    except (ValueError, OSError, GraphvizMissingError, SubprocessError) as error:
        cli.error(str(error))


if __name__ == "__main__":
    main()
