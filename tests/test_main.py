"""The command line: what it prints, what it writes, and what it refuses, with the caret under the place."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import io
import math
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from autograd import OPS, Value, exp
from autograd.__main__ import RULES, build, main
from autograd.drawing import columns, find_dot
from tests.scripts import ROOT, asked, at_most, posix, program

SIGMOID = "1 / (1 + exp(-x))"
needs_dot = pytest.mark.skipif(find_dot() is None, reason="there is no dot to draw with")


@pytest.fixture
def shown(capsys: pytest.CaptureFixture[str]) -> Any:
    """What the command prints for these arguments."""

    def run(*words: str) -> str:
        main(words)
        out, err = capsys.readouterr()
        assert not err
        return out

    return run


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]) -> Any:
    """The lines in which the command refuses these arguments."""

    def run(*words: str) -> list[str]:
        with at_most(30), pytest.raises(SystemExit) as stop:
            main(words)
        out, err = capsys.readouterr()
        assert stop.value.code == 2 and not out
        assert err.startswith("glassgrad: error: ") and len(err) < 500, err
        return err.removeprefix("glassgrad: error: ").splitlines()

    return run


def value(text: str, **variables: float) -> float:
    return build(text, {name: Value(x, name) for name, x in variables.items()}).data


# ------------------------------------------------------------------------------------------------- the table
def test_the_table_of_the_sigmoid(shown: Any) -> None:
    assert shown(SIGMOID, "x=0.5") == (
        "node  formula  value     local derivatives         gradient\n"
        "x     0.5      0.5                                 0.235004\n"
        "v₁    -x       -0.5      ∂v₁/∂x = -1               -0.235004\n"
        "v₂    exp(v₁)  0.606531  ∂v₂/∂v₁ = v₂ = 0.606531   -0.387456\n"
        "v₃    1 + v₂   1.60653   ∂v₃/∂v₂ = 1               -0.387456\n"
        "y     1/v₃     0.622459  ∂y/∂v₃ = -y² = -0.387456  1\n"
    )


def cells(text: str) -> list[list[str]]:
    return [re.split(r" {2,}", line) for line in text.splitlines()]


def test_every_operand_has_its_local_derivative(shown: Any) -> None:
    rows = cells(shown("a * b", "a=2", "b=3"))
    assert rows[-1] == ["y", "a·b", "6", "∂y/∂a = b = 3, ∂y/∂b = a = 2", "1"]
    assert rows[1] == ["a", "2", "2", "3"]
    assert cells(shown("x * x", "x=3"))[-1][3] == "∂y/∂x = x = 3, ∂y/∂x = x = 3"


@pytest.mark.parametrize(("order", "name", "slope"), [(1, "y'", 0.2350037122), (2, "y''", -0.05755679)])
def test_order(shown: Any, order: int, name: str, slope: float) -> None:
    last = cells(shown(SIGMOID, "x=0.5", "--order", str(order)))[-1]
    assert last[0] == name and float(last[2]) == pytest.approx(slope, rel=1e-5)


def test_order_is_by_the_first_variable(shown: Any) -> None:
    assert cells(shown("x**2 * w**3", "w=1", "x=5", "--order=3"))[-1][2] == "150"
    assert cells(shown("x**2 * w**3", "x=5", "w=1", "--order=3"))[-1][2] == "0"


def test_a_derivative_that_is_a_leaf_stays_the_leaf(shown: Any) -> None:
    assert cells(shown("x * w", "x=2", "w=3", "--order=1")) == [
        ["node", "formula", "value", "local derivatives", "gradient"],
        ["w", "3", "3", "1"],
    ]


@pytest.mark.parametrize("names", ["y", "yz", "yzf"])
def test_the_result_has_a_name_of_its_own(shown: Any, names: str) -> None:
    rows = cells(shown("+".join(names) + "+1", *[f"{name}=1" for name in names]))
    assert len({row[0] for row in rows}) == len(rows)


def test_nodes_have_names_that_no_variable_has(shown: Any) -> None:
    rows = cells(shown("exp(v1) + v_2", "v1=0", "v_2=5"))
    assert len({row[0] for row in rows}) == len(rows) == 5


def test_names_in_hangul_and_greek_stand_in_columns(shown: Any) -> None:
    lines = shown("기울기 * α + 절편", "기울기=2", "α=3", "절편=1").splitlines()
    assert [line.split()[0] for line in lines[1:]] == ["기울기", "α", "v₁", "절편", "y"]
    assert len({columns(line[: line.rindex("  ")]) for line in lines}) == 1
    assert columns("기울기α") == 7


def test_long_tables_show_their_end(shown: Any) -> None:
    lines = shown("+".join(["exp(x)"] * 30), "x=0").splitlines()
    assert lines[1] == "… and 20 more above" and len(lines) == 42
    assert lines[-1].startswith("y  ")


# ----------------------------------------------------------------------------------------------- the formula
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 + 2 * 3 - 4 / 8", 6.5),
        ("-2 ** 2", -4.0),
        ("(-2) ** 2", 4.0),
        ("2 ** 3 ** 2", 512.0),
        ("8 / 4 / 2", 1.0),
        ("+x - -x", 4.0),
        ("x ** w", 8.0),
        ("2 ** x", 4.0),
        ("max(x, w) + minimum(x, w) + abs(-x)", 7.0),
        ("where(step(x), w, 0)", 3.0),
        ("pi + e", math.pi + math.e),
        ("1e3 + .5 + 0x10", 1016.5),
        ("exp(1) - e", 0.0),
        ("1e999", math.inf),
        ("1" * 400, math.inf),
        ("-1e999", -math.inf),
        ("1 / 0", math.inf),
        ("log(0)", -math.inf),
        ("exp(1000)", math.inf),
        ("2 ** 10000", math.inf),
    ],
)
def test_formulas(text: str, expected: float) -> None:
    assert value(text, x=2.0, w=3.0) == pytest.approx(expected, rel=1e-15)


def test_what_is_not_a_number_is_nan() -> None:
    assert math.isnan(value("log(-1)")) and math.isnan(value("(-8) ** (1/3)")) and math.isnan(value("0 / 0"))


def test_a_variable_goes_before_a_constant() -> None:
    assert value("e + pi", e=1.0, pi=2.0) == 3.0


def test_the_same_graph_as_python_makes() -> None:
    x = Value(0.5, "x")
    typed, written = build(SIGMOID + " - x ** 2", {"x": x}), 1 / (1 + exp(-x)) - x**2

    def spelled(v: Any) -> Any:
        return (v.op, *map(spelled, v.args)) if isinstance(v, Value) and v.op else v

    assert spelled(typed) == spelled(written)


@pytest.mark.parametrize("op", OPS.values(), ids=OPS)
def test_every_op_is_a_function(op: Any) -> None:
    numbers = [0.5, 0.25, 2.0][: len(op.operands)]
    for word in (op.name, op.symbol if op.symbol.isidentifier() else op.name):
        assert value(f"{word}({', '.join(map(str, numbers))})") == op.evaluate(*numbers)


def test_nothing_else_is_known() -> None:
    names = {rule[0] for rule in RULES if isinstance(rule, tuple)}
    assert names == {word for op in OPS.values() for word in (op.name, op.symbol)}
    assert len([rule for rule in RULES if not isinstance(rule, tuple)]) == 7


def test_other_spellings_of_a_letter_are_the_same_name() -> None:
    composed, decomposed = "\uac00", "\u1100\u1161"  # one syllable of Hangul
    for typed, given in ((composed, decomposed), (decomposed, composed), ("µ", "μ"), ("μ", "µ")):
        main([f"{typed} * 2", f"{given}=3"])  # or it would have no value


@pytest.mark.parametrize(
    ("word", "number"),
    [("x=-0.5", "-0.5"), ("x=1e-3", "0.001"), ("x=+2", "2"), ("x=inf", "inf"), ("x=-inf", "-inf"),
     ("x=nan", "nan"), ("x=1e999", "inf"), ("x=.5", "0.5"), ("x= 3", "3")],
)  # fmt: skip
def test_values(shown: Any, word: str, number: str) -> None:
    assert cells(shown("x * 1", word))[1][2] == number


@pytest.mark.parametrize("text", ["-x", "-x**2+1", "-(x)", " -x", " --x", "-exp(-x)", "-.5*x", "-hx+x"])
def test_a_formula_may_begin_with_a_minus(shown: Any, text: str) -> None:
    assert cells(shown(text, "x=-0.5", "hx=1"))[-1][0] == "y"


def test_options_stand_anywhere(shown: Any) -> None:
    words = ["--style", "textbook", "--order=1"]
    texts = {shown(*words, "x*w*x", "x=1", "w=2"), shown("x*w*x", "x=1", *words, "w=2")}
    assert texts == {shown("x*w*x", "x=1", "w=2", *words)}


def test_standard_input(shown: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for text in ("\n  1 / (1 +\n\texp(-x))\n", "1 /\r\n(1 +\n\nexp(-x))"):
        monkeypatch.setattr("sys.stdin", io.StringIO(text))
        assert shown("-", "x=0.5") == shown(SIGMOID, "x=0.5")


def test_help_names_every_function_and_suffix(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["--help"])
    text = capsys.readouterr().out
    assert stop.value.code == 0
    for word in (*OPS, "abs", "max", "min", "pi", ".svg", ".png", ".html", ".dot", ".tex", "textbook"):
        assert word in text


# ----------------------------------------------------------------------------------------------- bad input
@pytest.mark.parametrize(
    ("text", "at", "why"),
    [
        ("x + z", 4, "z has no value; write z=0.5"),
        ("exp + x", 0, "exp has no value"),
        ("x.data", 0, "a formula has"),
        ("x.data.real(1)", 0, "a formula has"),
        ("2 * foo(x)", 4, "no foo of 1 operands; functions: abs"),
        ("x(2)", 0, "no x of 1 operands"),
        ("exp(x, x)", 0, "no exp of 2 operands"),
        ("exp()", 0, "no exp of 0 operands"),
        ("maximum(x)", 0, "no maximum of 1 operands"),
        ("exp(*x)", 4, "a formula has"),
        ("exp(**x)", 0, "a formula has"),
        ("exp(x=1)", 5, "'=' has no place"),
        ("x = 1", 2, "'=' has no place"),
        ("__import__('os').system('ls')", 11, "has no place"),
        ("__import__(x)", 0, "no __import__"),
        ("x.__class__", 0, "a formula has"),
        ("lambda x: x", 8, "':' has no place"),
        ("[t for t in x]", 0, "'[' has no place"),
        ("exp(t for t in x)", 3, "a formula has"),
        ("x if x else x", 0, "a formula has"),
        ("x and x", 0, "a formula has"),
        ("not x", 0, "a formula has"),
        ("await x", 0, "a formula has"),
        ("x ^ 2", 2, "'^' has no place"),
        ("x // 2", 2, "'//' has no place"),
        ("x % 2", 2, "'%' has no place"),
        ("x < 2", 2, "'<' has no place"),
        ("x × 2", 2, "'×' has no place"),
        ("x − 1", 2, "'−' has no place"),
        ("x  # + 1", 3, "'#' has no place"),
        ("'x'", 0, "has no place"),
        ("1j * x", 0, "a formula has"),
        ("True + x", 0, "a formula has"),
        ("x + ...", 4, "a formula has"),
        ("x, x", 0, "a formula has"),
        ("0,5 * x", 0, "a formula has"),
        ("()", 0, "a formula has"),
        ("2x", 0, "invalid decimal literal"),
        ("x x", 2, "invalid syntax"),
        ("(x", 0, "'(' was never closed"),
        ("x)", 1, "unmatched ')'"),
        ("x +", 3, "invalid syntax"),
        ("", 0, "invalid syntax"),
        ("x\x00", 1, "has no place"),
        ("x\udcff", 1, "has no place"),
        ("x\x1b[31m", 1, "has no place"),
    ],
)
def test_bad_formulas(refused: Any, text: str, at: int, why: str) -> None:
    said, shown, caret = refused(text, "x=1")
    ways_out = ("a formula has numbers", "write z=0.5", "write exp=0.5", "functions: abs")
    assert why in said and any(way_out in said for way_out in ways_out)
    assert caret == " " * (2 + at) + "^"
    assert shown.strip() == re.sub(r"[\x00\x1b\udcff]", "?", text).strip()


@pytest.mark.parametrize("text", ["1or x", "x+.5if x else 1", "0xfor x", "1e5jor x", "x if 1else x"])
def test_a_keyword_glued_to_a_number_is_no_warning(refused: Any, recwarn: Any, text: str) -> None:
    assert "has no place here; a formula has" in refused(text, "x=1")[0]
    assert not recwarn.list


def test_a_name_may_end_as_a_keyword_does() -> None:
    assert value("x1or + for1 * 2 + 0x1f - 1e1 + xin", x1or=1.0, for1=2.0, xin=3.0) == 29.0


def test_the_caret_counts_columns(refused: Any) -> None:
    assert refused("기울기 * α + w", "기울기=1", "α=2")[2] == "  " + " " * len("****** * * + ") + "^"


def test_a_long_formula_is_shown_around_the_place(refused: Any) -> None:
    said, shown, caret = refused("+".join(["x"] * 200) + "+zzz+" + "+".join(["x"] * 200), "x=1")
    assert "zzz has no value" in said and len(shown) < 80
    assert shown[caret.index("^") :].startswith("zzz+x")


LONG = {
    "brackets": "(" * 10_000 + "x" + ")" * 10_000,
    "open brackets": "(" * 199,
    "a sum": "+".join(["x"] * 50_000),
    "a product": "*".join(["x"] * 50_000),
    "a middling sum": "+".join(["x"] * 2_000),
    "powers": "**".join(["x"] * 30_000),
    "signs": "-" * 90_000 + "x",
    "calls": "exp(" * 10_000 + "x" + ")" * 10_000,
    "bad calls": "exp(" * 190 + "x x" + ")" * 190,
    "attributes": "x" + ".x" * 40_000,
    "digits": "1" * 90_000,
    "a name": "a" * 90_000,
    "a function's name": "a" * 90_000 + "(x)",
    "conditions": "x if x else " * 8_000 + "x",
    "nots": "not " * 20_000 + "x",
    "operands": "exp(" + ",".join(["x"] * 40_000) + ")",
    "too long": "x + " * 40_000 + "x",
}


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in LONG.items()])
def test_long_formulas_are_refused_in_time(refused: Any, monkeypatch: Any, text: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    said, shown, caret = refused("-", "x=1")
    assert said and len(said) < 350 and len(shown) < 80 and caret.strip() == "^"


def test_a_long_sum_in_groups_works() -> None:
    group = f"({'+'.join(['x'] * 100)})"
    assert value("+".join([group] * 100), x=1.0) == 10_000


def test_endless_input_is_not_read_to_its_end(refused: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    class Endless(io.StringIO):
        def read(self, size: int | None = -1) -> str:
            assert size is not None and 0 < size < 10**6
            return "x" * size

    monkeypatch.setattr("sys.stdin", Endless())
    assert "more than 100,000 characters" in refused("-")[0]


@pytest.mark.parametrize(
    ("word", "at"),
    [("x=abc", 2), ("x=", 2), ("x", 0), ("x=1,5", 2), ("x=1/2", 2), ("x=True", 2), ("x=None", 2), ("x==1", 2),
     ("기=a", 3)],
)  # fmt: skip
def test_values_that_are_no_numbers(refused: Any, word: str, at: int) -> None:
    said, shown, caret = refused("x", word)
    assert "a variable is given as in x=0.5" in said
    assert shown == f"  {word}" and caret == " " * (2 + at) + "^"


@pytest.mark.parametrize("word", ["2x=1", "x y=1", "=1", "x.y=1", "x[0]=1", "-x=1"])
def test_names_that_are_no_names(refused: Any, word: str) -> None:
    assert "a variable is given as in x=0.5" in refused("1", word)[0]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ([], "required: formula"),
        (["x", "x=1", "--style", "comic"], "--style: invalid choice: 'comic' (choose from"),
        (["x", "x=1", "--order", "-1"], "--order: invalid choice"),
        (["x", "x=1", "--order", "two"], "--order: invalid int value: 'two'"),
        (["x", "x=1", "--colour"], "unrecognized arguments: --colour"),
        (["1 + 2", "--order", "1"], "needs a variable"),
        (["x", "x=1", "--out"], "--out: expected one argument"),
        (["x*x", "x=1", "--out", "y.bmp"], "y.bmp: a file ends in .svg .png .dot .tex .html"),
        (["x*x", "x=1", "--out", "y"], "y: a file ends in"),
        (["x*x", "x=1", "--collapse", "f", "--order", "1", "--out", "y.dot"], "has no such composite"),
    ],
)
def test_bad_options(refused: Any, monkeypatch: Any, tmp_path: Path, words: list[str], why: str) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["glassgrad"])
    (said,) = refused(*words)
    assert why in said
    assert not list(tmp_path.iterdir())


def test_a_derivative_that_grows_too_large_is_refused(refused: Any) -> None:
    text = "*".join(["tanh(x*sin(x))"] * 100)
    assert "at most 20,000 nodes; lower --order" in refused(text, "x=1", "--order=9")[0]


def test_a_graph_too_large_to_draw_is_refused(refused: Any, tmp_path: Path) -> None:
    text = f"{'+'.join(['x'] * 300)} - ({'+'.join(['x'] * 300)})"
    (said,) = refused(text, "x=1", "--out", str(tmp_path / "y.svg"))
    assert "too many to draw" in said


# ----------------------------------------------------------------------------------------------------- files
def test_an_unwritable_file(refused: Any, tmp_path: Path) -> None:
    path = tmp_path / "missing" / "y.dot"
    (said,) = refused("x*x", "x=1", "--out", str(path))
    assert "No such file or directory" in said and str(path) in said
    folder = tmp_path / "y.tex"
    folder.mkdir()
    assert "y.tex" in refused("x*x", "x=1", "--out", str(folder))[0]


def test_nothing_is_written_if_anything_is_refused(refused: Any, tmp_path: Path) -> None:
    words = ["--out", str(tmp_path / "y.dot"), "--out", str(tmp_path / "y.gif")]
    refused("x*x", "x=1", *words)
    refused("x*(", "x=1", *words[:2])
    refused("x*x", "x=1", *words[:2], "--collapse", "f", "--order=1")
    assert not list(tmp_path.iterdir())


FAILURES = {"exit 1": "returned non-zero exit status 1", "kill -9 $$": "died with <Signals.SIGKILL: 9>"}


@posix
@pytest.mark.parametrize("end", FAILURES)
@pytest.mark.parametrize("suffix", [".svg", ".png", ".html"])
def test_a_picture_that_dot_cannot_draw(
    refused: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str, end: str
) -> None:
    dot = program(tmp_path / "dot", answer="", end=end)
    monkeypatch.setenv("GRAPHVIZ_DOT", str(dot))
    (said,) = refused(SIGMOID, "x=1", "--out", str(tmp_path / f"y{suffix}"))
    assert FAILURES[end] in said and asked(dot)
    assert not list(tmp_path.glob("y*"))


@needs_dot
def test_pictures(shown: Any, tmp_path: Path) -> None:
    shown(SIGMOID, "x=0.5", "--out", str(tmp_path / "y.svg"), "--out", str(tmp_path / "y.png"))
    assert ElementTree.fromstring((tmp_path / "y.svg").read_bytes()).tag.endswith("svg")
    assert (tmp_path / "y.png").read_bytes().startswith(b"\x89PNG\r\n")


def dot(shown: Any, path: Path, *words: str) -> str:
    shown(*words, "--out", str(path / "y.dot"))
    return (path / "y.dot").read_text(encoding="utf-8")


def test_styles(shown: Any, tmp_path: Path) -> None:
    book = dot(shown, tmp_path, SIGMOID, "x=0.5", "--style", "textbook")
    for label in ("∂L/∂y", "-∂L/∂y·y²", "-∂L/∂y·y²·exp(-x)", "∂L/∂y·y²·exp(-x)"):
        assert f'label="{label}"' in book
    boxes = dot(shown, tmp_path, SIGMOID, "x=0.5")
    assert "grad      0.235" in boxes and "∂L" not in boxes


def test_collapse_is_the_books_sigmoid(shown: Any, tmp_path: Path) -> None:
    words = [SIGMOID, "x=0.5", "--style", "textbook", "--collapse", "sigmoid"]
    picture = dot(shown, tmp_path, *words)
    assert "∂L/∂y·y(1-y)" in picture and "label=exp" not in picture
    slope = dot(shown, tmp_path, "exp(sin(x)) + w", "x=0.5", "w=1", "--collapse", "f", "--order", "1")
    assert 'label="f\\n' in slope and "y'" in slope


def test_html(shown: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With a stand-in for the stepper, which shows what it is asked for."""
    from types import ModuleType

    stepper: Any = ModuleType("autograd.stepper")
    stepper.to_html = lambda y, **options: f"<p>{y.name} {y.grad} {options['style']} {options['collapse']}"
    monkeypatch.setitem(sys.modules, "autograd.stepper", stepper)
    shown(SIGMOID, "x=0.5", "--out", str(tmp_path / "y.html"), "--style", "textbook")
    assert (tmp_path / "y.html").read_text(encoding="utf-8") == "<p>y 1.0 textbook None"


