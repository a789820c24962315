"""What is drawn of a network: boxes by depth, hidden parameters, siblings as one box, and what flows back."""

from __future__ import annotations

import math
import random
import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from autograd import (
    Value,
    composite,
    draw,
    exp,
    formula,
    labels,
    ledger,
    scope,
    tanh,
    to_dot,
    toposort,
)
from autograd.pictures.amounts import flows
from autograd.pictures.boxes import Box, boxes
from autograd.value import NO_GRAD
from nn import MLP, Layer, Module, Neuron, hinge, mse, parameter, softmax

COLLAPSES: dict[str, Any] = {
    "None": None,
    "1": 1,
    "2": 2,
    "3": 3,
    "4": 4,
    "Layer": "Layer",
    "Neuron": ["Neuron"],
    "function": lambda s: s.name in ("Neuron", "hinge", "softmax"),
}
every_collapse = pytest.mark.parametrize(
    "collapse", COLLAPSES.values(), ids=COLLAPSES.keys()
)


def names(found: Sequence[Box]) -> list[str]:
    """Each box by its composite's name, its op's, or its leaf's."""
    return [
        box.title
        if box.scope
        else box.values[0].op.name
        if box.values[0].op
        else box.values[0].name
        for box in found
    ]


def network(
    nin: int, nouts: list[int], activation: str = "tanh"
) -> tuple[MLP, list[Value], Any]:
    """A model, its inputs and what it makes of them."""
    random.seed(1)
    model, inputs = (
        MLP(nin, nouts, activation),
        [Value(0.5 - i, f"x{i}") for i in range(nin)],
    )
    return model, inputs, model(inputs)


def penalised(parts: int = -1) -> tuple[MLP, Value]:
    """A loss, with a penalty of the first parameters of a model."""
    model, _, y = network(2, [5, 2, 1])
    chosen = model.parameters()[:parts] if parts >= 0 else model.parameters()
    return model, hinge(y, 1) + sum(
        (p * p for p in chosen[1:]), chosen[0] * chosen[0]
    ) * 0.01


@composite
def cell(x: Value, h: Value) -> Value:
    return tanh(x + h)


@composite
def twice(x: Value) -> Value:
    return x * 2


@composite
def thrice(x: Value) -> Value:
    return x * 3


def siblings_of(n: int) -> tuple[Value, list[Value]]:
    """The sum of n calls of one composite on one number."""
    x = Value(2.0, "x")
    calls = [twice(x) for _ in range(n)]
    return sum(calls[1:], calls[0]), calls


GRAPHS: dict[str, Callable[[], list[Value]]] = {
    "mlp": lambda: [network(2, [5, 2, 1])[2]],
    "several roots": lambda: network(3, [6, 7])[2],
    "loss": lambda: [hinge(network(2, [5, 2, 1])[2], -1)],
    "all penalised": lambda: [penalised()[1]],
    "some penalised": lambda: [penalised(20)[1]],
    "softmax": lambda: softmax(network(1, [7, 5])[2]),
    "two rows": lambda: two_rows(),
    "a parameter as a root": lambda: parameter_as_root(),
}


def two_rows() -> list[Value]:
    """One model, three inputs, of which two are the same Value; a neuron outside uses a weight too."""
    model, inputs, y = network(1, [6, 1])
    return [y * model(inputs) + model([Value(3.0, "other")]), y]


def parameter_as_root() -> list[Value]:
    model, _, y = network(1, [5, 1])
    return [model.parameters()[0], y]


# ----------------------------------------------------------------------------------------------------- depths
@pytest.mark.parametrize(
    ("collapse", "expected"),
    [
        (1, {"x0": 1, "x1": 1, "MLP": 1}),
        ("MLP", {"x0": 1, "x1": 1, "MLP": 1}),
        (2, {"x0": 1, "x1": 1, "Layer": 3}),
        ("Layer", {"x0": 1, "x1": 1, "Layer": 3}),
        (3, {"x0": 1, "x1": 1, "Neuron": 33}),
        (["Neuron"], {"x0": 1, "x1": 1, "Neuron": 33}),
        (["Neuron", "MLP"], {"x0": 1, "x1": 1, "MLP": 1}),
        (
            lambda s: s.name == "Layer" and s.parent.name == "MLP",
            {"x0": 1, "x1": 1, "Layer": 3},
        ),
    ],
)
def test_a_network_by_depth_and_by_name(
    collapse: Any, expected: dict[str, int]
) -> None:
    _, inputs, y = network(2, [16, 16, 1])
    found = boxes([y], collapse)
    assert Counter(names(found)) == expected
    assert found[-1].values == [y]
    assert [box.values for box in found if not box.scope] == [[x] for x in inputs]


