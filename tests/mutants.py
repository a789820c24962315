"""Mutants of a module's source: the same syntax tree with one small thing changed."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from types import CodeType
from typing import Any

# fmt: off
ARITHMETIC = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult,
    ast.Pow: ast.Mult, ast.Mod: ast.Mult, ast.LShift: ast.RShift, ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}
COMPARISONS = {
    ast.Lt: (ast.LtE, ast.GtE), ast.LtE: (ast.Lt, ast.Gt), ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt), ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,), ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,), ast.In: (ast.NotIn,), ast.NotIn: (ast.In,),
}
# fmt: on
TEMPLATES = ("RECORD", "PULL")  # strings that are code
TYPES = (
    "annotation",
    "returns",
    "decorator_list",
    "bases",
    "keywords",
)  # fields of definitions
ERRORS = (
    1 + 1e-10,
    1 + 1e-12,
)  # of a partial: a checker that lets one through is no checker


@dataclass(frozen=True, eq=False)
class Mutant:
    """One change: ``new`` in the place of a node, in a field of its parent."""

    module: str
    function: str
    line: int  # of the statement or lambda that holds it
    source: str
    change: str
    tree: ast.Module
    parent: ast.AST
    field: str
    index: int | None
    new: Any

    def plant(self, new: Any) -> Any:
        """Puts a node into the place; gives what was there."""
        old = getattr(self.parent, self.field)
        if self.index is None:
            setattr(self.parent, self.field, new)
            return old
        nodes, old = old, old[self.index]
        nodes[self.index] = new
        return old

    def tree_text(self) -> str:
        """The mutated source."""
        old = self.plant(self.new)
        try:
            return ast.unparse(self.tree)
        finally:
            self.plant(old)

    def compiled(self, path: str) -> CodeType:
        """The mutated module."""
        old = self.plant(self.new)
        try:
            return compile(self.tree, path, "exec", dont_inherit=True)
        finally:
            self.plant(old)

    @property
    def key(self) -> str:
        """What it is, in words that outlive edits elsewhere."""
        return f"{self.module} | {self.function} | {self.source} | {self.change}"


@dataclass(frozen=True)
class Place:
    """Where a node stands."""

    parent: ast.AST
    field: str
    index: int | None
    node: ast.AST
    function: str = ""
    line: int = 0  # of the innermost statement or lambda of a function
    quiet: bool = False  # in an error's message
    code: bool = False  # in a string that is code

    def inside(self) -> Place:
        """As its children see it."""
        node, new = self.node, self
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            new = replace(new, function=f"{self.function}.{node.name}".lstrip("."))
        if isinstance(node, ast.stmt | ast.Lambda | ast.ExceptHandler):
            new = replace(new, line=node.lineno)
        is_template = (
            isinstance(node, ast.Assign)
            and getattr(node.targets[0], "id", "") in TEMPLATES
        )
        is_line = (
            isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Op"
        )
        message = isinstance(node, ast.Raise) or (
            isinstance(node, ast.Assign) and is_message(node)
        )
        return replace(
            new,
            quiet=self.quiet or message,
            code=self.code or is_template or is_line,
        )


def is_message(node: ast.Assign) -> bool:
    """Whether an assignment prepares the text of an error."""
    return getattr(node.targets[0], "id", "") in ("what", "how")


def left_out(node: ast.AST) -> bool:
    """Type annotations, imports, docstrings, and checks that nothing can fail."""
    match node:
        case (
            ast.Import()
            | ast.ImportFrom()
            | ast.Global()
            | ast.keyword(arg="strict")
        ):
            return True
        case ast.Expr(ast.Constant()) | ast.AnnAssign(value=None):
            return True
        case ast.AnnAssign(annotation=ast.Name("TypeAlias")):
            return True
        case (
            ast.If(ast.Name("TYPE_CHECKING"))
            | ast.Assign(value=ast.Call(ast.Name("TypeVar")))
        ):
            return True
        case ast.FunctionDef(decorator_list=[ast.Name("overload")]):
            return True
    return False


def children(place: Place) -> Iterator[Place]:
    """The places in a node at which something may be changed."""
    node, around = place.node, place.inside()
    for field, value in ast.iter_fields(node):
        is_type = field in TYPES and not (
            isinstance(node, ast.Call) and field == "keywords"
        )
        typed_call = (
            isinstance(node, ast.Call)
            and field == "func"
            and isinstance(node.func, ast.Subscript)
        )
        if is_type or typed_call:
            continue
        many = isinstance(value, list)
        for i, child in enumerate(value if many else [value]):
            cast_type = (
                field == "args"
                and i == 0
                and getattr(getattr(node, "func", None), "id", "") == "cast"
            )
            if isinstance(child, ast.AST) and not left_out(child) and not cast_type:
                yield replace(
                    around,
                    parent=node,
                    field=field,
                    index=i if many else None,
                    node=child,
                )


def places(place: Place) -> Iterator[Place]:
    """All places below."""
    for child in children(place):
        yield child
        yield from places(child)


def alternatives(place: Place) -> Iterator[tuple[Any, str]]:
    """What may stand there instead, and how a reader is told; "" if by both texts."""
    node = place.node
    if place.field in ("test", "guard", "ifs"):
        yield ast.Constant(True), ""
        yield ast.Constant(False), ""
        if not isinstance(node, ast.Compare) and not isinstance(
            getattr(node, "op", None), ast.Not
        ):
            yield ast.UnaryOp(ast.Not(), node), ""
    if isinstance(node, ast.Constant):
        yield from constants(place, node.value)
    elif isinstance(node, ast.expr | ast.Slice):
        yield from ((new, "") for new in expressions(node, place.code))
    else:
        yield from statements(node)


def constants(place: Place, value: Any) -> Iterator[tuple[Any, str]]:
    """Other constants; of code in a string, other code."""
    if isinstance(value, bool):
        yield ast.Constant(not value), ""
    elif isinstance(value, int | float):
        for x in {0: (1,), 1: (0, 2)}.get(value, (value + 1,)):
            yield ast.Constant(type(value)(x)), ""
    elif isinstance(value, str) and not place.quiet:
        yield ast.Constant("" if value else "?"), ""
        if place.code:
            yield from rewritten(value)


def rewritten(text: str) -> Iterator[tuple[Any, str]]:
    """A string of code, whose {holes} are filled in later, with a mutant of that code."""
    marked = re.sub(r"\{(\w+)\}", r"hole_\1", text)
    try:
        tree: Any = ast.parse(marked, mode="exec" if "\n" in text else "eval")
    except SyntaxError:  # a symbol
        return
    for mutant in mutants_of(tree, "", marked):
        yield (
            ast.Constant(re.sub(r"hole_(\w+)", r"{\1}", mutant.tree_text())),
            mutant.change,
        )


def expressions(node: Any, code: bool) -> Iterator[Any]:
    """Other expressions of the same parts."""
    match node:
        case ast.BinOp(x, op, y) if type(op) in ARITHMETIC:
            yield ast.BinOp(x, ARITHMETIC[type(op)](), y)
        case ast.UnaryOp(ast.USub() | ast.Not(), x):
            yield x
        case ast.BoolOp(op, parts):
            yield ast.BoolOp(
                ast.Or() if isinstance(op, ast.And) else ast.And(), parts
            )
            yield from (without(parts, i, op) for i in range(len(parts)))
        case ast.Compare(x, ops, ys):
            for i, op in enumerate(ops):
                for other in COMPARISONS[type(op)]:
                    yield ast.Compare(x, [*ops[:i], other(), *ops[i + 1 :]], ys)
        case ast.Call(ast.Name("reversed"), [x]):
            yield x
        case ast.Slice(lower, upper, step):
            yield ast.Slice(None if lower else ast.Constant(1), upper, step)
            yield ast.Slice(lower, None if upper else ast.Constant(-1), step)
            if step:
                yield ast.Slice(lower, upper)
        case ast.Lambda(args, body) if code and getattr(body, "value", None) != 0.0:
            yield ast.Lambda(args, ast.UnaryOp(ast.USub(), body))
            yield from (
                ast.Lambda(args, ast.BinOp(body, ast.Mult(), ast.Constant(x)))
                for x in ERRORS
            )
        case ast.Tuple([ast.Lambda() as f, ast.Lambda() as g, *rest]) if code:
            yield ast.Tuple([g, f, *rest], ast.Load())


def without(parts: list[Any], i: int, op: ast.boolop) -> ast.expr:
    """An "and" or "or" that lacks a part."""
    rest = [*parts[:i], *parts[i + 1 :]]
    return ast.BoolOp(op, rest) if len(rest) > 1 else rest[0]


def statements(node: Any) -> Iterator[tuple[Any, str]]:
    """A statement changed, removed, or without what is around it."""
    match node:
        case ast.Return(value) if value and getattr(value, "value", 0) is not None:
            yield ast.Return(ast.Constant(None)), ""
        case ast.AugAssign(target, op, value):
            yield ast.AugAssign(target, ARITHMETIC[type(op)](), value), ""
            yield ast.Assign([target], value), ""
            yield ast.Pass(), ""
        case (
            ast.Assign()
            | ast.AnnAssign()
            | ast.Expr()
            | ast.Raise()
            | ast.Continue()
            | ast.Break()
            | ast.Delete()
        ):
            yield ast.Pass(), ""
        case ast.With(items, body):
            yield (
                ast.If(ast.Constant(True), body, []),
                f"no with {', '.join(map(ast.unparse, items))}",
            )
        case ast.ExceptHandler(kind, name):
            yield ast.ExceptHandler(kind, name, [ast.Raise()]), "except: raise"
        case ast.Try(body, handlers, other, [_, *_]):
            rest = (
                ast.Try(body, handlers, other, [])
                if handlers
                else ast.If(ast.Constant(True), body, [])
            )
            yield rest, "no finally"
        case ast.match_case(pattern, None, body):
            yield (
                ast.match_case(pattern, ast.Constant(False), body),
                f"never: case {ast.unparse(pattern)}",
            )


def headers_of(tree: ast.Module) -> dict[int, str]:
    """For every node the first line of its innermost statement, however that is set in the source."""
    headers = dict[int, str]()
    for statement in ast.walk(tree):  # outer statements before inner ones
        if isinstance(statement, ast.stmt):
            header = ast.unparse(statement).split("\n")[0][:100]
            headers |= {id(node): header for node in ast.walk(statement)}
    return headers


def mutants_of(tree: Any, module: str, text: str) -> Iterator[Mutant]:
    """Every mutant of a parsed source."""
    told_before, headers = Counter[tuple[str, ...]](), headers_of(tree)
    for place in places(Place(tree, "", None, tree)):
        lineno = getattr(place.node, "lineno", place.line or 1)
        for other, told in alternatives(place):
            new = ast.fix_missing_locations(ast.copy_location(other, place.node))
            before, after = ast.unparse(place.node), ast.unparse(new)
            change = told or contrast(before, after)
            if after != before:
                source, line = headers.get(id(place.node), ""), place.line or lineno
                told_before[place.function, source, change] += 1
                if (times := told_before[place.function, source, change]) > 1:
                    change += f" ({times})"
                if isinstance(place.node, ast.stmt | ast.Lambda):
                    line = lineno
                yield Mutant(
                    module,
                    place.function,
                    line,
                    source,
                    change,
                    tree,
                    place.parent,
                    place.field,
                    place.index,
                    new,
                )


def contrast(before: str, after: str, around: int = 12, width: int = 50) -> str:
    """Both texts in one line, of long ones the part that differs."""
    before, after = (" ".join(text.split()) for text in (before, after))
    start = (
        max(alike(before, after) - around, 0)
        if max(len(before), len(after)) > width
        else 0
    )
    rest = min(len(before), len(after)) - alike(before, after)
    behind = max(min(alike(before[::-1], after[::-1]), rest) - around, 0)
    return " -> ".join(
        short(text, start, behind, width) for text in (before, after)
    )


def alike(x: str, y: str) -> int:
    """How many characters are the same at the beginning."""
    return next(
        (i for i, (a, b) in enumerate(zip(x, y, strict=False)) if a != b),
        min(len(x), len(y)),
    )


def short(text: str, start: int, behind: int, width: int) -> str:
    """A text without so many characters at either end, and without its middle if it is long nevertheless."""
    if len(text) <= width:
        return text
    part = (
        "..." * (start > 0)
        + text[start : len(text) - behind]
        + "..." * (behind > 0)
    )
    return part if len(part) <= width else f"{part[: width - 18]}...{part[-15:]}"
