"""Which arrays live where, and which calls compute them in which order: a program as steps on buffers.

A plan names no array library: its words are those of the op table, its arrays are strides over buffers (see
places), and the number of rows is open.  NumPy's calls are one reading of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from .beside import owner_of
from .building import Builder
from .matrices import among, but, product_of, total_of
from .places import ROWS, Array, Dim, View, affine, singles
from .primitives import Primitives
from .steps import Plan
from .storage import stored
from .tensors import MOVES, Axes, Tensor


def plan(code: Primitives, parameters: int) -> Plan:
    """The plan of a program."""
    return Planner(code, parameters).run()


class Planner(Builder):
    """Where each Tensor of a program is, and the steps that compute it."""

    def __init__(self, code: Primitives, parameters: int) -> None:
        super().__init__(code, parameters)
        self.theta = self.buffer(parameters, False, "theta")
        self.gradient = self.buffer(parameters, False, "gradient")
        varying = any(x.rows for x in code.order if x.word == "seed")
        self.seeds = self.buffer(len(code.outputs), varying, "seeds")
        self.late = list[tuple[Tensor, Tensor]]()
        self.inputs = self.windows()

    def run(self) -> Plan:
        code, plan = self.code, self.plan
        self.place_gradients()
        for i, x in enumerate(code.order):
            if i == code.turn:
                plan.turn = len(plan.steps)
            self.views[x] = self.placed(x)
        if code.turn >= len(code.order):
            plan.turn = len(plan.steps)
        self.add_late()
        plan.outputs = [self.one(self.views[y]) for y in code.outputs]
        plan.back = [self.input_adjoint(x, d) for x, d in code.X]
        kept = [x.buffer for x in plan.outputs] + [x.buffer for _, x in plan.back]
        plan.storage = stored(plan.buffers, plan.steps, kept)
        return plan

    def one(self, y: View) -> Array:
        """A number, of each row or of all."""
        return Array(y.buffer, y.base, (y.dim(ROWS),))

    # ------------------------------------------------------------------------------------------------- leaves
    def windows(self) -> View:
        """The columns that leaves read in place, all of them in one block."""
        regular = [
            x.data.ravel().tolist() for x in self.code.order if self.in_place(x)
        ]
        start = min(map(min, regular), default=0)
        count = max(map(max, regular), default=start - 1) + 1 - start
        view = View(
            self.buffer(max(count, 1), True, "X"), -start, (count,), (1,), True
        )
        if regular:
            whole = view._replace(base=0).matrix((0,), (ROWS,))
            assert whole is not None
            self.plan.tables.append(([*range(start, start + count)], whole))
        return view

    def in_place(self, x: Tensor) -> bool:
        """Whether an input's numbers are read where all inputs are."""
        return (
            x.word == "X"
            and x not in self.code.ones
            and affine(x.data.ravel().tolist(), x.shape) is not None
        )

    def placed(self, x: Tensor) -> View:
        """Where a Tensor's numbers are, after the steps that compute them."""
        if x.word in PLACED:
            return PLACED[x.word](self, x)
        return self.by_word(x)

    def of_theta(self, x: Tensor) -> View:
        places = x.data.ravel().tolist()
        regular = affine(places, x.shape)
        if regular is not None:
            return View(self.theta, regular[0], x.shape, regular[1], False)
        out = self.new(x)
        flat = View(self.theta, 0, (self.plan.parameters,), (1,), False)
        self.step("take", self.flat(out), self.whole(flat), data=places)
        return out

    def of_inputs(self, x: Tensor) -> View:
        places = x.data.ravel().tolist()
        if self.in_place(x):
            base, strides = affine(places, x.shape) or (0, ())
            return View(
                self.inputs.buffer, self.inputs.base + base, x.shape, strides, True
            )
        slots, strides = self.layout(x)
        buffer = self.buffer(slots, True, "X", ones=x in self.code.ones)
        view = View(buffer, 0, x.shape, strides, True)
        by_slot = x.data.transpose(
            [*view.order, *[i for i, n in enumerate(x.shape) if n == 1]]
        )
        block = View(buffer, 0, (x.size,), (1,), True).matrix((0,), (ROWS,))
        assert block is not None
        self.plan.tables.append((by_slot.ravel().tolist(), block))
        return view

    def constant(self, x: Tensor) -> View:
        slots, strides = self.layout(x)
        view = View(
            self.buffer(slots, False, "const", ones=x in self.code.ones),
            0,
            x.shape,
            strides,
            False,
        )
        order = [*view.order, *[i for i, n in enumerate(x.shape) if n == 1]]
        self.plan.buffers[view.buffer].data = (
            x.data.transpose(order).ravel().tolist()
        )
        return view

    def seed(self, x: Tensor) -> View:
        return View(self.seeds, x.data, x.shape, (0,) * len(x.shape), x.rows)

    # -------------------------------------------------------------------------------------------------- moves
    def expand(self, x: Tensor) -> View:
        return self.views[x.args[0]].expand(x.shape)

    def permute(self, x: Tensor) -> View:
        return self.views[x.args[0]].permute(x.data)

    def part(self, x: Tensor) -> View:
        return self.views[x.args[0]].part(*x.data)

    def spread(self, x: Tensor) -> View:
        return self.views[x.args[0]].spread(x.shape)

    def refold(self, x: Tensor) -> View:
        view = self.views[x.args[0]]
        found = view.refold(x.shape) or self.copied(view).refold(x.shape)
        assert found is not None
        return found

    def ones(self, x: Tensor) -> View:
        """One more along an axis: behind the last stands a 1."""
        view = self.views[x.args[0]]
        return view._replace(shape=x.shape)

    def join(self, x: Tensor) -> View:
        out, at = self.new(x), 0
        axis: int = x.data
        for y in x.args:
            count = y.shape[axis]
            self.each("copy", out.part(axis, at, count), self.operand(y))
            at += count
        return out

    def pick(self, x: Tensor) -> View:
        out, view = self.new(x), self.views[x.args[0]]
        self.step("take", self.whole(out), self.whole(view), data=x.data.tolist())
        return out

    # -------------------------------------------------------------------------------------------------- words
    def operand(self, x: Tensor) -> View | float:
        return self.views[x] if x.number is None else x.number

    def by_word(self, x: Tensor) -> View:
        """An op, number by number; the axes stand as in its largest operand."""
        args = [self.operand(y) for y in x.args]
        views = [y for y in args if isinstance(y, View)]
        alike = [y for y in views if y.shape == x.shape and not y.repeats]
        order = alike[0].order if alike else []
        out = self.new(
            x, [*order, *[i for i in range(len(x.shape)) if i not in order]]
        )
        masked = x.word == "where" and x.args[0].word == "const"
        self.each("masked" if masked else x.word, out, *args)
        return out

    def sum(self, x: Tensor) -> View:
        """A sum: a product with ones, or by reduction."""
        axes, rows = x.data
        over = (*axes, *[ROWS] * rows)
        if len(axes) == 1 and not rows and x.args[0].shape[axes[0]] == 2:
            return self.pair(x, axes[0])
        return total_of(self, x, over) or self.reduced("sum", x, over)

    def pair(self, x: Tensor, axis: int) -> View:
        """x + y, which is -0.0 where both are."""
        view, out = self.views[x.args[0]], self.new(x)
        self.each("add", out, view.part(axis, 0, 1), view.part(axis, 1, 1))
        return out

    def max(self, x: Tensor) -> View:
        return self.reduced("max", x, x.data)

    def reduced(self, word: str, x: Tensor, over: Axes) -> View:
        """A reduction over axes, which stand last then."""
        view = self.views[x.args[0]]
        kept = but(view.order, over)
        out = self.new(x, [*kept, *but(range(len(x.shape)), kept)])
        groups = [*singles(but(view.axes, over)), among(view.axes, over)]
        array = view.matrix(*groups)
        if array is None:
            view = self.copied(view, [*kept, *but(groups[-1], (ROWS,))])
            array = view.matrix(*groups)
        assert array is not None
        self.step(
            word, Array(out.buffer, out.base, self.dims(out, groups[:-1])), array
        )
        return out

    def dims(self, x: View, groups: Iterable[Sequence[int]]) -> tuple[Dim, ...]:
        return tuple(x.dim(i) for i, *_ in groups)

    def contract(self, x: Tensor) -> View:
        return product_of(self, x)

    # ----------------------------------------------------------------------------------------------- gradients
    def place_gradients(self) -> None:
        """Adjoints that are computed right where they stand in the gradient."""
        taken, moved = set[int](), Counter(root(d) for _, d in self.code.theta)
        for leaf, adjoint in self.code.theta:
            places = leaf.data.ravel().tolist()
            regular = affine(places, leaf.shape)
            free = taken.isdisjoint(places) and len({*places}) == len(places)
            owner = owner_of(adjoint)
            fits = self.is_own(owner) and moved[root(adjoint)] == 1
            if regular and free and fits and adjoint.shape == leaf.shape:
                taken |= {*places}
                view = View(
                    self.gradient, regular[0], leaf.shape, regular[1], False
                )
                self.finals[owner] = view.expand(owner.shape)
            else:
                self.late.append((leaf, adjoint))
        self.written = taken

    def is_own(self, x: Tensor) -> bool:
        """Whether it is computed into room of its own."""
        return (x.word in OWN or x.word not in PLACED) and x not in self.code.ones

    def add_late(self) -> None:
        """Adjoints that are copied or added to where they stand."""
        for leaf, adjoint in self.late:
            places = leaf.data.ravel().tolist()
            regular = affine(places, leaf.shape)
            if not regular or len({*places}) < len(places):
                self.fill_rest({*places})
                flat = View(self.gradient, 0, (self.plan.parameters,), (1,), False)
                given = self.copied(self.views[adjoint].spread(leaf.shape))
                self.step(
                    "scatter", self.whole(flat), self.flat(given), data=places
                )
                continue
            out = View(self.gradient, regular[0], leaf.shape, regular[1], False)
            given = self.views[adjoint]
            if self.written.isdisjoint(places):
                self.each("copy", out, given)
                self.written |= {*places}
            else:
                self.fill_rest({*places})
                self.each("add", out, out, given)

    def fill_rest(self, places: set[int]) -> None:
        """Zeros where the gradient has not been written yet."""
        rest = sorted(places - self.written)
        self.written |= places
        if rest:
            flat = View(self.gradient, 0, (self.plan.parameters,), (1,), False)
            self.step("zero", self.whole(flat), data=rest)

    def input_adjoint(self, x: Tensor, adjoint: Tensor) -> tuple[list[int], Array]:
        """By the inputs: their columns, and a block with a row for each."""
        view = self.views[adjoint].spread(x.shape)
        axes = tuple(range(len(x.shape)))
        array = view.matrix(axes, (ROWS,)) or self.copied(view).matrix(
            axes, (ROWS,)
        )
        assert array is not None
        return x.data.ravel().tolist(), array


def root(x: Tensor) -> Tensor:
    """What has the numbers that are only moved."""
    while x.word in MOVES and len(x.args) == 1:
        x = x.args[0]
    return x


PLACED: dict[str, Callable[[Planner, Tensor], View]] = {
    "theta": Planner.of_theta,
    "X": Planner.of_inputs,
    "const": Planner.constant,
    "seed": Planner.seed,
    "expand": Planner.expand,
    "permute": Planner.permute,
    "part": Planner.part,
    "spread": Planner.spread,
    "refold": Planner.refold,
    "ones": Planner.ones,
    "join": Planner.join,
    "pick": Planner.pick,
    "sum": Planner.sum,
    "max": Planner.max,
    "contract": Planner.contract,
}
# What is computed into room of its own.
OWN = {"sum", "contract", "join", "pick"}
