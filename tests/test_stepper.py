"""The stepper as data: the list of steps, the page as text, its JSON.  test_browser.py opens the page."""

from __future__ import annotations

import json
import random
import re
import string
from collections import Counter
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from autograd import (
    GraphvizMissingError,
    Page,
    StaleGraphError,
    Value,
    composite,
    draw,
    exp,
    labels,
    ledger,
    log,
    relu,
    sin,
    sqrt,
    steps,
    to_html,
    toposort,
    where,
)
from autograd.pictures.boxes import boxes
from autograd.pictures.stepper import LANGUAGES, Walk
from nn import MLP


def sigmoid(x: Value) -> Value:
    return 1 / (1 + exp(-x))


composed = composite(name="sigmoid")(sigmoid)


def neuron() -> Value:
    return sigmoid(Value(0.5, name="x"))


def shared() -> Value:
    a, b = Value(2.0, name="a"), Value(-3.0, name="b")
    u = a + b
    return log(u * u) * u + a


def repeated() -> Value:
    x = Value(3.0, name="x")
    return x * x + (x + x) * x


def decided() -> Value:
    x, y = Value(-2.0, name="x"), Value(0.0, name="y")
    return where(relu(x), y, x) * 1e-100 + exp(y)


def saturated() -> Value:
    return sigmoid(Value(-800.0, name="x")) * exp(Value(2000.0, name="z")) ** 0.0


def mlp() -> Value:
    random.seed(1)
    return MLP(3, [4, 4, 1])([Value(float(i), name=f"x{i}") for i in (1, 2, 3)])


GRAPHS: dict[str, Callable[[], Value]] = {
    "sigmoid": neuron,
    "shared": shared,
    "repeated": repeated,
    "decided": decided,
    "saturated": saturated,
    "mlp": mlp,
}
each = pytest.mark.parametrize("graph", GRAPHS.values(), ids=GRAPHS)


def data(page: str) -> dict[str, Any]:
    """The JSON of a page."""
    found = re.search(
        r'<script type="application/json" id="data">(.*)</script>', page
    )
    assert found
    return json.loads(found[1])


# ------------------------------------------------------------------------------------------------------ steps
def test_the_sigmoid_as_the_terminal_shows_it() -> None:
    assert [str(step) for step in steps(neuron())] == [
        "x = 0.5, a leaf",
        "-x = -0.5",
        "exp(-x) = 0.6065",
        "1+exp(-x) = 1.607",
        "y = 1/(1+exp(-x)) = 0.6225",
        "seed ∂L/∂y = 1",
        "upstream 1 × local -y² = -0.3875 → -0.3875 added to grad of (1+exp(-x)): -0.3875",
        "upstream -0.3875 × local 1 → -0.3875 added to grad of exp(-x): -0.3875",
        "upstream -0.3875 × local exp(-x) = 0.6065 → -0.235 added to grad of (-x): -0.235",
        "upstream -0.235 × local -1 → 0.235 added to grad of x: 0.235",
    ]


def test_the_sum_in_which_a_contribution_lands() -> None:
    a = Value(2.0, name="a")
    last = [str(step) for step in steps(a * -3 + a)][-2:]
    assert last[0].endswith("added to grad of a: 1")
    assert last[1].endswith("-3 added to grad of a: 1 - 3 = -2")


@each
def test_forward_in_order_then_the_seed_then_the_ledger(
    graph: Callable[[], Value],
) -> None:
    y = graph()
    order, found = toposort(y), steps(y, 2.5)
    assert [step.target for step in found[: len(order)]] == order
    assert all(step.total == step.target.data for step in found[: len(order)])
    assert {step.kind for step in found[: len(order)]} == {"leaf", "forward"}
    assert (found[len(order)].kind, found[len(order)].total) == ("seed", 2.5)
    assert [step.edge for step in found[len(order) + 1 :]] == list(ledger(y, 2.5))


@each
def test_the_last_totals_are_the_gradients_bit_for_bit(
    graph: Callable[[], Value],
) -> None:
    y = graph()
    found = {
        step.target: step.total
        for step in steps(y)
        if step.kind in ("seed", "backward")
    }
    y.backward()
    assert {v: repr(total) for v, total in found.items()} == {
        v: repr(v.grad) for v in found
    }
    assert set(found) == set(toposort(y))


def test_nothing_changes_and_passes_that_came_before_do_not_count() -> None:
    y = neuron()
    y.backward()
    y.backward()
    before = [v.grad for v in toposort(y)]
    assert steps(y)[-1].total == before[0] / 2
    to_html(y)
    assert [v.grad for v in toposort(y)] == before


