"""A graph as text: what a node computes, and what flows along every edge, forwards and back.

Nothing here knows an op.  An op whose symbol is a word is written as a call, any other op's own formula is
folded with the words of algebra.py; gradients are the op table's partials, applied to the graph's own nodes.
A node with a name is a full stop: others see ``u`` and, backwards, ``∂L/∂u``.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, count
from typing import Any, TypeAlias, cast

from ..names import check_name
from ..scopes import Collapse, within
from ..sweeps import entries
from ..terms import fold
from ..value import OPS, Op, Scalar, Value, toposort
from .algebra import ONE, WORDS, ZERO, Expr, call, expr, letters
from .boxes import Box, boxes
from .writing import LOW, TEXT, Writer

Edge: TypeAlias = (
    "tuple[Box, int]"  # the box that reads, and the operand's place among its args
)
MOST = 5000  # nodes that are worth a formula


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
        name = x if isinstance(x, str) else f"{x:g}" if x in (0.0, 1.0) else None
        return expr(x if name is None else Literal(name))


@dataclass
class Labels:
    """What a drawing writes: (ahead, back) for edges and roots, and the sums that meet in shared nodes."""

    edges: dict[Edge, tuple[str, str]] = field(default_factory=dict[Edge, Any])
    roots: dict[Value, tuple[str, str]] = field(default_factory=dict[Value, Any])
    sums: dict[Value, str] = field(default_factory=dict[Value, str])
    words: dict[Value, str] = field(
        default_factory=dict[Value, str]
    )  # leaves that are more than an arrow


def unused(taken: set[str], stem: str, letters: str = "") -> Iterator[str]:
    """The letters, then stem1, stem2, ..., without those that look like a name that is taken."""
    for name in chain(letters, (f"{stem}{i}" for i in count(1))):
        if TEXT.name(name) not in taken:
            taken.add(TEXT.name(name))
            yield name


def own_names(values: Iterable[Value]) -> tuple[dict[Value, str], set[str]]:
    """The names that Values have, numbered where two look alike; and all names that are taken."""
    named = [v for v in values if v.name]
    looks = Counter(TEXT.name(v.name) for v in named)
    taken = {*looks, *(v.name.rstrip("0123456789").rstrip("_") for v in named)}
    numbered = {v.name: unused(taken, v.name) for v in named}
    names = {
        v: next(numbered[v.name]) if looks[TEXT.name(v.name)] > 1 else v.name
        for v in named
    }
    return names, taken


def check_loss(loss: object) -> None:
    """TypeError if it is no name."""
    if not isinstance(loss, str):
        raise TypeError(f"loss is a name such as 'L', not {type(loss).__name__}")
    check_name(loss, "a loss")


def is_simple(e: Expr) -> bool:
    """Whether it has at most one name, as -v, 2·x or x²."""
    bases = [base for _, factors in e for base, _ in factors]
    return len(bases) <= 1 and all(isinstance(base, str) for base in bases)


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
        self.home = {v: box for box in view for v in box.values}
        self.names, taken = own_names(self.home)
        nameless = [
            v for v in self.home if v.op is None and not v.name and v not in roots
        ]
        first = {"y": "yzf", "u": "uvspqr", "x": "x" * (len(nameless) == 1)}
        self.fresh = {
            stem: unused(taken, stem, letters) for stem, letters in first.items()
        }
        for v in [*roots, *nameless]:
            self.letter(v)
        self.loss = self.named_loss(loss)
        self.seeds = {
            y: ONE if self.names[y] == self.loss else expr(self.bar(y))
            for y in roots
        }
        self.uses = Counter(x for box in view for x in box.args)
        self.calls = Counter(
            (box.scope.name, *box.args) for box in view if box.scope
        )
        self.kinds = dict.fromkeys(
            (box.scope.name, *box.inside) for box in view if box.scope
        )
        for box in view:
            self.read_box(box)

    def named_loss(self, loss: str) -> str:
        """The loss: a single root that is called so, or else only a name."""
        own = self.names[self.roots[0]]
        return own if len(self.roots) == 1 and own in (loss, "loss") else loss

    def letter(self, v: Value) -> str:
        """Its name; a new letter if it had none."""
        if v not in self.names:
            self.names[v] = next(
                self.fresh["y" if v in self.roots else "u" if v.op else "x"]
            )
        return self.names[v]

    def read_box(self, box: Box) -> None:
        """Letters for long operands; then what the box computes, and letters for what needs one."""
        for x in box.args:
            if (
                isinstance(x, Value)
                and x.op
                and x not in self.names
                and self.is_long(x, box)
            ):
                self.letter(x)
        for v in box.values:
            self.full[v] = self.read(v)
            if v.op and self.needs_letter(v, box):
                self.letter(v)

    def is_long(self, x: Value, box: Box) -> bool:
        """Whether an operand is too long to stand in the box's formula.  A sum in a sum grows with it."""
        op = None if box.scope else box.values[0].op
        sign = op.symbol.split()[0] if op else ""
        grows = sign in ("+", "-") or (sign == "×" and len(self.full[x]) == 1)
        called = (
            self.drawn
            and x.op
            and (self.home[x].scope or x.op.symbol.isidentifier())
        )
        return len(TEXT.sum(self.full[x], tight=True)) > (
            200 if grows and not called else self.long
        )

    def needs_letter(self, v: Value, box: Box) -> bool:
        """Whether a box's value must have a name: one of several, or of equal calls, or often read."""
        alike = (
            box.scope and self.calls[box.scope.name, *box.args] > 1
        )  # alike, not equal
        often = self.drawn and self.uses[v] > 1 and not is_simple(self.full[v])
        return bool(alike) or len(box.values) > 1 or often

    def read(self, v: Value) -> Expr:
        """What v computes, in terms of its operands."""
        box = self.home.get(v)
        if box and box.scope:
            return call(self.word(v, box, box.scope.name), *map(self.of, box.args))
        if v.op is None:
            return expr(v.data)
        operands: dict[str, Any] = dict(
            zip(v.op.operands, map(self.of, v.args), strict=True)
        )
        return (
            operands["y"]
            if v.op.selects and not is_word(v.op)
            else computed(v.op, operands)
        )

    def apart(self, v: Value) -> Expr:
        """What v computes, with nothing gathered: x/x stays x/x, which is nan at 0."""
        box = self.home.get(v)
        if v.op is None or (box and box.scope):
            return self.full[v]
        operands = Operands(
            zip(v.op.operands, map(self.given, v.args), strict=True)
        )
        if v.op.selects and not is_word(v.op):
            return call(v.op.name, *[operands[x] for x in operands])
        return computed(v.op, operands)

    def given(self, x: Value | float) -> str | float | Callable[[], Expr]:
        """An operand's name or number, or what gives its formula."""
        return (
            (self.names.get(x) or partial(self.apart, x))
            if isinstance(x, Value)
            else x
        )

    def word(self, v: Value, box: Box, name: str) -> str:
        """A composite's name, numbered where others have other parameters; and v's number among several."""
        kinds = [
            kind for kind in self.kinds if kind[0] == box.title
        ]  # none for "×13 more"
        kind = str(kinds.index((name, *box.inside)) + 1) if len(kinds) > 1 else ""
        place = (
            str(box.values.index(v) + 1) if kinds and len(box.values) > 1 else ""
        )
        return name + kind + place.translate(LOW)

    def of(self, x: Scalar) -> Expr:
        """A node or a number as it stands in other formulas."""
        if isinstance(x, Value) and x not in self.full:
            self.full[x] = self.read(x)
        return (
            expr(self.names.get(x) or self.full[x])
            if isinstance(x, Value)
            else expr(float(x))
        )

    def bar(self, v: Value) -> str:
        return f"∂{self.loss}/∂{self.names[v]}"

    def defined(self) -> list[Value]:
        """The inner nodes with a name of their own."""
        return [v for v in self.names if v.op and v not in self.roots]

    def needed(self, y: Value) -> list[Value]:
        """Those of them that y's formula mentions, or the formula of another one that is needed."""
        named, waiting, read = (
            {self.names[v]: v for v in self.defined()},
            [y],
            set[Value](),
        )
        while waiting:
            mentioned = {
                named[name]
                for name in letters(self.full[waiting.pop()])
                if name in named
            }
            waiting += mentioned - read
            read |= mentioned
        return [v for v in reversed(self.defined()) if v in read]

    def backward(self) -> tuple[dict[Edge, Expr], dict[Value, Expr]]:
        """What flows back along every edge, and all that arrives at every Value."""
        flow, total = dict[Edge, Expr](), dict[Value, Expr]()
        arrived: dict[Value, list[Expr]] = defaultdict(
            list, {y: [seed] for y, seed in self.seeds.items()}
        )
        for box in reversed(self.view):
            total |= {v: ZERO.plus(*arrived[v]) for v in box.values}
            above = {v: self.adjoint(v, total[v]) for v in box.values}
            for i, x in enumerate(box.args):
                if isinstance(x, Value):
                    flow[box, i] = ZERO.plus(
                        *(g * self.partial(box, v, i) for v, g in above.items())
                    )
                    arrived[x].append(flow[box, i])
        return flow, total

    def adjoint(self, v: Value, total: Expr) -> Expr:
        """All that arrives at v, as others read it: by its name where v has one or needs one."""
        mixed = self.uses[v] > 1 and len(total) > 1
        if v.op and (mixed or len(TEXT.sum(total)) > 3 * self.long):
            self.letter(v)
        return (
            total if v in self.roots or v not in self.names else expr(self.bar(v))
        )

    def partial(self, box: Box, v: Value, i: int) -> Expr:
        """∂v/∂operand i: by the table's line, also for a composite that is an op of it; else by name."""
        op = (
            v.op
            if box.scope is None
            else next((op for op in OPS.values() if is_same(op, box)), None)
        )
        if op is None:
            return expr(
                f"∂{self.letter(v)}/∂{self.letter(cast('Value', box.args[i]))}"
            )
        with within(None):  # constants as Values, so that log(2) stays log(2)
            args = [x if isinstance(x, Value) else Value(x) for x in box.args]
            return self.of(op.slope(i, v, args, book=True))

    def partial_apart(self, z: Value, i: int) -> Expr:
        """∂z/∂operand i, with nothing gathered: sign(x-x) stays that."""
        assert z.op is not None
        with within(None):
            alike = z.op(
                *[Value(x.data) if isinstance(x, Value) else x for x in z.args]
            )
        pairs = [(alike, z), *zip(alike.inner, z.inner, strict=True)]
        self.full |= {
            new: expr(Literal(self.names[x])) if x in self.names else self.apart(x)
            for new, x in pairs
        }
        return self.partial(boxes([alike])[-1], alike, i)


