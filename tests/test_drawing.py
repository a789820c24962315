"""Drawings: the DOT text, the SVG that comes of it, the program that renders, and what a notebook shows.

Nothing here looks at coordinates: every version of Graphviz has its own.  The system's dot renders where
there is one, else graphviz-pure; where a test asks for an empty path, graphviz-pure does, or a stand-in.
"""

from __future__ import annotations

import math
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import graphviz
import numpy as np
import pytest
from graphviz.backend import dot_command

from autograd import (
    OPS,
    Drawing,
    GraphvizMissingError,
    Op,
    Value,
    composite,
    draw,
    exp,
    ledger,
    log,
    relu,
    sin,
    tanh,
    to_dot,
    to_html,
)
from autograd.pictures.programs import find_dot
from autograd.pictures.writing import LOW
from tests.scripts import GRAPH, asked, at_most, posix, program, run

SYSTEM_DOT = shutil.which("dot")
SVG = "{http://www.w3.org/2000/svg}"
STYLES = ["value", "textbook"]


@pytest.fixture
def empty_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder that is the whole path."""
    folder = tmp_path / "path"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.delenv("GRAPHVIZ_DOT", raising=False)
    return folder


@pytest.fixture
def no_engine(empty_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a system's dot nor graphviz-pure."""
    monkeypatch.setattr("autograd.pictures.programs.find_dot", lambda: None)


# ------------------------------------------------------------------------------------------- reading pictures
def picture(*roots: Value, **options: Any) -> ElementTree.Element:
    return ElementTree.fromstring(draw(*roots, **options).pipe(format="svg"))


def texts(*roots: Value, **options: Any) -> list[str]:
    """Every line of text in the picture."""
    found = picture(*roots, **options).iter(f"{SVG}text")
    return ["".join(element.itertext()).replace("\xa0", " ") for element in found]


def groups(svg: ElementTree.Element, word: str) -> list[ElementTree.Element]:
    """The parts of a picture with the given class."""
    return [
        element
        for element in svg.iter(f"{SVG}g")
        if word in element.get("class", "").split()
    ]


def nodes(svg: ElementTree.Element) -> list[ElementTree.Element]:
    """The parts of a picture that are nodes of the graph, and no constants or loose ends."""
    return [
        element
        for element in groups(svg, "node")
        if re.fullmatch(r"n\d+", element.get("id", ""))
    ]


def arrows(source: str, kind: str) -> list[str]:
    """The labels of all arrows ahead, or back, as DOT writes them, without quotation marks."""
    label = r'"(?:[^"\\]|\\.)*"|[^\s\]]+'
    return [
        text.strip('"')
        for text in re.findall(rf"-> \w+ \[label=({label}) class={kind}\b", source)
    ]


def caption(source: str) -> str:
    """What is said under the picture."""
    found = re.search(r"^\tlabel=(.*)$", source, re.MULTILINE)
    return found[1].strip('"') if found else ""


# ----------------------------------------------------------------------------------------------------- graphs
def sigmoid(x: Value) -> Value:
    return 1 / (1 + exp(x * -1))


composed = composite(name="sigmoid")(sigmoid)


@composite
def block(x: Value, n: int = 100) -> Value:
    for _ in range(n):
        x = sin(x)
    return x


def chain(n: int) -> Value:
    x = Value(0.5, name="x")
    for _ in range(n):
        x = sin(x)
    return x


def shared() -> Value:
    a, b = Value(2.0, name="a"), Value(3.0, name="b")
    u = a + b
    return log(u * u) * u + a


def apple() -> Value:
    return (
        Value(100.0, name="price")
        * Value(2.0, name="count")
        * Value(1.1, name="tax")
    )


def network() -> Value:
    xs = [Value(0.1 * i - 0.3, name=f"x{i}") for i in range(3)]
    weights = [[Value(0.3 * i - 0.2 * j) for j in range(3)] for i in range(3)]
    hidden = [
        tanh(sum((w * x for w, x in zip(row, xs, strict=True)), start=xs[0]))
        for row in weights
    ]
    return relu(sum(hidden[1:], start=hidden[0]) + 3)


def square() -> Value:
    x = Value(3.0, name="x")
    return x * x


def stale() -> Value:
    x = Value(3.0, name="x")
    y = x * x
    x.data = 4.0
    return y


