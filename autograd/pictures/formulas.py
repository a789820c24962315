"""Every Value of a graph as a formula of others, and which of them have names.

Nothing here knows an op.  An op whose symbol is a word is written as a call, any other op's own formula is
folded with the words of algebra.py; gradients are the op table's partials, applied to the graph's own nodes.
A node with a name is a full stop: others see ``u`` and, backwards, ``∂L/∂u``.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from itertools import chain
from typing import Any, TypeAlias, cast

from ..scopes import Collapse, Scope, within
from ..terms import fold
from ..value import Op, Scalar, Value, toposort
from .algebra import ONE, SYMBOLIC, ZERO, Base, Expr, call, expr, letters
from .boxes import Box, boxes
from .likeness import is_told, op_like
from .naming import Calls, check_loss, is_nameless, own_names, unused
from .writing import width

Edge: TypeAlias = (
    "tuple[Box, int]"  # the box that reads, and the operand's place among its args
)
MOST_READ = 5000  # nodes that are worth a formula
LONG_SUM = 200  # characters that a sum may have within a sum


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
        if isinstance(x, str):
            return expr(Literal(x))
        return expr(Literal(f"{x:g}") if x in (0.0, 1.0) else x)


def is_simple(e: Expr) -> bool:
    """Whether it has at most one name, as -v, 2·x or x²."""
    bases = bases_of(e)
    return len(bases) <= 1 and all(isinstance(base, str) for base in bases)


def bases_of(e: Expr) -> list[Base]:
    """The bases of all factors."""
    return [base for _, factors in e for base, _ in factors]


class Formulas:
    """Every Value of a graph as an Expr, and which of them have names.

    Roots and leaves always have one.  What would be long in brackets gets a letter; where the graph is
    ``drawn``, so do nodes that several others read, and long calls.
    """

    def __init__(
        self,
        roots: Sequence[Value],
        view: Sequence[Box],
        loss: str = "L",
        *,
        drawn: bool,
    ) -> None:
        check_loss(loss)
        self.roots, self.view = roots, view
        self.drawn, self.long = drawn, 12 if drawn else 30
        self.full: dict[Value, Expr] = {}
        self.home = homes(view)
        self.name_roots_and_leaves()
        self.loss = self.named_loss(loss)
        self.seeds = {y: self.seed(y) for y in roots}
        self.uses = uses(view)
        self.calls = Calls(view)
        for box in view:
            self.read_box(box)

    def name_roots_and_leaves(self) -> None:
        """Letters for roots and leaves, where they have no name; and those that others may get."""
        self.names, taken = own_names(self.home)
        nameless = [v for v in self.home if is_nameless(v) and v not in self.roots]
        self.fresh = {
            "y": unused(taken, "y", "yzf"),
            "u": unused(taken, "u", "uvspqr"),
            "x": unused(taken, "x", "x" if len(nameless) == 1 else ""),
        }
        for v in [*self.roots, *nameless]:
            self.letter(v)

    def seed(self, y: Value) -> Expr:
        """What flows into a root: 1 into the loss."""
        return ONE if self.names[y] == self.loss else expr(self.bar(y))

    def named_loss(self, loss: str) -> str:
        """The loss: a single root that is called so, or else only a name."""
        own = self.names[self.roots[0]]
        return own if len(self.roots) == 1 and own in (loss, "loss") else loss

    def letter(self, v: Value) -> str:
        """Its name; a new letter if it had none."""
        if v not in self.names:
            self.names[v] = next(self.fresh[self.stem(v)])
        return self.names[v]

    def stem(self, v: Value) -> str:
        """Whether it gets a letter of the roots, of inner nodes or of leaves."""
        if v in self.roots:
            return "y"
        return "u" if v.op else "x"

    def read_box(self, box: Box) -> None:
        """Letters for long operands; then what the box computes, and letters for what needs one."""
        for _, x in operands_of(box):
            if self.is_long(x, box):
                self.letter(x)
        for v in box.values:
            self.full[v] = self.read(v)
            if self.needs_letter(v, box):
                self.letter(v)

    def is_long(self, x: Value, box: Box) -> bool:
        """Whether an operand without a name is too long to stand in the box's formula."""
        if x.op is None or x in self.names:
            return False
        joins = self.grows(x, box) and not self.is_called(x)
        most = LONG_SUM if joins else self.long
        return width(self.full[x], tight=True) > most

    def grows(self, x: Value, box: Box) -> bool:
        """Whether an operand becomes a part of the box's sum or product, which grows with it."""
        if box.scope:
            return False
        sign = symbol_of(box.values[0]).partition(" ")[0]
        return sign in ("+", "-") or (sign == "×" and len(self.full[x]) == 1)

    def is_called(self, x: Value) -> bool:
        """Whether a drawing has a call for it."""
        if not self.drawn or x.op is None:
            return False
        return self.home[x].scope is not None or is_word(x.op)

    def needs_letter(self, v: Value, box: Box) -> bool:
        """Whether a box's value must have a name: one of several, or of equal calls, or often read."""
        if v.op is None:
            return False
        if len(box.values) > 1 or self.calls.is_repeated(box):
            return True
        return self.drawn and self.uses[v] > 1 and not is_simple(self.full[v])

    def composite(self, v: Value) -> Box | None:
        """The composite that gives v; None if v is drawn as itself."""
        box = self.home.get(v)
        return box if box and box.scope else None

    def read(self, v: Value) -> Expr:
        """What v computes, in terms of its operands."""
        if box := self.composite(v):
            word = self.calls.word(v, box, cast("Scope", box.scope).name)
            return call(word, *map(self.of, box.args))
        if v.op is None:
            return expr(v.data)
        operands: dict[str, Any] = {}
        operands |= zip(v.op.operands, map(self.of, v.args), strict=True)
        return operands["y"] if is_choice(v.op) else computed(v.op, operands)

    def apart(self, v: Value) -> Expr:
        """What v computes, with nothing gathered: x/x stays x/x, which is nan at 0."""
        if v.op is None or self.composite(v):
            return self.full[v]
        given = map(self.given, v.args)
        operands = Operands(zip(v.op.operands, given, strict=True))
        if is_choice(v.op) or not is_told(v):
            return called(v.op.name, operands)
        return computed(v.op, operands)

    def given(self, x: Value | float) -> str | float | Callable[[], Expr]:
        """An operand's name or number, or what gives its formula."""
        if not isinstance(x, Value):
            return x
        return self.names.get(x) or partial(self.apart, x)

    def of(self, x: Scalar) -> Expr:
        """A node or a number as it stands in other formulas."""
        if not isinstance(x, Value):
            return expr(float(x))
        if x not in self.full:
            self.full[x] = self.read(x)
        return expr(self.names.get(x) or self.full[x])

    def bar(self, v: Value) -> str:
        """The name of the gradient that arrives at a named Value."""
        return f"∂{self.loss}/∂{self.names[v]}"

    def defined(self) -> list[Value]:
        """The inner nodes with a name of their own."""
        return [v for v in self.names if v.op and v not in self.roots]

    def needed(self, y: Value) -> list[Value]:
        """Those of them that y's formula mentions, or the formula of another one that is needed."""
        named = {self.names[v]: v for v in self.defined()}
        waiting, needed = [y], set[Value]()
        while waiting:
            mentioned = self.mentioned(waiting.pop(), named)
            waiting += mentioned - needed
            needed |= mentioned
        return [v for v in reversed(self.defined()) if v in needed]

    def mentioned(self, v: Value, named: Mapping[str, Value]) -> set[Value]:
        """The Values of these whose names stand in v's formula."""
        names = letters(self.full[v])
        return {named[name] for name in names if name in named}

    def backward(self) -> tuple[dict[Edge, Expr], dict[Value, Expr]]:
        """What flows back along every edge, and all that arrives at every Value."""
        flow, total = dict[Edge, Expr](), dict[Value, Expr]()
        arrived = defaultdict[Value, list[Expr]](list)
        for y, seed in self.seeds.items():
            arrived[y].append(seed)
        for box in reversed(self.view):
            total |= {v: ZERO.plus(*arrived[v]) for v in box.values}
            above = {v: self.adjoint(v, total[v]) for v in box.values}
            for i, x in operands_of(box):
                flow[box, i] = self.sent_back(box, i, above)
                arrived[x].append(flow[box, i])
        return flow, total

    def sent_back(self, box: Box, i: int, above: Mapping[Value, Expr]) -> Expr:
        """What a box sends back to its operand i, when this flows into its values."""
        sent = [g * self.partial(box, v, i) for v, g in above.items()]
        return ZERO.plus(*sent)

    def adjoint(self, v: Value, total: Expr) -> Expr:
        """All that arrives at v, as others read it: by its name where v has one or needs one."""
        if v.op and self.is_long_adjoint(v, total):
            self.letter(v)
        if v in self.roots or v not in self.names:
            return total
        return expr(self.bar(v))

    def is_long_adjoint(self, v: Value, total: Expr) -> bool:
        """Whether it is a sum that several would repeat, or long."""
        if self.uses[v] > 1 and len(total) > 1:
            return True
        return width(total) > 3 * self.long

    def partial(self, box: Box, v: Value, i: int) -> Expr:
        """∂v/∂operand i: by the table's line, also for a composite that is an op of it; else by name."""
        op = op_like(box, v)
        if op is None:
            x = cast("Value", box.args[i])
            return expr(f"∂{self.letter(v)}/∂{self.letter(x)}")
        with within(None):
            return self.of(op.slope(i, v, as_values(box.args), book=True))

    def partial_apart(self, z: Value, i: int) -> Expr:
        """∂z/∂operand i, with nothing gathered: sign(x-x) stays that."""
        alike = on_leaves(z)
        pairs = [(alike, z), *zip(alike.inner, z.inner, strict=True)]
        self.full |= {new: self.literal(x) for new, x in pairs}
        return self.partial(boxes([alike])[-1], alike, i)

    def literal(self, x: Value) -> Expr:
        """A Value's name, or what it computes, with nothing gathered."""
        if x in self.names:
            return expr(Literal(self.names[x]))
        return self.apart(x)


