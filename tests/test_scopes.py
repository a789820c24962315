"""Composites and scopes: which node was made where, and how a graph is drawn with composites as one box."""

from __future__ import annotations

import functools
import random
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from autograd import (
    Value,
    composite,
    draw,
    exp,
    grad,
    no_grad,
    scope,
    tanh,
    toposort,
)
from autograd.pictures.boxes import Box, boxes
from autograd.scopes import SCOPE
from tests.interrupts import interrupted_everywhere
from tests.programs import grown
from tests.scripts import needs_docstrings


@composite
def sigmoid(x: Value) -> Value:
    """One over one plus."""
    return 1 / (1 + exp(-x))


@composite(name="affine map")
def affine(x: Value, w: Value, b: Value | float = 0.0) -> Value:
    return w * x + b


@composite
def neuron(x: Value, w: Value, b: Value | float) -> Value:
    return sigmoid(affine(x, w, b))


@composite
def both(x: Value, y: Value) -> tuple[Value, Value]:
    common = x * y
    return common + x, common - y


@composite
def unchanged(x: Value) -> Value:
    return x


@composite
def repeated(x: Value, n: int) -> Value:
    return x if n == 0 else repeated(tanh(x), n - 1)


def scopes(y: Value) -> list[str]:
    return [repr(v.scope) for v in toposort(y)]


# Which node was made where


def test_ordinary_nodes_have_no_scope() -> None:
    x = Value(1.0)
    y = exp(x * 2 + 1)
    assert {v.scope for v in (*toposort(y), *toposort(grad(y, x)))} == {None}


def test_a_composite_marks_what_it_makes() -> None:
    x = Value(0.5)
    y = sigmoid(x * 1.0) + 1
    assert scopes(y) == ["None", "None", *["sigmoid"] * 4, "None"]


def test_a_composite_with_a_name() -> None:
    y = affine(Value(1.0), Value(2.0))
    assert repr(y.scope) == "affine map"
    assert y.scope is not None
    assert (y.scope.name, y.scope.parent, y.scope.path()) == (
        "affine map",
        None,
        [y.scope],
    )


@needs_docstrings
def test_a_composite_looks_like_its_function() -> None:
    assert (sigmoid.__name__, sigmoid.__doc__, affine.__name__) == (
        "sigmoid",
        "One over one plus.",
        "affine",
    )
    assert affine(Value(1.0), Value(2.0), b=3.0).data == 5.0
    assert affine(x=Value(1.0), w=Value(2.0)).data == 2.0
    with pytest.raises(TypeError):
        sigmoid()


def test_every_call_is_a_scope_of_its_own() -> None:
    x = Value(0.5)
    first, second = sigmoid(x), sigmoid(x)
    assert first.scope is not second.scope
    assert {v.scope for v in toposort(first)} == {None, first.scope}


def test_composites_within_composites() -> None:
    y = neuron(Value(1.0), Value(2.0), Value(3.0))
    assert sorted({str(v.scope) for v in toposort(y)}) == [
        "None",
        "neuron/affine map",
        "neuron/sigmoid",
    ]
    assert y.scope is not None
    assert [s.name for s in y.scope.path()] == ["neuron", "sigmoid"]
    assert len({v.scope.parent for v in toposort(y) if v.scope}) == 1


def test_recursion() -> None:
    y = repeated(Value(0.5), 3)
    assert [str(v.scope) for v in toposort(y)][1:] == [
        "/".join(["repeated"] * depth) for depth in (1, 2, 3)
    ]
    deep = repeated(Value(0.5), 150)
    assert deep.scope is not None
    assert len(deep.scope.path()) == 150


def test_methods() -> None:
    class Layer:
        """A layer with one weight."""

        def __init__(self) -> None:
            self.w = Value(2.0)

        @composite
        def forward(self, x: Value) -> Value:
            return self.w * x

        @composite(name="layer")
        def __call__(self, x: Value) -> Value:
            return self.forward(x) + 1

        @staticmethod
        @composite
        def double(x: Value) -> Value:
            return x * 2

        @classmethod
        @composite
        def triple(cls, x: Value) -> Value:
            return x * 3

    layer = Layer()
    y = layer(Value(1.0))
    assert [str(v.scope) for v in toposort(y)] == [
        "None",
        "None",
        "layer/forward",
        "layer",
    ]
    assert (str(layer.double(y).scope), str(Layer.triple(y).scope)) == (
        "double",
        "triple",
    )
    assert layer.w.scope is None