@needs_dot
@pytest.mark.skipif(importlib.util.find_spec("autograd.stepper") is None, reason="there is no stepper yet")
def test_html_of_the_stepper(shown: Any, tmp_path: Path) -> None:
    shown(SIGMOID, "x=0.5", "--out", str(tmp_path / "y.html"))
    assert "<svg" in (tmp_path / "y.html").read_text(encoding="utf-8")


# ----------------------------------------------------------------------------------------------------- LaTeX
def tex(shown: Any, path: Path, *words: str) -> str:
    shown(*words, "--out", str(path / "y.tex"))
    return (path / "y.tex").read_text(encoding="utf-8")


def test_latex_of_the_sigmoid(shown: Any, tmp_path: Path) -> None:
    bar = r"\frac{\partial y}{\partial x}"
    lines = [
        r"y &= \frac{1}{1+\operatorname{exp}(-x)}",
        rf"{bar} &= y^{{2}}\,\operatorname{{exp}}(-x) \\ y &= \frac{{1}}{{1+\operatorname{{exp}}(-x)}}",
        "x &= 0.5",
        "y &= 0.622459",
        f"{bar} &= 0.235004",
    ]
    text = tex(shown, tmp_path, SIGMOID, "x=0.5")
    assert text == "".join(rf"\[\begin{{aligned}}{line}\end{{aligned}}\]" + "\n" for line in lines)