def is_word(op: Op) -> bool:
    """Whether an op is written as a call, by its symbol."""
    return op.symbol.isidentifier()


def computed(op: Op, operands: Mapping[str, Any]) -> Expr:
    """An op of formulas."""
    if is_word(op):
        return call(op.symbol, *[operands[x] for x in operands])
    return expr(fold(op.tree, WORDS, operands))


def is_same(op: Op, box: Box) -> bool:
    """Whether a composite is this op: by its name, its operands, its value and its gradient here."""
    named = box.scope and box.scope.name in (op.name, op.symbol)
    if (
        not named
        or box.inside
        or len(box.values) != 1
        or len(op.operands) != len(box.args)
    ):
        return False
    z, numbers = box.values[0], [cast("Value", x).data for x in box.args]
    flows: dict[Any, float] = defaultdict(float)
    for step in entries(box.members, {z: 1.0}):
        flows[step.operand] += step.contribution
    found = z.data, *(flows[x] for x in box.args)
    expected = (
        op.evaluate(*numbers),
        *op.form(*[True] * len(numbers)).local(z.data, *numbers),
    )
    return all(
        math.isclose(x, y, rel_tol=1e-9, abs_tol=1e-100)
        for x, y in zip(found, expected, strict=True)
    )


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
    lines = [
        write.equation(f.names[v], f.full[v], "aligned") for v in [y, *f.needed(y)]
    ]
    return write.put("whole", write.put("lines").join(lines))