def special() -> Value:
    return (
        Value(math.inf, name="p") * Value(math.nan, name="q")
        + Value(-math.inf, name="r")
        + math.inf
    )


GRAPHS: dict[str, Callable[[], Value]] = {
    "sigmoid": lambda: sigmoid(Value(0.5, name="x")),
    "composite": lambda: composed(Value(0.5, name="x")),
    "square": square,
    "shared": shared,
    "constants": lambda: 2 * Value(3.0, name="x") ** 3 / 4 - 1,
    "network": network,
    "leaf": lambda: Value(3.0, name="x"),
    "leaf without a name": lambda: Value(3.0),
    "stale": stale,
    "inf and nan": special,
}


@pytest.mark.parametrize("graph", GRAPHS.values(), ids=GRAPHS)
@pytest.mark.parametrize(
    "options",
    [{}, {"style": "textbook"}, {"style": "textbook", "labels": "number"}],
    ids=str,
)
def test_every_graph_renders(
    graph: Callable[[], Value], options: dict[str, Any]
) -> None:
    svg = picture(graph(), **options)
    assert svg.tag == f"{SVG}svg"
    style = options.get("style", "value")
    assert style in groups(svg, "graph")[0].get("class", "").split()
    assert groups(svg, "node") or groups(svg, "ahead")


@pytest.mark.parametrize("style", STYLES)
def test_several_outputs_render_as_one_graph(style: str) -> None:
    a, b = Value(2.0, name="a"), Value(3.0, name="b")
    svg = picture(a * b, a + b, style=style)
    assert len(groups(svg, "op")) == (2 if style == "value" else 0)
    assert len(nodes(svg)) == (4 if style == "value" else 2)


@pytest.mark.parametrize("style", STYLES)
def test_pictures_are_white(style: str) -> None:
    y = square()
    assert "bgcolor=white" in to_dot(y, style=style)
    background = next(picture(y, style=style).iter(f"{SVG}polygon"))
    assert background.get("fill") == "white"


@pytest.mark.parametrize("style", STYLES)
def test_to_dot_is_the_drawings_source(style: str) -> None:
    y = shared()
    assert to_dot(y, style=style) == draw(y, style=style).source
    assert isinstance(draw(y, style=style), Drawing)
    assert isinstance(draw(y, style=style), graphviz.Digraph)


# ----------------------------------------------------------------------------------------- the book's figures
def test_figure_5_20() -> None:
    y = sigmoid(Value(0.5, name="x"))
    source = to_dot(y, style="textbook")
    assert arrows(source, "ahead") == ["x", "-x", "exp(-x)", "1 + exp(-x)", "y"]
    assert arrows(source, "back") == [
        "∂L/∂y·y²·exp(-x)", "-∂L/∂y·y²·exp(-x)", "-∂L/∂y·y²", "-∂L/∂y·y²", "∂L/∂y",
    ]  # fmt: skip
    assert Counter(texts(y, style="textbook")) == Counter(
        [
            *"×+/",
            "exp",
            "-1",
            "1",
            *arrows(source, "ahead"),
            *arrows(source, "back"),
        ]
    )


def test_arrows_are_thin_ahead_and_thick_back() -> None:
    source = to_dot(sigmoid(Value(0.5, name="x")), style="textbook")
    assert "arrowsize=0.7" in source
    assert re.search(r"edge \[.*penwidth=1\b", source)
    ahead = [line for line in source.splitlines() if "class=ahead" in line]
    back = [line for line in source.splitlines() if "class=back" in line]
    assert len(ahead) == len(back) == 5
    assert all("dir=back" in line and "penwidth=3" in line for line in back)
    assert not any("dir=" in line or "penwidth" in line for line in ahead)


def test_the_svg_has_an_arrow_for_every_label() -> None:
    svg = picture(sigmoid(Value(0.5, name="x")), style="textbook")
    assert len(groups(svg, "ahead")) == len(groups(svg, "back")) == 5
    widths = {
        path.get("stroke-width")
        for g in groups(svg, "back")
        for path in g.iter(f"{SVG}path")
    }
    assert widths == {"3"}
    assert [node.get("id") for node in nodes(svg)] == ["n1", "n2", "n3", "n4"]


def test_minus_is_drawn_as_times_minus_one() -> None:
    x = Value(0.5, name="x")
    negated, multiplied = (
        to_dot(-x, style="textbook"),
        to_dot(x * -1, style="textbook"),
    )
    assert "× -1" not in negated
    for source in (negated, multiplied):
        assert re.search(r'n1 \[label="×"', source)
        assert re.search(r"n1c0 \[label=-1\b", source)


