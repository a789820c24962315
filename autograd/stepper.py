"""The backward pass, one edge at a time: a list for the terminal, a page for the browser.

``steps`` reads the ledger; nothing here differentiates.  ``to_html`` lays the graph out once.  Its pictures have an
id for every box and arrow, its JSON says between which Values a step happens and which box has them: by that alone
stepper.html lights up a step.  What is said, in every language, stands in stepper.json.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from functools import cache
from html import escape
from pathlib import Path
from typing import Any, Literal

from .drawing import (
    AUTO,
    EDGE,
    FEW,
    GRAPH,
    MOST,
    NODE,
    Drawing,
    check_options,
    check_size,
    textbook_style,
    value_style,
)
from .notation import NO_XML, ZERO, Expr, Formulas, Labels, Writer, expr, readable
from .operators import Real
from .scopes import Collapse
from .sweeps import Step, ledger
from .value import Value, toposort
from .view import Box, boxes

PLAIN, MATH = Writer(short=True), Writer("mathml", short=True)


@cache
def said(lang: str) -> dict[str, str]:
    """All that is said, in one language."""
    table = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))
    if lang not in table:
        raise ValueError(f"lang={lang!r}: choose one of {', '.join(map(repr, table))}")
    return table[lang]


@dataclass(frozen=True)
class Frame:
    """One step: the value of a "leaf" or of another node ("forward"), the "seed", an edge of the "backward" pass.

    ``total`` is the target's data, or its grad from here on (until here: ``before``); ``formula`` is what the
    target computes, or the local derivative, whose number ``edge`` has.
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
        name, formula, total = PLAIN.sum(self.name, tight=True), PLAIN.sum(self.formula), f"{self.total:.4g}"
        found = {"kind": self.kind, "name": name, "formula": formula, "total": total, "sum": total}
        found["equation"] = name if self.name == self.formula else f"{name} = {formula}"
        if self.edge:
            numbers = {x: f"{getattr(self.edge, x):.4g}" for x in ("upstream", "local", "contribution")}
            local, place = (
                numbers["local"],
                name if re.fullmatch(r"[^-+·/ ]+(\(.*\))?", name) else f"({name})",
            )
            found |= numbers | {
                "place": place,
                "derivative": local if formula == local else f"{formula} = {local}",
            }
            if self.before is not None:
                found["sum"] = f"{self.before:.4g} + {numbers['contribution']} = {total}".replace("+ -", "- ")
        return found | {"words": said(lang)[self.kind].format(**found)}


def steps(y: Value, seed: Real = 1.0) -> list[Frame]:
    """Every node's value, the seed, then every edge of the ledger: a list that print can show.

    >>> x = Value(3.0, "x")
    >>> print(*steps(x * x)[2:], sep="\\n")
    seed ∂L/∂y = 1
    upstream 1 × local x = 3 → 3 added to grad of x: 3
    upstream 1 × local x = 3 → 3 added to grad of x: 3 + 3 = 6
    """
    return Walk(y, seed).frames


class Walk:
    """The steps of a graph, and one naming for all its pictures.  Raises what ``ledger`` and ``formula`` raise."""

    def __init__(self, y: Value, seed: Real) -> None:
        edges, grads, self.order = ledger(y, seed), {y: float(seed)}, toposort(y)
        self.at: dict[Any, int] = {v: i for i, v in enumerate(self.order)}
        self.f = f = Formulas([y], readable([y], None), drawn=True)
        self.total = f.backward()[1]  # from here on every letter is given
        self.frames = [
            Frame("forward" if v.op else "leaf", v, f.of(v), f.full[v], v.data) for v in self.order
        ]
        self.frames.append(Frame("seed", y, f.of(y), expr(f.bar(y)), grads[y]))
        for edge in edges:
            x, local = edge.operand, f.partial(f.home[edge.node], edge.node, edge.position)
            before, grads[x] = grads.get(x), grads.get(x, 0.0) + edge.contribution
            self.frames.append(Frame("backward", x, f.of(x), local, grads[x], before, edge))

    def upstream(self, v: Value) -> Expr:
        """∂L/∂v as it stands in the formulas of v's operands."""
        return self.total[v] if v in self.f.roots or v not in self.f.names else expr(self.f.bar(v))

    def labels(self, roots: list[Value], view: list[Box]) -> Labels:
        """What a textbook picture writes."""
        write, f, uses = PLAIN.sum, self.f, Counter(x for box in view for x in box.args)
        found = Labels(roots={y: (write(f.of(y)), write(self.upstream(y))) for y in roots})
        for box in view:
            found.words |= {v: write(f.of(v)) for v in box.values if not box.args and uses[v] != 1}
            for i, x in enumerate(box.args):
                local = {v: f.partial(box, v, i) for v in box.values if isinstance(x, Value)}
                back = ZERO.plus(*(self.upstream(v) * partial for v, partial in local.items()))
                found.edges[box, i] = write(f.of(x)), write(back)
        return found

    def picture(
        self, name: str, view: list[Box], roots: list[Value], style: str
    ) -> tuple[str, dict[str, Any]]:
        """A part of the graph as SVG; and which Values each of its boxes reads, gives and contains."""
        names, table = {v: f"{name}n{i}" for i, box in enumerate(view) for v in box.values}, list[Any]()
        look = {"graph_attr": GRAPH | {"bgcolor": "transparent"}, "node_attr": NODE[style], "edge_attr": EDGE}
        drawing: Any = Drawing("autograd", **look)
        drawing.attr(**{"class": style})
        if style == "value":
            value_style(drawing, view, names)
        else:
            textbook_style(drawing, roots, view, names, self.labels(roots, view), gradients=True)
        for box in view:
            at, values = names[box.values[0]], (box.args, box.values, box.members + box.inside)
            drawing.node(at, id=at, **({"URL": f"#in-{at}"} if box.scope else {}))
            reads, gives, has = ([self.at.get(v, -1) for v in found] for found in values)
            table.append({"id": at, "scope": box.title, "reads": reads, "gives": gives, "has": has})
        svg = re.sub("<!--.*?-->\n|<title>.*?</title>\n", "", drawing.pipe(format="svg", encoding="utf-8"))
        return svg[svg.index("<svg") :], {"roots": [self.at[y] for y in roots], "boxes": table}


