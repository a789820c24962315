"""An op's line, and the functions that run often, written from it.

A Line is the data of an op.  A Written is a line with a pattern of operands: some are Values, the others plain
numbers.  From both come the functions, as source text that Python's own tools can show:

    record(x, y)    z as a Value that remembers its operands
    read(z)         the Values among its operands
    local(z, x, y)  the partials, from plain floats
    pull(z)         adds to each operand's grad what flows to it from z.grad

Nothing here knows what a Value is: the text finds Value, and the clock, in the module that records.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from .defining import define
from .evaluators import evaluator, evaluator_of_all, words_in
from .forking import Kept
from .ieee import ERRORS, number
from .numeral import plain
from .scopes import SCOPE
from .terms import NeedsDataError, Term, Tree, parse, substitute, text

NAN = float("nan")

RECORD = """
try:
    data = {formula}
except ERRORS:
    data = evaluate({data})
scope = get_scope()
if scope is FORGET:
    return Value(data)
z = new(Value)
z._data = data
z.grad = NO_GRAD
z.form = form
z._x, z._y, z._w = {slots}
z.clock = clock
z.scope = scope
return z
"""
PULL = """
{unpack}
try:
    {flows}, = {partials},
except ERRORS:
    {flows}, = local({data})
upstream = z.grad
{adds}
"""


@dataclass(eq=False, repr=False)
class Line:
    """What is known of an op: its name, its formula, its partials; see Op."""

    name: str
    symbol: str
    formula: str
    partials: Sequence[Callable[..., Any]]
    domain: str
    book: Sequence[Callable[..., Any]]
    printed: Tree
    selects: bool

    def __post_init__(self) -> None:
        self.operands = ("x", "y", "w")[: len(self.partials)]
        self.tree = parse(self.formula)
        self.evaluate = evaluator(self.operands, self.tree)
        domain = parse(self.domain or "True")
        self.in_domain = evaluator(self.operands, domain, "in_domain")

    def __call__(self, *args: Any) -> Any:
        """z; an Op knows how."""
        raise NotImplementedError

    def defined(self, *operands: float) -> bool:
        """Whether z is defined and finite there, as the domain says."""
        return bool(self.in_domain(*operands))

    def described(self) -> str:
        """The docstring: what the op computes, from its line."""
        where = f", where {self.domain}" if self.domain else ""
        return f"z = {self.formula}{where}; recorded as the op {self.name!r}, drawn as {self.symbol!r}."

    def of_terms(self, args: Sequence[Any]) -> Any:
        """The formula with the given trees as its operands."""
        operands = [
            x if isinstance(x, Term) else number(x, self.name) for x in args
        ]
        names = zip(self.operands, operands, strict=True)
        return substitute(self.tree, dict(names))

    def slope(
        self, i: int, z: Any, operands: Sequence[Any], *, book: bool = False
    ) -> Any:
        """∂z/∂operand i in ops; 0 where an op that selects does not take this operand."""
        partials = self.book if book else self.partials
        partial = partials[i](z, *operands)
        if not self.selects or i == 0:
            return partial
        return self.choice(operands[0], i, partial)

    def choice(
        self, condition: Any, i: int, taken: Any, otherwise: Any = 0.0
    ) -> Any:
        """One number where an op that selects takes operand i, and another one where it does not."""
        operands = [otherwise] * len(self.operands[1:])
        operands[i - 1] = taken
        return self(condition, *operands)


L = TypeVar("L", bound=Line)


class Written(Generic[L]):
    """A line with a pattern of operands, and its functions."""

    # the globals in which the functions find Value and the clock
    space: dict[str, Any]

    def __init__(self, op: L, inner: tuple[bool, ...]) -> None:
        self.op = op
        self.inner = [i for i, is_value in enumerate(inner) if is_value]
        pairs = zip(op.operands, inner, strict=True)
        self.data = {x: f"{x}._data" if is_value else x for x, is_value in pairs}
        self.values = [op.operands[i] for i in self.inner]
        # Outside of its domain an op has no value, so it has no slope there: log at -1.  x/0 has a value.
        self.guarded = op.domain != "" and op.name != "div"
        slots = "".join(map("z._{}, ".format, self.values))
        self.read = define("read", ["z"], f"return ({slots})", {}, {})
        self.record = self.recorder()

    def recorder(
        self, mixed: Callable[..., Any] | None = None
    ) -> Callable[..., Any]:
        """The function that makes a node; ``mixed`` gets the calls of another pattern."""
        op, operands = self.op, ", ".join(self.op.operands)
        body = RECORD.format(
            formula=text(op.tree, self.data),
            data=", ".join(self.data.values()),
            slots=", ".join((*op.operands, "None", "None")[:3]),
        )
        if mixed:
            others = " or ".join(f"{x}.__class__ is not Value" for x in op.operands)
            body = f"if {others}:\n    return mixed({operands}){body}"
        known = words_in(op.tree) | {
            "form": self,
            "mixed": mixed,
            "evaluate": op.evaluate,
            "ERRORS": ERRORS,
            "new": object.__new__,
            "get_scope": SCOPE.get,
        }
        record = define("record", op.operands, body, known, self.space)
        record.__name__ = record.__qualname__ = op.name
        # tracebacks and profilers show the code's name
        record.__code__ = record.__code__.replace(co_name=op.name)
        return record

    @Kept
    def partials(self) -> list[Tree]:
        """The partials towards the Values among the operands, as trees over z, x, y, w."""
        op, z = self.op, Term("z")
        operands: Any = [
            Term(x, varies=i in self.inner) for i, x in enumerate(op.operands)
        ]
        try:
            slopes = [op.slope(i, z, operands) for i in self.inner]
        except NeedsDataError:
            what = f"a partial of {op.name} asks for data (>, .data)"
            raise TypeError(f"{what}; use where(step(x), ...)") from None
        return [x if isinstance(x, Term) else plain(x) for x in slopes]

    @Kept
    def guarded_partials(self) -> list[Tree]:
        """The same, but nan where a guarded op has no value."""
        if not self.guarded:
            return self.partials
        has_value = Term("==", (Term("z"), Term("z")))
        return [Term("if", (has_value, partial, NAN)) for partial in self.partials]

    @Kept
    def local(self) -> Callable[..., Sequence[float]]:
        """The partials towards the Values among the operands, from plain floats (z, x, y, w)."""
        return evaluator_of_all(
            ("z", *self.op.operands), self.guarded_partials, "local"
        )

    @Kept
    def pull(self) -> Callable[[Any], None]:
        """Adds to each operand's ``grad`` what flows to it from ``z.grad``."""
        names = {"z": "z._data", **self.data}
        partials = self.guarded_partials
        body = PULL.format(
            unpack="\n".join(f"{x} = z._{x}" for x in self.op.operands),
            flows=", ".join(f"d{x}" for x in self.values),
            partials=", ".join(text(partial, names) for partial in partials),
            data=", ".join(names.values()),
            adds="\n".join(f"{x}.grad += upstream * d{x}" for x in self.values),
        )
        known = {"ERRORS": ERRORS, "local": self.local, **words_in(*partials)}
        return define("pull", ["z"], body, known, self.space)
