"""Record once, replay at matrix speed: a graph becomes a program over the rows of a table.

The graph of one row is recorded as ever; ``compile`` turns it into code that computes all rows at once.  What
Python decided while recording stays decided: an ``if v > 0:`` is taken or not taken once and for all, and
``where(step(v), a, b)`` is how to keep it open.
"""

from __future__ import annotations

import gc
import math
import textwrap
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager, suppress
from contextvars import Context
from functools import lru_cache
from itertools import chain
from threading import RLock
from typing import Any, cast
from weakref import WeakSet

import numpy as np

from .. import value as engine  # for its clock, which moves
from ..forking import Kept, after_fork, unforked
from ..ieee import REAL
from ..value import Value, describe, toposort
from .arrays import Array
from .book import Book, Functions, book_of
from .bound import Bound, Mask, Pool
from .costs import is_faster
from .emitting import Emitter
from .layout import Layout
from .lazy import by_parts, is_lazy
from .lowering import UNIFORM, VARYING, Node, absorb, flatten, group
from .numpy_calls import Calls
from .planning import Plans
from .rowwise import MOST, Rowwise
from .steps import Plan
from .tables import floats, numbers
from .tensors import NotWovenError
from .typesetting import WIDTH

ROW = np.zeros((1, 0))  # the table of a program without inputs
# What the straight line takes and gives, for its head.
ONE_ROW = (
    "sweep takes one row, all parameters, and a seed for each output; it gives lists:",
    "the outputs, and the gradients of their sum times the seeds by theta and by the row.",
)
FEW = 4  # names that are shown
WOVEN = 1000  # nodes for each line: to weave more takes longer than a plan could win back
WARM = 4  # so many lines for each node have run before a graph is woven: by then its plan can pay
CACHE = 2**18  # numbers that a block of rows may hold: 2 MB
FASTER = (
    0.8  # of the cost of the lines, a plan's estimate must be: it is an estimate
)


def compile(
    outputs: Value | Sequence[Value],
    inputs: Sequence[Value] = (),
    parameters: Sequence[Value] | None = None,
) -> Program:
    """A recorded graph, or several with shared parts, as a program over rows.

    ``inputs`` are the leaves that vary from row to row, ``parameters`` those to differentiate by: all other
    leaves of the graph, in topological order, where none are named.  Leaves in neither list are constants.

    >>> x, w = Value(1.0, "x"), Value(2.0, "w")
    >>> program = compile((w * x - 1) ** 2, inputs=[x])
    >>> program([[1.0], [3.0]])
    array([ 1., 25.])
    >>> program.value_and_grad([[1.0], [3.0]])
    (13.0, array([16.]))
    >>> S, K = Value(1.0, "S"), Value(1.0, "K")
    >>> compile(S - 2 * K, [S, K])({"K": [1, 2], "S": [10, 20]})
    array([ 8., 16.])

    Sums of products are rounded in another order than the engine's.  Where a kink is met exactly, as by
    relu(a*x - a*y) at x = y, it may be decided otherwise, and a gradient is 1.0 where the engine has 0.0.

    Raises ValueError for an input or parameter that an op made or that is named twice, TypeError for what is
    no Value.
    """
    many = not isinstance(outputs, Value)
    roots, xs = (
        listed(outputs if many else [outputs], "outputs"),
        listed(inputs, "inputs"),
    )
    if not roots:
        raise ValueError("compile needs an output")
    if parameters is None:
        known = set(xs)
        parameters = [
            v for v in toposort(*roots) if v.form is None and v not in known
        ]
    ws = listed(parameters, "parameters")
    for v, times in Counter([*xs, *ws]).items():
        if v.form is not None:
            raise ValueError(
                f"{describe(v)} is computed by {v.op}; inputs and parameters are leaves"
            )
        if times > 1:
            raise ValueError(
                f"{describe(v)} is named twice among inputs and parameters"
            )
    return Program(roots, xs, ws, many)


def listed(given: Any, what: str) -> list[Value]:
    """Values as a list; a TypeError for anything else."""
    if isinstance(given, Value) or not isinstance(given, Iterable):
        raise TypeError(
            f"{what} is a list of Values, not {type(given).__name__}; {instead(given)}"
        )
    values: list[Any] = [*cast("Any", given)]
    for wrong in [v for v in values if not isinstance(v, Value)]:
        what = f"{what} is a list of Values; this one has a {type(wrong).__name__}"
        raise TypeError(f"{what}; {instead(wrong)}")
    return values


