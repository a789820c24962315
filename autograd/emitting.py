"""From groups to NumPy calls, one line of source each: the values forward, the adjoints backward.

An adjoint stays a product of factors, not computed, while a single reader has contributed to it.  Otherwise
it lives in a buffer laid out as the values are, where the first contribution assigns and others add.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from math import prod
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .arrays import WORDS, Call, Expr, Monomial, Ref, expression, factors, steps, swift
from .lowering import (
    CONSTANT,
    UNIFORM,
    VARYING,
    Block,
    Contraction,
    Elementwise,
    Layout,
    Operand,
    Slots,
    strides,
)

ONES = Ref("ones", 0, (), (), True)
BUFFERS = {UNIFORM: "values", VARYING: "rows"}
NUMBERS = {0.0: "zero", 1.0: "one", 2.0: "two", -1.0: "minus_one", 0.5: "half"}
RESERVED = ("forward", "backward", "build", "dot", "matmul", "einsum", "add_reduce", "add_at", "positive")
Flow: TypeAlias = "Monomial | Callable[[Ref], None]"  # what can be written into an array


class Emitter:
    """The lines of a program and the arrays that they name.

    ``turn`` lines compute the values.  The others compute the adjoints of the parameters, and of the inputs
    if wanted, from a seed for every row and output.
    """

    def __init__(self, layout: Layout, *, by_inputs: bool) -> None:
        self.layout, self.lines = layout, list[str]()
        self.names: dict[Any, str] = {}
        texts = [
            text
            for s in layout.steps
            if isinstance(s, Elementwise)
            for text in (s.formula, *s.partials.values())
        ]
        self.counts = Counter([*RESERVED, *WORDS.values(), *re.findall(r"(\w+)\(", " ".join(texts))])
        self.constants: dict[str, NDArray[Any]] = {}
        self.sizes = {
            prefix + name: (layout.free[kind], kind == VARYING)
            for prefix in ("", "d_") for kind, name in BUFFERS.items()
        }  # fmt: skip
        self.known: dict[Expr, Ref] = {}
        self.views: dict[Any, Ref] = {}
        for step in layout.steps:
            self.forward(step)
        self.turn = len(self.lines)
        self.reverse(by_inputs)

    def reverse(self, by_inputs: bool) -> None:
        """The adjoints, from the outputs to the leaves."""
        layout = self.layout
        self.needed, self.written = ({k: np.zeros(n, bool) for k, n in layout.free.items()} for _ in range(2))
        self.whole: dict[Block, Monomial] = {}  # adjoints of blocks, not computed
        leaves = [layout.theta] * bool(layout.parameters) + [block for block, _ in layout.tables if by_inputs]
        for block in leaves:
            self.needed[block.kind][block.slots] = True
        for step in layout.steps:
            self.needed[step.block.kind][step.block.slots] = any(map(self.needs, step.reads()))
        for i, y in enumerate(layout.roots):
            operand = Operand(y.kind, np.array([y.slot]))
            if self.needs(operand):
                self.contribute(operand, Monomial(1.0, (Ref("seeds", i, (1,), (0,), True),)))
        for step in reversed(layout.steps):
            self.backward(step)
        for block in leaves:
            adjoint, d = self.adjoint(block), self.view(block, "d_")
            if adjoint is not None and adjoint.single() != d:
                self.write(adjoint, d)

    def source(self) -> list[str]:
        """The lines as two functions."""
        forward, backward = self.lines[: self.turn], self.lines[self.turn :]
        return ["def forward():", *body(forward), "", "def backward():", *body(backward)]

    def header(self) -> list[str]:
        """What the parameters' and the inputs' arrays are, as comments."""
        found = [f"# {block.name} = X[:, {places}].T" for block, places in self.layout.tables]
        for ref, name in self.names.items():
            if (
                isinstance(ref, Ref)
                and ref[0] == "values"
                and ref.base in self.layout.theta.slots
                and ref.shape
            ):
                end = ref.base + prod(ref.shape)
                part = (
                    f"theta[{ref.base}:{end}].reshape{ref.shape}" if ref.reshaped((1,)) else "part of theta"
                )
                found += [f"# {name} = {part}"] * (not ref.axes)
        return found

    def name(self, x: Any) -> str:
        """The name of an array in the source: a Ref, a number, or an array of indices."""
        key: Any = x if isinstance(x, Ref) else repr(x) if isinstance(x, float) else (x.shape, x.tobytes())
        if key not in self.names:
            name = stem = self.stem(x)
            while self.counts[name]:
                self.counts[stem] += 1
                name = f"{stem}_{self.counts[stem]}"
            self.counts[name] = 1
            self.names[key] = name
            if not isinstance(x, Ref):
                self.constants[self.names[key]] = np.array(x)
        return self.names[key]

    def stem(self, x: Any) -> str:
        """A name that says what an array is, if it is free."""
        if isinstance(x, np.ndarray):
            return "index"
        if isinstance(x, float):
            return NUMBERS.get(x) or "c" + re.sub(r"\W", lambda sign: "m" if sign[0] == "-" else "_", repr(x))
        kind, buffer, turned = VARYING if x.rows else UNIFORM, x.buffer.removeprefix("d_"), sorted(x.axes)
        if buffer != BUFFERS[kind] or not x.shape:
            return x.buffer
        for other, form in ((x._replace(axes=(), merged=()), "{}T"), (x._replace(buffer=buffer), "d{}")):
            if other != x and other in self.names:
                return (
                    form.format(self.names[other])
                    if form == "d{}" or [*x.axes] != turned
                    else self.names[other]
                )
        block, ends = self.layout.block_at(kind, x.base), [x.base]
        ends.append(x.base + sum((n - 1) * s for n, s in zip(x.shape, x.strides, strict=True)))
        stem = block.name + "_1" * (prod(x.shape) > len(block.slots))  # with its row of ones
        stem = self.layout.weights(min(ends), max(ends) + 1) if block is self.layout.theta else stem
        return "d" * (buffer != x.buffer) + stem + "T" * ([*x.axes] != turned)

    def call(self, word: str, out: Ref, *operands: Expr) -> Ref:
        """One more line."""
        lift = out.rows and word not in ("dot", "matmul")
        lifted = [
            x._replace(lifted=True) if lift and isinstance(x, Ref) and x.shape and not x.rows else x
            for x in operands
        ]
        self.lines.append(f"{word}({', '.join(map(self.name, lifted))}, out={self.name(out)})")
        return out

    def temporary(self, shape: tuple[int, ...], rows: bool) -> Ref:
        """A new array."""
        name = f"t{len(self.sizes) - 3}"
        self.sizes[name] = (prod(shape), rows)
        return Ref(name, 0, shape, steps(shape), rows)

    def view(self, block: Block, prefix: str = "") -> Ref:
        """A block's values, or with the prefix d_ its adjoints."""
        return Ref(prefix + BUFFERS[block.kind], block.start, (), (), block.kind == VARYING).dense(
            block.shape
        )

    def read(self, operand: Operand) -> Any:
        """An operand as a view, or gathered where its slots are not affine."""
        kind, slots, numbers = operand
        key = kind, slots.shape, (slots if numbers is None else numbers).tobytes()
        if key not in self.views:
            step, rows = None if kind == CONSTANT else strides(slots), kind == VARYING
            if step is not None:
                found = Ref(BUFFERS[kind], int(slots.flat[0]), slots.shape, step, rows)
            else:
                found = self.temporary(slots.shape, rows)
                if numbers is not None:
                    self.constants[found.buffer] = numbers
                else:
                    whole = self.name(Ref(BUFFERS[kind], 0, (), (), rows))
                    self.lines.append(f"{whole}.take({self.name(slots)}, 0, {self.name(found)}, 'clip')")
            self.views[key] = found
        return self.views[key]

    def arguments(self, step: Elementwise) -> dict[str, Expr]:
        """The operands of a formula and its result by their names; equal constants as a number."""
        found: dict[str, Expr] = {"z": self.view(step.block).dense(step.shape)}
        for x, operand in step.operands.items():
            numbers = operand.numbers
            equal = numbers is not None and len({x.tobytes() for x in numbers.flat}) == 1  # -0.0 is not 0.0
            found[x] = float(numbers.flat[0]) if numbers is not None and equal else self.read(operand)
        return found

    def evaluate(self, e: Expr, shape: tuple[int, ...], out: Ref | None = None) -> Expr:
        """An expression, into the given array or where it was computed before."""
        if not isinstance(e, Call):
            return e if out is None else self.call("positive", out, e)
        if out is not None or e not in self.known:
            operands = [self.evaluate(x, shape) for x in e.operands]
            rows = any(isinstance(x, Ref) and x.rows for x in operands)
            self.known[e] = self.call(e.word, out or self.temporary(shape, rows), *operands)
        return self.known[e]

    def forward(self, step: Elementwise | Contraction) -> None:
        """The values of a group."""
        out = self.view(step.block)
        if isinstance(step, Elementwise):
            formula = expression(step.formula, self.arguments(step))
            self.evaluate(formula, step.shape, out.dense(step.shape))
            return
        for i, ((left, a), (right, b)) in enumerate(step.runs):
            part = self.temporary(out.shape, out.rows) if i else out
            self.contract(self.read(left), a, self.read(right), b, part, step.axes)
            if i:
                self.call("add", out, out, part)
        for term in step.terms:
            self.call("add", out, out, self.read(term))

    def contract(self, a: Ref, a_axes: str, b: Ref, b_axes: str, out: Ref, out_axes: str) -> None:
        """out = Σ a·b over the axes that out does not have: a matrix product where the axes allow it."""
        a_axes, b_axes, out_axes = (x + "n" * y.rows for x, y in ((a_axes, a), (b_axes, b), (out_axes, out)))
        inner = [c for c in a_axes if c in b_axes and c not in out_axes]
        left, right = ([c for c in axes if c in out_axes] for axes in (a_axes, b_axes))
        if not set(left) & set(right):
            last = [right] if right else []  # a matrix times a vector
            x, y = a.matrix(a_axes, left, inner), b.matrix(b_axes, inner, *last)
            z = out.matrix(out_axes, left, *last)
            if x and y and z:
                self.call("dot" if x[1] and y[1] and z[1] == "C" else "matmul", z[0], x[0], y[0])
                return
        names = ", ".join(map(self.name, (a, b)))
        self.lines.append(f"einsum('{a_axes},{b_axes}->{out_axes}', {names}, out={self.name(out)})")

    def needs(self, operand: Operand) -> bool:
        """Whether its adjoint is wanted."""
        return operand.kind != CONSTANT and bool(self.needed[operand.kind][operand.slots].any())

    def backward(self, step: Elementwise | Contraction) -> None:
        """What a group sends to its operands."""
        adjoint = self.adjoint(step.block) if self.needed[step.block.kind][step.block.start] else None
        if adjoint is None:
            return
        if isinstance(step, Elementwise):
            self.backward_through_formula(step, adjoint)
            return
        d = self.computed(step.block, adjoint, step.block.shape)
        for term in filter(self.needs, step.terms):
            self.contribute(term, Monomial(1.0, (d,)))
        for run in step.runs:
            for (x, axes), (y, y_axes) in (run, run[::-1]):
                if self.needs(x):
                    self.contribute(x, self.product(d, step.axes, self.read(y), y_axes, axes))

    def product(self, d: Ref, d_axes: str, y: Ref, y_axes: str, axes: str) -> Flow:
        """Writes the contraction of an adjoint with the other factor, the result's first axis first."""
        if axes[0] in d_axes:
            return lambda out: self.contract(d, d_axes, y, y_axes, out, axes)
        return lambda out: self.contract(y, y_axes, d, d_axes, out, axes)

    def backward_through_formula(self, step: Elementwise, adjoint: Monomial) -> None:
        """The adjoint times the partials, to every operand."""
        targets = [x for x in step.partials if self.needs(step.operands[x])]
        short = len(adjoint.above + adjoint.below) < 2 or len(targets) == 1
        found = adjoint.reshaped(step.shape) if short else None
        if found is None:
            found = Monomial(1.0, (self.computed(step.block, adjoint, step.shape),))
        names, flows = self.arguments(step), dict[Any, tuple[Operand, Monomial]]()
        for x in targets:
            operand = step.operands[x]
            number, *sides = factors(swift(expression(step.partials[x], names)))
            above, below = (tuple([self.evaluate(e, step.shape) for e in side]) for side in sides)
            flow = found.times(Monomial(number, above, below))
            key = operand.kind, operand.slots.tobytes(), *flow[1:]
            if key in flows:  # x·x sends the same twice
                flow = flow._replace(number=flow.number + flows[key][1].number)
            flows[key] = operand, flow
        for operand, flow in flows.values():
            self.contribute(operand, flow)

    def write(self, flow: Flow, out: Ref) -> Ref:
        """Computes a flow into an array."""
        if not isinstance(flow, Monomial):
            flow(out)
            return out
        above: list[Ref] = sorted(flow.above, key=lambda ref: ref.rows)
        if flow.number == -1:
            found: Expr = self.call("negative", out, above.pop(0))
        else:
            found = above.pop(0) if flow.number == 1 else flow.number
        for word, side in (("multiply", above), ("divide", flow.below)):
            for ref in side:
                found = self.call(word, out, found, ref)
        return out if found is out else self.call("positive", out, found)

    def contribute(self, operand: Operand, flow: Flow) -> None:
        """Adds to the adjoint of an operand, first over the axes that share a slot, and over the rows."""
        kind, slots, _ = operand
        step = strides(slots)
        if isinstance(flow, Monomial):
            shared = [i for i, s in enumerate(step or ()) if s == 0 and slots.shape[i] > 1]
            over_rows = kind == UNIFORM and flow.rows
            if shared or over_rows:
                flow = self.summed(flow, slots.shape, shared, over_rows)
                slots = slots[tuple([slice(1) if i in shared else slice(None) for i in range(slots.ndim)])]
        self.push(kind, slots, step if len(np.unique(slots)) == slots.size else None, flow)

    def summed(self, flow: Monomial, shape: tuple[int, ...], shared: list[int], over_rows: bool) -> Flow:
        """A contribution added up over some axes."""
        x = flow.single() or self.write(flow, self.temporary(shape, flow.rows))

        def reduce(out: Ref) -> None:
            if not shared and x.reshaped((1,)) and out.reshaped((1,)):
                self.call("dot", out, x, ONES)
            else:
                axes, name = (*shared, *[len(shape)] * over_rows), self.name(out._replace(lifted=over_rows))
                self.lines.append(f"add_reduce({self.name(x)}, {axes}, None, {name}, True)")

        return reduce

    def push(self, kind: int, slots: Slots, step: tuple[int, ...] | None, flow: Flow) -> None:
        """To the adjoints in these slots, through a view if there is one that has every slot once."""
        lo, hi = int(slots.min()), int(slots.max()) + 1
        touched, written = self.blocks(kind, lo, hi), self.written[kind]
        if isinstance(flow, Monomial) and not written[lo:hi].any() and touched[0] not in self.whole:
            flat = flow.reshaped(touched[0].shape)
            if flat and np.array_equal(slots.ravel(), touched[0].slots):
                self.whole[touched[0]] = flat
                return
        for block in touched:
            self.flush(block)
        buffer, rows = "d_" + BUFFERS[kind], kind == VARYING
        fresh = step is not None and not written[slots].any()
        if not fresh:
            self.clear(kind, slots[~written[slots]])
        written[slots] = True
        target = Ref(buffer, int(slots.flat[0]), slots.shape, step or (), rows)
        if fresh:
            self.write(flow, target)
            return
        single = flow.single() if isinstance(flow, Monomial) else None
        if step is not None:
            self.call("add", target, target, single or self.write(flow, self.temporary(slots.shape, rows)))
            return
        flat = single.reshaped((slots.size,)) if single else None
        found = flat or self.write(flow, self.temporary(slots.shape, rows)).dense((slots.size,))
        self.scatter(buffer, slots.ravel(), found._replace(lifted=rows > found.rows), rows)

    def scatter(self, buffer: str, slots: Slots, found: Ref, rows: bool) -> None:
        """Adds at slots that no view can take; of equal ones first the first, then the second, ..."""
        seen, turns = Counter[int](), list[int]()
        for slot in slots.tolist():
            turns.append(seen[slot])
            seen[slot] += 1
        whole, name = self.name(Ref(buffer, 0, (), (), rows)), self.name(found)
        if max(turns) > 8:
            self.lines.append(f"add_at({whole}, {self.name(slots)}, {name})")
            return
        for turn in range(max(turns) + 1):
            at = np.flatnonzero(np.array(turns) == turn)
            part = f"[{self.name(at)}]" * (len(at) < len(slots))
            self.lines.append(f"{whole}[{self.name(slots[at])}] += {name}{part}")

    def blocks(self, kind: int, lo: int, hi: int) -> list[Block]:
        """The blocks that have slots in a range."""
        found = [self.layout.block_at(kind, lo)]
        while (end := found[-1].slots.stop + found[-1].row) < hi:
            found.append(self.layout.block_at(kind, end))
        return found

    def flush(self, block: Block) -> None:
        """Computes an adjoint that is to be added to."""
        if block in self.whole:
            self.write(self.whole.pop(block), self.view(block, "d_"))
            self.written[block.kind][block.slots] = True

    def clear(self, kind: int, slots: Slots) -> None:
        """Zeros for slots that nothing was written to."""
        if slots.size:
            whole = self.name(Ref("d_" + BUFFERS[kind], 0, (), (), kind == VARYING))
            self.lines.append(f"{whole}[{self.name(slots)}] = 0.0")

    def adjoint(self, block: Block) -> Monomial | None:
        """All that was contributed to a block."""
        if block in self.whole or not self.written[block.kind][block.slots].any():
            return self.whole.pop(block, None)
        return Monomial(1.0, (self.view(block, "d_"),))

    def computed(self, block: Block, adjoint: Monomial, shape: tuple[int, ...]) -> Ref:
        """An adjoint as an array."""
        d, single = self.view(block, "d_"), adjoint.single()
        found = single.reshaped(shape) if single and single.rows == d.rows else None
        return found or self.write(adjoint, d).dense(shape)


def body(lines: Sequence[str]) -> list[str]:
    """The lines of a function as they are read: a matrix product begins a new one."""
    found = [""]
    for line in lines:
        fresh = found == [""] or line[:3] in ("dot", "mat", "ein") or len(found[-1]) > 80
        found[-1:] = [found[-1], line] if fresh else [f"{found[-1]}; {line}"]
    return [f"    {line}" for line in found[1:] or ["pass"]]
