"""A program as a book would print it: the text of a module with forward, value_and_grad and vjp.

The head imports the words and declares the recorded constants; the body is the same for every array library.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..defining import define
from ..forking import Kept
from ..value import Value
from .chapter import Chapter, Plot
from .constants import Constants
from .gradients import Sealing, gradients
from .helpers import TAKEN, free, imports, needed
from .leaves import Leaves, key_of
from .libraries import mathematical, word
from .naming import Namer, Names, output_stem
from .phrases import real
from .reverse import Adjoints
from .rewriting import MEAN
from .stories import PREPARED, Story
from .tensors import LEAVES, Tensor, Tensors
from .typesetting import gradient_line, joined, wrapped
from .weaving import weave
from .wording import Wording


@dataclass(frozen=True)
class Functions:
    """A book's functions in one array library; a call is short for ``forward``.

    ``forward(theta, X)`` gives the outputs.  ``value_and_grad(theta, X)`` gives the mean over the rows and
    its gradient by theta; it is None if there are several outputs.  ``vjp(theta, X, dy)`` gives the gradients
    by theta, summed over the rows, and by X.  They are pure: ``jax.jit``, ``jax.grad``, ``jax.vmap`` and
    torch's autograd go through them.
    """

    forward: Callable[..., Any]
    value_and_grad: Callable[..., Any] | None
    vjp: Callable[..., Any]

    def __call__(self, theta: Any, X: Any = None) -> Any:
        return self.forward(theta, X)


class Book:
    """The text of a program, from its Tensors.

    ``values`` has, for some Tensors, the Values of their numbers.
    """

    def __init__(
        self,
        tensors: Tensors,
        outputs: Sequence[Tensor],
        inputs: Sequence[Value],
        parameters: Sequence[Value],
        values: Mapping[Tensor, NDArray[np.object_]],
        many: bool = False,
    ) -> None:
        self.inputs, self.single = [*inputs], len(outputs) == 1
        self.many = many or not self.single  # whether outputs have an axis
        known = {x: np.asarray(v, object).ravel() for x, v in values.items()}
        forward = Adjoints(len(tensors.order), [])
        first = Story(tensors, [*outputs], known, forward)
        self.plain = first.again(PREPARED)
        self.constants = Constants(bool(inputs), TAKEN)
        told = self.constants.names.taken
        self.names = Names(TAKEN, self.constants.arrays, told)
        for x, numbers in self.plain.values.items():
            self.constants.named(x, numbers)
        live = Plot(self.plain.outputs, {}, len(self.plain.tensors.order)).live
        self.leaves = Leaves(live, inputs, parameters, self.names, self.constants)
        self.body = self.written()
        self.constants.keep(free(self.body))
        # Words of a library, functions for it, and words of Python's math.
        self.helpers = needed(self.body, self.constants.arrays)

    # ------------------------------------------------------------------------------------------------- chapters
    def chapter(
        self,
        story: Story,
        roots: Sequence[Tensor],
        titles: dict[Tensor, str],
        *,
        mean: bool,
    ) -> Chapter:
        """The lines for some Tensors."""
        told = self.constants.names.taken
        names = Names(self.names.taken, self.constants.arrays, told)
        wording = Wording(self.constants.of, mean=mean)
        wording.names |= self.leaves_of(story)
        wording.seeds = len(self.plain.outputs) if self.many else 0
        of = {real(d): x for d, x in reversed(story.adjoints.of.items())}
        late = {d: x for d, x in of.items() if d.at >= story.adjoints.turn}
        values = {real(x): v for x, v in story.values.items()}
        for x, title in titles.items():
            given = title in ("", "dtheta", "dX")
            titles[x] = title if given else names.fresh(title)
        plot = Plot(roots, titles, story.adjoints.turn)
        order = story.tensors.order
        namer = Namer(names, wording.names, values, late, order)
        return Chapter(plot, wording, namer)

    def leaves_of(self, story: Story) -> dict[Tensor, str]:
        """The names of a function's leaves, and of its outputs' adjoints."""
        order = [x for x in story.tensors.order if x.word in ("theta", "X")]
        known = self.leaves.known
        names = {x: known[key_of(x)] for x in order if key_of(x) in known}
        rows = ":, " if self.inputs else ""
        for seed in [x for x in story.adjoints.seeds if x.word == "seed"]:
            names[seed] = f"dy[{rows}{seed.data}]" if self.many else "dy"
        return names

    def titles(self, story: Story) -> dict[Tensor, str]:
        """The outputs' names, of those that are no leaves."""
        whole = self.bundle(story)
        if whole is not None:
            return {real(whole): "y"}
        titles: dict[Tensor, str] = {}
        for i, y in enumerate(story.outputs):
            if real(y).word not in LEAVES:
                [value] = story.values.get(y, [None])
                titles.setdefault(
                    real(y), output_stem(value, len(story.outputs), i)
                )
        return titles

    def bundle(self, story: Story) -> Tensor | None:
        """The vector that all outputs are, for every row."""
        whole = story.bundle()
        return whole if whole is None or whole.rows or not self.inputs else None

    # ------------------------------------------------------------------------------------------------ functions
    def written(self) -> str:
        """All functions."""
        texts = [self.leaves.shared, self.forward()]
        texts += [self.value_and_grad()] if self.single else []
        return "\n\n\n".join([x for x in [*texts, self.vjp()] if x]) + "\n"

    def opening(self, name: str, *others: str) -> list[str]:
        """The head of a function, and the lines that give leaves their names."""
        inputs = "X" if self.inputs or others else "X=None"
        head = f"def {name}({', '.join(['theta', inputs, *others])}):"
        return [head, *self.leaves.lines]

    def forward(self) -> str:
        """The outputs: one for every row, or several beside each other."""
        story = self.plain
        whole = self.bundle(story)
        roots = story.outputs if whole is None else [whole]
        chapter = self.chapter(story, roots, self.titles(story), mean=False)
        lines = [*self.opening("forward"), *map(str, chapter.forward)]
        texts = [self.output(y, chapter.wording) for y in roots]
        if self.many and whole is None:
            axis = ", axis=1" if self.inputs else ""
            texts = [f"stack([{', '.join(texts)}]{axis})"]
        return joined([*lines, f"return {texts[0]}"])

    def output(self, y: Tensor, wording: Wording) -> str:
        """One output; where no input reaches it, the same for all rows."""
        text = wording.array(y)
        if y.rows or not self.inputs:
            return text
        return f"broadcast_to({text}, (n,))"

    def backward(self, by: Sequence[str]) -> Story:
        """The Tensors with the reverse sweep."""
        story = self.plain.again({})
        rows, tensors = bool(self.inputs), story.tensors
        assert isinstance(tensors, Sealing)
        story.adjoints = gradients(tensors, story.outputs, rows=rows, by=by)
        return story

    def value_and_grad(self) -> str:
        """The mean over the rows, and its gradient by theta."""
        story = self.backward(["theta"]).again(MEAN)
        roots = [*story.outputs, *story.adjoints.theta.values()]
        titles = self.titles(story) | self.adjoints_of(story)
        chapter = self.chapter(story, roots, titles, mean=True)
        y = chapter.wording.array(story.outputs[0])
        if story.outputs[0].rows:
            y = f"mean({y})"
        by_theta = self.leaves.by_theta(story.adjoints.theta, chapter.wording)
        lines = [*self.opening("value_and_grad"), *both(chapter)]
        lines += gradient_line("dtheta", by_theta)
        return joined([*lines, f"return {y}, dtheta"])

    def vjp(self) -> str:
        """The gradients by theta and X, for the adjoints dy of the outputs."""
        story = self.backward(["theta", *["X"] * bool(self.inputs)])
        adjoints = story.adjoints
        roots = [*adjoints.theta.values(), *adjoints.X.values()]
        chapter = self.chapter(story, roots, self.adjoints_of(story), mean=False)
        lines = [*self.opening("vjp", "dy"), *both(chapter)]
        by_theta = self.leaves.by_theta(adjoints.theta, chapter.wording)
        lines += gradient_line("dtheta", by_theta)
        if self.inputs:
            by_inputs = self.leaves.by_inputs(adjoints.X, chapter.wording)
            lines += gradient_line("dX", by_inputs)
        return joined([*lines, f"return dtheta, {'dX' if self.inputs else 'None'}"])

    def adjoints_of(self, story: Story) -> dict[Tensor, str]:
        """The leaves' adjoints that the backward pass makes: each has a line."""
        adjoints, titles = story.adjoints, dict[Tensor, str]()
        for leaf, d in {**adjoints.theta, **adjoints.X}.items():
            name = self.leaves.known[key_of(leaf)]
            whole = f"d{name}" if name in ("theta", "X") else ""
            made = real(d).at >= adjoints.turn and real(d).word not in LEAVES
            if made and not titles.get(real(d)):
                titles[real(d)] = whole
        return titles

    # ----------------------------------------------------------------------------------------------------- text
    @Kept
    def head(self) -> str:
        """What the body needs, from NumPy: its words, and the recorded constants."""
        words, _, others = self.helpers
        extra = free(self.constants.text) - {"bool"}
        extra |= {"vectorize"} if others else set()
        lines = ["import math\n"] * bool(others)
        lines.append(imports({*words, *extra}))
        lines += [
            f"{name} = vectorize(math.{name}, otypes=[float])" for name in others
        ]
        lines += ["", self.constants.text] if self.constants.arrays else []
        return "\n".join(lines)

    @Kept
    def text(self) -> str:
        """The helpers and the functions, in words that every array library has."""
        _, functions, _ = self.helpers
        helpers = [
            "\n".join([*map(wrapped, x.strip().split("\n")), ""]) for x in functions
        ]
        return "\n\n".join([*helpers, self.body])

    @Kept
    def source(self) -> str:
        """The module, for NumPy."""
        return f"{self.head}\n\n\n{self.text}".lstrip("\n")

    def functions(self, xp: Any, **kind: Any) -> Functions:
        """The text as functions of arrays of a library, given as its namespace.

        Recorded constants are arrays of this kind: of its ``dtype``, if they are floats, on its ``device``.
        They raise NotImplementedError for a word that the library does not have.
        """
        words, _, others = self.helpers
        known = {name: word(xp, name) for name in words}
        known |= {name: mathematical(xp, name) for name in others}
        others = {name: x for name, x in kind.items() if name != "dtype"}
        for name, x in self.constants.arrays.items():
            known[name] = xp.asarray(x, **(kind if x.dtype.kind == "f" else others))
        middle = "value_and_grad" if self.single else "None"
        body = f"{self.text}\nreturn forward, {middle}, vjp"
        return Functions(*define("functions", [], body, known, {})())


def book_of(
    outputs: Sequence[Value],
    inputs: Sequence[Value],
    parameters: Sequence[Value],
    recorded: Mapping[Value, float],
    many: bool = False,
) -> Book:
    """The text of a graph, with constants as recorded; ``many`` outputs have an axis, even if there is one.

    NotWovenError where arrays do not serve the graph.
    """
    woven = weave(outputs, inputs, parameters, recorded)
    graph = woven.tensors, woven.outputs, inputs, parameters, woven.values
    return Book(*graph, many)


def both(chapter: Chapter) -> list[str]:
    """The lines of both passes, with their titles."""
    lines: list[str] = []
    parts = {"forward": chapter.forward, "backward": chapter.backward}
    for title, part in parts.items():
        lines += ["", f"# {title}", *map(str, part)] if part else []
    return lines