def test_constants_enter_from_below() -> None:
    source = to_dot(sigmoid(Value(0.5, name="x")), style="textbook")
    assert source.count("rank=same") == 2
    assert re.findall(r"(\w+) -> (\w+) \[color=\"#\w+\" dir=back\]", source) == [
        ("n1", "n1c0"),
        ("n3", "n3c0"),
    ]


def test_figure_5_19_has_no_way_back() -> None:
    y = sigmoid(Value(0.5, name="x"))
    source = to_dot(y, style="textbook", gradients=False)
    assert arrows(source, "ahead") == ["x", "-x", "exp(-x)", "1 + exp(-x)", "y"]
    assert "class=back" not in source
    assert "∂" not in source
    assert caption(to_dot(square(), style="textbook", gradients=False)) == ""


def test_figure_5_22_one_node() -> None:
    y = composed(Value(0.5, name="x"))
    source = to_dot(y, style="textbook", collapse="sigmoid")
    assert arrows(source, "ahead") == ["x", "y"]
    assert arrows(source, "back") == ["∂L/∂y·y(1-y)", "∂L/∂y"]
    assert Counter(texts(y, style="textbook", collapse="sigmoid")) == Counter(
        ["sigmoid", "x", "y", "∂L/∂y·y(1-y)", "∂L/∂y"]
    )


def test_two_apples_and_the_tax() -> None:
    y = apple()
    source = to_dot(y, style="textbook", labels="number")
    assert arrows(source, "ahead") == ["100", "2", "200", "1.1", "220"]
    assert arrows(source, "back") == ["2.2", "110", "1.1", "200", "1"]
    assert {"price", "count", "tax"} <= {
        *texts(y, style="textbook", labels="number")
    }


def test_sums_that_meet_in_shared_nodes_stand_below() -> None:
    assert caption(to_dot(square(), style="textbook")) == "∂L/∂x = ∂L/∂y·2·x"
    assert (
        caption(to_dot(square(), style="textbook", labels="number"))
        == "x: 3 + 3 = 6"
    )
    assert "∂L/∂x = ∂L/∂y·2·x" in texts(square(), style="textbook")


def test_leaves_that_several_read_are_words() -> None:
    assert re.search(
        r"n0 \[label=x .*shape=plaintext", to_dot(square(), style="textbook")
    )
    assert re.search(
        r"n0 \[shape=point style=invis",
        to_dot(exp(Value(2.0, name="x")), style="textbook"),
    )


def test_the_loss_by_its_name() -> None:
    y = square()
    assert "∂E/∂y·x" in arrows(to_dot(y, style="textbook", loss="E"), "back")
    y.name = "E"
    assert arrows(to_dot(y, style="textbook", loss="E"), "back")[-1] == "1"


# ---------------------------------------------------------------------------------------------------- numbers
def flowing(y: Value, seed: float = 1.0) -> list[str]:
    """All that flows back by the ledger, as pictures write it."""
    return [f"{step.contribution + 0.0:.6g}" for step in ledger(y, seed)] + [
        f"{seed:.6g}"
    ]


@pytest.mark.parametrize(
    "name", ["sigmoid", "square", "shared", "constants", "network", "inf and nan"]
)
def test_numbers_are_the_ledgers(name: str) -> None:
    y = GRAPHS[name]()
    back = arrows(to_dot(y, style="textbook", labels="number"), "back")
    assert Counter(back) == Counter(flowing(y))


def test_numbers_start_from_the_roots_own_gradient() -> None:
    y = shared()
    y.backward(2.5)
    source = to_dot(y, style="textbook", labels="number")
    assert Counter(arrows(source, "back")) == Counter(flowing(y, 2.5))


def test_a_composites_numbers_are_sums_over_its_inside() -> None:
    @composite
    def inner(x: Value, w: Value) -> Value:
        return x * x + x * w

    x, w = Value(3.0, name="x"), Value(5.0, name="w")
    source = to_dot(
        inner(x, w) * 10, style="textbook", labels="number", collapse="inner"
    )
    assert arrows(source, "ahead") == ["3", "5", "24", "240"]
    assert arrows(source, "back") == ["110", "30", "10", "1"]


