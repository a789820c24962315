"""A program as a book would print it: the text of a module with forward, value_and_grad and vjp.

The head imports the words and declares the recorded constants; the body is the same for every array library.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..defining import define
from ..value import Value
from .chapter import WIDTH, Chapter, Line, Plot
from .helpers import free, imports, needed
from .libraries import mathematical, word
from .naming import (
    Namer,
    Names,
    constant_stem,
    output_stem,
    stem_of,
    usable,
    weights_name,
)
from .packing import (
    Theta,
    is_whole,
    places_of,
    put_inputs_together,
    put_together,
    read_inputs,
    taken_apart,
)
from .gradients import Sealing, gradients
from .reverse import Adjoints
from .rewriting import MEAN, SIGMOID, Args, Rule, again
from .tensors import Tensor, Tensors
from .wording import ROWS, Wording, axes_of, real

INDENT = " " * 4
GLUE = "\0"  # a space at which no line is broken
# What local names must not be.
TAKEN = (
    "theta",
    "X",
    "n",
    "dy",
    "dtheta",
    "dX",
    "unpack",
    "forward",
    "value_and_grad",
    "vjp",
)


def alone(target: Tensors, x: Tensor, args: Args) -> Tensor:
    """A leaf without axes of one, so that the same numbers are the same leaf."""
    places = x.data.reshape([n for n in x.shape if n > 1])
    return target.expand(target.leaf(x.word, places), x.shape)


PREPARED: dict[str, Rule] = {**SIGMOID, "theta": alone, "X": alone}


# ------------------------------------------------------------------------------------------------------- layout
def closed(text: str) -> bool:
    """Whether one pair of brackets holds all of a text but its beginning."""
    depth = 0
    for at, letter in enumerate(text):
        depth += (letter in "([") - (letter in ")]")
        if letter in ")]" and depth == 0:
            return at == len(text) - 1
        if letter == " " and depth == 0:
            return False
    return False


def wrapped(line: str) -> str:
    """A line of at most WIDTH letters, or several, within brackets."""
    if len(line) <= WIDTH:
        return line
    head, sign, text = line.partition(" = ")
    if not sign:
        head, sign, text = line.partition("return ")
    sign = sign.replace(" ", GLUE)
    if len(head) > WIDTH // 2:
        start = len(head) - len(head.lstrip())
        head = f"{head[:start]}({head[start:]})"
    text = text if closed(text) else f"({text})"
    start = " " * (len(line) - len(line.lstrip()))
    for depth in range(2, 9):
        whole = head + sign + glued(text, depth)
        filled = filled_in(whole, start + INDENT).replace(GLUE, " ")
        fits = max(map(len, filled.split("\n"))) <= WIDTH
        if fits and filled.startswith(start + head.strip()[:1]):
            return filled
    return line


def glued(text: str, most: int) -> str:
    """Without a place to break a line within so many brackets, or within an index."""
    letters, stack = list[str](), list[bool]()
    for at, letter in enumerate(text):
        if letter in "([":
            index = (
                letter == "["
                and at > 0
                and (text[at - 1].isalnum() or text[at - 1] in "_)]")
            )
            stack.append(index)
        elif letter in ")]":
            stack.pop()
        inside = not 0 < len(stack) <= most or any(stack)
        letters.append(GLUE if letter == " " and inside else letter)
    return "".join(letters)


def filled_in(text: str, indent: str) -> str:
    """In lines of at most WIDTH letters, if it has places to break."""
    return textwrap.fill(
        text,
        WIDTH,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def block(lines: Sequence[str]) -> str:
    """Lines of a function's body."""
    return "\n".join(wrapped(INDENT + line) if line else "" for line in lines)


class Constants:
    """Recorded numbers, by the names that the text's head gives them."""

    def __init__(self, rows: bool) -> None:
        self.rows = rows
        self.arrays: dict[str, NDArray[Any]] = {}
        self.known: dict[object, str] = {}
        self.names = Names(TAKEN)

    def declare(self, numbers: NDArray[Any]) -> str:
        """The name of an array; the same for the same numbers."""
        key = numbers.dtype.kind, numbers.shape, numbers.tobytes()
        if key not in self.known:
            name = self.names.fresh(constant_stem(numbers, self.rows))
            self.known[key] = name
            self.arrays[name] = numbers
        return self.known[key]

    def of(self, x: Tensor) -> str:
        """The name of a Tensor's numbers."""
        data = np.asarray(x.data)
        if x.word == "const":
            data = data.reshape([n for n in data.shape if n > 1])
        return self.declare(data)

    def keep(self, names: Container[str]) -> None:
        """Only those that a text reads."""
        self.arrays = {name: x for name, x in self.arrays.items() if name in names}

    @property
    def text(self) -> str:
        """Their declarations."""
        return "\n".join(declaration(name, x) for name, x in self.arrays.items())