def test_leaves_made_inside_belong_to_the_composite() -> None:
    @composite
    def biased(x: Value) -> Value:
        return x + Value(1.0, "b")

    _, b, y = toposort(biased(Value(2.0)))
    assert b.scope is y.scope is not None


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_an_exception_ends_the_scope(error: type[BaseException]) -> None:
    @composite
    def failing(x: Value) -> Value:
        with scope("inside"):
            raise error

    @composite
    def catching(x: Value) -> Value:
        with pytest.raises(error):
            failing(x)
        return x * 2

    x = Value(1.0)
    with pytest.raises(error):
        failing(x)
    assert (x * 2).scope is None
    assert str(catching(x).scope) == "catching"


def test_a_scope_block() -> None:
    x = Value(1.0)
    with scope("first"):
        y = x * 2
        with scope("second"):
            z = sigmoid(y)
        w = z + 1
    assert [str(v.scope) for v in (y, z, w, w * 1)] == [
        "first",
        "first/second/sigmoid",
        "first",
        "None",
    ]


def test_a_scope_as_a_decorator() -> None:
    @scope("named")
    def double(x: Value) -> Value:
        return x * 2

    first, second = double(Value(1.0)), double(Value(1.0))
    assert (str(first.scope), str(second.scope)) == ("named", "named")
    assert first.scope is not second.scope


def test_no_grad_inside() -> None:
    @composite
    def half_forgetful(x: Value) -> Value:
        with no_grad():
            y = x * 2
        assert (y.op, y.scope) == (None, None)
        return y + x

    z = half_forgetful(Value(1.0))
    assert [str(v.scope) for v in toposort(z)] == ["None", "None", "half_forgetful"]


def test_no_grad_outside() -> None:
    with no_grad():
        y = neuron(Value(1.0), Value(2.0), 3.0)
        with scope("block"):
            z = y * 2
    assert [(v.op, v.scope, v.args) for v in (y, z)] == [(None, None, ())] * 2
    assert (y * 2).scope is None


def test_generator_functions_are_refused() -> None:
    with pytest.raises(TypeError, match=r"generator function numbers.*list"):

        @composite
        def numbers(x: Value) -> Iterator[Value]:
            yield x * 2

    with pytest.raises(TypeError, match="generator"):
        composite(name="named")(lambda x: (yield x))


def test_a_function_that_returns_a_generator_expression_or_a_list() -> None:
    @composite
    def doubled(xs: list[Value]) -> list[Value]:
        return [x * 2 for x in xs]

    found = doubled([Value(1.0), Value(2.0)])
    assert [str(v.scope) for v in found] == ["doubled", "doubled"]
    assert found[0].scope is found[1].scope


def test_callables_that_have_no_name_can_be_given_one() -> None:
    double = composite(name="double")(functools.partial(lambda a, x: a * x, 2.0))
    assert str(double(Value(1.0)).scope) == "double"


def test_callables_that_have_no_name() -> None:
    double = composite(functools.partial(lambda a, x: a * x, 2.0))
    assert double(Value(1.0)).scope is not None


def test_a_thread_has_its_own_scope() -> None:
    x, inside, done = Value(1.0), threading.Event(), threading.Event()
    found: dict[str, Value] = {}

    def work() -> None:
        with scope("thread"):
            inside.set()
            done.wait(10)
            found["thread"] = sigmoid(x)

    thread = threading.Thread(target=work)
    thread.start()
    inside.wait(10)
    found["main"] = x * 2
    with scope("main"):
        found["inside"] = x * 2
        done.set()
        thread.join()
        other = threading.Thread(target=lambda: found.update(other=x * 2))
        other.start()
        other.join()
    expected = {
        "thread": "thread/sigmoid",
        "main": "None",
        "inside": "main",
        "other": "None",
    }
    assert {name: str(v.scope) for name, v in found.items()} == expected


def test_composites_change_no_number() -> None:
    def plain_sigmoid(x: Value) -> Value:
        return 1 / (1 + exp(-x))

    for x in (-800.0, -1.5, 0.0, 3.25):
        a, w, b, u = Value(x), Value(0.7), Value(-0.2), Value(x)
        marked, plain = neuron(a, w, b), plain_sigmoid(Value(0.7) * u + Value(-0.2))
        marked.backward()
        plain.backward()
        assert [v.data.hex() for v in toposort(marked)] == [
            v.data.hex() for v in toposort(plain)
        ]
        assert [v.grad.hex() for v in toposort(marked)] == [
            v.grad.hex() for v in toposort(plain)
        ]
        assert [v.op for v in toposort(marked)] == [v.op for v in toposort(plain)]


def test_a_composite_may_return_what_it_was_given() -> None:
    x = Value(1.0)
    assert unchanged(x) is x
    assert x.scope is None
    assert [box.scope for box in boxes([unchanged(x) * 2], 1)] == [None, None]


def test_a_composite_may_return_anything() -> None:
    @composite
    def three(x: Value) -> Any:
        return {"a": x * 2, "b": (x, None)}

    assert str(three(Value(1.0))["a"].scope) == "three"
    assert composite(lambda: None)() is None