def test_a_lone_leaf_and_the_loss_itself() -> None:
    assert [str(step) for step in steps(Value(2.0, name="x"))] == [
        "x = 2, a leaf",
        "seed ∂L/∂x = 1",
    ]
    x = Value(2.0, name="x")
    y = x * x
    y.name = "L"
    assert str(steps(y)[2]) == "seed ∂L/∂L = 1"


def test_a_stale_graph_is_refused() -> None:
    x = Value(2.0, name="x")
    y = x * x
    x.data = 3.0
    for refuse in (steps, to_html, Value.explain):
        with pytest.raises(StaleGraphError, match="'x' was assigned"):
            refuse(y)


# -------------------------------------------------------------------------------------------------- the words
def test_every_language_says_everything() -> None:
    def fields(text: str) -> set[str]:
        return {field for _, field, _, _ in string.Formatter().parse(text) if field}

    english, korean = LANGUAGES["en"], LANGUAGES["ko"]
    assert list(english) == list(korean)
    assert {key: fields(text) for key, text in english.items()} == {
        key: fields(text) for key, text in korean.items()
    }
    hangul = [key for key, text in korean.items() if re.search("[가-힣]", text)]
    assert set(korean) - set(hangul) == {"data", "grad", "lands"}


def test_every_string_is_used_and_every_used_string_is_there() -> None:
    folder = Path(__file__).parent.parent / "autograd" / "pictures"
    page = (folder / "stepper.html").read_text(encoding="utf-8")
    used = set(re.findall(r'(?:data-(?:label|text)="|words\.|label\(")(\w+)', page))
    kinds = {"leaf", "forward", "seed", "backward"}
    assert used | kinds | {"pause"} == set(LANGUAGES["en"])


def test_korean() -> None:
    page = to_html(neuron(), lang="ko")
    assert '<html lang="ko">' in page
    said = [step["words"] for step in data(page)["steps"]]
    assert (
        said[-1]
        == "상류 미분 -0.235 × 국소 미분 -1 → 0.235, x의 grad에 더함: 0.235"
    )


# --------------------------------------------------------------------------------------------------- the page
@pytest.mark.parametrize("style", ["value", "textbook"])
@each
def test_the_page_tells_the_ledger(graph: Callable[[], Value], style: Any) -> None:
    y = graph()
    order = toposort(y)
    found = [
        step
        for step in data(to_html(y, style=style))["steps"]
        if step["kind"] == "backward"
    ]
    told = [(order[s["node"]], order[s["target"]], s["position"]) for s in found]
    assert told == [(step.node, step.operand, step.position) for step in ledger(y)]
    y.backward()
    assert {s["target"]: s["exact"] for s in found} == {
        order.index(v): repr(v.grad) for v in order if v is not y
    }


def test_sizes() -> None:
    assert len(to_html(neuron(), style="textbook").encode()) <= 30_000
    assert len(to_html(neuron()).encode()) <= 30_000
    assert len(to_html(mlp()).encode()) <= 250_000


def test_same_graph_same_page() -> None:
    assert to_html(mlp(), collapse="Neuron") == to_html(mlp(), collapse="Neuron")


def test_nothing_is_asked_of_the_network() -> None:
    page = to_html(mlp())
    links = re.findall(
        r"""(?:src|href)=["']?([^"'> ]+)|url\(([^)]*)\)|https?://[^"' ]+""", page
    )
    assert {a or b for a, b in links} <= {"#head", ""}
    assert "default-src 'none'" in page
    assert {*re.findall(r"https?://[^\"' ]+", page)} <= {
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1999/xlink",
    }


def test_a_name_is_only_ever_text() -> None:
    evil = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"
    x = Value(2.0, name=evil)
    page = to_html(composite(name=evil)(lambda: exp(x) * x)(), collapse=evil)
    assert "<img" not in page
    assert (
        page.count("<script")
        == page.count("</script>")
        == to_html(neuron()).count("<script")
        == 2
    )


def test_characters_that_no_file_can_hold(tmp_path: Path) -> None:
    x = Value(2.0, name="ab\x00")
    to_html(x * x, tmp_path / "page.html")
    assert "ab" in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_a_name_that_looks_like_a_place_in_the_template() -> None:
    page = to_html(Value(2.0, name="{{figures}} {sum}") * 2)
    assert page.count("<svg") == to_html(neuron()).count("<svg") == 2
    assert any("{{figures}} {sum}" in step["words"] for step in data(page)["steps"])