def inside(box: Box) -> list[Box]:
    """A composite as boxes: bare ones for what it reads, then what happens in it, its own composites as one each."""
    members = set(box.members)
    view = boxes(box.values, lambda scope: scope.parent is box.scope)
    view = [part for part in view if not members.isdisjoint(part.members)]
    reads = dict.fromkeys(x for part in view for x in part.args if isinstance(x, Value) and x not in members)
    return [*(Box(values=[x], members=[x]) for x in reads), *view]


class Page(str):
    """HTML that a notebook shows in a frame of its own, so that pages do not disturb one another."""

    def __repr__(self) -> str:
        return f"<a page of {len(self.encode()):,} bytes; to_html(y, 'page.html') writes it to a file>"

    def _repr_html_(self) -> str:
        look = 'sandbox="allow-scripts" style="width:100%;height:42em;border:0"'
        return f'<iframe {look} srcdoc="{escape(self)}"></iframe>'


def to_html(
    y: Value, path: str | Path | None = None, *, seed: Real = 1.0, style: Literal["value", "textbook"] = "value",
    collapse: Collapse = None, lang: Literal["en", "ko"] = "en", max_nodes: int = MOST,
) -> Page:  # fmt: skip
    """The steps as one page that needs nothing else; written to ``path`` if there is one.

    ``style``, ``collapse`` and ``max_nodes`` are those of ``draw``; a composite that is drawn as one node links to
    a picture of its inside.  Raises what ``draw`` and ``ledger`` raise.
    """
    walk, words = Walk(y, seed), said(lang) | {"lang": lang}
    check_options([y], style, "formula")
    auto = collapse is None and len(walk.order) > AUTO and any(v.scope for v in walk.order)
    waiting, svgs, pictures = [(boxes([y], 1 if auto else collapse), [y])], list[str](), list[Any]()
    for view, roots in waiting:  # which grows by the insides of composites
        check_size(len(view), max_nodes)
        svg, picture = walk.picture(f"p{len(svgs)}", view, roots, style)
        svgs.append(f'<figure tabindex="0">{svg}</figure>')
        pictures.append(picture)
        waiting += [(inside(box), box.values) for box in view if box.scope]
    page = filled(walk, words, "".join(svgs), pictures)
    if path is not None:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(page, encoding="utf-8")
    return page


def filled(walk: Walk, words: dict[str, str], svgs: str, pictures: list[Any]) -> Page:
    """The template with all that it shows; no text in it can end its script or be read as markup."""
    terms, frames = defaultdict[str, int](), list[Any]()
    terms.default_factory = terms.__len__
    for frame in walk.frames:
        node, position = (frame.edge.node, frame.edge.position) if frame.edge else (frame.target, 0)
        math = {"name": terms[MATH.sum(frame.name)], "formula": terms[MATH.sum(frame.formula)]}
        at = {"node": walk.at[node], "target": walk.at[frame.target], "position": position}
        frames.append(frame.parts(words["lang"]) | at | math | {"exact": repr(frame.total)})
    root = walk.frames[len(walk.order) - 1].parts()["equation"]
    graph = {"equation": root, "nodes": len(walk.order), "edges": len(frames) - len(walk.order) - 1}
    words = words | {key: words[key].format(**graph) for key in ("title", "picture")}
    data = {"steps": frames, "terms": list(terms), "pictures": pictures, "words": words, "few": FEW}
    data["symbols"] = [v.op.symbol if v.op else "" for v in walk.order]
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("<", r"\u003c")
    parts = {"figures": svgs, "data": text, "title": escape(words["title"]), "lang": words["lang"]}
    template = Path(__file__).with_suffix(".html").read_text(encoding="utf-8")
    return Page(NO_XML.sub("", re.sub(r"\{\{(\w+)\}\}", lambda key: parts[key[1]], template)))