def test_a_root_inside_of_another_is_not_counted_twice() -> None:
    x = Value(0.5, name="x")
    u = x * x
    y = u * 3
    y.backward()
    assert (
        caption(to_dot(u, y, style="textbook", labels="number"))
        == "x: 1.5 + 1.5 = 3"
    )
    assert x.grad == 3


def test_several_roots_before_any_pass_all_start_with_one() -> None:
    a, b = Value(2.0, name="a"), Value(3.0, name="b")
    source = to_dot(a * b, a + b, style="textbook", labels="number")
    assert Counter(arrows(source, "back")) == Counter(
        ["3", "2", "1", "1", "1", "1"]
    )


# ------------------------------------------------------------------------------------------------ value style
def rows(*roots: Value, **options: Any) -> list[list[str]]:
    """The words in every box."""
    boxes = nodes(picture(*roots, **options))
    return [
        " ".join(box.itertext()).replace("\xa0", " ").split()[1:] for box in boxes
    ]  # a title comes first


def test_boxes_before_and_after_a_pass() -> None:
    x = Value(0.5, name="x")
    y = x * 3
    y.name = "product"
    assert rows(y) == [
        ["x", "data", "0.5", "grad", "–"],
        ["product", "[×]", "data", "1.5", "grad", "–"],
    ]
    y.backward()
    assert rows(y) == [
        ["x", "data", "0.5", "grad", "3"],
        ["product", "[×]", "data", "1.5", "grad", "1"],
    ]


def test_a_gradient_of_zero_is_not_a_dash() -> None:
    x = Value(0.5, name="x")
    (x * 0).backward()
    assert rows(x) == [["x", "data", "0.5", "grad", "0"]]


def test_boxes_of_special_numbers() -> None:
    words = [box[-3] for box in rows(special())]
    assert sorted(words) == ["-inf", "inf", "nan", "nan", "nan", "nan"]


def test_boxes_tell_leaves_ops_and_composites_apart() -> None:
    svg = picture(composed(Value(0.5, name="x")) * 2)
    assert len(groups(svg, "leaf")) == 1
    assert len(groups(svg, "op")) == 5
    svg = picture(composed(Value(0.5, name="x")) * 2, collapse="sigmoid")
    assert (
        len(groups(svg, "composite"))
        == len(groups(svg, "leaf"))
        == len(groups(svg, "op"))
        == 1
    )


def test_a_collapsed_box_says_how_much_is_in_it() -> None:
    y = composed(Value(0.5, name="x"))
    y.backward()
    assert rows(y, collapse="sigmoid")[1] == [
        "sigmoid",
        "4",
        "nodes",
        "data",
        "0.6225",
        "grad",
        "1",
    ]


def test_every_operand_is_an_arrow() -> None:
    source = to_dot(square())
    assert source.count("n0 -> n1") == 2
    constants = to_dot(2 * Value(3.0, name="x"))
    assert re.search(r"n1c0 \[label=2\b.*shape=plaintext", constants)
    assert "n1c0 -> n1" in constants


# ---------------------------------------------------------------------------------------------- strange names
LONG = "a very long name that goes on and on, " * 10 + "to its end"
SEEN: dict[
    str, tuple[list[str], list[str]]
] = {  # a name, and the lines that are seen in the two styles
    "<b>": (["<b>"], ["<b>"]),
    "a|b": (["a|b"], ["a|b"]),
    "{a}": (["{a}"], ["{a}"]),
    'say "hi"': (['say "hi"'], ['(say "hi")']),
    '"': (['"'], ['"']),
    "back\\slash": (["back\\slash"], ["back\\slash"]),
    "end\\": (["end\\"], ["end\\"]),
    '\\"': (['\\"'], ['\\"']),
    "new\nline": (["new", "line"], ["(new", "line)"]),
    "\\N": (["\\N"], ["\\N"]),
    "\\n": (["\\n"], ["\\n"]),
    "\\lgr": (["\\lgr"], ["\\lgr"]),
    "<<b>>": (["<<b>>"], ["<<b>>"]),
    "-->": (["-->"], ["(-->)"]),
    "]]>": (["]]>"], ["]]>"]),
    "a&b": (["a&b"], ["a&b"]),
    "가격": (["가격"], ["가격"]),
    "😀": (["😀"], ["😀"]),
    "שלום": (["שלום"], ["שלום"]),
    " ": ([" "], ["( )"]),
    "%s": (["%s"], ["%s"]),
    "node": (["node"], ["node"]),
    "x1": (["x1"], ["x₁"]),
    LONG: ([LONG], [f"({LONG})"]),
}


