"""From groups to NumPy calls, one line of source each: the values ahead, the adjoints back.

An adjoint stays a product of factors, not computed, while a single reader has contributed to it.  Otherwise
it lives in a buffer laid out as the values are, where the first contribution assigns and others add.
Contributions that no view can take, because slots repeat, are written out one by one, and the block that
they belong to gathers them.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .arrays import Expr, Monomial, Ref, expression, factors, steps
from .lowering import (
    CONSTANT,
    UNIFORM,
    VARYING,
    Block,
    Contraction,
    Elementwise,
    Layout,
    Node,
    Operand,
    Slots,
    strides,
)

ONES = Ref("ones", 0, (), (), True)
BUFFERS = {UNIFORM: "values", VARYING: "rows"}
NUMBERS = {0.0: "zero", 1.0: "one", 2.0: "two", -1.0: "minus_one", 0.5: "half"}
Flow: TypeAlias = "Monomial | Callable[[Ref], None]"  # what can be written into an array


class Emitter:
    """The lines of a program and the arrays that they name."""

    def __init__(self, layout: Layout) -> None:
        self.layout, self.lines, self.turn = layout, list[str](), 0
        self.names: dict[Any, str] = {}
        self.taken: set[str] = set()
        self.constants: dict[str, NDArray[Any]] = {}
        self.sizes = {"values": (layout.free[UNIFORM], False), "rows": (layout.free[VARYING], True)}
        self.computed: dict[Expr, Ref] = {}
        self.read_before: dict[int, Any] = {}
        for step in layout.steps:
            self.ahead(step)

    def source(self) -> list[str]:
        """The lines as one function, in which a matrix product begins a new line."""
        theta, found = self.layout.theta.slots, ["def run():"]
        for ref, name in self.names.items():
            if (
                isinstance(ref, Ref)
                and ref.buffer == "values"
                and ref.base in theta
                and ref.shape
                and not ref.axes
            ):
                end = ref.base + int(np.prod(ref.shape))
                part = (
                    f"theta[{ref.base}:{end}].reshape{ref.shape}" if ref.reshaped((1,)) else "a part of theta"
                )
                found.append(f"    # {name} = {part}")
        found += [f"    # {block.name} = X[:, {places}].T" for block, places in self.layout.tables]
        for i, line in enumerate(self.lines):
            fresh = i in (0, self.turn) or line[:3] in ("dot", "mat", "ein") or len(found[-1]) > 80
            found += [""] * (i == self.turn > 0)
            found[-1:] = [found[-1], f"    {line}"] if fresh else [f"{found[-1]}; {line}"]
        return [*found, "    return"]

    def name(self, x: Any) -> str:
        """The name of an array in the source: a Ref, a number, or an array of indices."""
        key = (x.shape, x.tobytes()) if isinstance(x, np.ndarray) else repr(x) if isinstance(x, float) else x
        if key not in self.names:
            stem, i = self.stem(x), 1
            name = stem
            while name in self.taken:
                i += 1
                name = f"{stem}_{i}"
            self.taken.add(name)
            self.names[key] = name
            if not isinstance(x, Ref):
                self.constants[name] = np.array(x)
        return self.names[key]

    def stem(self, x: Any) -> str:
        """A name that says what an array is, if it is free."""
        if isinstance(x, np.ndarray):
            return "index"
        if isinstance(x, float):
            return NUMBERS.get(x) or "c" + re.sub(r"\W", lambda sign: "m" if sign[0] == "-" else "_", repr(x))
        kind, buffer = VARYING if x.rows else UNIFORM, x.buffer.removeprefix("d_")
        for base in (x._replace(axes=(), merged=()), x._replace(buffer=buffer)):
            if base != x and base in self.names:
                return (
                    "d" * (base.axes == x.axes) + self.names[base] + "T" * (x.axes != tuple(sorted(x.axes)))
                )
        if buffer != BUFFERS[kind] or not x.shape:
            return x.buffer
        block = self.layout.block_at(kind, x.base)
        stem = block.name
        if block is self.layout.theta:
            end = x.base + sum((n - 1) * s for n, s in zip(x.shape, x.strides, strict=True))
            stem = self.layout.weights(min(x.base, end), max(x.base, end) + 1)
        elif np.prod(x.shape) > len(block.slots):
            stem += "_1"  # with its row of ones
        turned = "T" * (x.axes != tuple(sorted(x.axes)))
        return "d" * (buffer != x.buffer) + stem + turned

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
        name = f"t{len(self.sizes)}"
        self.sizes[name] = (int(np.prod(shape)), rows)
        return Ref(name, 0, shape, steps(shape), rows)

    def view(self, block: Block, prefix: str = "") -> Ref:
        """A block's values, or with the prefix d_ its adjoints."""
        name, rows = prefix + BUFFERS[block.kind], block.kind == VARYING
        return Ref(name, block.start, block.shape, steps(block.shape), rows)

    def read(self, operand: Operand) -> Expr:
        """An operand as a number or a view, or gathered where its slots are not affine."""
        if id(operand) not in self.read_before:
            self.read_before[id(operand)] = self.read_first(*operand)
        return self.read_before[id(operand)]

    def read_first(self, kind: int, slots: Slots, numbers: NDArray[np.float64] | None) -> Expr:
        shape = slots.shape
        if numbers is not None:
            out = self.temporary(shape, False)
            self.constants[out.buffer] = numbers
            return out
        step, rows = strides(slots), kind == VARYING
        if step is None:
            return self.take(BUFFERS[kind], slots, self.temporary(shape, rows))
        return Ref(BUFFERS[kind], int(slots.flat[0]), shape, step, rows)

    def take(self, buffer: str, index: Slots, out: Ref) -> Ref:
        whole = self.name(Ref(buffer, 0, (), (), out.rows))
        self.lines.append(f"{whole}.take({self.name(index)}, 0, {self.name(out)}, 'clip')")
        return out

    def arguments(self, step: Elementwise) -> dict[str, Expr]:
        """The operands of a formula by their names; equal constants as a number."""
        return {
            x: float(operand.numbers.flat[0])
            if operand.numbers is not None and (operand.numbers == operand.numbers.flat[0]).all()
            else self.read(operand)
            for x, operand in step.operands.items()
        }

    def evaluate(self, e: Expr, shape: tuple[int, ...], out: Ref | None = None) -> Expr:
        """An expression, into the given array or where it was computed before."""
        if isinstance(e, (float, Ref)):
            return e if out is None else self.call("positive", out, e)
        if out is not None or e not in self.computed:
            operands = [self.evaluate(x, shape) for x in e[1:]]
            rows = any(isinstance(x, Ref) and x.rows for x in operands)
            self.computed[e] = self.call(e[0], out or self.temporary(shape, rows), *operands)
        return self.computed[e]

    def ahead(self, step: Elementwise | Contraction) -> None:
        """The values of a group."""
        out = self.view(step.block)
        if isinstance(step, Elementwise):
            shaped = out._replace(shape=step.shape, strides=steps(step.shape))
            self.evaluate(expression(step.formula, self.arguments(step)), step.shape, shaped)
            return
        for i, ((left, a), (right, b)) in enumerate(step.runs):
            part = self.temporary(out.shape, out.rows) if i else out
            self.contract(self.read(left), a, self.read(right), b, part, step.axes)
            if i:
                self.call("add", out, out, part)
        for term in step.terms:
            self.call("add", out, out, self.read(term))

    def contract(self, a: Any, a_axes: str, b: Any, b_axes: str, out: Ref, out_axes: str) -> None:
        """out = Σ a·b over the axes that out does not have: a matrix product where the axes allow it."""
        a_axes, b_axes, out_axes = (x + "n" * y.rows for x, y in ((a_axes, a), (b_axes, b), (out_axes, out)))
        inner = [c for c in a_axes if c in b_axes and c not in out_axes]
        left, right = ([c for c in axes if c in out_axes] for axes in (a_axes, b_axes))
        if not set(left) & set(right):
            last = [right] if right else []  # a matrix times a vector
            sides = (a, a_axes, left, inner), (b, b_axes, inner, *last), (out, out_axes, left, *last)
            found = [ref.matrix(axes, *merged) for ref, axes, *merged in sides]
            if None not in found:
                (x, x_dense), (y, y_dense), (z, z_dense) = found
                self.call("dot" if x_dense and y_dense and z_dense == "C" else "matmul", z, x, y)
                return
        names = ", ".join(map(self.name, (a, b)))
        self.lines.append(f"einsum('{a_axes},{b_axes}->{out_axes}', {names}, out={self.name(out)})")