def instead(given: Any) -> str:
    """What to write in place of what is no list of Values."""
    if isinstance(given, Value):
        return "write [x] for a single one"
    if callable(getattr(given, "parameters", None)):
        return "of a model write model.parameters(), or what it gives for Values: model([x])"
    if callable(given):
        return "record a graph first: call the function with Values, and give what it returns"
    return (
        "make a leaf of a number with Value(...)"
        if isinstance(given, REAL)
        else "write them as [x, y]"
    )


PAUSED = list[str]()  # what a thread of this process has paused
PROGRAMS = WeakSet["Program"]()


def renew() -> None:
    """In a forked process: what only threads of its parent could have given back."""
    for program in PROGRAMS:
        program.renew()
    resume(bool(PAUSED))


after_fork(renew)


@contextmanager
def no_collecting() -> Generator[None]:
    """A block without the garbage collector, which would look through all that is made, again and again."""
    enabled = gc.isenabled()
    try:
        try:
            pause(enabled)
            yield
        finally:
            resume(enabled)
    finally:  # once more: an interrupt may come before any line
        resume(enabled)


def pause(enabled: bool) -> None:
    if enabled:
        PAUSED.append("collector")
        gc.disable()


def resume(enabled: bool) -> None:
    if enabled:
        gc.enable()
        PAUSED.clear()