@pytest.mark.parametrize(
    "name, seen", SEEN.items(), ids=[ascii(name)[:20] for name in SEEN]
)
@pytest.mark.parametrize("style", STYLES)
def test_names_are_seen_as_they_are(
    name: str, seen: tuple[list[str], list[str]], style: str
) -> None:
    y = Value(2.0, name=name) * 7
    y.name = "result"
    found = texts(y, style=style)
    expected = seen[STYLES.index(style)]
    assert [line for line in found if line in expected] == expected


@pytest.mark.parametrize("name", ["&amp;", "&alpha;", "a&lt;b"])
@pytest.mark.parametrize("style", STYLES)
def test_entities_are_seen_as_they_are(name: str, style: str) -> None:
    assert name in texts(Value(2.0, name=name) * 7, style=style)


@pytest.mark.parametrize("style", STYLES)
def test_an_ops_name_is_seen_as_it_is(style: str) -> None:
    y = Value(2.0, name="x") * 7
    y.name = "<b>|\\N"
    assert ("<b>|\\N" if style == "textbook" else "<b>|\\N [×]") in texts(
        y, style=style
    )


@pytest.mark.parametrize("style", STYLES)
def test_a_composites_name_is_seen_as_it_is(style: str) -> None:
    y = composite(name='<i> "\\N"')(sigmoid)(Value(2.0, name="x"))
    assert '<i> "\\N"' in texts(y, style=style, collapse=1)


@pytest.mark.parametrize("name", ["a\x1bb", "a\x0bb", "a\uffffb"], ids=ascii)
@pytest.mark.parametrize("style", STYLES)
def test_characters_that_xml_has_not_are_left_out(name: str, style: str) -> None:
    y = Value(2.0, name=name) * 7
    assert {"ab", "(ab)"} & {*texts(y, style=style)}


# ------------------------------------------------------------------------------------------ size and collapse
def test_a_long_graph_is_refused_with_the_way_out() -> None:
    y = chain(2000)
    with pytest.raises(
        ValueError, match=r"2,001 nodes.*max_nodes.*collapse="
    ) as refusal:
        draw(y)
    assert "\n" not in str(refusal.value)
    assert len(arrows(to_dot(chain(1999), style="textbook"), "ahead")) == 2000
    assert to_dot(y, max_nodes=2001)


@pytest.mark.parametrize("limit", [math.nan, np.float64("nan"), np.float32("nan")])
def test_a_limit_that_is_no_number(limit: Any) -> None:
    """Nothing is more than nan, and so nothing would be too much."""
    y = exp(Value(1.0))
    for use in (draw, to_dot, to_html):
        with pytest.raises(
            ValueError, match="max_nodes=nan is no limit; give a number of nodes"
        ):
            use(y, max_nodes=limit)
        with pytest.raises(TypeError, match="max_nodes takes real numbers"):
            use(y, max_nodes="2000")
        assert use(y, max_nodes=math.inf) == use(y) or use is draw


def test_a_very_long_graph_is_refused_at_once() -> None:
    y = chain(100_000)
    for style in STYLES:
        with at_most(10), pytest.raises(ValueError, match="100,001 nodes"):
            draw(y, style=style)


@pytest.mark.parametrize("style", STYLES)
def test_a_large_graph_collapses_by_itself_and_says_so(style: str) -> None:
    y = block(block(block(block(Value(0.5, name="x")))))
    assert caption(to_dot(y, style=style)) == "401 nodes, drawn as 5"
    assert "401 nodes, drawn as 5" in texts(y, style=style)
    assert texts(y, style=style).count("block") == 4


def test_what_does_not_collapse_by_itself() -> None:
    assert caption(to_dot(block(block(Value(0.5, name="x"))))) == ""
    assert caption(to_dot(chain(301))) == ""
    large = block(block(block(block(Value(0.5, name="x")))))
    assert caption(to_dot(large, collapse=())) == ""
    assert to_dot(large, collapse=()).count("class=op") == 400