# Boxes


def names(found: list[Box]) -> list[str]:
    """Each box by its composite's name, or by its op's."""
    return [
        box.scope.name
        if box.scope
        else str(box.values[0].op and box.values[0].op.name)
        for box in found
    ]


def test_without_composites_every_value_is_a_box() -> None:
    x = Value(2.0)
    y = sigmoid(x) * 3
    for collapse in (None, (), [], {}.keys(), 5, lambda scope: False):
        found = boxes([y], collapse)
        assert [box.values for box in found] == [[v] for v in toposort(y)]
        assert [box.members for box in found] == [[v] for v in toposort(y)]
        assert [tuple(box.args) for box in found] == [v.args for v in toposort(y)]
        assert [box.scope for box in found] == [None] * len(found)


def test_collapse_by_name() -> None:
    x, w = Value(0.5), Value(2.0)
    y = sigmoid(x * w) + sigmoid(w)
    found = boxes([y], "sigmoid")
    assert names(found) == ["None", "None", "mul", "sigmoid", "sigmoid", "add"]
    first, second = found[3], found[4]
    assert (first.args, second.args) == (found[2].values, [w])
    assert (first.values, second.values) == ([y.args[0]], [y.args[1]])
    assert [len(box.members) for box in (first, second)] == [4, 4]
    assert found[-1].args == list(y.args)


def test_what_a_box_reads_and_gives() -> None:
    x, w, b = Value(1.0), Value(2.0), Value(3.0)
    y = neuron(x, w, b)
    *leaves, box = boxes([y], "neuron")
    assert [leaf.values[0] for leaf in leaves] == box.args
    assert set(box.args) == {x, w, b}
    assert box.values == [y]
    assert set(box.members) == set(toposort(y)) - {x, w, b}


def test_an_operand_that_is_read_twice_is_one_input() -> None:
    x = Value(2.0)

    @composite
    def cube(x: Value) -> Value:
        return x * x * x + 4

    box = boxes([cube(x)], "cube")[-1]
    assert box.args == [x]


def test_several_outputs() -> None:
    x, y = Value(2.0), Value(3.0)
    s, d = both(x, y)
    z = s * d + x
    found = boxes([z], "both")
    assert names(found) == ["None", "None", "both", "mul", "add"]
    assert found[2].values == [s, d]
    assert found[2].args == [x, y]
    assert boxes([s], "both")[-1].values == [s]
    assert boxes([s, d], "both")[-1].values == [s, d]


def test_an_output_that_is_used_inside_as_well() -> None:
    @composite
    def pair(x: Value) -> tuple[Value, Value]:
        h = x * 2
        return h, h + 1

    h, y = pair(Value(1.0))
    assert boxes([h * y], "pair")[1].values == [h, y]
    assert boxes([y], "pair")[1].values == [y]


def test_a_leaf_made_inside_is_no_input() -> None:
    @composite
    def biased(x: Value) -> Value:
        return x + Value(1.0)

    x = Value(2.0)
    found = boxes([biased(x)], "biased")
    assert names(found) == ["None", "biased"]
    assert found[1].args == [x]
    assert len(found[1].members) == 2


def test_what_does_not_lead_to_a_root_is_in_no_box() -> None:
    @composite
    def wasteful(x: Value) -> Value:
        exp(x)
        return x * 2

    assert len(boxes([wasteful(Value(1.0))], "wasteful")[-1].members) == 1


def test_collapse_by_depth() -> None:
    y = neuron(Value(1.0), Value(2.0), Value(3.0)) + 1
    assert names(boxes([y], 1)) == ["None", "None", "None", "neuron", "add"]
    assert names(boxes([y], 2)) == [
        "None",
        "None",
        "None",
        "affine map",
        "sigmoid",
        "add",
    ]
    assert len(boxes([y], 3)) == len(toposort(y))


def test_collapse_by_several_names() -> None:
    y = neuron(Value(1.0), Value(2.0), Value(3.0)) + 1
    both_names = ["None", "None", "None", "affine map", "sigmoid", "add"]
    for collapse in (
        ["sigmoid", "affine map"],
        ("affine map", "sigmoid"),
        {"sigmoid", "affine map"},
    ):
        assert names(boxes([y], collapse)) == both_names
    assert names(boxes([y], ["sigmoid", "neuron"])) == [
        "None",
        "None",
        "None",
        "neuron",
        "add",
    ]


def test_collapse_by_a_function() -> None:
    y = neuron(sigmoid(Value(1.0)), Value(2.0), Value(3.0))
    inner = boxes([y], lambda s: s.name == "sigmoid" and s.parent is not None)
    assert names(inner).count("sigmoid") == 1
    outermost = boxes([y], lambda s: True)
    assert (
        names(outermost)
        == names(boxes([y], 1))
        == ["None", "None", "sigmoid", "None", "neuron"]
    )


