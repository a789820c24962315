"""From steps to NumPy calls, one line of source each: the values forward, the adjoints backward.

An adjoint stays a product of factors, not computed, while a single reader has contributed to it.  Otherwise
it lives in a buffer laid out as the values are, where the first contribution assigns and others add.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain, count
from math import prod
from textwrap import fill
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..ieee import PYTHON
from .arrays import (
    BUFFERS,
    IN_PARTIALS,
    WORDS,
    Call,
    Expr,
    Monomial,
    Ref,
    Slots,
    expression,
    factors,
    steps,
)
from .layout import Block, Contraction, Elementwise, Gather, Layout, Step, strides

ARRAYS = (*BUFFERS, *("d_" + buffer for buffer in BUFFERS))
RESERVED = (
    *PYTHON,
    *WORDS.values(),
    *ARRAYS,
    "forward",
    "backward",
    "build",
    "dot",
    "matmul",
    "einsum",
)
NUMBERS = {0.0: "zero", 1.0: "one", 2.0: "two", -1.0: "minus_one", 0.5: "half"}
Flow: TypeAlias = (
    "Monomial | Callable[[Ref], object]"  # what can be written into an array
)


class Emitter:
    """A program's lines and the arrays that they name: the values, and from line ``turn`` on the adjoints."""

    def __init__(
        self,
        layout: Layout,
        *,
        by_inputs: bool,
        fast: Mapping[str, Callable[..., Expr]] = IN_PARTIALS,
    ) -> None:
        self.fast, self.layout = fast, layout
        self.lines, self.names = list[str](), dict[Any, str]()
        self.counts = Counter[str](RESERVED)
        self.weights = dict[tuple[int, int], tuple[str, Any]]()
        self.constants = dict[str, NDArray[Any]]()
        self.sizes = dict[str, tuple[int, bool]]()
        self.known, self.spares = dict[Expr, Ref](), map("t{}".format, count(1))
        self.pending = dict[Block, Monomial]()  # adjoints of blocks, not computed
        self.needed, self.written = (
            {b: np.zeros(n, bool) for b, n in layout.free.items()} for _ in range(2)
        )
        leaves = [layout.theta, *(block for block, _ in layout.tables if by_inputs)]
        self.emit_values(leaves)
        self.turn = len(self.lines)
        self.emit_adjoints(leaves)

    def emit_values(self, leaves: Sequence[Block]) -> None:
        """The lines of the values; which adjoints are wanted is found on the way."""
        for block in leaves:
            self.needed[block.ref.buffer][block.slots] = True
        for step in self.layout.steps:
            ref, slots = step.block.ref, step.block.slots
            self.needed[ref.buffer][slots] = self.forward(step)

    def emit_adjoints(self, leaves: Sequence[Block]) -> None:
        """The lines of the adjoints, from the seeds back to the leaves."""
        for i, y in enumerate(self.layout.roots):
            if y.kind:  # a constant gets none
                seed = Ref("seeds", i, (1,), (0,), True)
                self.contribute(self.layout.at(y), Monomial(1.0, (seed,)))
        for step in reversed(self.layout.steps):
            adjoint = self.arrived(step.block)
            if adjoint is not None and self.needs(step.block.ref):
                self.backward(step, adjoint, step.block.ref.adjoint())
        for block in leaves:
            if block in self.pending:
                self.write(self.pending.pop(block), block.ref.adjoint())

    def arrived(self, block: Block) -> Monomial | None:
        """The adjoint of a block: still a product, or the array where it was added up."""
        adjoint = self.pending.pop(block, None)
        if self.written[block.ref.buffer][block.slots].any():
            return Monomial(1.0, (block.ref.adjoint(),))
        return adjoint

    def source(self) -> Iterator[str]:
        """The lines as two functions, behind what the arrays of inputs and parameters are."""
        yield from [
            f"# {block.name} = X[:, {places}].T"
            for block, places in self.layout.tables
        ]
        for (base, size), (name, shape) in self.weights.items():
            yield f"# {name} = theta[{base}" + (
                f":{base + size}].reshape{shape}" if shape else "]"
            )
        for name, lines in (
            ("forward", self.lines[: self.turn]),
            ("backward", self.lines[self.turn :]),
        ):
            yield f"{chr(10) * (name == 'backward')}def {name}():"
            for part in re.split(
                "; (?=dot|matmul|einsum)", "; ".join(lines) or "pass"
            ):
                # A line is wrapped between calls, not inside of one.
                text = part.replace(" ", "\N{NBSP}").replace(";\N{NBSP}", "; ")
                text = fill(
                    text, 106, initial_indent="    ", subsequent_indent="    "
                )
                yield text.replace("\N{NBSP}", " ").replace(";\n", "\n")

    def name(self, x: Any) -> str:
        """The name of an array in the source: a Ref, a number, or an array of indices."""
        key: Any = (
            x
            if isinstance(x, Ref)
            else repr(x)
            if isinstance(x, float)
            else (x.shape, x.tobytes())
        )
        if key not in self.names:
            name = stem = self.stem(x)
            while self.counts[name]:
                self.counts[stem] += 1
                name = f"{stem}_{self.counts[stem]}"
            self.counts[name] = 1
            self.names[key] = name
            if not isinstance(x, Ref):
                self.constants[name] = np.array(x)
        return self.names[key]

    def stem(self, x: Any) -> str:
        """A name that says what an array is, if it is free."""
        if isinstance(x, np.ndarray):
            return "index"
        if not isinstance(x, Ref):
            return NUMBERS.get(x) or re.sub(r"\W", "_", f"c{x!r}")
        if x.buffer not in BUFFERS and x.buffer not in ARRAYS:
            return x.buffer
        if x.buffer not in BUFFERS:
            return "d" + self.stem(x._replace(buffer=x.buffer[2:]))
        if x.merged and [*chain(*x.merged)] != sorted(chain(*x.merged)):
            return self.stem(x._replace(merged=None)) + "T"
        block = self.layout.block_at(x.buffer, x.base)
        if block is self.layout.theta:
            return self.weight(x, block)
        # A block that is read with its row of ones has another name.
        return block.name + "_1" * (prod(x.shape) > len(block.slots))

    def weight(self, x: Ref, theta: Block) -> str:
        """A name for a part of theta."""
        plain, size = x._replace(merged=None), prod(x.shape)
        if plain.dense(x.shape) != plain or x.base + size > len(theta.slots):
            return "w"  # with a step, or with what lies behind theta
        new = f"W{len(self.weights) + 1}", x.view(np.empty(0), 1).shape
        return self.weights.setdefault((x.base, size), new)[0]

    def call(self, word: str, out: Ref, *operands: Expr) -> Ref:
        """One more line."""
        whole = word in ("dot", "matmul")
        *names, result = [
            self.name(x if whole else broadcast(x, out.rows))
            for x in (*operands, out)
        ]
        self.lines.append(f"{word}({', '.join(names)}, out={result})")
        return out

    def temporary(self, shape: tuple[int, ...], rows: bool) -> Ref:
        """A new array."""
        name = next(name for name in self.spares if not self.counts[name])
        self.counts[name], self.sizes[name] = 1, (prod(shape), rows)
        ref = Ref(name, 0, shape, steps(shape), rows)
        self.names[broadcast(ref, rows)] = name
        return ref

    def evaluate(
        self, e: Expr, shape: tuple[int, ...], out: Ref | None = None
    ) -> Expr:
        """An expression, into the given array or where it was computed before."""
        if not isinstance(e, Call):
            return e if out is None else self.call("positive", out, e)
        if out is not None or e not in self.known:
            operands = [self.evaluate(x, shape) for x in e.operands]
            rows = any(isinstance(x, Ref) and x.rows for x in operands)
            self.known[e] = self.call(
                e.word, out or self.temporary(shape, rows), *operands
            )
        return self.known[e]

    def forward(self, step: Step) -> bool:
        """The values of a group; whether its adjoint is wanted."""
        out = step.block.ref
        match step:
            case Elementwise(_, formula, operands, partials):
                self.evaluate(expression(formula, operands), out.shape, out)
                return any(self.needs(operands[x]) for x in partials)
            case Contraction(_, shape, left, right):
                self.contract(left, "bik", right, "bkj", out.dense(shape), "bij")
                return self.needs(left) or self.needs(right)
            case Gather(_, slots):
                self.lines.append(
                    f"{out.buffer}.take({self.name(slots)}, 0, {self.name(out)}, 'clip')"
                )
                return bool(self.needed[out.buffer][slots].any())

    def needs(self, ref: Expr) -> bool:
        """Whether an operand's adjoint is wanted."""
        return isinstance(ref, Ref) and bool(
            self.needed[ref.buffer][ref.slots].any()
        )

    def contract(self, x: Ref, a: str, y: Ref, b: str, z: Ref, c: str) -> None:
        """z = Σ x·y over the axes that z does not have: a matrix product where the axes allow it."""
        sizes = dict(zip(a + b, x.shape + y.shape, strict=True))
        sides = [squeezed(*pair, sizes) for pair in ((x, a), (y, b), (z, c))]
        (x, a), (y, b), (z, c) = sides
        batch, parts = parts_of(a, b, c)
        matrices: list[Any] = merged(sides, parts) if parts else [None]
        if None not in matrices:
            word = "dot" if not batch and are_dense(matrices) else "matmul"
            self.call(word, matrices[2], *matrices[:2])
            return
        names = f"{self.name(x)}, {self.name(y)}, out={self.name(z)}"
        self.lines.append(f"einsum('{a},{b}->{c}', {names})")

    def backward(self, step: Step, adjoint: Monomial, place: Ref) -> None:
        """What a group sends to its operands."""
        match step:
            case Elementwise():
                self.through_formula(step, adjoint, place)
            case Gather(block, slots):
                self.scatter(
                    block.ref.buffer,
                    slots.ravel(),
                    self.array(adjoint, place, slots.size),
                )
            case Contraction(_, shape, left, right):
                d = self.array(adjoint, place, *shape)
                if self.needs(left):
                    self.push(
                        left.once(),
                        lambda z: self.contract(d, "bij", right, "bkj", z, "bik"),
                    )
                if self.needs(right):
                    self.push(
                        right.once(),
                        lambda z: self.contract(left, "bik", d, "bij", z, "bkj"),
                    )

    def through_formula(
        self, step: Elementwise, adjoint: Monomial, place: Ref
    ) -> None:
        """The adjoint times the partials, to every operand."""
        block, operands, flows = (
            step.block,
            step.operands,
            dict[Any, tuple[Any, Monomial]](),
        )
        targets = [x for x in step.partials if self.needs(operands[x])]
        if len(adjoint.above + adjoint.below) > 1 and len(targets) > 1:
            adjoint = Monomial(1.0, (self.array(adjoint, place),))
        for x in targets:
            number, *sides = factors(
                expression(
                    step.partials[x], {**operands, "z": block.ref}, self.fast
                ),
                self.known,
            )
            above, below = (
                tuple([self.evaluate(e, block.ref.shape) for e in side])
                for side in sides
            )
            flow = adjoint.times(Monomial(number, above, below))
            key = operands[x], *flow[1:]
            if key in flows:  # x·x sends the same twice
                flow = flow._replace(number=flow.number + flows[key][1].number)
            flows[key] = operands[x], flow
        for target, flow in flows.values():
            self.contribute(target, flow)

    def contribute(self, target: Ref, flow: Monomial) -> None:
        """Adds to an operand's adjoint, summed over the axes along which it is repeated and over the rows."""
        rows = any(x.rows for x in flow.above + flow.below)
        over_rows = rows and not target.rows
        if target.once() == target and not over_rows:
            self.push(target, flow)
            return
        x, axes = (
            self.array(flow, self.temporary(target.shape, rows)),
            "ijk"[: len(target.shape)],
        )
        ones, b = Ref("ones", 0, (), (), over_rows), ""
        shared = [
            i for i, s in enumerate(target.once().shape) if s != target.shape[i]
        ]
        if len(shared) == 1 and not over_rows:
            ones, b = (
                self.layout.constants(np.ones(target.shape[shared[0]])),
                axes[shared[0]],
            )
        self.push(
            target.once(), lambda out: self.contract(x, axes, ones, b, out, axes)
        )

    def array(self, flow: Flow, spare: Ref, *shape: int) -> Ref:
        """A flow as the one array that it is, or computed into a spare one; in another shape, if given."""
        single = flow.single() if isinstance(flow, Monomial) else None
        same = (
            single.reshaped(shape or spare.shape)
            if single and single.rows == spare.rows
            else None
        )
        return same or self.write(flow, spare).dense(shape or spare.shape)

    def write(self, flow: Flow, out: Ref) -> Ref:
        """Computes a flow into an array."""
        if not isinstance(flow, Monomial):
            flow(out)
            return out
        number, above, below = (
            flow.number,
            sorted(flow.above, key=lambda ref: ref.rows),
            flow.below,
        )
        found = self.call("negative", out, above.pop(0)) if number == -1 else number
        if number == 1:
            found = above.pop(0)
        for word, side in (("multiply", above), ("divide", below)):
            for ref in side:
                found = self.call(word, out, found, ref)
        return out if found is out else self.call("positive", out, found)

    def push(self, target: Ref, flow: Flow) -> None:
        """To the adjoints in these slots, every one of which is there once."""
        slots, out, block = (
            target.slots,
            target.adjoint(),
            self.layout.block_at(target.buffer, target.base),
        )
        if isinstance(flow, Monomial) and np.array_equal(
            slots.ravel(), block.ref.slots.ravel()
        ):
            whole = flow.reshaped(block.ref.shape)
            if (
                whole
                and block not in self.pending
                and not self.written[target.buffer][slots].any()
            ):
                self.pending[block] = whole
                return
        if not self.settled(target.buffer, slots):
            self.write(flow, out)
            return
        word = "add"
        if isinstance(flow, Monomial) and flow.number == -1:
            word, flow = "subtract", flow._replace(number=1.0)
        self.call(
            word,
            out,
            out,
            self.array(flow, self.temporary(target.shape, target.rows)),
        )

    def settled(self, buffer: str, slots: Slots) -> bool:
        """Whether adjoints are to be added to: some were written; then there are zeros where none were."""
        written, lo, hi = self.written[buffer], slots.min(), slots.max()
        for block in [x for x in self.pending if x.ref.buffer == buffer]:
            if block.slots.start <= hi and lo < block.slots.stop:
                self.write(self.pending.pop(block), block.ref.adjoint())
                written[block.slots] = True
        all_new = not written[slots].any()
        new = np.unique(slots[~written[slots]])
        written[new] = True
        if new.size and not all_new:
            step = strides(new)
            if step is None:
                self.lines.append(f"d_{buffer}[{self.name(new)}] = 0.0")
            else:
                self.call(
                    "positive",
                    Ref(
                        f"d_{buffer}",
                        int(new[0]),
                        new.shape,
                        step,
                        buffer == "rows",
                    ),
                    0.0,
                )
        return not all_new

    def scatter(self, buffer: str, slots: Slots, found: Ref) -> None:
        """Adds at slots that no view can take; of equal ones first the first, then the second, ..."""
        sign, seen, turns = (
            "+=" if self.settled(buffer, slots) else "=",
            Counter[int](),
            list[int](),
        )
        for slot in slots.tolist():
            turns.append(seen[slot])
            seen[slot] += 1
        for turn in range(max(turns) + 1):
            at = np.flatnonzero(np.array(turns) == turn)
            part = f"[{self.name(at)}]" * (len(at) < len(slots))
            self.lines.append(
                f"d_{buffer}[{self.name(slots[at])}] {sign} {self.name(found)}{part}"
            )
            sign = "+="


