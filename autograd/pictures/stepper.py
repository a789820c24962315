"""The backward pass, one edge at a time: a list for the terminal, a page for the browser.

``steps`` reads the ledger; nothing here differentiates.  ``to_html`` lays the graph out once: every box and
arrow has an id, and the page's JSON says between which Values a step happens and which box has them.  By that
alone stepper.html lights up a step.  What is said, in every language, stands in stepper.json.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter, defaultdict
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any, Literal

from ..ieee import Real
from ..scopes import Collapse
from ..sweeps import Step, entries, ledger
from ..value import Value, postorder, toposort
from . import drawing
from .algebra import ZERO, Expr, expr
from .boxes import Box, boxes
from .labels import Formulas, Labels, readable
from .rendering import SMALLER, Engine
from .writing import NO_XML, Writer

MANY_STEPS, MOST_STEPS = (
    5000,
    20_000,
)  # up to which insides are shown; and up to which there is a page
PLAIN, MATH = Writer(short=True), Writer("mathml", short=True)
TEXT: dict[str, dict[str, str]] = json.loads(
    Path(__file__).with_suffix(".json").read_text(encoding="utf-8")
)


@dataclass(frozen=True)
class Frame:
    """One step: a value, of a "leaf" or another node ("forward"); the "seed"; an edge of the "backward" pass.

    ``total`` is the target's data, or its grad after this step; ``formula`` is its own, or the derivative's.
    """

    kind: Literal["leaf", "forward", "seed", "backward"]
    target: Value
    name: Expr
    formula: Expr
    total: float
    before: float | None = None
    edge: Step | None = None

    def __str__(self) -> str:
        return self.parts()["words"]

    def parts(self, lang: str = "en") -> dict[str, str]:
        """The step in words, and what they are made of."""
        name, formula, total = (
            PLAIN.sum(self.name, tight=True),
            PLAIN.sum(self.formula),
            f"{self.total:.4g}",
        )
        equation = (
            name
            if self.kind == "leaf" or self.name == self.formula
            else f"{name} = {formula}"
        )
        found = {
            "kind": self.kind,
            "name": name,
            "equation": equation,
            "total": total,
            "sum": total,
        }
        if self.edge:
            found |= {
                x: f"{getattr(self.edge, x):.4g}"
                for x in ("upstream", "local", "contribution")
            }
            found["derivative"] = (
                formula
                if formula == found["local"]
                else f"{formula} = {found['local']}"
            )
            found["place"] = (
                name if re.fullmatch(r"[^-+·/ ]+(\(.*\))?", name) else f"({name})"
            )
        if self.before is not None:
            found["sum"] = (
                f"{self.before:.4g} + {found['contribution']} = {total}".replace(
                    "+ -", "- "
                )
            )
        return found | {
            "words": TEXT[lang][self.kind].format(formula=formula, **found)
        }


def steps(y: Value, seed: Real = 1.0) -> list[Frame]:
    """Every node's value, the seed, then every edge of the ledger: a list that print can show.

    >>> print(*steps(Value(3.0, "x") ** 2)[2:], sep="\\n")
    seed ∂L/∂y = 1
    upstream 1 × local 2·x = 6 → 6 added to grad of x: 6
    """
    return Walk(y, seed, readable([y], None)).frames


class Walk:
    """The steps of a graph as boxes, and one naming for all its pictures."""

    def __init__(
        self, y: Value, seed: Real, view: Sequence[Box], borders: Iterable[Any] = ()
    ) -> None:
        edges, grads = told(y, seed, view), {y: float(seed)}
        shown = [v for box in view for v in box.values]
        self.at: dict[Any, int] = {v: i for i, v in enumerate(shown)}
        self.f = f = Formulas([y], view, drawn=True)
        for v in borders:
            f.letter(v)
        self.total = f.backward()[1]  # from here on all have their names
        self.frames = [self.ahead(v) for v in shown]
        self.frames.append(Frame("seed", y, f.of(y), expr(f.bar(y)), grads[y]))
        for edge in edges:
            x = edge.operand
            before, grads[x] = grads.get(x), grads.get(x, 0.0) + edge.contribution
            name, local = self.frames[self.at[x]].name, self.local(edge)
            self.frames.append(
                Frame("backward", x, name, local, grads[x], before, edge)
            )

    def ahead(self, v: Value) -> Frame:
        """What v computes; where that is not finite, as it was computed: 1 is not nan, but x/x is."""
        name, written = self.f.of(v), self.f.full[v]
        if v.op and not self.f.home[v].scope and not math.isfinite(v.data):
            apart = self.f.apart(v)
            name, written = name if v in self.f.names else apart, apart
        return Frame("forward" if v.op else "leaf", v, name, written, v.data)

    def local(self, edge: Step) -> Expr:
        """The derivative along an edge, as a formula; where it is not finite, as it was computed."""
        f, z, i = self.f, edge.node, edge.position
        if i < 0:
            return expr(f"∂{f.letter(z)}/∂{f.letter(edge.operand)}")
        return (
            f.partial(f.home[z], z, i)
            if math.isfinite(edge.local)
            else f.partial_apart(z, i)
        )

    def labels(self, roots: Sequence[Value], view: Sequence[Box]) -> Labels:
        """What a textbook picture writes: every operand, and what flows back to it."""
        write, f, uses = (
            PLAIN.sum,
            self.f,
            Counter(x for box in view for x in box.args),
        )
        flows = self.total | {
            v: expr(f.bar(v)) for v in f.names if v not in f.roots
        }
        found = Labels(roots={y: (write(f.of(y)), write(flows[y])) for y in roots})
        for box in view:
            found.words |= {
                v: write(f.of(v))
                for v in box.values
                if not box.args and uses[v] != 1
            }
            for i, x in enumerate(box.args):
                back = [
                    flows[v] * f.partial(box, v, i)
                    for v in box.values
                    if isinstance(x, Value)
                ]
                found.edges[box, i] = write(f.of(x)), write(ZERO.plus(*back))
        return found

    def picture(
        self, name: str, part: Part, style: str, program: Engine
    ) -> dict[str, Any]:
        """A part of the graph as SVG, and the Values that each of its boxes reads, gives and has in it."""
        view, roots = part.view, part.roots
        names, found = (
            {v: f"{name}n{i}" for i, box in enumerate(view) for v in box.values},
            list[Any](),
        )
        dot = drawing.sketched(
            roots,
            view,
            names,
            self.labels(roots, view) if style == "textbook" else None,
        )
        for box in view:
            at, values = (
                names[box.values[0]],
                (box.args, box.values, box.members + box.inside),
            )
            opens = part.opened and box.scope is not None
            dot.node(at, id=at, URL=f"#in-{at}" if opens else None)
            reads, gives, has = (
                [self.at.get(v, -1) for v in group] for group in values
            )
            scope = box.title if box.scope else ""
            has = [v for v in has if v >= 0]
            found.append(
                {
                    "id": at,
                    "scope": scope,
                    "reads": reads,
                    "gives": gives,
                    "has": has,
                    "opens": opens,
                }
            )
        svg = re.sub(
            "<!--.*?-->\n|<title>.*?</title>\n",
            "",
            dot.drawn(program, "svg").decode(),
        )
        return {
            "svg": svg[svg.index("<svg") :],
            "roots": [self.at[y] for y in roots],
            "boxes": found,
        }


def told(y: Value, seed: Real, view: Sequence[Box]) -> list[Step]:
    """The ledger; what happens inside of a box that is a composite is one step for each of its operands."""
    edges, home = (
        defaultdict[Box, list[Step]](list),
        {v: box for box in view for v in box.members},
    )
    for edge in ledger(y, seed):
        edges[home[edge.node]].append(edge)
    return [
        step
        for box in reversed(view)
        for step in (summed(box, edges[box]) if box.scope else edges[box])
    ]


def summed(box: Box, edges: Sequence[Step]) -> Generator[Step]:
    """A composite's steps: from each value that it gives to what it reads, and to others that it gives."""
    upstream = {edge.node: edge.upstream for edge in edges}
    inner = set(box.members).difference(box.values)
    for v in [v for v in reversed(box.values) if v in upstream]:
        between = postorder([v], lambda u: [x for x in u.inner if x in inner])
        local = passed(entries(between, {v: 1.0}), between)
        alone = len(box.values) == 1
        flow = passed(
            edges if alone else entries(between, {v: upstream[v]}), between
        )
        for i, x in [*enumerate(box.args), *((-1, u) for u in box.values)]:
            if isinstance(x, Value) and x in local:
                yield Step(v, x, i, local[x], upstream[v], flow[x])