def test_collapse_by_name_depth_function_and_list() -> None:
    @composite
    def outer(x: Value) -> Value:
        return composed(x) * composed(x + 1)

    y = outer(Value(0.5, name="x")) + 1
    ways = {
        "name": "sigmoid",
        "depth": 2,
        "function": lambda scope: scope.name == "sigmoid",
        "list": ["sigmoid"],
    }
    assert len({to_dot(y, collapse=way) for way in ways.values()}) == 1
    assert to_dot(y, collapse="sigmoid").count("class=composite") == 2
    assert to_dot(y, collapse=1).count("class=composite") == 1
    assert to_dot(y, collapse=["outer", "sigmoid"]) == to_dot(y, collapse=1)
    with pytest.raises(ValueError, match=r"'nope'.*outer.*sigmoid"):
        draw(y, collapse="nope")


def test_the_layout_of_a_larger_graph_takes_less_care() -> None:
    assert "nslimit=2" in to_dot(chain(160))
    assert "nslimit" not in to_dot(chain(60))


SCRIPT = (
    GRAPH
    + """
from autograd import to_dot
for style, labels in (("value", "formula"), ("textbook", "formula"), ("textbook", "number")):
    for collapse in (None, {"f", "g"}):
        print(to_dot(y, p, style=style, labels=labels, collapse=collapse))
"""
)


def test_the_same_bytes_under_every_hash_seed() -> None:
    outputs = {run(SCRIPT, PYTHONHASHSEED=seed) for seed in ("0", "12345")}
    assert len(outputs) == 1
    assert outputs.pop().count(b"digraph") == 6


@pytest.mark.parametrize("style", STYLES)
def test_the_same_graph_built_twice_has_the_same_bytes(style: str) -> None:
    assert to_dot(network(), style=style) == to_dot(network(), style=style)
    assert to_dot(shared(), style=style) == to_dot(shared(), style=style)


# ----------------------------------------------------------------------------------------------- stale graphs
@pytest.mark.parametrize(
    "options",
    [{}, {"style": "textbook"}, {"style": "textbook", "labels": "number"}],
    ids=str,
)
def test_a_stale_graph_says_so(options: dict[str, Any]) -> None:
    y = stale()
    said = caption(to_dot(y, **options))
    assert said.startswith("stale: 'x' was assigned")
    assert "forward()" in said
    assert not caption(to_dot(y.forward(), **options)).startswith("stale")


def test_a_stale_graph_has_no_numbers_to_send_back() -> None:
    source = to_dot(stale(), style="textbook", labels="number")
    assert arrows(source, "ahead") == ["4", "4", "9"]
    assert arrows(source, "back") == []


# ---------------------------------------------------------------------------------------------------- engines
def test_graphviz_pure_renders_where_there_is_nothing_else(
    empty_path: Path,
) -> None:
    found = find_dot()
    assert found is not None
    assert found.stem == "graphviz-pure"
    assert "<svg" in draw(square()).pipe(format="svg", encoding="utf-8")