FORMULAS = [
    (SIGMOID, "x=0.5"),
    ("x", "x=1"),
    ("2 + 3",),
    ("x * w", "x=2", "w=3"),
    ("exp(x)", "x=1"),
    ("exp(x + w)", "x=1", "w=2"),
    ("x_in * w1 + b_0 / abs(x_in)", "x_in=1", "w1=2", "b_0=3"),
    ("where(step(x), sqrt(x), 0) + max(x, w)", "x=2", "w=1"),
    ("log(x) / 0", "x=2", "z=1"),
    ("x ** w ** x", "x=2", "w=1e-9"),
    ("sin(x*w*a) * cos(x+w+a) * exp(x*w*a) * (x+w+a+1) / tanh(x*w*a)", "x=1", "w=2", "a=3", "--order=1"),
]


@pytest.mark.parametrize("words", FORMULAS, ids=lambda words: words[0])
def test_latex_is_read_by_matplotlib(shown: Any, tmp_path: Path, words: tuple[str, ...]) -> None:
    mathtext = pytest.importorskip("matplotlib.mathtext", reason="no matplotlib to read LaTeX with")
    parser = mathtext.MathTextParser("path")
    for line in tex(shown, tmp_path, *words).splitlines():
        inside = re.fullmatch(r"\\\[\\begin\{aligned\}(.*)\\end\{aligned\}\\\]", line)
        assert inside, line
        for row in inside[1].split(r" \\ "):
            assert row.count("&") == 1
            parser.parse(f"${row.replace('&', '')}$".replace("∞", r"\infty"))


