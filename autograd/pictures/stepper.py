"""The backward pass as a page for the browser, one edge at a time.

``to_html`` lays the graph out once: every box and arrow has an id, and the page's JSON says between which
Values a step happens and which box has them.  By that alone stepper.html lights up a step.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import chain
from pathlib import Path
from typing import Any, Literal

from ..ieee import Real
from ..scopes import Collapse, Scope
from ..value import Value, toposort
from . import drawing
from .boxes import Box, boxes
from .digraph import PATIENCE
from .frames import LANGUAGES, Frame, Walk, steps
from .labels import Labels
from .programs import program as find_program
from .rendering import SMALLER, Renderer
from .writing import NO_XML, Writer

__all__ = ["LANGUAGES", "Frame", "Page", "Walk", "steps", "to_html"]

MANY_STEPS = 5000  # up to which insides are shown
MOST_STEPS = 20_000  # up to which there is a page
MATH = Writer("mathml", short=True)
UNSHOWN = re.compile("<!--.*?-->\n|<title>.*?</title>\n")  # of a picture


@dataclass
class Part:
    """A picture of the page: the whole graph, or the inside of a composite."""

    view: list[Box]
    roots: list[Value]
    opened: bool = False  # whether its composites have pictures, too


@dataclass(frozen=True)
class Painter:
    """Draws the parts of a page: in one style, by one program, with the names of one walk."""

    walk: Walk
    style: str
    program: Renderer

    def picture(self, name: str, part: Part) -> dict[str, Any]:
        """A part of the graph as SVG, and the Values that each of its boxes reads, gives and has in it."""
        names = drawing.node_names(part.view, name)
        dot = drawing.sketched(part.roots, part.view, names, self.labels(part))
        described = [self.described(box, part, names) for box in part.view]
        for box in described:
            link = f"#in-{box['id']}" if box["opens"] else None
            dot.node(box["id"], id=box["id"], URL=link)
        return {
            "svg": bare(dot.drawn(self.program, "svg").decode()),
            "roots": self.numbers(part.roots),
            "boxes": described,
        }

    def labels(self, part: Part) -> Labels | None:
        """The texts on the arrows of the textbook's style."""
        if self.style != "textbook":
            return None
        return self.walk.labels(part.roots, part.view)

    def described(
        self, box: Box, part: Part, names: drawing.Names
    ) -> dict[str, Any]:
        """A box as the page's JSON has it; -1 stands for what has no step."""
        return {
            "id": names[box.values[0]],
            "scope": box.title if box.scope else "",
            "reads": self.numbers(box.args),
            "gives": self.numbers(box.values),
            "has": [n for n in self.numbers(box.members + box.inside) if n >= 0],
            "opens": part.opened and box.scope is not None,
        }

    def numbers(self, values: Sequence[Value | float]) -> list[int]:
        """The places of Values among the steps."""
        return [self.walk.at.get(v, -1) for v in values]


def bare(svg: str) -> str:
    """An SVG without its head, its comments and its titles."""
    svg = UNSHOWN.sub("", svg)
    return svg[svg.index("<svg") :]


def inside(box: Box) -> list[Box]:
    """A composite as boxes: bare ones for what it reads; then its content, with composites as one each."""
    members = set(box.members)
    finer = boxes(box.values, lambda s: s.parent is box.scope)
    view = [b for b in finer if not members.isdisjoint(b.members)]
    return [*map(bare_box, reads_outside(view, members)), *view]


def reads_outside(view: Sequence[Box], members: set[Value]) -> list[Value]:
    """The Values that boxes read from outside of a composite, each once."""
    operands = dict.fromkeys(chain.from_iterable(box.args for box in view))
    return [x for x in operands if isinstance(x, Value) and x not in members]


def bare_box(x: Value) -> Box:
    """A box for a Value that reads nothing."""
    return Box(scope=None, title="", members=[x], values=[x], args=[], inside=[])


class Page(str):
    """HTML that a notebook shows in a frame of its own, so that pages do not disturb one another."""

    def __repr__(self) -> str:
        return f"<a page of {len(self.encode()):,} bytes; to_html(y, 'page.html') writes it to a file>"

    def _repr_html_(self) -> str:
        look = 'sandbox="allow-scripts" style="width:100%;height:42em;border:0"'
        return f'<iframe {look} srcdoc="{escape(self)}"></iframe>'