def test_rendering_is_quiet(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    y = Value(2.0, name="가격") * 3  # of whose width graphviz-pure knows nothing
    draw(y).pipe(format="svg")
    draw(y).render(tmp_path / "y", format="svg")
    assert capfd.readouterr() == ("", "")


@posix
def test_a_dot_on_the_path_comes_first(empty_path: Path) -> None:
    dot = program(empty_path / "dot")
    assert find_dot() == dot
    assert draw(square()).pipe(format="svg") == b"<svg/>"
    assert "-Tsvg" in asked(dot)


@posix
def test_graphviz_dot_overrides_the_path(
    empty_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual, own = (
        program(empty_path / "dot"),
        program(tmp_path / "my-dot", "<svg>mine</svg>"),
    )
    monkeypatch.setenv("GRAPHVIZ_DOT", str(own))
    assert find_dot() == own
    assert draw(square()).pipe(format="svg") == b"<svg>mine</svg>"
    assert asked(own)
    assert not asked(usual)


@pytest.mark.skipif(SYSTEM_DOT is None, reason="there is no dot on this machine")
def test_the_systems_own_dot(
    empty_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(Path(str(SYSTEM_DOT)).parent))
    assert find_dot() == Path(str(SYSTEM_DOT))
    assert "∂L/∂y·x" in texts(square(), style="textbook")
    assert draw(square()).pipe(format="pdf").startswith(b"%PDF")


def test_without_any_engine_three_lines_say_what_to_do(no_engine: None) -> None:
    with pytest.raises(GraphvizMissingError) as missing:
        draw(square()).pipe(format="svg")
    assert isinstance(missing.value, graphviz.ExecutableNotFound)
    lines = str(missing.value).splitlines()
    assert len(lines) == 3
    assert "pip install graphviz-pure" in lines[1]
    assert "brew" in lines[1]
    assert ".source" in lines[2]


def test_without_any_engine_nothing_is_written_but_dot(
    no_engine: None, tmp_path: Path
) -> None:
    drawing = draw(square())
    with pytest.raises(GraphvizMissingError):
        drawing.save_picture(tmp_path / "y.svg")
    with pytest.raises(GraphvizMissingError):
        drawing.render(tmp_path / "y", format="svg")
    assert not (tmp_path / "y.svg").exists()
    assert (
        drawing.save_picture(tmp_path / "y.dot").read_text(encoding="utf-8")
        == drawing.source
    )


def test_no_wheel_and_an_empty_path_is_no_engine(
    monkeypatch: pytest.MonkeyPatch, empty_path: Path
) -> None:
    monkeypatch.setattr(
        "autograd.pictures.programs.metadata.distributions", lambda **_: []
    )
    monkeypatch.setattr(
        "autograd.pictures.programs.sysconfig.get_path", lambda *_: str(empty_path)
    )
    assert find_dot() is None


@posix
def test_a_wheel_without_a_record_is_found_among_the_scripts(
    monkeypatch: pytest.MonkeyPatch, empty_path: Path, tmp_path: Path
) -> None:
    monkeypatch.setattr(
        "autograd.pictures.programs.metadata.distributions", lambda **_: []
    )
    monkeypatch.setattr(
        "autograd.pictures.programs.sysconfig.get_path", lambda *_: str(tmp_path)
    )
    script = program(tmp_path / "graphviz-pure")
    assert find_dot() == script
    script.unlink()
    on_path = program(empty_path / "graphviz-pure")
    assert find_dot() == on_path


@posix
@pytest.mark.parametrize("end", ["exit 1", "kill -9 $$"])
def test_the_graphviz_package_is_left_as_it_was(empty_path: Path, end: str) -> None:
    usual, drawing = dot_command.DOT_BINARY, draw(square())
    drawing.pipe(format="svg")
    assert usual == dot_command.DOT_BINARY
    dot = program(empty_path / "dot", end=end)
    with pytest.raises(subprocess.CalledProcessError):
        drawing.pipe(format="svg")
    assert usual == dot_command.DOT_BINARY and asked(dot)
    dot.unlink()
    with pytest.raises(graphviz.ExecutableNotFound):
        graphviz.Digraph().pipe(format="svg")


@pytest.mark.parametrize("write", [
    lambda drawing, path: drawing.pipe(format="pdf"),
    lambda drawing, path: drawing.pipe("pdf"),
    lambda drawing, path: drawing.save_picture(path / "y.pdf"),
    lambda drawing, path: drawing.render(path / "y", format="pdf"),
    lambda drawing, path: drawing.render(outfile=path / "y.pdf"),
])  # fmt: skip
def test_pdf_needs_the_systems_graphviz(
    write: Callable[[Drawing, Path], object], empty_path: Path, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match="pdf needs the system's Graphviz"):
        write(draw(square()), tmp_path)
    assert not (tmp_path / "y.pdf").exists()


def test_pipe_and_render_give_svg_unless_told(tmp_path: Path) -> None:
    assert b"<svg" in draw(square()).pipe()
    assert draw(square()).render(tmp_path / "y").endswith(".svg")


@pytest.mark.parametrize(
    "options", [{"format": "svg"}, {"outfile": "y.svg"}, {"format": "png"}], ids=str
)
def test_render_writes_files(options: dict[str, str], tmp_path: Path) -> None:
    options = {
        key: str(tmp_path / value) if key == "outfile" else value
        for key, value in options.items()
    }
    written = Path(
        draw(square()).render(**{"filename": str(tmp_path / "y.gv")} | options)
    )
    assert written.stat().st_size > 100


# ----------------------------------------------------------------------------------------------- save_picture
def test_save_picture_writes_what_the_suffix_says(tmp_path: Path) -> None:
    drawing = draw(square(), style="textbook")
    svg = drawing.save_picture(tmp_path / "new" / "folder" / "y.svg")
    assert svg == tmp_path / "new" / "folder" / "y.svg"
    assert ElementTree.parse(svg).getroot().tag == f"{SVG}svg"
    png = drawing.save_picture(str(tmp_path / "y.png"))
    assert png.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    for suffix in ("dot", "gv"):
        assert (
            drawing.save_picture(tmp_path / f"y.{suffix}").read_text(
                encoding="utf-8"
            )
            == drawing.source
        )


@pytest.mark.parametrize("name", ["y.txt", "y", "y.svg.", ".svg", "y.jpg"])
def test_save_picture_refuses_other_suffixes(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"\.svg, \.png.*\.dot"):
        draw(square()).save_picture(tmp_path / "folder" / name)
    assert not (tmp_path / "folder").exists()


# ------------------------------------------------------------------------------------------ what draw refuses
def test_draw_refuses_what_it_cannot_draw() -> None:
    y = square()
    with pytest.raises(
        ValueError, match="style='book': choose 'value' or 'textbook'"
    ):
        draw(y, style="book")  # type: ignore[arg-type]
    with pytest.raises(
        ValueError, match="labels='words': choose 'formula' or 'number'"
    ):
        draw(y, labels="words")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"takes Values.*nothing"):
        draw()
    with pytest.raises(TypeError, match=r"takes Values.*not float"):
        draw(y, 2.0)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"takes Values.*not list"):
        draw([y])  # type: ignore[arg-type]