def on_leaves(z: Value) -> Value:
    """The op of z again, on leaves with the numbers of its operands."""
    assert z.op is not None
    with within(None):
        leaves = [Value(x.data) if isinstance(x, Value) else x for x in z.args]
        return z.op(*leaves)


def as_values(args: Iterable[Value | float]) -> list[Value]:
    """Operands with constants as Values, so that log(2) stays log(2)."""
    return [x if isinstance(x, Value) else Value(x) for x in args]


def operands_of(box: Box) -> list[tuple[int, Value]]:
    """The operands that are Values, with their places."""
    return [(i, x) for i, x in enumerate(box.args) if isinstance(x, Value)]


def symbol_of(v: Value) -> str:
    """The symbol of a Value's op; nothing for a leaf."""
    return v.op.symbol if v.op else ""


def is_word(op: Op) -> bool:
    """Whether an op is written as a call, by its symbol."""
    return op.symbol.isidentifier()


def is_choice(op: Op) -> bool:
    """Whether an op gives one of its operands as it is, and is not written as a call."""
    return op.selects and not is_word(op)


def homes(view: Sequence[Box]) -> dict[Value, Box]:
    """The box that gives each Value."""
    return {v: box for box in view for v in box.values}


def uses(view: Sequence[Box]) -> Counter[Value | float]:
    """How often each operand is read."""
    return Counter(chain.from_iterable(box.args for box in view))


def called(word: str, operands: Mapping[str, Any]) -> Expr:
    """A call of formulas; every operand is looked up, which writes it anew."""
    return call(word, *[operands[x] for x in operands])


def computed(op: Op, operands: Mapping[str, Any]) -> Expr:
    """An op of formulas."""
    if is_word(op):
        return called(op.symbol, operands)
    return expr(fold(op.printed, SYMBOLIC, operands))


def readable(roots: Sequence[Value], collapse: Collapse) -> list[Box]:
    """The graph as boxes; a ValueError if there are more than anyone would read."""
    order = toposort(*roots)
    endless = collapse is None and len(order) > MOST_READ
    view = [] if endless else boxes(roots, collapse)
    if not 0 < len(view) <= MOST_READ:
        nodes = f"a formula of {len(view or order):,} nodes is of no use"
        raise ValueError(f"{nodes}; write smaller parts of the graph")
    return view