Parts: TypeAlias = list[str]  # axes that become one axis each


def shared(axes: str, others: str, left_out: str = "") -> str:
    """The axes that the others have, too."""
    return "".join([s for s in axes if s in others and s not in left_out])


def parts_of(a: str, b: str, c: str) -> tuple[str, list[Parts]]:
    """The axes of a batch, and the parts of x, y and z as matrices; no parts if there is no such product."""
    batch = shared(shared(c, a), b)
    inner = shared(a, b, c)
    left, right = (shared(c, axes, batch) for axes in (a, b))
    if {*a, *b} != {*batch, *left, *inner, *right} or "n" in batch:
        return batch, []
    first = [batch] if batch else []
    last = [right] if right or batch else []
    return batch, [
        [*first, left, inner],
        [*first, inner, *last],
        [*first, left, *last],
    ]


def merged(sides: Sequence[tuple[Ref, str]], parts: Sequence[Parts]) -> list[Any]:
    """The arrays with their axes merged; None for one that is no view then."""
    matrices = list[Any]()
    for (ref, axes), groups in zip(sides, parts, strict=True):
        matrices.append(
            ref.matrix(*[[*map(axes.index, group)] for group in groups])
        )
    return matrices


def are_dense(matrices: Sequence[Ref]) -> bool:
    """Whether NumPy's dot takes them as they are."""
    x, y, z = (ref.view(np.empty(0), 3).flags for ref in matrices)
    return z.c_contiguous and x.forc and y.forc


def squeezed(ref: Ref, axes: str, sizes: dict[str, int]) -> tuple[Ref, str]:
    """Without axes that are summed over, without a batch of one or a column; with n for the rows."""
    pairs = enumerate(zip(axes, ref.shape, strict=True))
    kept = [i for i, (s, n) in pairs if n == sizes[s] and (n > 1 or s in "ik")]
    shape, strides = (
        tuple([side[i] for i in kept]) for side in (ref.shape, ref.strides)
    )
    return ref._replace(shape=shape, strides=strides), "".join(
        [axes[i] for i in kept]
    ) + "n" * ref.rows


def broadcast(x: Expr, rows: bool) -> Any:
    """An operand of an element-wise call: one number without axes, uniform numbers with one for the rows."""
    if not isinstance(x, Ref) or x.merged is not None:
        return x
    if not any(x.strides):
        return x._replace(shape=(), strides=())
    return (
        x._replace(merged=(*[(i,) for i in range(len(x.shape))], ()))
        if rows and not x.rows
        else x
    )