# -------------------------------------------------------------------------------------------------- notebooks
def bundle(y: Value) -> dict[str, Any]:
    """What IPython shows of a Value."""
    formatters = pytest.importorskip("IPython.core.formatters")
    shown, _ = formatters.DisplayFormatter().format(y)
    return shown


def test_a_notebook_shows_the_picture() -> None:
    for thing in (square(), draw(square(), style="textbook")):
        shown = bundle(thing)
        assert ElementTree.fromstring(shown["image/svg+xml"]).tag == f"{SVG}svg"
        assert "x·x" in shown["text/plain"]


def test_a_notebook_without_an_engine_shows_a_table(no_engine: None) -> None:
    y = shared()
    y.backward()
    shown = bundle(y)
    assert "image/svg+xml" not in shown
    assert "pip install graphviz-pure" in shown["text/plain"]
    table = [line.split() for line in shown["text/plain"].splitlines()]
    assert ["node", "formula", "value", "local", "derivatives", "gradient"] in table
    assert ["a", "2", "2", f"{y.inner[1].grad:.6g}"] in table
    assert table[-1][:4] == ["v₅", "v₄", "+", "a"]
    assert table[-1][-1] == "1"


def test_a_notebook_shows_an_op_without_a_gradient(no_engine: None) -> None:
    halved = Op(
        "halved", "halved", "x / 2", (lambda z, x: 0.5 if x > 0 else math.nan,)
    )
    del OPS["halved"]
    last = bundle(halved(Value(2.0, name="x")))["text/plain"].splitlines()[-1]
    assert last.split() == ["v₁", "halved(x)", "1", "–"]


def test_a_table_shows_the_last_forty_rows(no_engine: None) -> None:
    lines = bundle(chain(99))["text/plain"].splitlines()
    assert "… and 60 more above" in lines
    shown = [
        line.split()[0] for line in lines[lines.index("… and 60 more above") + 1 :]
    ]
    assert shown == [f"v{i}".translate(LOW) for i in range(60, 100)]


def test_a_notebook_shows_why_a_long_graph_is_not_drawn() -> None:
    shown = bundle(chain(10_000))
    assert list(shown) == ["text/plain"]
    assert "10,001 nodes" in shown["text/plain"]


@pytest.mark.parametrize(
    "name", ["stale", "inf and nan", "leaf", "leaf without a name"]
)
def test_a_notebook_shows_every_graph(name: str) -> None:
    assert "image/svg+xml" in bundle(GRAPHS[name]())


@pytest.mark.parametrize("name", [*SEEN, "a\x1b", "\0"], ids=ascii)
def test_a_notebook_never_raises_for_a_name(name: str) -> None:
    assert "text/plain" in (Value(2.0, name=name) * 3)._repr_mimebundle_()


@posix
def test_a_notebook_never_raises_for_an_engine(empty_path: Path) -> None:
    dot = program(empty_path / "dot", end="exit 1")
    shown = bundle(square())
    assert list(shown) == ["text/plain"]
    assert "x·x" in shown["text/plain"]
    assert asked(dot)