def passed(edges: Iterable[Step], between: Sequence[Value]) -> dict[Value, float]:
    """What the edges carry out of the nodes that they lie between."""
    inner, total = set(between), defaultdict[Value, float](float)
    for edge in edges:
        if edge.operand not in inner:
            total[edge.operand] += edge.contribution
    return total


@dataclass
class Part:
    """A picture of the page: the whole graph, or the inside of a composite."""

    view: list[Box]
    roots: list[Value]
    opened: bool = False  # whether its composites have pictures, too


def inside(box: Box) -> list[Box]:
    """A composite as boxes: bare ones for what it reads; then its content, with composites as one each."""
    members = set(box.members)
    view = [
        b
        for b in boxes(box.values, lambda s: s.parent is box.scope)
        if members & {*b.members}
    ]
    reads = dict.fromkeys(
        x for b in view for x in b.args if isinstance(x, Value) and x not in members
    )
    return [
        *(
            Box(scope=None, title="", members=[x], values=[x], args=[], inside=[])
            for x in reads
        ),
        *view,
    ]


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
    max_nodes: int = drawing.MOST,
    timeout: float = drawing.PATIENCE,
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
    if not isinstance(lang, str) or lang not in TEXT:  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ValueError(f"lang={lang!r}: choose {' or '.join(map(repr, TEXT))}")
    program, order = drawing.program(timeout), toposort(y)
    view = drawing.visible(
        [y], order, drawing.outermost(order, collapse), None, max_nodes
    )
    if (most := length(view)) > MOST_STEPS:
        raise ValueError(f"a page of {most:,} steps is of no use; {SMALLER}")
    parts, finest = opened(y, order, Part(view, [y]), max_nodes)
    borders = (
        v
        for part in parts
        for box in part.view
        if box.scope
        for v in (*box.args, *box.values)
    )
    walk = Walk(y, seed, finest, borders)
    page = filled(
        walk,
        [
            walk.picture(f"p{i}", part, style, program)
            for i, part in enumerate(parts)
        ],
        lang,
    )
    if path is not None:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(page, encoding="utf-8")
    return page