class Reverse(Emitter):
    """A program with the adjoints, from a seed for every row and output."""

    def __init__(self, layout: Layout, roots: Sequence[Node], *, by_inputs: bool) -> None:
        super().__init__(layout)
        self.turn = len(self.lines)
        self.sizes |= {f"d_{name}": self.sizes[name] for name in BUFFERS.values()}
        self.needed, self.written = (
            {kind: np.zeros(size, bool) for kind, size in layout.free.items()} for _ in range(2)
        )
        self.whole: dict[Block, Monomial] = {}  # adjoints of blocks, not computed
        self.pending: dict[int, dict[int, list[int]]] = {kind: defaultdict(list) for kind in BUFFERS}
        self.parts = dict.fromkeys(BUFFERS, 1)  # the sizes of their buffers; number 0 stays zero
        leaves = [
            *[layout.theta] * bool(layout.parameters),
            *[block for block, _ in layout.tables if by_inputs],
        ]
        for block in leaves:
            self.needed[block.kind][block.slots] = True
        for step in layout.steps:
            self.needed[step.block.kind][step.block.slots] = any(map(self.needs, operands_of(step)))
        for i, y in enumerate(roots):
            operand = Operand(y.kind, np.array([y.slot]))
            if self.needs(operand):
                self.contribute(operand, Monomial(1.0, (Ref("seeds", i, (1,), (0,), True),)))
        for step in reversed(layout.steps):
            self.back(step)
        for block in leaves:
            adjoint, d = self.adjoint(block), self.view(block, "d_")
            if adjoint is not None and adjoint.single() != d:
                self.write(adjoint, d)
        self.sizes |= {f"parts_{BUFFERS[kind]}": (size, kind == VARYING) for kind, size in self.parts.items()}

    def needs(self, operand: Operand) -> bool:
        return operand.kind != CONSTANT and bool(self.needed[operand.kind][operand.slots].any())

    def back(self, step: Elementwise | Contraction) -> None:
        """What a group sends to its operands."""
        adjoint = self.adjoint(step.block) if self.needed[step.block.kind][step.block.start] else None
        if adjoint is None:
            return
        if isinstance(step, Elementwise):
            self.back_through_formula(step, adjoint)
            return
        d = self.array(step.block, adjoint)
        for term in filter(self.needs, step.terms):
            self.contribute(term, Monomial(1.0, (d,)))
        for run in step.runs:
            for (x, axes), (y, y_axes) in (run, run[::-1]):
                if self.needs(x):
                    self.contribute(x, self.product(d, step.axes, self.read(y), y_axes, axes))

    def product(self, d: Ref, d_axes: str, y: Any, y_axes: str, axes: str) -> Callable[[Ref], None]:
        """Writes the contraction of an adjoint with the other factor, the result's first axis first."""
        if axes[0] in d_axes:
            return lambda out: self.contract(d, d_axes, y, y_axes, out, axes)
        return lambda out: self.contract(y, y_axes, d, d_axes, out, axes)

    def back_through_formula(self, step: Elementwise, adjoint: Monomial) -> None:
        """The adjoint times the partials, to every operand."""
        targets = [x for x in step.partials if self.needs(step.operands[x])]
        short = len(adjoint.above + adjoint.below) < 2 or len(targets) == 1
        found = adjoint.reshaped(step.shape) if short else None
        if found is None:
            d = self.array(step.block, adjoint)
            found = Monomial(1.0, (d._replace(shape=step.shape, strides=steps(step.shape)),))
        z = self.view(step.block)._replace(shape=step.shape, strides=steps(step.shape))
        names, flows = {**self.arguments(step), "z": z}, dict[Any, tuple[Operand, Monomial]]()
        for x in targets:
            operand = step.operands[x]
            flow = found.times(self.partial(expression(step.partials[x], names), step.shape))
            key = operand.kind, operand.slots.tobytes(), *flow[1:]
            if key in flows:  # x·x sends the same twice
                flow = flow._replace(number=flow.number + flows[key][1].number)
            flows[key] = operand, flow
        for operand, flow in flows.values():
            self.contribute(operand, flow)

    def partial(self, e: Expr, shape: tuple[int, ...]) -> Monomial:
        """A partial as a product of arrays."""
        number, above, below = factors(e)
        return Monomial(number, *(tuple([self.evaluate(x, shape) for x in side]) for side in (above, below)))

    def write(self, flow: Flow, out: Ref) -> Ref:
        """Computes a flow into an array."""
        if not isinstance(flow, Monomial):
            flow(out)
            return out
        above = sorted(flow.above, key=lambda ref: ref.rows)
        if flow.number == -1 and above:
            found = self.call("negative", out, above.pop(0))
        else:
            found: Expr = above.pop(0) if flow.number == 1 and above else flow.number
        for word, side in (("multiply", above), ("divide", flow.below)):
            for ref in side:
                found = self.call(word, out, found, ref)
        return out if found is out else self.call("positive", out, found)

    def contribute(self, operand: Operand, flow: Flow) -> None:
        """Adds to the adjoint of an operand."""
        kind, slots, _ = operand
        step = strides(slots)
        if isinstance(flow, Monomial):
            shared = [i for i, s in enumerate(step or ()) if s == 0 and slots.shape[i] > 1]
            if shared or (kind == UNIFORM and flow.rows):
                flow = self.summed(flow, slots.shape, shared, kind == UNIFORM and flow.rows)
                slots = slots[tuple([slice(1) if i in shared else slice(None) for i in range(slots.ndim)])]
        if step is None or len(np.unique(slots)) < slots.size:
            self.scatter(kind, slots, flow)
        else:
            self.push(kind, slots, step, flow)

    def summed(self, flow: Monomial, shape: tuple[int, ...], shared: list[int], over_rows: bool) -> Flow:
        """A contribution added up over the axes that share a slot, and over the rows."""
        x = flow.single() or self.write(flow, self.temporary(shape, flow.rows))
        axes = (*shared, *[len(shape)] * over_rows)

        def reduce(out: Ref) -> None:
            if not shared and x.reshaped((1,)) and out.reshaped((1,)):
                self.call("dot", out, x, ONES)
            else:
                name = self.name(out._replace(lifted=over_rows))
                self.lines.append(f"add_reduce({self.name(x)}, {axes}, None, {name}, True)")

        return reduce

    def push(self, kind: int, slots: Slots, step: tuple[int, ...], flow: Flow) -> None:
        """Through a view that has every slot once: the first contribution assigns."""
        lo, hi = int(slots.min()), int(slots.max()) + 1
        touched, written = self.blocks(kind, lo, hi), self.written[kind]
        block = touched[0]
        if isinstance(flow, Monomial) and block not in self.whole and not written[lo:hi].any():
            flat = flow.reshaped(block.shape)
            if flat and np.array_equal(slots.ravel(), block.slots):
                self.whole[block] = flat
                return
        for block in touched:
            self.flush(block)
        target = Ref("d_" + BUFFERS[kind], int(slots.flat[0]), slots.shape, step, kind == VARYING)
        if written[slots].any():
            self.clear(kind, slots[~written[slots]])
            single = flow.single() if isinstance(flow, Monomial) else None
            found = single or self.write(flow, self.temporary(slots.shape, target.rows))
            self.call("add", target, target, found)
        else:
            self.write(flow, target)
        written[slots] = True

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

    def scatter(self, kind: int, slots: Slots, flow: Flow) -> None:
        """One by one into the buffer of parts, from which the block will gather them."""
        start = self.parts[kind]
        self.parts[kind] += slots.size
        self.write(
            flow, Ref("parts_" + BUFFERS[kind], start, slots.shape, steps(slots.shape), kind == VARYING)
        )
        for i, slot in enumerate(slots.ravel().tolist()):
            self.pending[kind][slot].append(start + i)

    def adjoint(self, block: Block) -> Monomial | None:
        """All that was contributed to a block."""
        slots, written, d = np.array(block.slots), self.written[block.kind], self.view(block, "d_")
        pending = self.pending[block.kind]
        parts = [pending.get(slot, []) for slot in block.slots] if pending else []
        if any(parts):
            self.flush(block)
        if block in self.whole:
            return self.whole.pop(block)
        if written[slots].any():
            self.clear(block.kind, slots[~written[slots]])
        for i in range(max(map(len, parts), default=0)):  # the first part of every slot, the second, ...
            index = np.array([found[i] if i < len(found) else 0 for found in parts]).reshape(block.shape)
            if written[slots].any():
                self.call(
                    "add",
                    d,
                    d,
                    self.take("parts_" + BUFFERS[block.kind], index, self.temporary(d.shape, d.rows)),
                )
            else:
                self.take("parts_" + BUFFERS[block.kind], index, d)
                written[slots] = True
        return Monomial(1.0, (d,)) if written[slots].any() else None

    def array(self, block: Block, adjoint: Monomial) -> Ref:
        """An adjoint, computed."""
        d, single = self.view(block, "d_"), adjoint.single()
        return single if single and single.rows == d.rows else self.write(adjoint, d)


def operands_of(step: Elementwise | Contraction) -> Iterator[Operand]:
    """What a group reads and may send gradients to."""
    if isinstance(step, Elementwise):
        yield from (step.operands[x] for x in step.partials)
    else:
        yield from step.terms
        yield from (side for run in step.runs for side, _ in run)