def declaration(name: str, numbers: NDArray[Any]) -> str:
    """name = array([...]), in lines."""
    return wrapped(f"{name} = {literal(numbers)}")


def literal(numbers: NDArray[Any]) -> str:
    """An array as NumPy is told it."""
    if numbers.ndim == 2 and len(numbers) > 2 and is_chosen(numbers):
        return f"eye({numbers.shape[1]})[{numbers.argmax(1).tolist()}]"
    if numbers.ndim == 2 and len(numbers) > 2 and is_triangle(numbers):
        kind = ", dtype=bool" if numbers.dtype.kind == "b" else ""
        return f"tri{numbers.shape}"[:-1] + f"{kind})"
    kind = ", dtype=int" if numbers.dtype.kind == "i" else ""
    return f"array({numbers.tolist()}{kind})"


def is_chosen(numbers: NDArray[Any]) -> bool:
    """Whether every row is one of the unit matrix."""
    unit = np.eye(numbers.shape[1])
    return numbers.dtype.kind == "f" and np.array_equal(
        unit[numbers.argmax(1)], numbers
    )


def is_triangle(numbers: NDArray[Any]) -> bool:
    """Whether it is 1 on and below the diagonal, and 0 above."""
    return numbers.dtype.kind in "fb" and np.array_equal(
        np.tri(*numbers.shape), numbers
    )