class Program:
    """What ``compile`` gives: the outputs for all rows of a table, and their gradients.

    A table is an array, a list of rows, or has names: a data frame, a dict of columns, an array with fields.
    Where the inputs have names too, they decide which columns are read; otherwise the order does.  True is
    1.0.  Raises ValueError for a column that is missing, or that holds no numbers.

    ``source`` is its text, as a book would print it; the lines that it runs write into buffers. ``theta``,
    the parameters' numbers as one array in the order of ``parameters``, is read from the Values and written
    to them; the methods take another theta without touching the Values. Rows whose output or gradient is not
    finite are computed again by the engine's rules, so that inf, nan and the saturation rule are as in
    ``backward`` from the sum of the outputs times their seeds; an output that is nan since an input is stays
    as it is, and so do its gradients where every op gives nan of nan. What overflows on the way only (a
    sigmoid below 1e-307) is rounded to 0. A Program pickles, and is then compiled again.
    """

    def __init__(
        self,
        outputs: list[Value],
        inputs: list[Value],
        parameters: list[Value],
        many: bool,
    ) -> None:
        self.inputs, self.parameters, self.many = inputs, parameters, many
        self.codes = dict[bool, Emitter | None]()
        self.runs = self.warm = 0
        self.read = -1, np.zeros(0)  # the time at which theta was read, and theta
        with no_collecting():
            self.rowwise = Rowwise(outputs, inputs, parameters)
            recorded = self.rowwise.constants
            self.plans = Plans(outputs, inputs, parameters, recorded)
            self.renew()
            PROGRAMS.add(self)
            self.lower(outputs)

    def lower(self, outputs: Sequence[Value]) -> None:
        """The graph as groups of nodes."""
        kinds = (UNIFORM, self.parameters), (VARYING, self.inputs)
        leaves = {v: Node(kind, v.name) for kind, values in kinds for v in values}
        place = flatten(self.rowwise.order, leaves)
        self.roots = [place[y] for y in outputs]
        self.leaves = (
            [leaves[v] for v in self.parameters],
            [leaves[v] for v in self.inputs],
        )
        self.groups = group(absorb(dict.fromkeys(place.values()), self.roots))

    def renew(self) -> None:
        """Makes locks that nobody holds, and buffers that nobody uses."""
        self.lock = self.rowwise.lock = RLock()
        self.numpy = unforked()
        self.bounds, self.exact = Pool(self.bind), Pool(self.bind_exact)
        self.lines = Pool(self.bind_lines)
        # NumPy does not warn in a copy of this context, which is ten times as fast as np.errstate.
        self.quiet = Context()
        self.quiet.run(np.seterr, all="ignore")

    def __repr__(self) -> str:
        """What it computes of what; and row by row, if that is known, instead of many rows by NumPy."""
        inputs = counted(len(self.inputs), "input") + shown(self.inputs)
        leaves = f"{inputs} and {counted(len(self.parameters), 'parameter')}"
        by_row = len(self.groups) > MOST or self.codes.get(False, self) is None
        way = (
            "row by row"
            if by_row
            else f"by NumPy in {counted(len(self.groups), 'group')}"
        )
        nodes = counted(len(self.rowwise.order), "node")
        book = vars(self).get("book")
        reason = (
            f"; no array text: {book}" if isinstance(book, NotWovenError) else ""
        )
        return f"<Program: {counted(len(self.roots), 'output')} of {leaves}; {nodes}, {way}{reason}>"

    def __str__(self) -> str:
        """Its text, which ``print`` shows."""
        return self.source

    def _repr_markdown_(self) -> str:
        """Its text for a notebook, which colours it."""
        return f"```python\n{self.source}\n```"

    def __reduce__(self) -> tuple[Callable[..., Program], tuple[Any, ...]]:
        copy = self.rowwise.copy()
        return Program, (copy.outputs, copy.inputs, copy.parameters, self.many)

    @property
    def theta(self) -> Array:
        """The parameters' numbers."""
        return self.numbers().copy()

    @theta.setter
    def theta(self, theta: Any) -> None:
        numbers = floats(theta, "theta", (len(self.parameters),))
        for p, x in zip(self.parameters, numbers.tolist(), strict=True):
            p.data = x

    def numbers(self) -> Array:
        """The parameters' numbers, read anew only where a leaf has been assigned since."""
        time, numbers = self.read
        if time != engine.clock:
            time = engine.clock
            numbers = np.array([p.data for p in self.parameters])
            self.read = time, numbers
        return numbers

    def chosen(self, theta: Any) -> Array:
        """The parameters' numbers, or those that a caller gives instead."""
        if theta is None:
            return self.numbers()
        return floats(theta, "theta", (len(self.parameters),))

    @Kept
    def book(self) -> Book | NotWovenError:
        """The text that a book would print, or why there is none."""
        with no_collecting():
            try:
                graph = self.rowwise.outputs, self.inputs, self.parameters
                return book_of(*graph, self.rowwise.constants, self.many)
            except NotWovenError as reason:
                return reason

    @Kept
    def source(self) -> str:
        """The program as a book would print it: a module that runs as it stands.

        ``forward(theta, X)`` gives the outputs, ``value_and_grad(theta, X)`` the mean over the rows and its
        gradient, ``vjp(theta, X, dy)`` the gradients by theta and by X.  Where arrays do not serve the graph,
        the text is one straight line of Python for a row, and begins with the reason.
        """
        if isinstance(self.book, NotWovenError):
            reason = textwrap.wrap(f"no arrays: {self.book}", WIDTH - 2)
            head = "\n".join(f"# {line}" for line in [*reason, *ONE_ROW])
            return f"{head}\n{self.rowwise.source}"
        return self.book.source

    def function(self, xp: Any = np, **kind: Any) -> Functions:
        """The functions of ``source`` in the words of an array library: NumPy, JAX, PyTorch, Dask.

        >>> x, w = Value(1.0, "x"), Value(2.0, "w")
        >>> f = compile((w * x - 1) ** 2, [x], [w]).function(np)
        >>> theta, X = np.array([2.0]), np.array([[1.0], [3.0]])
        >>> f(theta, X), f.value_and_grad(theta, X)
        (array([ 1., 25.]), (np.float64(13.0), array([16.])))

        Recorded constants become arrays by ``xp.asarray(x, dtype=..., device=...)``, with what is given of
        these two; the dtype is for floats.  Numbers are of the library's own precision: in JAX, enable
        float64.

        They are pure functions of arrays, without care for rows that are not finite.  Use the program itself
        where one of these matters, which a text alone cannot keep:

        - theta, X and dy are arrays of floats; integers are not converted.
        - The engine's rule for 0 times an infinite slope is not applied, as in a branch of ``where`` that is
          not taken.
        - The slopes of sigmoid and tanh are h(1-h) and 1-h², which lose digits where h saturates.
        - A number stands in front of its product, so that a product may overflow elsewhere.
        - A derivative that JAX or PyTorch makes of ``forward`` goes through ``stop_gradient``, and has at
          abs(0) the library's slope.
        - Dask must know the number of rows of its arrays.

        Raises ValueError where arrays do not serve the graph.  They raise NotImplementedError for a word that
        the library lacks.
        """
        if isinstance(self.book, NotWovenError):
            raise ValueError(
                f"there is no array text of this program: {self.book}; call the program itself"
            )
        return self.book.functions(xp, **kind)

    def __call__(self, X: Any = None, theta: Any = None) -> Array:
        """The outputs for all rows: (rows,), or (rows, outputs) for a sequence of outputs.

        Of a Dask array or data frame they are an array, a Series or a frame of Dask's, which computes them
        part by part, with the theta of now.
        """
        if is_lazy(X):
            return by_parts(self, X, self.chosen(theta))
        rows = self.rows(X)
        out, _ = self.run(rows, theta, rows[:, :0], rows[:, :0])
        return out if self.many else out[:, 0]

    def value_and_grad(
        self, X: Any = None, theta: Any = None, weights: Any = None
    ) -> tuple[float, Array]:
        """The mean of the output over all rows and its gradient, in the order of ``parameters``.

        ``weights`` has a factor for every row, or is one for all; the result is then the sum of the rows times
        their weights.  The mean over no rows is nan, and its gradient 0.  Raises ValueError if there are
        several outputs, or for rows, theta or weights that do not fit; TypeError for what Dask holds.
        """
        if (outputs := len(self.roots)) > 1:
            raise ValueError(
                f"this program has {outputs} outputs; use vjp with a seed for each"
            )
        rows = self.rows(X)
        seeds = (
            mean(len(rows))
            if weights is None
            else self.seeds(weights, len(rows), "the seed (weights)")
        )
        out, gradient = self.run(rows, theta, seeds, rows[:, :0])
        if not len(rows) and weights is None:
            return math.nan, gradient
        with self.numpy:
            return float(np.vdot(out, seeds)), gradient

    def vjp(
        self, X: Any = None, seed: Any = 1.0, theta: Any = None
    ) -> tuple[Array, Array]:
        """seed × Jacobian: for the parameters summed over all rows, and for every row by its inputs.

        ``seed`` is a number, or has one for every row, or for every row and output.  The shapes of the
        results are (parameters,) and (rows, inputs), in the order of ``parameters`` and ``inputs``.
        """
        rows = self.rows(X)
        back = np.zeros(rows.shape)
        gradient = self.run(rows, theta, self.seeds(seed, len(rows)), back)[1]
        return gradient, back + 0.0  # no -0.0: the engine adds to 0.0

    @Kept
    def layout(self) -> Layout:
        """The groups, laid out."""
        for v in chain(
            *self.leaves, *[v.operands() for nodes in self.groups for v in nodes]
        ):
            v.slot = -1  # a call that was interrupted may have left others
        layout = Layout(*self.leaves, self.roots)
        for nodes in self.groups:
            (layout.add_op if nodes[0].pairs is None else layout.add_products)(
                nodes
            )
        layout.place_inputs(layout.places)
        return layout

    @Kept
    def block(self) -> int:
        """So many rows fit into the cache."""
        slots = sum(len(nodes) for nodes in self.groups if nodes[0].kind == VARYING)
        return min(1 << max(round(math.log2(CACHE / (slots + 1))), 7), 16384)

    def code(self, by_inputs: bool = False) -> Emitter | None:
        """The lines for the gradient by the parameters, or also by the inputs, if NumPy has all formulas."""
        with self.lock:
            if by_inputs not in self.codes:
                code = None
                with no_collecting(), suppress(NotImplementedError):
                    code = Emitter(self.layout, by_inputs=by_inputs)
                self.codes[by_inputs] = code
            return self.codes[by_inputs]

    def by_row(self, n: int, by_inputs: bool = False) -> bool:
        """Whether straight-line Python is faster than calls of NumPy for so many rows."""
        size, groups = len(self.rowwise.order), len(self.groups)
        if (
            groups > MOST or size * n < 7 * 2 * groups
        ):  # two calls a group, at least
            return True
        code = self.code(by_inputs)
        return code is None or (size <= MOST and size * n < 7 * len(code.lines))

    def plan(self, by_inputs: bool = False) -> Plan | None:
        """The graph as arrays on buffers, if it can be woven."""
        with self.lock, no_collecting():
            return self.plans.get(by_inputs)

    def bind(self, n: int, by_inputs: int) -> Bound | Calls | None:
        """The faster of lines and plan, on buffers for n rows; None where straight-line Python is faster."""
        code = None if self.by_row(n, by_inputs > 0) else self.code(by_inputs > 0)
        if code is None:
            return None
        nodes, lines = len(self.rowwise.order), len(code.lines)
        self.warm = WARM * nodes // max(lines, 1)
        is_short = lines * WOVEN < nodes
        plan = (
            None if is_short or self.runs < self.warm else self.plan(by_inputs > 0)
        )
        if plan is None or not is_faster(plan, code, n):
            return Bound(code, n)
        return Calls(plan, n)

    def bind_lines(self, n: int, by_inputs: int) -> Bound:
        """The lines on buffers for n rows, for rows that are not finite."""
        code = self.code(by_inputs > 0)
        assert code is not None
        return Bound(code, n)

    def bind_exact(self, n: int, by_inputs: int) -> Bound:
        """The same with lines that lose no nan."""
        with no_collecting():
            return Bound(Emitter(self.layout, by_inputs=by_inputs > 0, fast={}), n)

    def run(
        self, rows: Array, theta: Any, seeds: Array, back: Array
    ) -> tuple[Array, Array]:
        """Outputs and gradient by the parameters; writes the gradients by the inputs."""
        theta = self.chosen(theta)
        out = np.empty((len(rows), len(self.roots)))
        context = self.quiet.copy()  # threads cannot share one
        return out, context.run(self.sweep, theta, rows, seeds, out, back) + 0.0

    def sweep(self, theta: Array, *block: Array) -> Array:
        """The same for rows, seeds, outputs and gradients, in parts that fit into the cache.

        Rows that leave the finite numbers are left to ``rowwise``, those of all parts together.
        """
        if len(block[0]) <= self.block:
            gradient, bad = self.part(theta, *block)
            left = [] if bad is None else np.flatnonzero(bad).tolist()
        else:
            gradient, left = self.parts(theta, *block)
        return (
            gradient + self.rowwise.careful(left, theta, *block)
            if left
            else gradient
        )

    def parts(self, theta: Array, *block: Array) -> tuple[Array, list[int]]:
        """The gradient by all parts, and the rows that are left."""
        gradient, left = np.zeros(len(theta)), list[int]()
        for start in range(0, len(block[0]), self.block):
            rows = slice(start, start + self.block)
            found, bad = self.part(theta, *[x[rows] for x in block])
            gradient += found
            left += [] if bad is None else (np.flatnonzero(bad) + start).tolist()
        return gradient, left

    def part(self, theta: Array, *block: Array) -> tuple[Array, Mask | None]:
        """The same for so few rows, and which of them are left, if any.

        An output that is nan since an input is stays as it is.  So do the gradients, if nan spreads in the
        lines as it does in the engine.
        """
        n, by_inputs = len(block[0]), block[3].shape[1]
        self.runs += 1
        if self.runs == self.warm:  # from now on a plan may pay
            self.bounds = Pool(self.bind)
        bound = self.bounds.take(n, by_inputs)
        if bound is None:
            return self.rowwise.run(range(n), theta, *block), None
        result = self.finished(bound, theta, *block)
        self.bounds.give(bound, n, by_inputs)
        return result

    def finished(
        self, bound: Bound | Calls, theta: Array, *block: Array
    ) -> tuple[Array, Mask | None]:
        """The same on these buffers.

        A plan's are written over, so they do not tell which rows left the finite numbers; those of lines do.
        """
        rows, seeds, out, back = block
        with bound.numpy:
            gradient = bound.run(theta, *block).copy()
            if finite(gradient, out) and (not back.size or finite(back)):
                return gradient, None
        if not seeds.shape[1]:
            return gradient, self.came_from_ops(rows, out)
        if isinstance(bound, Calls):
            lines = self.lines.take(len(rows), back.shape[1])
            result = self.finished(lines, theta, *block)
            self.lines.give(lines, len(rows), back.shape[1])
            return result
        spared = self.keep_nan(rows)
        if not (spared.any() and self.rowwise.hasty):
            return self.spared(bound, spared, gradient, theta, *block)
        kind = len(rows), back.shape[1]
        exact = self.exact.take(*kind)
        with exact.numpy:
            gradient = exact.run(theta, *block).copy()
        result = self.spared(exact, spared, gradient, theta, *block)
        self.exact.give(exact, *kind)
        return result

    def spared(
        self,
        bound: Bound,
        spared: Mask,
        gradient: Array,
        theta: Array,
        *block: Array,
    ) -> tuple[Array, Mask]:
        """The gradient without the rows that are bad, and which are; those that are spared may have nan."""
        bad = bound.bad(spared)
        if spared.any() and not bad.any() and not np.isinf(gradient).any():
            return gradient, bad
        return self.without(bad, spared, bound, theta, *block)

    def keep_nan(self, rows: Array) -> Mask:
        """The rows with a nan that spreads in the lines as it does in the engine."""
        if not self.rowwise.strict:
            return np.zeros(len(rows), bool)
        spared: Any = np.logical_or.reduce(np.isnan(rows), axis=1)
        return spared

    def came_from_ops(self, rows: Array, out: Array) -> Mask:
        """The rows with an output that is not finite, and is no nan that came in with an input."""
        came_in = np.isnan(out) & (np.isnan(rows) @ self.rowwise.reads > 0)
        kept: Any = np.logical_and.reduce(np.isfinite(out) | came_in, axis=1)
        return ~kept

    def without(
        self,
        bad: Mask,
        spared: Mask,
        bound: Bound,
        theta: Array,
        rows: Array,
        seeds: Array,
        *found: Array,
    ) -> tuple[Array, Mask]:
        """The gradient of the rows that are not bad, and which are; all, if what they share is not finite.

        Rows that are spared may make it nan.
        """
        if not bad.all():
            # One of the other rows stands in place of the bad.
            some = np.where(bad[:, None], rows[np.argmin(bad)], rows)
            others = np.where(bad[:, None], 0.0, seeds)
            with bound.numpy:
                gradient = bound.run(theta, some, others, *found).copy()
                if finite(gradient) or (
                    spared.any() and not np.isinf(gradient).any()
                ):
                    return gradient, bad
        return np.zeros(len(theta)), np.ones_like(bad)

    def rows(self, X: Any) -> Array:
        """The table as an array of floats; no row is looked at."""
        if X is None and not self.inputs:
            return ROW
        table = numbers(X, "X", self.inputs)
        self.check_shape(table.shape)
        # A number a row, or no rows at all.
        return (
            table if table.ndim > 1 else table.reshape(len(table), len(self.inputs))
        )

    def check(self, row: Any, shape: tuple[float, ...]) -> None:
        """The errors of a lazy table of that shape, by a row like those that it has."""
        table = numbers(row, "X", self.inputs)
        self.check_shape((*shape[:1], *table.shape[1:]))

    def check_shape(self, shape: tuple[float, ...]) -> None:
        """Raises ValueError for a table that has not a number for each input."""
        width = len(self.inputs)
        if len(shape) == 1 and (width == 1 or not shape[0]):
            return
        if len(shape) != 2 or shape[1] != width:
            single = shape == (width,)
            advice = "; of a single row write [X], as [[1, 2]]" * single
            what = f"X has the shape {shape}; this program takes rows of {width}"
            raise ValueError(what + advice)

    def seeds(self, seed: Any, rows: int, name: str = "the seed") -> Array:
        shape = rows, len(self.roots)
        array = floats(seed, name, (), shape, (rows,) if shape[1] == 1 else shape)
        return np.broadcast_to(array.reshape(shape) if array.ndim else array, shape)


def counted(n: int, what: str) -> str:
    """So many of something, in words."""
    return f"{n:,} {what}{'s' * (n != 1)}" if n else f"no {what}s"


def shown(values: Sequence[Value]) -> str:
    """The first few names, in parentheses."""
    names = [
        v.name if v.name.isprintable() else repr(v.name)
        for v in values[:FEW]
        if v.name
    ]
    names += ["…"] * (len(values) > FEW)
    return f" ({', '.join(names)})" if names else ""


def finite(*arrays: Array) -> bool:
    """Whether all numbers are finite; mostly by their squares, which is fast."""
    flat = [x.ravel() for x in arrays]
    return math.isfinite(sum([x.dot(x) for x in flat])) or all(
        np.isfinite(x).all() for x in flat
    )


@lru_cache(8)
def mean(rows: int) -> Array:
    """The seeds of a mean."""
    return np.full((rows, 1), 1 / max(rows, 1))