def opened(
    y: Value, order: Sequence[Value], whole: Part, max_nodes: int
) -> tuple[list[Part], list[Box]]:
    """The pictures, and all that they show as one view: level by level, as long as there is room."""
    parts, level, finest = [whole], [whole], whole.view
    while closed := [box for part in level for box in part.view if box.scope]:
        scopes = {box.scope for box in closed}
        inner = {
            s
            for v in order
            if v.scope
            for s in v.scope.path()
            if s.parent in scopes
        }
        finer = boxes([y], inner.__contains__)
        insides = (
            [Part(inside(box), box.values) for box in closed]
            if length(finer) <= MANY_STEPS
            else []
        )
        if not insides or max(len(part.view) for part in insides) > max_nodes:
            break
        for part in level:
            part.opened = True
        parts, level, finest = parts + insides, insides, finer
    return parts, finest


def length(view: Sequence[Box]) -> int:
    """How many steps a view has, at most."""
    return sum(len(box.values) * (1 + len(box.args)) for box in view)


def filled(walk: Walk, pictures: list[dict[str, Any]], lang: str) -> Page:
    """The template with all that it shows; no text in it is read as markup."""
    terms, steps = dict[str, int](), list[dict[str, Any]]()
    for frame in walk.frames:
        step = frame.parts(lang) | {
            "target": walk.at[frame.target],
            "exact": repr(frame.total),
        }
        step |= (
            {"node": walk.at[frame.edge.node], "position": frame.edge.position}
            if frame.edge
            else {}
        )
        math = (
            terms.setdefault(MATH.sum(e), len(terms))
            for e in (frame.name, frame.formula)
        )
        steps.append(step | dict(zip(("name", "formula"), math, strict=True)))
    figures = "".join(
        f'<figure tabindex="0">{picture.pop("svg")}</figure>'
        for picture in pictures
    )
    data = {
        "steps": steps,
        "terms": list(terms),
        "pictures": pictures,
        "words": TEXT[lang],
    }
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace(
        "<", r"\u003c"
    )
    parts = {"figures": figures, "data": text, "lang": lang}
    template = Path(__file__).with_suffix(".html").read_text(encoding="utf-8")
    return Page(
        NO_XML.sub(
            "", re.sub(r"\{\{(\w+)\}\}", lambda key: parts[key[1]], template)
        )
    )