def computation(z: Value) -> str:
    """z = ..., as its op computes it from operands that are leaves: equal ones are not gathered.

    >>> x = Value(0.0, name="x")
    >>> print(formula(x / x), computation(x / x), computation(x * 0), sep="; ")
    y = 1; y = x/x; y = x·0
    """
    f = Formulas([z], boxes([z]), drawn=False)
    return TEXT.equation(f.names[z], f.apart(z))


def partials(z: Value) -> list[str]:
    """∂z/∂operand for every Value among the operands, which are leaves; equal ones are not gathered."""
    f, writer = Formulas([z], boxes([z]), drawn=False), Writer(short=True)
    return [
        writer.sum(f.partial_apart(z, i))
        for i, x in enumerate(z.args)
        if isinstance(x, Value)
    ]


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


def labels(
    *roots: Value,
    collapse: Collapse = None,
    loss: str = "L",
    notation: str = "text",
) -> Labels:
    """What stands on every edge: ahead, what the operand sends; back, what flows to it from the loss.

    The loss is L; a root that has its name, or the name loss, is the loss itself, and its gradient is 1.
    """
    return label_boxes(roots, readable(roots, collapse), loss, notation)


def readable(roots: Sequence[Value], collapse: Collapse) -> list[Box]:
    """The graph as boxes; a ValueError if there are more than anyone would read."""
    order = toposort(*roots)
    view = (
        boxes(roots, collapse) if collapse is not None or len(order) <= MOST else []
    )
    if not 0 < len(view) <= MOST:
        raise ValueError(
            f"a formula of {len(view or order):,} nodes is of no use; write smaller parts of the graph"
        )
    return view