# ---------------------------------------------------------------------------------------------------- functions
@dataclass
class Story:
    """Tensors of one function: the outputs, the adjoints, and what is known of them."""

    tensors: Tensors
    outputs: list[Tensor]
    values: dict[Tensor, NDArray[np.object_]]
    adjoints: Adjoints

    def again(self, rules: Mapping[str, Rule]) -> Story:
        """The same Tensors by rules."""
        target, made = Sealing(), dict[Tensor, Tensor]()
        old = self.adjoints
        sealed = self.tensors.sealed if isinstance(self.tensors, Sealing) else ()
        for x in self.tensors.order:
            again(x, rules, target, made)
            if x in sealed:
                target.sealed.add(made[x])
        ends = [made[x].at for x in self.tensors.order[: old.turn]]
        adjoints = Adjoints(
            max(ends, default=-1) + 1,
            [made[x] for x in old.seeds],
            {made[x]: made[d] for x, d in old.theta.items()},
            {made[x]: made[d] for x, d in old.X.items()},
            {made[d]: made[x] for d, x in old.of.items()},
        )
        outputs = [made[x] for x in self.outputs]
        values = {made[x]: v for x, v in self.values.items() if x in made}
        return Story(target, outputs, values, adjoints)


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
    ) -> None:
        self.inputs, self.parameters = [*inputs], [*parameters]
        first = Story(
            tensors, [*outputs], {**values}, Adjoints(len(tensors.order), [])
        )
        self.plain = first.again(PREPARED)
        self.many = len(outputs) > 1
        self.constants = Constants(bool(inputs))
        self.locals = Names(
            TAKEN, self.constants.arrays, self.constants.names.taken
        )
        self.name_leaves()
        self.body = self.written()
        self.constants.keep(free(self.body))

    # ------------------------------------------------------------------------------------------------ leaves
    def name_leaves(self) -> None:
        """What is read of theta and X, and its names."""
        outputs = self.plain.outputs
        live = Plot(outputs, {}, len(self.plain.tensors.order)).live
        self.leaves: dict[str, list[Tensor]] = {
            word: [x for x in live if x.word == word] for word in ("theta", "X")
        }
        self.theta = Theta(self.leaves["theta"], len(self.parameters))
        self.known: dict[Tensor, str] = {}
        self.name_inputs()
        self.name_parameters()
        declare = self.constants.declare
        self.unpacking = taken_apart(
            self.theta, self.known, self.locals.fresh, declare
        )
        size = len(self.inputs)
        self.reading = read_inputs(self.leaves["X"], self.known, size, declare)

    def name_inputs(self) -> None:
        for leaf in self.leaves["X"]:
            if is_whole(leaf, len(self.inputs)):
                self.known[leaf] = "X"
                continue
            stem = stem_of([self.inputs[i] for i in leaf.data.ravel().tolist()])
            self.known[leaf] = self.locals.fresh(stem if usable(stem) else "x")

    def name_parameters(self) -> None:
        """By their Values' names, else by the number of their block."""
        layer = 0
        beside = {
            part.leaf: parts[0].leaf
            for parts in self.theta.blocks.values()
            for part in parts[1:]
        }
        for leaf in sorted(self.leaves["theta"], key=lambda x: int(x.data.flat[0])):
            if is_whole(leaf, len(self.parameters)):
                self.known[leaf] = "theta"
                continue
            layer += leaf not in beside and leaf.size > 1
            self.known[leaf] = self.parameter_name(leaf, layer, leaf in beside)

    def parameter_name(self, leaf: Tensor, layer: int, bias: bool) -> str:
        values = [self.parameters[i] for i in np.unique(leaf.data).tolist()]
        rank = places_of(leaf).ndim
        if not stem_of(values) and rank < 2 and (bias or leaf.size == 1):
            return self.locals.fresh(f"b{layer}" if layer else "p")
        return weights_name(values, rank, layer, self.locals)

    # --------------------------------------------------------------------------------------------- functions
    def written(self) -> str:
        """All functions."""
        texts = [self.unpack()] if self.shared else []
        texts.append(self.forward())
        if not self.many:
            texts.append(self.value_and_grad())
        texts.append(self.vjp())
        return "\n\n\n".join(texts) + "\n"

    @property
    def shared(self) -> bool:
        """Whether theta is taken apart by a function of its own."""
        return len(self.unpacking) > 2

    def unpack(self) -> str:
        """The function that takes theta apart."""
        lines = [*self.unpacking, f"return {', '.join(self.weights)}"]
        return f"def unpack(theta):\n{block(lines)}"

    @property
    def weights(self) -> list[str]:
        names = [
            self.known[x] for x in self.leaves["theta"] if self.known[x] != "theta"
        ]
        order = " ".join(self.unpacking)
        return sorted(names, key=lambda name: f" {order}".find(f" {name}"))

    def opening(self, name: str, *others: str) -> list[str]:
        """The head of a function, and the lines that give leaves their names."""
        inputs = "X" if self.inputs else "X=None"
        if others and not self.inputs:
            inputs = "X"
        head = f"def {name}({', '.join(['theta', inputs, *others])}):"
        apart = self.unpacking
        if self.shared:
            names = ", ".join(self.weights) + "," * (len(self.weights) == 1)
            apart = [f"{names} = unpack(theta)"]
        return [head, *apart, *self.reading]

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
        names = Names(self.locals.taken, self.constants.arrays, told)
        wording = Wording(self.constants.of, mean=mean)
        wording.seeds = len(self.plain.outputs) if self.many else 0
        places = {
            (x.word, x.data.tobytes(), x.shape): n for x, n in self.known.items()
        }
        order = story.tensors.order
        for x in order:
            if x.word in ("theta", "X"):
                wording.names[x] = places.get(
                    (x.word, x.data.tobytes(), x.shape), ""
                )
        for seed in story.adjoints.seeds:
            if seed.word == "seed":
                place = f"[:, {seed.data}]" if self.inputs else f"[{seed.data}]"
                wording.names[seed] = f"dy{place}" if self.many else "dy"
        of = {real(d): x for d, x in reversed(story.adjoints.of.items())}
        late = {d: x for d, x in of.items() if d.at >= story.adjoints.turn}
        values = {real(x): v for x, v in story.values.items()}
        for x, title in titles.items():
            given = title in ("", "dtheta", "dX")
            titles[x] = title if given else names.fresh(title)
        plot = Plot(roots, titles, story.adjoints.turn)
        namer = Namer(names, wording.names, values, late, order)
        chapter = Chapter(plot, wording, namer)
        return chapter

    def bundle(self, story: Story) -> Tensor | None:
        """The vector whose numbers, in order, are all outputs; None if there is none."""
        parts = [*map(real, story.outputs)]
        if not self.many or any(x.word != "part" for x in parts):
            return None
        whole = parts[0].args[0]
        order = [(x.args[0], *x.data) for x in parts]
        alike = order == [(whole, 0, i, 1) for i in range(len(parts))]
        return whole if alike and whole.shape == (len(parts),) else None

    def titles(self, story: Story) -> dict[Tensor, str]:
        """The outputs' names, of those that are no leaves."""
        titles: dict[Tensor, str] = {}
        whole = self.bundle(story)
        if whole is not None and (whole.rows or not self.inputs):
            return {real(whole): "y"}
        for i, y in enumerate(story.outputs):
            if real(y).word in ("theta", "X", "const", "seed"):
                continue
            values = story.values.get(y)
            value = (
                values.flat[0] if values is not None and values.size == 1 else None
            )
            titles.setdefault(real(y), output_stem(value, self.many, i))
        return titles

    def forward(self) -> str:
        story = self.plain
        whole = self.bundle(story)
        roots = story.outputs if whole is None else [whole]
        chapter = self.chapter(story, roots, self.titles(story), mean=False)
        lines = [*self.opening("forward"), *map(str, chapter.forward)]
        return joined([*lines, f"return {self.result(story, chapter)}"])

    def result(self, story: Story, chapter: Chapter) -> str:
        """The outputs: one for every row, or several beside each other."""
        whole = self.bundle(story)
        if whole is not None and (whole.rows or not self.inputs):
            return chapter.wording.array(whole)
        texts = [self.output(y, chapter.wording) for y in story.outputs]
        if not self.many:
            return texts[0]
        axis = ", axis=1" if self.inputs else ""
        return f"stack([{', '.join(texts)}]{axis})"

    def output(self, y: Tensor, wording: Wording) -> str:
        """One output; where no input reaches it, the same for all rows."""
        text = wording.array(y)
        if not self.inputs or y.rows:
            return text
        return f"broadcast_to({text}, (n,))"

    def backward(self, by: Sequence[str]) -> Story:
        """The Tensors with the reverse sweep."""
        story = self.plain.again({})
        rows = bool(self.inputs)
        assert isinstance(story.tensors, Sealing)
        story.adjoints = gradients(story.tensors, story.outputs, rows=rows, by=by)
        return story

    def value_and_grad(self) -> str:
        """The mean over the rows, and its gradient by theta."""
        story = self.backward(["theta"]).again(MEAN)
        roots = [*story.outputs, *story.adjoints.theta.values()]
        chapter = self.gradient(story, roots, self.titles(story), mean=True)
        y = chapter.wording.array(story.outputs[0])
        if story.outputs[0].rows:
            y = f"mean({y})"
        lines = [*self.opening("value_and_grad"), *self.both(chapter)]
        lines += gradient_line("dtheta", self.by_theta(story, chapter.wording))
        return joined([*lines, f"return {y}, dtheta"])

    def vjp(self) -> str:
        """The gradients by theta and X, for the adjoints dy of the outputs."""
        by = ["theta", *["X"] * bool(self.inputs)]
        story = self.backward(by)
        roots = [*story.adjoints.theta.values(), *story.adjoints.X.values()]
        chapter = self.gradient(story, roots, {}, mean=False)
        lines = [*self.opening("vjp", "dy"), *self.both(chapter)]
        lines += gradient_line("dtheta", self.by_theta(story, chapter.wording))
        if self.inputs:
            lines += gradient_line("dX", self.by_inputs(story, chapter.wording))
        return joined([*lines, f"return dtheta, {'dX' if self.inputs else 'None'}"])

    def gradient(
        self,
        story: Story,
        roots: Sequence[Tensor],
        titles: dict[Tensor, str],
        *,
        mean: bool,
    ) -> Chapter:
        """The lines of both passes; an adjoint of a leaf has a line, if it is made by the backward pass."""
        adjoints = story.adjoints
        whole = [x for x, name in self.known.items() if name in ("theta", "X")]
        names = {(x.word, x.shape): f"d{self.known[x]}" for x in whole}
        for x, d in {**adjoints.theta, **adjoints.X}.items():
            d = real(d)
            if d.at >= adjoints.turn and d.word not in ("seed", "const"):
                titles.setdefault(d, names.get((x.word, x.shape), ""))
        return self.chapter(story, roots, titles, mean=mean)

    def both(self, chapter: Chapter) -> list[str]:
        """The lines of both passes, with their titles."""
        lines: list[str] = []
        for title, part in (
            ("forward", chapter.forward),
            ("backward", chapter.backward),
        ):
            if part:
                lines += ["", f"# {title}", *map(str, part)]
        return lines

    def by_theta(self, story: Story, wording: Wording) -> str:
        leaves = self.given(story.adjoints.theta)
        return put_together(
            self.theta,
            lambda leaf: self.adjoint(leaf, leaves[leaf], wording),
            {*leaves},
            self.constants.declare,
        )

    def by_inputs(self, story: Story, wording: Wording) -> str:
        leaves = self.given(story.adjoints.X)
        return put_inputs_together(
            [*leaves],
            lambda leaf: self.adjoint(leaf, leaves[leaf], wording),
            len(self.inputs),
            self.constants.declare,
        )

    def given(self, adjoints: Mapping[Tensor, Tensor]) -> dict[Tensor, Tensor]:
        """The leaves of the book, with their adjoints."""
        found = {(x.shape, x.data.tobytes()): d for x, d in adjoints.items()}
        mine = [x for word in ("theta", "X") for x in self.leaves[word]]
        pairs = [(x, found.get((x.shape, x.data.tobytes()))) for x in mine]
        word = next((x.word for x in adjoints), "")
        return {x: d for x, d in pairs if d is not None and x.word == word}

    def adjoint(self, leaf: Tensor, d: Tensor, wording: Wording) -> str:
        """The text of an adjoint in the shape of its leaf."""
        inner = real(d)
        if inner.number is not None:
            return f"full_like({self.known[leaf]}, {wording.text(d)})"
        if axes_of(d) == axes_of(leaf):
            return wording.text(d)
        shape = [*["n"] * leaf.rows, *[str(n) for n in leaf.shape if n > 1]]
        text = wording.aligned(d, axes_of(leaf)) if axes_of(d) else wording.text(d)
        return f"broadcast_to({text}, ({', '.join(shape)},))"

    # -------------------------------------------------------------------------------------------------- text
    @cached_property
    def helpers(self) -> tuple[list[str], list[str], list[str]]:
        """Words of a library, functions for it, and words of Python's math."""
        words, functions, mathematical = needed(self.body)
        rest = [x for x in mathematical if x not in self.constants.arrays]
        return words, functions, rest

    @cached_property
    def head(self) -> str:
        """What the body needs, from NumPy: its words, and the recorded constants."""
        words, _, mathematical = self.helpers
        extra = free(self.constants.text) - {"bool"}
        extra |= {"vectorize"} if mathematical else set()
        lines = ["import math\n"] * bool(mathematical)
        lines += [imports({*words, *extra})]
        lines += [
            f"{word} = vectorize(math.{word}, otypes=[float])"
            for word in mathematical
        ]
        if self.constants.arrays:
            lines += ["", self.constants.text]
        return "\n".join(lines)

    @cached_property
    def text(self) -> str:
        """The helpers and the functions, in words that every array library has."""
        _, functions, _ = self.helpers
        lines = [
            [wrapped(line) for line in x.strip().split("\n")] for x in functions
        ]
        return "\n\n".join([*["\n".join([*x, ""]) for x in lines], self.body])

    def functions(self, xp: Any) -> Functions:
        """The text as functions of arrays of a library, given as its namespace.

        Raises NotImplementedError, when it is called, for a word that the library does not have.
        """
        words, _, others = self.helpers
        known = {name: word(xp, name) for name in words}
        known |= {name: mathematical(xp, name) for name in others}
        known |= {name: xp.asarray(x) for name, x in self.constants.arrays.items()}
        middle = "None" if self.many else "value_and_grad"
        body = f"{self.text}\nreturn forward, {middle}, vjp"
        return Functions(*define("functions", [], body, known, {})())

    @cached_property
    def source(self) -> str:
        """The module, for NumPy."""
        return f"{self.head}\n\n\n{self.text}"


def gradient_line(name: str, text: str) -> list[str]:
    """The line of a gradient, unless it has its name already."""
    return [] if text == name else [f"{name} = {text}"]


def joined(lines: Sequence[str]) -> str:
    """A function's head and body; n is the number of rows, where that is asked for."""
    head, *body = lines
    text = f"{head}\n{block(body)}"
    if "n" not in free(text):
        return text
    return joined([head, "n = X.shape[0]", *body])


class Functions(NamedTuple):
    """A book's functions in one array library; there is no value_and_grad of several outputs."""

    forward: Callable[..., Any]
    value_and_grad: Callable[..., Any] | None
    vjp: Callable[..., Any]