def test_recursion_collapses_at_the_outermost_call() -> None:
    y = repeated(Value(0.5), 4)
    assert names(boxes([y], "repeated")) == ["None", "repeated"]
    assert len(boxes([y], "repeated")[1].members) == 4
    assert names(boxes([y], 3)) == ["None", "tanh", "tanh", "repeated"]


@pytest.mark.parametrize(
    "collapse",
    ["unknown", ["unknown"], ["sigmoid", "unknown"], ("unknown",), {"unknown"}],
)
def test_unknown_names(collapse: Any) -> None:
    y = neuron(Value(1.0), Value(2.0), Value(3.0))
    with pytest.raises(
        ValueError, match=r"'unknown'.*'affine map', 'neuron', 'sigmoid'"
    ):
        boxes([y], collapse)
    with pytest.raises(ValueError, match=r"'unknown'"):
        draw(y, collapse=collapse)


def test_unknown_names_where_there_is_no_composite() -> None:
    with pytest.raises(ValueError, match=r"'sigmoid'.*none"):
        boxes([Value(1.0) * 2], "sigmoid")
    with pytest.raises(ValueError, match=r"'unchanged'.*none"):
        boxes([unchanged(Value(1.0))], "unchanged")


def test_several_roots() -> None:
    x = Value(1.0)
    h = sigmoid(x)
    found = boxes([h * 2, h, h * 3], "sigmoid")
    assert names(found) == ["None", "sigmoid", "mul", "mul"]
    assert found[1].values == [h]


@composite
def bracket(x: Value, y: Value) -> Value:
    return branch(x, y) - branch(y, x) * x


@composite
def branch(x: Value, y: Value) -> Value:
    s, d = both(x, y)
    return tanh(s) * d


def random_graph(seed: int) -> Value:
    rng = random.Random(seed)
    leaves = [Value(rng.uniform(-1, 1)) for _ in range(3)]
    calls = [bracket, branch, lambda x, y: sigmoid(x) + y, Value.__mul__]
    return grown(rng, leaves, calls, rng.randint(2, 15), 5)[-1]


@pytest.mark.parametrize(
    "collapse",
    [
        None,
        1,
        2,
        3,
        lambda s: s.name == "both",
        lambda s: s.name in ("branch", "sigmoid"),
    ],
)
def test_boxes_partition_the_graph_and_stand_in_order(collapse: Any) -> None:
    for seed in range(30):
        y = random_graph(seed)
        found = boxes([y], collapse)
        home = {v: box for box in found for v in box.members}
        assert sum(len(box.members) for box in found) == len(home)
        assert set(home) == set(toposort(y))
        place = {id(box): i for i, box in enumerate(found)}
        for box in found:
            read = {x for v in box.members for x in v.inner if home[x] is not box}
            assert {x for x in box.args if isinstance(x, Value)} == read
            assert all(place[id(home[x])] < place[id(box)] for x in read)
            given = {
                x
                for other in found
                for x in other.args
                if isinstance(x, Value) and home[x] is box
            }
            assert set(box.values) == given | ({y} if y in box.members else set())
            assert len(box.values) == len(set(box.values))
        assert found[-1] is home[y]


def test_functions_that_run_later_are_refused() -> None:
    async def later(x: Value) -> Value:
        return x

    async def many(x: Value) -> AsyncIterator[Value]:
        yield x

    for function in (later, many):
        with pytest.raises(
            TypeError, match=f"generator function {function.__name__}"
        ):
            composite(function)


def test_a_scope_has_a_name_and_a_parent_and_nothing_else() -> None:
    """There is one for every call of a composite."""
    with scope("f"):
        found = Value(1.0).scope
    assert found
    assert not hasattr(found, "__dict__")


@pytest.mark.parametrize("name", ["\ud800", "layer \udfff", "\ud83d\ud83d"])
def test_half_a_character_is_no_name(name: str) -> None:
    """No file takes it, and no terminal; a whole one is as good as any letter."""
    uses: list[Callable[[], Any]] = [
        lambda: scope(name).__enter__(),
        lambda: composite(name=name)(exp),
    ]
    for use in uses:
        with pytest.raises(
            ValueError,
            match=r"a composite's name has half a character .* in place \d+: '",
        ):
            use()
        assert SCOPE.get() is None
    with scope("층 😀"):
        assert repr(exp(Value(1.0)).scope) == "층 😀"


def test_an_interrupt_before_any_line_leaves_the_scope_as_it_was() -> None:
    def work() -> None:
        with no_grad(), scope("inner"):
            pass

    for n in interrupted_everywhere(work):
        assert SCOPE.get() is None, n
    assert n > 10