def to_html(
    y: Value,
    path: str | Path | None = None,
    *,
    seed: Real = 1.0,
    lang: Literal["en", "ko"] = "en",
    style: Literal["value", "textbook"] = "value",
    collapse: Collapse = None,
    max_nodes: int = drawing.MOST_DRAWN,
    timeout: float = PATIENCE,
) -> Page:
    """The steps as one page that needs nothing else, also written to ``path``; options as in ``draw``.

    A graph of more than 300 nodes is collapsed to its outermost composites by itself, unless ``collapse`` is
    ().  The insides of composites have pictures and steps of their own, level by level, as long as there are
    at most 5,000 steps.  What is inside of others is one step for each operand, whose sums may differ from
    the engine's in their last digit; parameters in there have no steps.

    Raises ValueError for more than ``max_nodes`` boxes, LayoutTimeoutError when the pictures are not there
    after ``timeout`` seconds, GraphvizMissingError if there is no dot, StaleGraphError as ``backward`` does.
    """
    drawing.check_options([y], style, "formula")
    check_language(lang)
    program, order = find_program(timeout), toposort(y)
    chosen = drawing.outermost(order, collapse)
    view = drawing.visible([y], order, chosen, None, max_nodes)
    check_length(view)
    parts, finest = opened(y, order, Part(view, [y]), max_nodes)
    walk = Walk(y, seed, finest, borders(parts))
    painter = Painter(walk, style, program)
    pictures = [painter.picture(f"p{i}", part) for i, part in enumerate(parts)]
    page = filled(walk, pictures, lang)
    if path is not None:
        save(page, Path(path))
    return page


def check_language(lang: object) -> None:
    """Raises ValueError for a language that the page has not."""
    if not isinstance(lang, str) or lang not in LANGUAGES:
        raise ValueError(
            f"lang={lang!r}: choose {' or '.join(map(repr, LANGUAGES))}"
        )


def check_length(view: Sequence[Box]) -> None:
    """Raises ValueError for a page of too many steps."""
    if (most := length(view)) > MOST_STEPS:
        raise ValueError(f"a page of {most:,} steps is of no use; {SMALLER}")


def save(page: str, path: Path) -> None:
    """Writes the page to a file, in a folder that is made for it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page, encoding="utf-8")


def composites(parts: Sequence[Part]) -> list[Box]:
    """The boxes that are composites."""
    return [box for part in parts for box in part.view if box.scope]


def borders(parts: Sequence[Part]) -> Iterator[Value | float]:
    """What composites read and give."""
    for box in composites(parts):
        yield from (*box.args, *box.values)


def opened(
    y: Value, order: Sequence[Value], whole: Part, max_nodes: int
) -> tuple[list[Part], list[Box]]:
    """The pictures, and all that they show as one view: level by level, as long as there is room."""
    parts, level, finest = [whole], [whole], whole.view
    while closed := composites(level):
        scopes = inner_scopes(order, {box.scope for box in closed})
        finer = boxes([y], scopes.__contains__)
        insides = insides_of(closed, finer, max_nodes)
        if not insides:
            break
        for part in level:
            part.opened = True
        parts, level, finest = parts + insides, insides, finer
    return parts, finest


def inner_scopes(order: Sequence[Value], outer: set[Scope | None]) -> set[Scope]:
    """The composites that were called right inside of others."""
    scopes = {v.scope for v in order if v.scope}
    return {s for scope in scopes for s in scope.path() if s.parent in outer}


def insides_of(
    closed: Sequence[Box], finer: Sequence[Box], max_nodes: int
) -> list[Part]:
    """The insides of composites as pictures; none where they have too many steps or boxes."""
    if length(finer) > MANY_STEPS:
        return []
    insides = [Part(inside(box), box.values) for box in closed]
    largest = max(len(part.view) for part in insides)
    return insides if largest <= max_nodes else []


def length(view: Sequence[Box]) -> int:
    """How many steps a view has, at most."""
    return sum(len(box.values) * (1 + len(box.args)) for box in view)


def filled(walk: Walk, pictures: list[dict[str, Any]], lang: str) -> Page:
    """The template with all that it shows; no text in it is read as markup."""
    terms = dict[str, int]()
    steps = [described(frame, walk, lang, terms) for frame in walk.frames]
    figures = "".join(figure(picture.pop("svg")) for picture in pictures)
    data = {
        "steps": steps,
        "terms": list(terms),
        "pictures": pictures,
        "words": LANGUAGES[lang],
    }
    parts = {"figures": figures, "data": as_json(data), "lang": lang}
    template = Path(__file__).with_suffix(".html").read_text(encoding="utf-8")
    page = re.sub(r"\{\{(\w+)\}\}", lambda key: parts[key[1]], template)
    return Page(NO_XML.sub("", page))


def described(
    frame: Frame, walk: Walk, lang: str, terms: dict[str, int]
) -> dict[str, Any]:
    """A step as the page's JSON has it: its formulas are numbers of ``terms``, which get the new ones."""
    step = frame.parts(lang) | {
        "target": walk.at[frame.target],
        "exact": repr(frame.total),
    }
    if frame.edge:
        step["node"] = walk.at[frame.edge.node]
        step["position"] = frame.edge.position
    step["name"] = terms.setdefault(MATH.sum(frame.name), len(terms))
    step["formula"] = terms.setdefault(MATH.sum(frame.formula), len(terms))
    return step


def figure(svg: str) -> str:
    """A picture as a part of the page."""
    return f'<figure tabindex="0">{svg}</figure>'


def as_json(data: dict[str, Any]) -> str:
    """The data as JSON in which no tag begins."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", r"\u003c")