def test_a_network_without_collapse_is_every_value() -> None:
    _, _, y = network(2, [16, 16, 1])
    for collapse in (None, (), 4, 0):
        found = boxes([y], collapse, 3)
        assert (
            [box.values for box in found]
            == [box.members for box in found]
            == [[v] for v in toposort(y)]
        )
        assert [tuple(box.args) for box in found] == [v.args for v in toposort(y)]


def test_layers_are_in_a_row() -> None:
    model, inputs, y = network(2, [5, 2, 1])
    *_, first, second, third = boxes([y], 2, 3)
    assert (first.args, third.values) == (inputs, [y])
    assert (second.args, third.args) == (first.values, second.values)
    assert [len(box.values) for box in (first, second, third)] == [5, 2, 1]
    assert not {*model.parameters()} & {
        v for box in (first, second, third) for v in box.members
    }


# --------------------------------------------------------------------------------------- what a view must be
def check(roots: list[Value], found: list[Box]) -> None:
    """The boxes hold the graph, apart from parameters that only composites read; they stand in order."""
    order = toposort(*roots)
    home = {v: box for box in found for v in box.members}
    assert sum(len(box.members) for box in found) == len(home)
    hidden = {*order} - {*home}
    readers = {
        p: [home[v] for v in order if p in v.inner] for p in order if p.parameter
    }
    assert hidden == {
        p
        for p, by in readers.items()
        if p not in roots and all(box.scope for box in by)
    }
    place = {id(box): i for i, box in enumerate(found)}
    given: dict[int, set[Value]] = {id(box): set() for box in found}
    for box in found:
        reads = [
            x
            for v in box.members
            for x in v.inner
            if x not in hidden and home[x] is not box
        ]
        args = [x for x in box.args if isinstance(x, Value)]
        assert {*args} == {*reads}
        assert box.scope is None or box.args == [*dict.fromkeys(args)]
        assert box.scope is not None or (
            box.members == box.values and box.args == [*box.values[0].args]
        )
        assert all(place[id(home[x])] < place[id(box)] for x in reads)
        for x in reads:
            given[id(home[x])].add(x)
    for box in found:
        assert {*box.values} == given[id(box)] | ({*roots} & {*box.members})
        assert len(box.values) == len({*box.values}) > 0
        assert (
            box.members == [v for v in order if v in {*box.members}]
            or "more" in names([box])[0]
        )
    assert {id(home[y]) for y in roots} <= {id(box) for box in found}


@pytest.mark.parametrize("make", GRAPHS.values(), ids=GRAPHS.keys())
@pytest.mark.parametrize("siblings", [None, 1, 2, 3])
@every_collapse
def test_boxes_hold_all_but_hidden_parameters(
    make: Any, collapse: Any, siblings: int | None
) -> None:
    roots = make()
    if isinstance(collapse, str | list) and "/".join(collapse) not in repr(
        [v.scope for v in toposort(*roots)]
    ):
        collapse = "Layer"
    check(roots, boxes(roots, collapse, siblings))


@pytest.mark.parametrize("make", GRAPHS.values(), ids=GRAPHS.keys())
@pytest.mark.parametrize("passes", [0, 1])
def test_a_drawing_changes_no_number(make: Any, passes: int) -> None:
    roots = make()
    for _ in range(passes):
        roots[-1].backward()
    order = toposort(*roots)

    def state() -> list[Any]:
        numbers = [
            (v, v.data, v.grad, v.grad is NO_GRAD, v.clock, v.args, v.scope, v.name)
            for v in order
        ]
        return [numbers, toposort(*roots), [list(ledger(y)) for y in roots]]

    before, drawn = state(), list[str]()
    for collapse in (None, 1, 3):
        for options in (
            {},
            {"style": "textbook"},
            {"style": "textbook", "labels": "number"},
        ):
            drawn.append(to_dot(*roots, collapse=collapse, **options))
    assert state() == before
    assert drawn[0] == to_dot(*roots)