def test_it_is_written_only_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "page.html"
    assert to_html(neuron(), path) == path.read_text(encoding="utf-8")
    x = Value(1.0)
    y = x * x
    x.data = 2.0
    with pytest.raises(StaleGraphError):
        to_html(y, path)
    assert path.read_text(encoding="utf-8") == to_html(neuron())


# --------------------------------------------------------------------------------------------- its composites
def test_a_composite_links_to_a_picture_of_its_inside() -> None:
    page = to_html(
        composed(Value(0.5, name="x")), style="textbook", collapse="sigmoid"
    )
    whole, inside = data(page)["pictures"]
    (box,) = [box for box in whole["boxes"] if box["scope"]]
    assert f'xlink:href="#in-{box["id"]}"' in page
    assert (box["scope"], box["reads"], box["gives"], box["has"]) == (
        "sigmoid",
        [0],
        [4],
        [1, 2, 3, 4],
    )
    assert [v for inner in inside["boxes"] for v in inner["has"]] == [0, 1, 2, 3, 4]
    assert inside["roots"] == [4]


@pytest.mark.parametrize("collapse", [1, "Layer", "Neuron"])
def test_every_value_has_a_box_of_its_own_somewhere(collapse: Any) -> None:
    y = mlp()
    pictures = data(to_html(y, collapse=collapse))["pictures"]
    boxes = [box for picture in pictures for box in picture["boxes"]]
    own = [box["has"] for box in boxes if not box["scope"]]
    assert {v for (v,) in own} == set(range(len(toposort(y))))
    assert len(pictures) == 1 + sum(bool(box["scope"]) for box in boxes)
    ids = [box["id"] for box in boxes]
    assert len(ids) == len(set(ids))


def test_one_naming_for_all_pictures() -> None:
    x = Value(0.5, name="x")
    u = sin(x * 2 + 1) + 1
    y = composed(u * u) * u
    page = to_html(y, style="textbook", collapse="sigmoid")
    said = [step["words"] for step in data(page)["steps"]]
    assert any(words.startswith("s = 1/(1+exp(-u²)) = ") for words in said)
    texts = re.findall(r"<text[^>]*>([^<]*)</text>", page.replace("&#45;", "-"))
    assert (
        texts.count("s") == 2
        and "∂L/∂s·s(1-s)" in texts
        and "∂L/∂s·s²·exp(-u²)" in texts
    )
    assert {text for text in texts if text.isalpha() and len(text) == 1} == set(
        "xuvsy"
    )


def test_its_arrows_say_what_draw_says() -> None:
    page = to_html(
        composed(Value(0.5, name="x")), style="textbook", collapse="sigmoid"
    )
    texts = re.findall(r"<text[^>]*>([^<]*)</text>", page.replace("&#45;", "-"))
    for x, collapse in (
        (composed(Value(0.5, name="x")), "sigmoid"),
        (neuron(), None),
    ):
        for ahead, back in labels(x, collapse=collapse).edges.values():
            assert ahead in texts and (not back or back in texts), (ahead, back)


def test_large_graphs() -> None:
    @composite
    def block(x: Value) -> Value:
        for _ in range(100):
            x = sin(x)
        return x

    x = Value(0.5)
    pictures = data(to_html(block(block(block(block(x))))))["pictures"]
    assert [len(picture["boxes"]) for picture in pictures] == [
        5,
        101,
        101,
        101,
        101,
    ]
    for _ in range(2100):
        x = sin(x)
    with pytest.raises(ValueError, match="2,101 nodes, too many to draw"):
        to_html(x)


def rows(n: int) -> Value:
    """The squared loss of a small net over n rows."""
    random.seed(1)
    model = MLP(2, [4, 4, 1])
    points = [[random.uniform(-1, 1), random.uniform(-1, 1)] for _ in range(n)]
    y = sum(
        ((model(point) - 1) ** 2 for point in points), start=Value(0.0, name="zero")
    )
    y.name = "L"
    return y


def memory() -> Value:
    """A recurrent net whose composite gives two values, one of which is made of the other."""

    @composite
    def cell(x: Value, h: Value, c: Value, w: Value) -> tuple[Value, Value]:
        c = c * composed(x * w) + h
        return exp(-c) * composed(h + x), c

    w, h, c = Value(0.3, name="w"), Value(0.1, name="h"), Value(-0.2, name="c")
    for i in range(5):
        h, c = cell(Value(0.1 * i, name=f"x{i}"), h, c, w)
    return h * c + c