def label_boxes(
    roots: Sequence[Value], view: Sequence[Box], loss: str, notation: str = "text"
) -> Labels:
    """What stands on every edge of the boxes."""
    f, write = Formulas(roots, view, loss, drawn=True), Writer(notation, short=True)
    flow, total = f.backward()
    labels = Labels(
        roots={
            y: (write.name(f.names[y]), write.sum(seed))
            for y, seed in f.seeds.items()
        },
        sums={
            v: write.equation(f.bar(v), e)
            for v, e in total.items()
            if f.uses[v] > 1 and v in f.names
        },
        words={
            v: write.name(f.names[v])
            for v in f.home
            if v.op is None and f.uses[v] != 1
        },
    )
    definitions: dict[Any, str] = {
        v: write.equation(f.names[v], f.full[v]) for v in f.defined()
    }
    for box in view:
        for i, x in enumerate(box.args):
            definition = definitions.pop(x, "")  # it stands on the first edge
            back = (
                backward_label(f, write, x, flow[box, i], alone=definition != "")
                if isinstance(x, Value)
                else ""
            )
            labels.edges[box, i] = definition or write.sum(f.of(x)), back
    return labels


def backward_label(
    f: Formulas, write: Writer, x: Value, flow: Expr, *, alone: bool
) -> str:
    """What flows back along an edge; an equation where it is all that a named operand gets."""
    if alone and f.uses[x] == 1 and flow != expr(f.bar(x)):
        return write.equation(f.bar(x), flow)
    return write.sum(flow)