# ------------------------------------------------------------------------------------------ hidden parameters
def test_a_parameter_that_a_visible_node_reads_is_shown() -> None:
    model, y = penalised(7)
    for collapse in (1, 2, 3):
        found = boxes([y], collapse)
        shown = [
            box.values[0]
            for box in found
            if not box.scope and box.values[0].parameter
        ]
        assert {*shown} == {*model.parameters()[:7]}
        readers = [
            box for box in found if box.scope for x in box.args if x in shown
        ]
        assert len(readers) == 7
    everything = boxes([penalised()[1]], 1)
    assert sum(box.values[0].parameter for box in everything) == len(
        model.parameters()
    )


def test_a_parameter_is_hidden_in_all_composites_or_in_none() -> None:
    w, x, z = parameter(2.0, "w"), Value(3.0, "x"), Value(4.0, "z")
    with scope("first"):
        a = w * x
    with scope("second"):
        b = w * a
    assert names(boxes([b], 1)) == ["x", "first", "second"]
    assert names(boxes([b], "first")) == ["w", "x", "first", "mul"]
    assert names(boxes([b, w * z], 1)) == ["w", "x", "first", "second", "z", "mul"]
    assert names(boxes([b, w], 1)) == ["w", "x", "first", "second"]
    assert names(boxes([w])) == names(boxes([w], 1)) == ["w"]


def test_only_parameters_are_hidden() -> None:
    neuron, x = Neuron(1), Value(2.0, "x")
    neuron.w = [Value(3.0, "v")]
    assert names(boxes([neuron(x)], 1)) == ["v", "x", "Neuron"] or names(
        boxes([neuron(x)], 1)
    ) == [
        "x",
        "v",
        "Neuron",
    ]


def test_a_parameter_made_inside_is_a_member() -> None:
    @composite
    def lazy(x: Value) -> Value:
        return x * parameter(2.0, "p")

    found = boxes([lazy(Value(1.0, "x"))], 1)
    assert names(found) == ["x", "lazy"]
    assert [v.name for v in found[1].members] == ["p", ""]


def test_a_parameter_made_in_the_first_call_and_read_in_the_second() -> None:
    class Lazy(Module):
        w: Value | None = None

        def forward(self, x: Value) -> Value:
            self.w = parameter(2.0, "w") if self.w is None else self.w
            return self.w * x

    lazy, x, z = Lazy(), Value(3.0, "x"), Value(4.0, "z")
    for y in (lazy(x) * lazy(z), lazy(lazy(x))):
        for options in (
            {},
            {"style": "textbook"},
            {"style": "textbook", "labels": "number"},
        ):
            assert draw(y, collapse=1, **options).source
        assert names(boxes([y], 1)).count("Lazy") == 2


def test_a_composite_that_gives_a_parameter_back() -> None:
    w = parameter(1.5, "w")

    @composite
    def tied(x: Value) -> tuple[Value, Value]:
        return x * w, w

    y, again = tied(Value(2.0, "x"))
    z = y * again
    check([z], boxes([z], 1))
    assert names(boxes([z], 1)) == ["x", "w", "tied", "mul"]


# --------------------------------------------------------------------------------------------------- siblings
@pytest.mark.parametrize(
    ("n", "siblings", "alone", "rest"),
    [
        *[(n, None, n, 0) for n in (1, 5, 16)],
        (1, 3, 1, 0),
        (3, 3, 3, 0),
        (4, 3, 4, 0),
        (5, 3, 3, 2),
        (16, 3, 3, 13),
        (2, 1, 2, 0),
        (3, 1, 1, 2),
        (4, 1, 1, 3),
        (4, 0, 1, 3),
        (5, 1, 1, 4),
        (4, 2, 2, 2),
        (5, 4, 5, 0),
        (6, 4, 4, 2),
        (16, 15, 16, 0),
        (16, 100, 16, 0),
    ],
)
@pytest.mark.parametrize("kind", ["neurons", "calls"])
def test_how_many_siblings_stand_alone(
    n: int, siblings: int | None, alone: int, rest: int, kind: str
) -> None:
    if kind == "neurons":
        _, _, y = network(2, [n, 1])
        found, name = boxes([y], 3, siblings), "Neuron"
        first = boxes([y], 3)[2 : 2 + n]
        found = found[:-1]
    else:
        y, _ = siblings_of(n)
        found, name, first = (
            boxes([y], "twice", siblings),
            "twice",
            [b for b in boxes([y], 1) if b.scope],
        )
    shown = [box for box in found if box.scope]
    assert names(shown) == [name] * alone + [f"×{rest} more"] * bool(rest)
    for box, other in zip(shown[:alone], first, strict=False):
        assert (box.scope, box.values, box.args, box.members) == (
            other.scope,
            other.values,
            other.args,
            other.members,
        )
    if rest:
        *_, last = shown
        assert last.scope is not None
        assert first[0].scope is not None
        assert last.scope.parent is first[0].scope.parent
        assert last.args == first[0].args
        assert last.values == [v for box in first[alone:] for v in box.values]
        assert last.members == [v for box in first[alone:] for v in box.members]


