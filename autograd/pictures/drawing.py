"""A graph as a picture: boxes of Values → DOT text, which renders itself.

The picture shows what the engine did: numbers come from the Values and from ``ledger``, formulas from the op
table.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

from ..ieee import number
from ..scopes import Collapse
from ..value import Value, toposort
from .amounts import number_labels, stale_note
from .boxes import Box, boxes
from .digraph import PATIENCE, Drawing
from .labels import Labels, label_boxes
from .lettering import roomy
from .programs import GraphvizMissingError
from .rendering import LayoutTimeoutError, seconds
from .styles import FEW, NODE, Names, attributes, sketch
from .table import table

__all__ = [
    "Drawing",
    "GraphvizMissingError",
    "LayoutTimeoutError",
    "draw",
    "to_dot",
]
GLANCE = 10.0  # seconds that one may take which a notebook shows unasked
AUTO = 300  # visible nodes; of more, composites are collapsed
MOST_DRAWN = 2000  # visible nodes; more are refused


def draw(
    *roots: Value,
    style: Literal["value", "textbook"] = "value",
    labels: Literal["formula", "number"] = "formula",
    gradients: bool = True,
    collapse: Collapse = None,
    siblings: int | None = 3,
    loss: str = "L",
    max_nodes: int = MOST_DRAWN,
    timeout: float = PATIENCE,
) -> Drawing:
    """The graph that ends in the given Values, as a graphviz.Digraph; nothing is rendered yet.

    ``style``: "value" has a box for every Value, "textbook" a circle for every op and its ``labels`` on the
    arrows, "formula" or "number" (of a pass from the root, whether there has been one or not); without
    ``gradients`` only the forward pass.  ``collapse`` draws composites as one node: by name, by depth (1 is
    the outermost), or by a function of the scope; parameters of a module are inside its box, and of
    composites side by side, such as a layer's neurons, only the first ``siblings`` stand alone.  A graph of
    more than 300 nodes is collapsed to its outermost composites by itself, unless ``collapse`` is (); one of
    more than ``max_nodes`` is refused with a ValueError.

    >>> x = Value(3.0, name="x")
    >>> "-∂L/∂y·y²" in draw(1 / x, style="textbook").source
    True
    """
    check_options(roots, style, labels)
    order, patience = toposort(*roots), seconds(timeout)
    chosen = outermost(order, collapse)
    view = visible(roots, order, chosen, siblings, max_nodes)
    notes = [counted(order, view)] if chosen is not collapse else []
    notes += stale_note(order)
    text = None
    if style == "textbook":
        text = texts(roots, view, labels, loss, gradients)
        notes += sums_below(text, view) if gradients else []
    drawing = sketched(roots, view, node_names(view), text, gradients)
    drawing.table, drawing.timeout = table(order), patience
    if notes:
        drawing.attr(label=roomy("\n".join(notes), 13))
    return drawing


def counted(order: Sequence[Value], view: Sequence[Box]) -> str:
    """What a picture says that is collapsed by itself."""
    return f"{len(order):,} nodes, drawn as {len(view)}"


def node_names(view: Sequence[Box], prefix: str = "") -> Names:
    """The names of the nodes in which Values are drawn."""
    return {v: f"{prefix}n{i}" for i, box in enumerate(view) for v in box.values}


def texts(
    roots: Sequence[Value],
    view: Sequence[Box],
    labels: str,
    loss: str,
    gradients: bool,
) -> Labels:
    """The texts on the arrows: formulas or numbers."""
    if labels == "formula":
        return label_boxes(roots, view, loss)
    return number_labels(roots, view, gradients)


def sums_below(text: Labels, view: Sequence[Box]) -> list[str]:
    """The sums that stand below a drawing; values whose arrows are drawn as one have none."""
    many = [box.values for box in view if len(box.values) > FEW]
    bundled = {v for values in many for v in values}
    return [total for v, total in text.sums.items() if v not in bundled]


def sketched(
    roots: Sequence[Value],
    view: Sequence[Box],
    names: Names,
    text: Labels | None,
    gradients: bool = True,
) -> Any:
    """The boxes in the textbook's style with that text on the arrows, or in the value style without any."""
    look = attributes("textbook" if text else "value")
    drawing = Drawing("autograd", format="svg", **look)
    return sketch(drawing, roots, view, names, text, gradients)


def outermost(order: Sequence[Value], collapse: Collapse) -> Collapse:
    """What is collapsed: as was said, or the outermost composites of a graph that is too large without."""
    if collapse is not None or len(order) <= AUTO:
        return collapse
    return 1 if has_composites(order) else None


def has_composites(order: Sequence[Value]) -> bool:
    """Whether a Value was made in a composite."""
    return any(v.scope for v in order)


def visible(
    roots: Sequence[Value],
    order: Sequence[Value],
    collapse: Collapse,
    siblings: int | None,
    max_nodes: int,
) -> list[Box]:
    """The boxes of a drawing; ValueError if there are too many."""
    endless = collapse is None and len(order) > limit(max_nodes)
    view = [] if endless else boxes(roots, collapse, siblings)
    check_size(len(view or order), max_nodes)
    return view


def check_options(roots: Sequence[object], style: str, labels: str) -> None:
    """Raises ValueError or TypeError for what ``draw`` does not take."""
    check_choice("style", style, tuple(NODE))
    check_choice("labels", labels, ("formula", "number"))
    check_roots(roots)


def check_roots(roots: Sequence[object]) -> None:
    """Raises TypeError for what is no Value, and where there is none."""
    wrong = [type(y).__name__ for y in roots if not isinstance(y, Value)]
    if wrong or not roots:
        what = f"not {', '.join(wrong) or 'nothing'}"
        raise TypeError(
            f"draw takes Values, {what}; write draw(*values), and draw(y, style='textbook')"
        )


def check_choice(option: str, given: object, known: Sequence[str]) -> None:
    """Raises ValueError for what is neither of two words."""
    if not isinstance(given, str) or given not in known:
        first, second = known
        raise ValueError(f"{option}={given!r}: choose {first!r} or {second!r}")


def to_dot(*roots: Value, **options: Any) -> str:
    """The DOT text of ``draw(...)``: same graph, same options, same bytes."""
    return draw(*roots, **options).source


def limit(most: Any) -> float:
    """``max_nodes`` as a number, which may be inf."""
    nodes = number(most, "max_nodes")
    if math.isnan(nodes):
        raise ValueError(
            "max_nodes=nan is no limit; give a number of nodes, or math.inf"
        )
    return nodes


def check_size(nodes: int, most: int) -> None:
    """Raises ValueError for more nodes than are drawn."""
    if nodes > limit(most):
        large = f"this graph has {nodes:,} nodes, too many to draw"
        smaller = "collapse composites with collapse=, draw a smaller part such as a single sample"
        raise ValueError(
            f"{large} (max_nodes={most:,}): {smaller}, or raise max_nodes"
        )


def mimebundle(
    y: Value, include: object = None, exclude: object = None
) -> dict[str, bytes | str]:
    """What a notebook shows of a Value: its graph, or a table where it cannot be drawn; it never raises."""
    try:
        return draw(y, timeout=GLANCE)._repr_mimebundle_()  # pyright: ignore[reportPrivateUsage]
    except Exception as error:
        return {"text/plain": f"{y!r}\n{error}"}


def mime(y: Value) -> tuple[str, str]:
    """The same for marimo."""
    try:
        return draw(y, timeout=GLANCE)._mime_()  # pyright: ignore[reportPrivateUsage]
    except Exception as error:
        return "text/plain", f"{y!r}\n{error}"