def unreached() -> Value:
    """Composites whose values the choice leaves out, and where exp overflows."""

    @composite
    def choice(x: Value) -> tuple[Value, Value]:
        return where(relu(x), log(x), x * x), sigmoid(x * 1000)

    root = composite(name="root")(lambda x: sqrt(x) * 2)
    a, b = choice(Value(-2.0, name="x"))
    steep = where(relu(a), b, root(Value(0.0, name="z")))
    return composed(a * b) + choice(Value(3.0, name="y"))[0] + steep


CLOSED: dict[str, Callable[[], Value]] = {
    "rows": lambda: rows(3),
    "mlp": mlp,
    "memory": memory,
    "unreached": unreached,
    "composite": lambda: composed(composed(Value(0.5, name="x"))),
}


@pytest.mark.parametrize("style", ["value", "textbook"])
@pytest.mark.parametrize("graph", CLOSED.values(), ids=CLOSED)
@pytest.mark.parametrize("limit", [0, 60, 150, 5000])
def test_what_is_not_opened_is_a_step_for_each_operand(
    graph: Callable[[], Value],
    limit: int,
    style: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("autograd.pictures.stepper.MANY_STEPS", limit)
    y = graph()
    found = data(to_html(y, collapse=1, style=style))
    steps, pictures = found["steps"], found["pictures"]
    ahead = [step for step in steps if step["kind"] in ("leaf", "forward")]
    assert [step["target"] for step in ahead] == [*range(len(ahead))]
    boxes = [box for picture in pictures for box in picture["boxes"]]
    assert {v for box in boxes for v in box["gives"]} == set(range(len(ahead)))
    opened = [box for box in boxes if box["opens"]]
    assert len(pictures) == 1 + len(opened) and all(box["scope"] for box in opened)
    if limit == 0:
        assert not opened
    if limit == 5000:
        assert len(ahead) == len(toposort(y)) and opened == [
            box for box in boxes if box["scope"]
        ]


@pytest.mark.parametrize("graph", CLOSED.values(), ids=CLOSED)
@pytest.mark.parametrize("depth", [1, 2, 3])
def test_whatever_is_closed_the_last_totals_are_the_gradients(
    graph: Callable[[], Value], depth: int
) -> None:
    y = graph()
    walk = Walk(y, 2.0, boxes([y], depth))
    last = {
        frame.target: frame.total
        for frame in walk.frames
        if frame.kind in ("seed", "backward")
    }
    before = {v: v.grad for v in toposort(y)}
    y.backward(2.0)
    assert set(last) == set(walk.at) and set(before) >= set(last)
    for v, total in last.items():
        assert total == pytest.approx(v.grad, rel=1e-12, abs=1e-300), v
    so_far = dict[Value, float]()
    for frame in walk.frames:
        if frame.edge:  # passes on what has arrived, all of it
            assert so_far.get(frame.edge.node, 0.0) == pytest.approx(
                frame.edge.upstream, rel=1e-12
            )
        if frame.edge and frame.edge.contribution:
            product = frame.edge.upstream * frame.edge.local
            assert frame.edge.contribution == pytest.approx(product, rel=1e-9)
        if frame.kind in ("seed", "backward"):
            so_far[frame.target] = frame.total


def test_a_closed_composite_tells_what_its_own_ledger_sums_up_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("autograd.pictures.stepper.MANY_STEPS", 0)
    x = Value(0.5, name="x")
    page = to_html(composed(x * 3) * 2, collapse="sigmoid")
    said = [step["words"] for step in data(page)["steps"]]
    assert "v = sigmoid(3·x) = 0.8176" in said
    assert (
        "upstream 2 × local v(1-v) = 0.1491 → 0.2983 added to grad of u: 0.2983"
        in said
    )
    assert '"#in-' not in page


def test_a_composites_values_that_are_made_of_one_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("autograd.pictures.stepper.MANY_STEPS", 0)
    y = memory()
    found = data(to_html(y, collapse="cell", style="textbook"))
    inner = [step for step in found["steps"] if step.get("position") == -1]
    assert len(inner) == 5
    assert all(re.search(r"local ∂\w+/∂\w+ = ", step["words"]) for step in inner)


def test_a_loss_over_rows_collapses_as_draw_does() -> None:
    y = rows(5)
    assert len(toposort(y)) > 300
    drawn = len(re.findall(r"class=(?:op|leaf|composite)", draw(y).source))
    for page in (to_html(y), y.explain(style="textbook", lang="ko")):
        found = data(page)
        whole = found["pictures"][0]["boxes"]
        assert [box["scope"] for box in whole if box["scope"]] == ["MLP"] * 5
        assert drawn == len(whole)
        assert len(found["steps"]) <= 5000 and len(page.encode()) < 5_000_000
    with pytest.raises(ValueError, match=r"4,393 nodes, too many to draw"):
        to_html(rows(65), collapse=())


def test_a_net_of_many_nodes_has_a_page() -> None:
    """6,766 of them, of which a formula would be of no use."""
    random.seed(1)
    model = MLP(2, [16, 16, 1])
    y = sum((model([0.1 * i, -0.2 * i]) - 1) ** 2 for i in range(10))
    assert len(toposort(y)) > 5000
    found = data(to_html(y))
    assert len(found["pictures"][0]["boxes"]) < 50
    y.backward()
    last = {
        step["target"]: step["total"]
        for step in found["steps"]
        if step["kind"] == "backward"
    }
    grads = Counter(f"{v.grad:.4g}" for v in toposort(y))
    assert len(last) > 300 and not Counter(last.values()) - grads


def test_a_page_of_too_many_steps_is_refused() -> None:
    @composite
    def mixed(*xs: Value) -> list[Value]:
        total = sum(xs, start=Value(0.0))
        return [x * total for x in xs]

    xs = [Value(float(i)) for i in range(150)]
    with pytest.raises(
        ValueError,
        match=r"a page of [\d,]+ steps is of no use; collapse composites",
    ):
        to_html(sum(mixed(*xs)), collapse="mixed")


# ---------------------------------------------------------------------------------------------- being refused
def test_options_are_checked() -> None:
    with pytest.raises(ValueError, match="lang='fr': choose 'en' or 'ko'"):
        neuron().explain(lang="fr")
    with pytest.raises(
        ValueError, match="style='book': choose 'value' or 'textbook'"
    ):
        neuron().explain(style="book")
    with pytest.raises(ValueError, match="no such composite"):
        neuron().explain(collapse="sigmoid")
    with pytest.raises(TypeError, match="a graph ends in a Value, not in int"):
        steps(3)  # type: ignore[arg-type]


def test_no_program_that_lays_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("autograd.pictures.programs.find_dot", lambda: None)
    with pytest.raises(GraphvizMissingError, match="pip install graphviz-pure"):
        neuron().explain()


# ----------------------------------------------------------------------------------------------- in notebooks
def test_a_page_shows_itself_in_a_frame_of_its_own() -> None:
    page = neuron().explain()
    assert isinstance(page, Page) and isinstance(page, str)
    assert re.fullmatch(
        r"<a page of [\d,]+ bytes; to_html\(y, 'page.html'\) writes it to a file>",
        repr(page),
    )
    frame = page._repr_html_()
    assert frame.startswith("<iframe sandbox=") and frame.count("<") == 2


def test_marimo_shows_it() -> None:
    formatting = pytest.importorskip(
        "marimo._output.formatting", reason="marimo is not installed"
    )
    found = formatting.try_format(neuron().explain())
    assert found.mimetype == "text/html" and "srcdoc=" in found.data
    shown = formatting.try_format(neuron())
    assert shown.mimetype == "text/html" and shown.data.startswith("<svg")


def test_jupyter_shows_it() -> None:
    nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed")
    if (
        find_spec("ipykernel") is None
    ):  # not imported here: fit shows its bar where it is
        pytest.skip("ipykernel is not installed")
    nbformat = pytest.importorskip("nbformat")
    graph = (
        "from autograd import Value, exp\ny = 1 / (1 + exp(-Value(0.5, 'x')))\ny"
    )
    cells = [
        nbformat.v4.new_code_cell(text)
        for text in (graph, "y.explain()", "y.explain(lang='ko')")
    ]
    notebook = nbformat.v4.new_notebook(cells=cells)
    folder = {"metadata": {"path": str(Path(__file__).parent.parent)}}
    nbclient.NotebookClient(
        notebook, timeout=120, kernel_name="python3", resources=folder
    ).execute()
    shown = [cell.outputs[0].data for cell in notebook.cells]
    assert (
        "<svg" in shown[0]["image/svg+xml"]
        and "[exp]" not in shown[1]["text/plain"]
    )
    for output in shown[1:]:
        assert output["text/html"].startswith("<iframe")
        assert output["text/plain"].startswith("<a page of")