def test_every_layer_has_its_own_rest() -> None:
    _, _, y = network(2, [16, 7, 4, 1])
    found = [name for name in names(boxes([y], 3, 3)) if name[0] != "x"]
    assert found == [
        *["Neuron"] * 3,
        "×13 more",
        *["Neuron"] * 3,
        "×4 more",
        *["Neuron"] * 5,
    ]
    assert len(boxes([y], 2, 1)) == 2 + 4


@composite
def layer_by_hand(x: Value) -> Value:
    return twice(x) + twice(x) + twice(x)


def different_names(x: Value) -> Value:
    return twice(x) + thrice(x) + twice(x) + thrice(x)


def different_inputs(x: Value) -> Value:
    return twice(x * 1) + twice(x * 1) + twice(x * 1) + twice(x)


def different_calls(x: Value) -> Value:
    return layer_by_hand(x) + layer_by_hand(x)


def other_order(x: Value) -> Value:
    z = x * 1
    return cell(x, z) + cell(z, x) + cell(x, z) + cell(z, x)


def in_a_row(x: Value) -> Value:
    return twice(twice(twice(twice(twice(x)))))


def recurrent(x: Value) -> Value:
    h = x * 1
    for _ in range(6):
        h = cell(x, h)
    return h


def growing(x: Value) -> Value:
    """Each reads all that came before."""
    found = [x]
    for _ in range(5):
        with scope("dense"):
            found.append(sum(found[1:], found[0]) * 2)
    return found[-1]


@pytest.mark.parametrize(
    ("graph", "collapse", "expected"),
    [
        (different_names, ["twice", "thrice"], {"twice": 2, "thrice": 2}),
        (different_inputs, "twice", {"twice": 4}),
        (different_calls, "twice", {"twice": 2, "×2 more": 2}),
        (different_calls, 1, {"layer_by_hand": 2}),
        (in_a_row, "twice", {"twice": 5}),
        (recurrent, "cell", {"cell": 6}),
        (growing, "dense", {"dense": 5}),
    ],
)
def test_which_composites_are_siblings(
    graph: Any, collapse: Any, expected: dict[str, int]
) -> None:
    y = graph(Value(2.0, "x"))
    found = boxes([y], collapse, 1)
    assert Counter(names([box for box in found if box.scope])) == expected
    check([y], found)


def test_the_same_in_another_order_is_not_merged_wrongly() -> None:
    y = other_order(Value(2.0, "x"))
    check([y], boxes([y], "cell", 1))
    assert len([box for box in boxes([y], "cell", 1) if box.scope]) >= 2


def test_neurons_whose_weights_are_shown_read_different_things() -> None:
    _, y = penalised()
    assert Counter(names(boxes([y], "Neuron", 1)))["Neuron"] == 8


@pytest.mark.parametrize(
    "siblings",
    [
        2.5,
        3.0,
        math.nan,
        math.inf,
        "3",
        [3],
        (),
        1j,
        object,
        int,
        True,
        False,
        np.True_,
    ],
)
def test_siblings_that_are_no_number_of_composites(siblings: Any) -> None:
    y, _ = siblings_of(5)
    for collapse in ("twice", None, 1):
        with pytest.raises(
            TypeError,
            match=r"siblings=.* is no whole number of composites.* or None for all",
        ):
            draw(y, collapse=collapse, siblings=siblings)


@pytest.mark.parametrize("siblings", [-1, -3, np.int64(-2), -(10**30)])
def test_fewer_siblings_than_none(siblings: Any) -> None:
    y, _ = siblings_of(5)
    for collapse in ("twice", None, 1):
        with pytest.raises(
            ValueError, match=r"siblings=.*-.* is no whole number.* or None for all"
        ):
            draw(y, collapse=collapse, siblings=siblings)