@pytest.mark.skipif(not shutil.which("pdflatex"), reason="no pdflatex to compile with")
def test_latex_compiles(shown: Any, tmp_path: Path) -> None:
    text = "".join(tex(shown, tmp_path, *words) for words in FORMULAS if "0" not in words[0])
    document = rf"\documentclass{{article}}\usepackage{{amsmath}}\begin{{document}}{text}\end{{document}}"
    (tmp_path / "all.tex").write_text(document, encoding="utf-8")
    command = ["pdflatex", "-halt-on-error", "-interaction=nonstopmode", "all.tex"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, timeout=60)


def test_the_gradient_in_latex_is_by_every_variable(shown: Any, tmp_path: Path) -> None:
    text = tex(shown, tmp_path, "x * w", "x=2", "w=3", "b=1")
    for x, slope, number in (("x", "w", "3"), ("w", "x", "2"), ("b", "0", "0")):
        bar = rf"\frac{{\partial y}}{{\partial {x}}} &= "
        assert f"{bar}{slope}\\end" in text and f"{bar}{number}\\end" in text


# ------------------------------------------------------------------------------------------------ as programs
def test_python_m_autograd() -> None:
    command = [sys.executable, "-m", "autograd", SIGMOID, "x=-0.5"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert f"{1 / (1 + math.exp(0.5)):.6g}" in done.stdout.decode()
    ascii_only = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=60, check=True, env=ascii_only)
    assert done.stdout.splitlines()[-1].split()[:3] == [b"y", b"1/v?", b"0.377541"]
    done = subprocess.run([*command[:3], "x + z"], cwd=ROOT, capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"Traceback" not in done.stderr


def test_the_readme_shows_what_is_printed(shown: Any) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert shown(SIGMOID, "x=0.5") in readme.partition('$ glassgrad "1 / (1 + exp(-x))" x=0.5')[2]


def test_the_script_is_declared() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["scripts"] == {"glassgrad": "autograd.__main__:main"}
    assert importlib.metadata.version(project["name"])