@pytest.mark.parametrize("most", [True, False, "3", None, [3], 1j])
def test_a_limit_of_nodes_that_is_no_number(most: Any) -> None:
    y, _ = siblings_of(5)
    for collapse in ("twice", None, 1):
        with pytest.raises(TypeError, match="max_nodes takes real numbers"):
            draw(y, collapse=collapse, max_nodes=most)


def test_siblings_that_are_roots() -> None:
    random.seed(1)
    x = Value(1.0, "x")
    outputs = Layer(1, 8)([x])
    found = boxes(outputs, "Neuron", 3)
    assert names(found) == ["x", "Neuron", "Neuron", "Neuron", "×5 more"]
    assert found[-1].values == outputs[3:]
    shuffled = boxes([outputs[i] for i in (7, 0, 5, 1, 2, 3, 4, 6)], "Neuron", 3)
    assert sorted(names(shuffled)) == sorted(names(found))


def test_composites_without_operands_of_their_own_are_siblings() -> None:
    class Penalty(Module):
        def __init__(self) -> None:
            self.w = parameter(3.0)

        def forward(self) -> Value:
            return self.w * self.w

    y = sum([Penalty()() for _ in range(6)][1:], Penalty()())
    assert names(boxes([y], "Penalty", 3)).count("Penalty") == 3
    check([y], boxes([y], "Penalty", 3))


# ------------------------------------------------------------------------------------------------------ flows
@pytest.mark.parametrize("make", GRAPHS.values(), ids=GRAPHS.keys())
@pytest.mark.parametrize("siblings", [None, 1, 3])
@pytest.mark.parametrize("collapse", [None, 1, 2, 3])
def test_what_flows_back_is_the_sum_of_the_ledgers_entries(
    make: Any, siblings: Any, collapse: Any
) -> None:
    roots = make()[-1:]
    view = boxes(roots, collapse, siblings)
    found = flows(roots, toposort(*roots), view)
    home = {v: box for box in view for v in box.members}
    expected: dict[tuple[Box, int], float] = {}
    for step in ledger(roots[0]):
        box = home[step.node]
        if step.operand in home and home[step.operand] is not box:
            edge = box, next(i for i, x in enumerate(box.args) if x is step.operand)
            edge = edge if box.scope else (box, step.position)
            expected[edge] = expected.get(edge, 0.0) + step.contribution
    assert {
        edge: pytest.approx(x, rel=1e-12, abs=1e-300)
        for edge, x in expected.items()
    } == found
    assert {*found} == {
        (box, i)
        for box in view
        for i, x in enumerate(box.args)
        if isinstance(x, Value)
    }
    roots[0].backward()
    for v in {x for box in view for x in box.args if isinstance(x, Value)}:
        arriving = math.fsum(x for (box, i), x in found.items() if box.args[i] is v)
        inside = home[v].scope and any(v in u.inner for u in home[v].members)
        assert inside or arriving == pytest.approx(v.grad, rel=1e-12, abs=1e-15)


@pytest.mark.parametrize("make", GRAPHS.values(), ids=GRAPHS.keys())
@pytest.mark.parametrize(
    ("collapse", "siblings"),
    [(None, 3), (1, 3), (2, 1), (3, None), (3, 1), ("Neuron", 3)],
)
def test_every_style_draws_every_view(
    make: Any, collapse: Any, siblings: Any
) -> None:
    roots = make()
    count = len(boxes(roots, collapse, siblings))
    for options in (
        {"style": "value"},
        {"style": "textbook"},
        {"style": "textbook", "labels": "number"},
    ):
        source = draw(
            *roots, collapse=collapse, siblings=siblings, **options
        ).source
        assert len({*re.findall(r"^\t(n\d+) \[", source, re.MULTILINE)}) == count


def test_the_formulas_of_what_siblings_together_give() -> None:
    """Each value is what its own composite made of x, whichever box it stands in."""
    y, _ = siblings_of(6)
    ahead = re.findall(
        r'label="\w = ([^"]*\(x\))" class=ahead',
        to_dot(y, style="textbook", collapse="twice"),
    )
    assert ahead == ["twice(x)"] * 6


def test_the_numbers_on_the_arrows() -> None:
    """One neuron, tanh(w·x + b) by hand: what comes back to x is seed·w·(1 - y²)."""
    random.seed(2)
    neuron, x = Neuron(1, activation="tanh"), Value(0.75, "x")
    y = neuron(x)
    back = neuron.w[0].data * (1 - math.tanh(neuron.w[0].data * 0.75) ** 2)
    source = to_dot(y, style="textbook", labels="number", collapse=1)
    assert f"{back:.6g}" in source
    assert f"{y.data:.6g}" in source
    assert "w1" not in source
    both = to_dot(
        y * 1, y * neuron.w[0], style="textbook", labels="number", collapse=1
    )
    assert "w1" in both


# --------------------------------------------------------------------------------------------------- pictures
def arrows_of(source: str) -> list[tuple[str, str]]:
    return re.findall(r"^\t(n\d+) -> (n\d+)\b", source, re.MULTILINE)


def test_the_value_drawing_of_a_network() -> None:
    _, _, y = network(2, [16, 16, 1])
    y.backward()
    whole = to_dot(y, collapse=1)
    inside = len(toposort(y)) - 2 - sum(v.parameter for v in toposort(y))
    rows = re.search(r'"MLP\\n(\d+) nodes\\ndata +(\S+)\\ngrad +(\S+)"', whole)
    assert rows is not None
    assert rows.groups() == (str(inside), f"{y.data:.4g}", "1")
    assert arrows_of(whole) == [("n0", "n2"), ("n1", "n2")]
    layers = to_dot(y, collapse=2)
    assert arrows_of(layers) == [
        ("n0", "n2"),
        ("n1", "n2"),
        ("n2", "n3"),
        ("n3", "n4"),
    ]
    assert layers.count('label="16 values"') == 2
    neurons = to_dot(y, collapse=3)
    assert neurons.count("×13 more") == 2
    assert neurons.count("… 10 more") == 2
    assert len(arrows_of(neurons)) == 4 * 2 + 4 * 4 + 4
    assert neurons.count('label="13 values"') == 5
    assert not any(
        re.search(r"\b[wb]\d", source) for source in (whole, layers, neurons)
    )
    assert "×13 more" in to_dot(y, collapse=3, siblings=3)
    assert " more" not in to_dot(y, collapse="Neuron", siblings=None)


def test_a_large_network_is_collapsed_by_itself() -> None:
    _, _, y = network(2, [16, 16, 1])
    source = draw(y).source
    assert f"{len(toposort(y)):,} nodes, drawn as 3" in source
    assert arrows_of(source) == [("n0", "n2"), ("n1", "n2")]


def test_drawings_are_the_same_every_time() -> None:
    for collapse in (None, 1, 2, 3):
        assert (
            len(
                {to_dot(network(2, [6, 1])[2], collapse=collapse) for _ in range(5)}
            )
            == 1
        )


def test_neurons_with_other_weights_are_other_functions() -> None:
    y = MLP(2, [2, 1])([Value(0.5, "x1"), Value(-1.0, "x2")])
    text = formula(y, collapse="Neuron")
    assert text == "y = Neuron3(u, v)\nv = Neuron2(x₁, x₂)\nu = Neuron1(x₁, x₂)"


def test_a_neuron_called_twice_is_one_function() -> None:
    neuron, a, b = Neuron(1), Value(1.0, "a"), Value(2.0, "b")
    assert (
        formula(neuron(a) + neuron(b), collapse="Neuron")
        == "y = Neuron(a) + Neuron(b)"
    )


def test_a_composite_with_a_parameter_is_no_op_of_the_table() -> None:
    w = parameter(1.0, "w")

    @composite
    def sigmoid(x: Value) -> Value:
        return 1 / (1 + exp(-w * x))

    back = [
        back
        for _, back in labels(
            sigmoid(Value(0.5, "x")), collapse="sigmoid"
        ).edges.values()
    ]
    assert back == ["∂L/∂y·∂y/∂x"]


def test_no_arrow_says_that_something_is_itself() -> None:
    loss = mse(Neuron(1)(Value(0.5, "x")), 1.0)
    loss.name = "L"
    for _, back in labels(loss, collapse=1).edges.values():
        left, _, right = back.partition(" = ")
        assert left != right


def test_samples_that_differ_are_no_siblings() -> None:
    neuron = Neuron(1)
    different = sum(neuron([float(i)]) for i in range(6))
    alike = sum(neuron([1.0]) for _ in range(6))
    assert [
        len([box for box in boxes([y], 1, 3) if box.scope])
        for y in (different, alike)
    ] == [6, 4]
