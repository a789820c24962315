"""The command line: what it prints, what it writes, and what it refuses, with the caret under the place."""

from __future__ import annotations

import contextlib
import importlib.metadata
import importlib.util
import io
import math
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from autograd import OPS, Value, exp, grad, sin, starting, toposort
from autograd.__main__ import main, version
from autograd.pictures.lettering import columns
from autograd.pictures.programs import find_dot
from autograd.pictures.stepper import LANGUAGES
from autograd.reading import RULES, build
from tests.scripts import ROOT, asked, at_most, posix, program

SIGMOID = "1 / (1 + exp(-x))"
needs_dot = pytest.mark.skipif(
    find_dot() is None, reason="there is no dot to draw with"
)


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test depends on how fast the machine is."""
    monkeypatch.setattr("autograd.__main__.PATIENCE", 10**6)


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


@pytest.mark.parametrize(
    ("order", "name", "slope"), [(1, "y'", 0.2350037122), (2, "y''", -0.05755679)]
)
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
    assert [line.split()[0] for line in lines[1:]] == [
        "기울기",
        "α",
        "v₁",
        "절편",
        "y",
    ]
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
    assert (
        math.isnan(value("log(-1)"))
        and math.isnan(value("(-8) ** (1/3)"))
        and math.isnan(value("0 / 0"))
    )


def test_a_variable_goes_before_a_constant() -> None:
    assert value("e + pi", e=1.0, pi=2.0) == 3.0


def test_the_same_graph_as_python_makes() -> None:
    x = Value(0.5, "x")
    typed, written = (
        build(SIGMOID + " - x ** 2", {"x": x}),
        1 / (1 + exp(-x)) - x**2,
    )

    def spelled(v: Any) -> Any:
        return (v.op, *map(spelled, v.args)) if isinstance(v, Value) and v.op else v

    assert spelled(typed) == spelled(written)


@pytest.mark.parametrize("op", OPS.values(), ids=OPS)
def test_every_op_is_a_function(op: Any) -> None:
    numbers = [0.5, 0.25, 2.0][: len(op.operands)]
    for word in (op.name, op.symbol if op.symbol.isidentifier() else op.name):
        assert value(f"{word}({', '.join(map(str, numbers))})") == op.evaluate(
            *numbers
        )


def test_nothing_else_is_known() -> None:
    names = {rule[0] for rule in RULES if isinstance(rule, tuple)}
    assert names == {word for op in OPS.values() for word in (op.name, op.symbol)}
    assert len([rule for rule in RULES if not isinstance(rule, tuple)]) == 7


def test_other_spellings_of_a_letter_are_the_same_name() -> None:
    composed, decomposed = "\uac00", "\u1100\u1161"  # one syllable of Hangul
    for typed, given in (
        (composed, decomposed),
        (decomposed, composed),
        ("µ", "μ"),
        ("μ", "µ"),
    ):
        main([f"{typed} * 2", f"{given}=3"])  # or it would have no value


@pytest.mark.parametrize(
    ("word", "number"),
    [("x=-0.5", "-0.5"), ("x=1e-3", "0.001"), ("x=+2", "2"), ("x=inf", "inf"), ("x=-inf", "-inf"),
     ("x=nan", "nan"), ("x=1e999", "inf"), ("x=.5", "0.5"), ("x= 3", "3"), ("x = 3", "3"), ("x=−2", "-2"),
     ("x=－２．５", "-2.5"), ("x=٣", "3"), ("ｘ=3", "3")],
)  # fmt: skip
def test_values(shown: Any, word: str, number: str) -> None:
    assert cells(shown("x * 1", word))[1][2] == number


@pytest.mark.parametrize(
    "text",
    [
        "-x",
        "-x**2+1",
        "-(x)",
        " -x",
        " --x",
        "-exp(-x)",
        "-.5*x",
        "-hx+x",
        "--3+x",
        "--x",
        "---x",
        "--(x)",
        "--.5x",
        "--exp(-x)",
        "--x-hx",
        "--e",
        "--X*x",
        "−x",
        "--−x",
        "--√2",
    ],
)
def test_a_formula_may_begin_with_a_minus(shown: Any, text: str) -> None:
    expected = value(text, x=-0.5, hx=1.0, X=2.0)
    for words in ([text], ["--order=0", text], ["--style", "textbook", "--", text]):
        last = cells(shown(*words, "x=-0.5", "hx=1", "X=2"))[-1]
        assert last[0] in ("y", "x") and float(last[2]) == pytest.approx(
            expected, rel=1e-5
        )


def test_h_is_a_variable_if_it_is_given(shown: Any) -> None:
    assert cells(shown("-h", "h=3"))[-1][2] == "-3"


def test_options_stand_anywhere(shown: Any) -> None:
    words = ["--style", "textbook", "--order=1"]
    texts = {
        shown(*words, "x*w*x", "x=1", "w=2"),
        shown("x*w*x", "x=1", *words, "w=2"),
    }
    assert texts == {shown("x*w*x", "x=1", "w=2", *words)}


def test_standard_input(shown: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for text in ("\n  1 / (1 +\n\texp(-x))\n", "1 /\r\n(1 +\n\nexp(-x))"):
        monkeypatch.setattr("sys.stdin", io.StringIO(text))
        assert shown("-", "x=0.5") == shown(SIGMOID, "x=0.5")


def test_help_names_every_function_and_suffix(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["--help"])
    text = capsys.readouterr().out
    assert stop.value.code == 0
    for word in (
        *OPS,
        "abs",
        "max",
        "min",
        "pi",
        ".svg",
        ".png",
        ".html",
        ".dot",
        ".tex",
        "textbook",
    ):
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
        ("lambda x: x", 0, "'lambda' has no place"),
        ("[t for t in x]", 0, "'[' has no place"),
        ("exp(t for t in x)", 6, "'for' has no place here; a formula has"),
        ("x if x else x", 2, "'if' has no place here; a formula has"),
        ("x and x", 2, "'and' has no place here; a formula has"),
        ("not x", 0, "a formula has"),
        ("await x", 0, "a formula has"),
        ("x // 2", 2, "'//' has no place"),
        ("x % 2", 2, "'%' has no place"),
        ("x < 2", 2, "'<' has no place"),
        ("x  # + 1", 3, "'#' has no place"),
        ("'x'", 0, "has no place"),
        ("1j * x", 1, "j has no value; write j=0.5"),
        ("True + x", 0, "a formula has"),
        ("x + ...", 4, "a formula has"),
        ("x, x", 0, "a formula has"),
        ("0,5 * x", 0, "write 0.5; a formula has"),
        ("()", 0, "a formula has"),
        ("x x", 2, "no sign between x and x; write x*x"),
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
    ways_out = (
        "a formula has numbers",
        "write z=0.5",
        "write exp=0.5",
        "write j=0.5",
        "write x*x",
        "functions: abs",
    )
    assert why in said and any(way_out in said for way_out in ways_out)
    assert caret == " " * (2 + at) + "^"
    assert shown.strip() == re.sub(r"[\x00\x1b\udcff]", "?", text).strip()


@pytest.mark.parametrize(
    "text", ["1or x", "x+.5if x else 1", "0xfor x", "1e5or x", "x if 1else x"]
)
def test_a_keyword_glued_to_a_number_is_no_warning(
    refused: Any, recwarn: Any, text: str
) -> None:
    assert "has no place here; a formula has" in refused(text, "x=1")[0]
    assert not recwarn.list


def test_a_name_may_end_as_a_keyword_does() -> None:
    assert (
        value("x1or + for1 * 2 + 0x1f - 1e1 + xin", x1or=1.0, for1=2.0, xin=3.0)
        == 29.0
    )


def test_the_caret_counts_columns(refused: Any) -> None:
    assert (
        refused("기울기 * α + w", "기울기=1", "α=2")[2]
        == "  " + " " * len("****** * * + ") + "^"
    )


def test_a_long_formula_is_shown_around_the_place(refused: Any) -> None:
    said, shown, caret = refused(
        "+".join(["x"] * 200) + "+zzz+" + "+".join(["x"] * 200), "x=1"
    )
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
    "raised digits": "x" + "²" * 90_000,
    "raised letters": "x" + "ˣ" * 90_000,
    "left-out signs": "(x)" * 30_000,
    "left-out signs of numbers": "2x" * 30_000,
    "roots": "√" * 90_000 + "x",
    "roots in brackets": "√(" * 30_000 + "x" + ")" * 30_000,
    "roots of numbers": "√2" * 30_000,
    "decimal commas": "0,5 " * 20_000,
    "a long decimal with a comma": "1" * 45_000 + "," + "5" * 45_000,
    "words": "foo " * 20_000,
    "fractions": "½" * 90_000,
    "lines": "x\n" * 40_000,
}


@pytest.mark.parametrize(
    "text", [pytest.param(text, id=name) for name, text in LONG.items()]
)
def test_long_formulas_are_refused_in_time(
    refused: Any, monkeypatch: Any, text: str
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    said, shown, caret = refused("-", "x=1")
    assert said and len(said) < 350 and len(shown) < 80 and caret.strip() == "^"


def test_a_long_sum_in_groups_works() -> None:
    group = f"({'+'.join(['x'] * 100)})"
    assert value("+".join([group] * 100), x=1.0) == 10_000


def test_endless_input_is_not_read_to_its_end(
    refused: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Endless(io.StringIO):
        def read(self, size: int | None = -1) -> str:
            assert size is not None and 0 < size < 10**6
            return "x" * size

    monkeypatch.setattr("sys.stdin", Endless())
    assert "more than 100,000 characters" in refused("-")[0]


@pytest.mark.parametrize(
    ("word", "at"),
    [("x=abc", 2), ("x=", 2), ("x", 0), ("x=1,5", 2), ("x=1/2", 2), ("x=True", 2), ("x=None", 2), ("x==1", 2),
     ("기=a", 3), ("x=π", 2), ("x=½", 2), ("x=2²", 2), ("x=1e", 2)],
)  # fmt: skip
def test_values_that_are_no_numbers(refused: Any, word: str, at: int) -> None:
    said, shown, caret = refused("x", word)
    assert "a variable is given as in x=0.5" in said
    assert shown == f"  {word}" and caret == " " * (2 + at) + "^"


@pytest.mark.parametrize(
    ("word", "written"),
    [
        ("x=1/2", "x=0.5"),
        ("x=π", "x=3.141592653589793"),
        ("x=√4", "x=2.0"),
        ("x=2²", "x=4.0"),
    ],
)
def test_a_value_that_is_a_formula_is_reckoned(
    refused: Any, shown: Any, word: str, written: str
) -> None:
    assert refused("x", word)[0].endswith(f"one number; write {written}")
    shown("x", written)


@pytest.mark.parametrize(
    "word", ["x=y", "x=", "x=1,5", "x y=1/2", "x.y=1/2", "=1/2", "2=1/2", "x=1=2"]
)
def test_a_value_that_is_no_formula_of_numbers(refused: Any, word: str) -> None:
    assert "write" not in refused("x", word)[0]


def test_out_has_a_short_name(shown: Any, refused: Any, tmp_path: Path) -> None:
    shown("x*x", "x=1", "-o", str(tmp_path / "y.dot"))
    assert (tmp_path / "y.dot").exists()
    assert cells(shown("-o", "o=2"))[-1][1:3] == ["-o", "-2"]
    assert "a file ends in" in refused("x*x", "x=1", "-o", "y.bmp")[0]


def test_e_raised_is_exp(shown: Any) -> None:
    assert cells(shown("e^x", "x=1"))[-1][1:] == [
        "exp(x)",
        "2.71828",
        "∂y/∂x = y = 2.71828",
        "1",
    ]
    assert cells(shown("e^x", "x=1", "e=2"))[-1][1:3] == ["e^x", "2"]
    assert "2.71828^" not in shown("2e⁻ˣ + e^(x+1)", "x=1")


def guarded() -> list[tuple[str, str]]:
    """Ops where they have no value; the number that their partial would have there is not its slope."""
    return [
        ("log(x)", "x=-1"),
        ("log1p(x)", "x=-3"),
        ("sqrt(x)", "x=-1"),
        ("x**0.5", "x=-2"),
        ("log(x)", "x=nan"),
    ]


@pytest.mark.parametrize(("text", "word"), guarded())
@pytest.mark.parametrize("order", ["0", "1", "2"])
def test_the_table_says_nothing_false_outside_of_a_domain(
    shown: Any, text: str, word: str, order: str
) -> None:
    """A partial is shown with its formula only where that has the number beside it, as the reader has it."""
    table = shown(text, word, "--order", order)
    names = {
        row[0].replace("'", ""): Value(float(row[2])) for row in cells(table)[1:]
    }
    said = re.findall(
        r"∂\S+/∂\S+ = (?:([^,=\n]*) = )?([^,=\s]*)", table.replace("'", "")
    )
    assert ("", "nan") in said
    for written, number in said:
        with contextlib.suppress(ValueError):
            truth = build(written or number, {**names, "nan": Value(math.nan)}).data
            assert truth == pytest.approx(float(number), rel=1e-4, nan_ok=True), (
                written
            )


def test_a_derivative_without_a_value(shown: Any) -> None:
    rows = cells(shown("log(x)", "x=-1", "--order", "1"))
    assert rows[2][3] == "∂v₁/∂x = nan"
    assert rows[4][3] == "∂y'/∂v₁ = nan, ∂y'/∂v₂ = nan"
    assert rows[3][3] == "∂v₂/∂x = -v₂² = -1"  # 1/x has a value


@pytest.mark.parametrize(
    "word",
    ["2x=1", "x y=1", "=1", "x.y=1", "x[0]=1", "-x=1", "x²=1", "xⁿ=1", "x^2=1"],
)
def test_names_that_are_no_names(refused: Any, word: str) -> None:
    assert "a variable is given as in x=0.5" in refused("1", word)[0]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ([], "required: formula"),
        (
            ["x", "x=1", "--style", "comic"],
            "--style: invalid choice: 'comic' (choose from",
        ),
        (["x", "x=1", "--order", "-1"], "--order: invalid choice"),
        (["x", "x=1", "--order", "two"], "--order: invalid int value: 'two'"),
        (["x", "x=1", "--colour"], "unrecognized arguments: --colour"),
        (["x", "x=1", "--ord=1"], "unrecognized arguments: --ord=1"),
        (["x", "x=1", "--Lang=ko"], "unrecognized arguments: --Lang=ko"),
        (["x", "x=1", "--lang", "xx"], "--lang: invalid choice: 'xx' (choose from"),
        (["x", "x=1", "--y"], "unrecognized arguments: --y"),
        (["y", "y", "--y"], "unrecognized arguments: --y"),
        (["x", "x=1", "--a\x00b"], "unrecognized arguments: --a\x00b"),
        (["1 + 2", "--order", "1"], "needs a variable"),
        (["x", "x=1", "--out"], "--out: expected one argument"),
        (
            ["x*x", "x=1", "--out", "y.bmp"],
            "y.bmp: a file ends in .svg .png .dot .tex .html",
        ),
        (["x*x", "x=1", "--out", "y"], "y: a file ends in"),
        (
            ["x*x", "x=1", "--out", ".svg"],
            ".svg: a file ends in .svg .png .dot .tex .html, as in y.svg",
        ),
        (
            ["x*x", "x=1", "--collapse", "f", "--order", "1", "--out", "y.dot"],
            "has no such composite",
        ),
    ],
)
def test_bad_options(
    refused: Any, monkeypatch: Any, tmp_path: Path, words: list[str], why: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["glassgrad"])
    (said,) = refused(*words)
    assert why in said
    assert not list(tmp_path.iterdir())


def test_a_derivative_that_grows_too_large_is_refused(refused: Any) -> None:
    text = "*".join(["tanh(x*sin(x))"] * 100)
    assert (
        "at most 20,000 nodes; lower --order"
        in refused(text, "x=1", "--order=9")[0]
    )


def test_a_graph_too_large_to_draw_is_refused(refused: Any, tmp_path: Path) -> None:
    text = f"{'+'.join(['x'] * 300)} - ({'+'.join(['x'] * 300)})"
    (said,) = refused(text, "x=1", "--out", str(tmp_path / "y.svg"))
    assert "too many to draw" in said


# ----------------------------------------------------------------------------------------------------- files
def test_folders_are_made(shown: Any, tmp_path: Path) -> None:
    shown(
        "x*x",
        "x=1",
        "--out",
        str(tmp_path / "new" / "deep" / "y.dot"),
        "--out",
        str(tmp_path / "b" / "y.TEX"),
    )
    assert (
        (tmp_path / "new" / "deep" / "y.dot")
        .read_text(encoding="utf-8")
        .startswith("digraph")
    )
    assert (tmp_path / "b" / "y.TEX").read_text(encoding="utf-8").startswith(r"\[")


def test_a_file_that_begins_with_a_minus(
    shown: Any, monkeypatch: Any, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    shown("x*x", "x=1", "--out", "-y.dot", "--out=--z.dot")
    assert {path.name for path in tmp_path.iterdir()} == {"-y.dot", "--z.dot"}


@pytest.mark.parametrize("path", ["y.tex", "y.dot/z.tex", "y.dot/deep/z.tex"])
def test_a_path_that_cannot_be_a_file(
    refused: Any, tmp_path: Path, path: str
) -> None:
    (tmp_path / "y.tex").mkdir()
    (tmp_path / "y.dot").write_text("kept")
    (said,) = refused(
        "x*x",
        "x=1",
        "--out",
        str(tmp_path / "y.dot"),
        "--out",
        str(tmp_path / path),
    )
    assert (
        said
        == f"{tmp_path / path}: {'Is' if path == 'y.tex' else 'Not'} a directory"
    )
    assert (tmp_path / "y.dot").read_text() == "kept"
    assert {path.name for path in tmp_path.iterdir()} == {"y.tex", "y.dot"}


def test_a_file_that_may_not_be_written_stays(
    refused: Any, monkeypatch: Any, tmp_path: Path
) -> None:
    (tmp_path / "y.dot").write_text("kept")
    monkeypatch.setattr(
        os,
        "access",
        lambda path, mode: mode != os.W_OK or Path(path).name != "y.dot",
    )
    (said,) = refused("x*x", "x=1", "--out", str(tmp_path / "y.dot"))
    assert said == f"{tmp_path / 'y.dot'}: Permission denied"
    assert (tmp_path / "y.dot").read_text() == "kept" and len(
        [*tmp_path.iterdir()]
    ) == 1


def test_a_link_stays_a_link(shown: Any, tmp_path: Path) -> None:
    (tmp_path / "y.dot").symlink_to(tmp_path / "z.dot")
    shown("x*x", "x=1", "--out", str(tmp_path / "y.dot"))
    assert (tmp_path / "y.dot").is_symlink() and (tmp_path / "z.dot").read_text(
        encoding="utf-8"
    )


@pytest.mark.parametrize(
    "error", [OSError(28, "No space left on device"), KeyboardInterrupt()]
)
def test_a_disk_that_is_full_has_no_half_file(
    monkeypatch: Any, capsys: Any, tmp_path: Path, error: BaseException
) -> None:
    """The second file fails half-way, by the disk or by Ctrl-C: the first is not there either."""
    (tmp_path / "z.tex").write_text("kept")
    write, paths = Path.write_bytes, list[Path]()

    def fail(path: Path, data: bytes) -> None:
        paths.append(path)
        write(path, data[: len(data) // len(paths)])
        if len(paths) == 2:
            raise error

    monkeypatch.setattr(Path, "write_bytes", fail)
    with pytest.raises(SystemExit) as stop:
        main(
            [
                "x*x",
                "x=1",
                "--out",
                str(tmp_path / "y.dot"),
                "--out",
                str(tmp_path / "z.tex"),
            ]
        )
    out, err = capsys.readouterr()
    assert (
        len(paths) == 2
        and {path.name for path in tmp_path.iterdir()} == {"z.tex"}
        and not out
    )
    assert (tmp_path / "z.tex").read_text() == "kept"
    full = f"glassgrad: error: {tmp_path / 'z.tex'}: No space left on device\n"
    assert (stop.value.code, err) == (
        (2, full) if isinstance(error, OSError) else (130, "")
    )


def test_nothing_is_written_if_anything_is_refused(
    refused: Any, tmp_path: Path
) -> None:
    words = ["--out", str(tmp_path / "y.dot"), "--out", str(tmp_path / "y.gif")]
    refused("x*x", "x=1", *words)
    refused("x*(", "x=1", *words[:2])
    refused("x*x", "x=1", *words[:2], "--collapse", "f", "--order=1")
    assert not list(tmp_path.iterdir())


FAILURES = {
    "exit 1": "returned non-zero exit status 1",
    "kill -9 $$": "died with <Signals.SIGKILL: 9>",
}


@posix
@pytest.mark.parametrize("end", FAILURES)
@pytest.mark.parametrize("suffix", [".svg", ".png", ".html"])
def test_a_picture_that_dot_cannot_draw(
    refused: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    suffix: str,
    end: str,
) -> None:
    dot = program(tmp_path / "dot", answer="", end=end)
    monkeypatch.setenv("GRAPHVIZ_DOT", str(dot))
    (said,) = refused(SIGMOID, "x=1", "--out", str(tmp_path / f"y{suffix}"))
    assert FAILURES[end] in said and asked(dot)
    assert not list(tmp_path.glob("y*"))


@needs_dot
def test_pictures(shown: Any, tmp_path: Path) -> None:
    shown(
        SIGMOID,
        "x=0.5",
        "--out",
        str(tmp_path / "y.svg"),
        "--out",
        str(tmp_path / "y.png"),
    )
    assert ElementTree.fromstring((tmp_path / "y.svg").read_bytes()).tag.endswith(
        "svg"
    )
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
    slope = dot(
        shown,
        tmp_path,
        "exp(sin(x)) + w",
        "x=0.5",
        "w=1",
        "--collapse",
        "f",
        "--order",
        "1",
    )
    assert 'label="f\\n' in slope and "y'" in slope


def test_html(shown: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With a stand-in for the stepper, which shows what it is asked for."""
    words = "style", "collapse", "lang"

    def to_html(y: Value, **options: Any) -> str:
        return f"<p>{y.name} {y.grad} {[options[word] for word in words]}"

    monkeypatch.setattr("autograd.__main__.to_html", to_html)
    shown(
        SIGMOID, "x=0.5", "--out", str(tmp_path / "y.html"), "--style", "textbook"
    )
    assert (tmp_path / "y.html").read_text(
        encoding="utf-8"
    ) == "<p>y 1.0 ['textbook', None, 'en']"
    shown(
        SIGMOID,
        "x=0.5",
        "--out",
        str(tmp_path / "y.html"),
        "--out",
        str(tmp_path / "y.dot"),
        "--lang=ko",
    )
    assert (tmp_path / "y.html").read_text(
        encoding="utf-8"
    ) == "<p>y 1.0 ['value', None, 'ko']"


@needs_dot
def test_html_of_the_stepper(shown: Any, tmp_path: Path) -> None:
    shown(SIGMOID, "x=0.5", "--out", str(tmp_path / "y.html"))
    assert "<svg" in (tmp_path / "y.html").read_text(encoding="utf-8")
    for lang in LANGUAGES:
        shown(SIGMOID, "x=0.5", "--out", str(tmp_path / "y.html"), "--lang", lang)
        page = (tmp_path / "y.html").read_text(encoding="utf-8")
        assert f'<html lang="{lang}">' in page and LANGUAGES[lang]["whole"] in page


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
    assert text == "".join(
        rf"\[\begin{{aligned}}{line}\end{{aligned}}\]" + "\n" for line in lines
    )


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
    (
        "sin(x*w*a) * cos(x+w+a) * exp(x*w*a) * (x+w+a+1) / tanh(x*w*a)",
        "x=1",
        "w=2",
        "a=3",
        "--order=1",
    ),
]


@pytest.mark.parametrize("words", FORMULAS, ids=lambda words: words[0])
def test_latex_is_read_by_matplotlib(
    shown: Any, tmp_path: Path, words: tuple[str, ...]
) -> None:
    mathtext = pytest.importorskip(
        "matplotlib.mathtext", reason="no matplotlib to read LaTeX with"
    )
    parser = mathtext.MathTextParser("path")
    for line in tex(shown, tmp_path, *words).splitlines():
        inside = re.fullmatch(
            r"\\\[\\begin\{aligned\}(.*)\\end\{aligned\}\\\]", line
        )
        assert inside, line
        for row in inside[1].split(r" \\ "):
            assert row.count("&") == 1
            parser.parse(f"${row.replace('&', '')}$".replace("∞", r"\infty"))


@pytest.mark.skipif(
    not shutil.which("pdflatex"), reason="no pdflatex to compile with"
)
def test_latex_compiles(shown: Any, tmp_path: Path) -> None:
    text = "".join(
        tex(shown, tmp_path, *words) for words in FORMULAS if "0" not in words[0]
    )
    document = rf"\documentclass{{article}}\usepackage{{amsmath}}\begin{{document}}{text}\end{{document}}"
    (tmp_path / "all.tex").write_text(document, encoding="utf-8")
    command = ["pdflatex", "-halt-on-error", "-interaction=nonstopmode", "all.tex"]
    subprocess.run(
        command, cwd=tmp_path, check=True, capture_output=True, timeout=60
    )


def test_the_gradient_in_latex_is_by_every_variable(
    shown: Any, tmp_path: Path
) -> None:
    text = tex(shown, tmp_path, "x * w", "x=2", "w=3", "b=1")
    for x, slope, number in (("x", "w", "3"), ("w", "x", "2"), ("b", "0", "0")):
        bar = rf"\frac{{\partial y}}{{\partial {x}}} &= "
        assert f"{bar}{slope}\\end" in text and f"{bar}{number}\\end" in text


# ------------------------------------------------------------------------------------------------ the options
def test_version(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["--version"])
    assert stop.value.code == 0
    assert (
        capsys.readouterr().out
        == f"glassgrad {importlib.metadata.version('glassgrad')}\n"
    )

    def missing(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", missing)
    assert version() == "(not installed)"


@pytest.mark.parametrize(
    ("words", "name"),
    [(["x=1", "x=2"], "x"), (["x=1", "y=2", "x=1"], "x"), (["x1=1", "x₁=1"], "x1"), (["µ=1", "μ=2"], "μ"),
     (["\uac00=1", "\u1100\u1161=1"], "\uac00"), (["x=1", " x =1"], "x")],
)  # fmt: skip
def test_a_variable_is_given_once(
    refused: Any, words: list[str], name: str
) -> None:
    said, shown, caret = refused("x", *words)
    assert said == f"{name} is given twice; leave one of them out"
    assert shown.strip() == words[-1].strip() and caret == "  ^"


class Timer:
    """A clock that is up at once."""

    seconds: float
    running = 0

    def __init__(self, seconds: float, say: Any) -> None:
        self.seconds, self.say = seconds, say

    def start(self) -> None:
        Timer.seconds, Timer.running = self.seconds, Timer.running + 1
        self.say()

    def cancel(self) -> None:
        Timer.running = 0


def test_an_order_that_takes_long_says_so(
    capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("autograd.__main__.PATIENCE", 2.0)
    monkeypatch.setattr("autograd.__main__.Timer", Timer)
    main(["x**3", "x=2", "--order=2"])
    out, err = capsys.readouterr()
    assert cells(out)[-1][2] == "12" and Timer.seconds == 2.0 and not Timer.running
    advice = "Ctrl-C stops, a lower --order is faster"
    assert (
        err
        == f"glassgrad: order 2 takes more than 2 s (order 0 has 0 nodes); {advice}\n"
    )
    main(["x**3", "x=2"])
    assert not capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["2 + 3", "--order=1"])
    assert not Timer.running  # after an error neither


def test_what_takes_long_is_the_order_that_is_derived(
    capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock is up while the third order is derived."""
    clocks: list[Any] = []
    monkeypatch.setattr(Timer, "start", lambda clock: clocks.append(clock))
    monkeypatch.setattr("autograd.__main__.Timer", Timer)
    orders = iter(range(1, 10))

    def slow(y: Value, x: Value) -> Any:
        if next(orders) == 3:
            clocks[0].say()
        return grad(y, x)

    monkeypatch.setattr("autograd.__main__.grad", slow)
    main(["sin(x)", "x=2", "--order=4"])
    nodes = len(toposort(grad(grad(sin(x := Value(2.0)), x), x)))
    assert (
        f"order 4 takes more than 1e+06 s (order 2 has {nodes} nodes)"
        in capsys.readouterr().err
    )


def test_patience_without_standard_error(
    shown: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("autograd.__main__.Timer", Timer)
    monkeypatch.setattr("sys.stderr", None)
    assert "takes" not in shown("x**3", "x=2", "--order=2")


# ------------------------------------------------------------------------------------------------ as programs
def test_ctrl_c_ends_quietly(
    capsys: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """While it reads, derives, draws and prints."""
    before = signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # a shell's background jobs ignore it

    class Interrupted(io.StringIO):
        def read(self, size: int | None = -1) -> str:
            signal.raise_signal(signal.SIGINT)
            return "x"

    monkeypatch.setattr("sys.stdin", Interrupted())
    for step, words in {
        "derivative": ["x"],
        "build": ["x"],
        "table": ["x"],
        "show": ["x"],
        "": ["-"],
    }.items():
        with monkeypatch.context() as patch, pytest.raises(SystemExit) as stop:
            if step:
                patch.setattr(
                    f"autograd.__main__.{step}",
                    lambda *_: signal.raise_signal(signal.SIGINT),
                )
            main([*words, "x=1", "--out", str(tmp_path / "y.dot")])
        assert stop.value.code == 130 and capsys.readouterr() == ("", ""), step
    signal.signal(signal.SIGINT, before)


INTERRUPTING = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == os.environ["WHEN"]:
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Finder())
"""


@posix
@pytest.mark.parametrize(
    "command", ["-m autograd", "-m nn", "glassgrad", "glassgrad.exe"]
)
@pytest.mark.parametrize(
    "when", ["numpy", "autograd.ops", "graphviz", "autograd.reading"]
)
def test_ctrl_c_while_it_imports(command: str, when: str, tmp_path: Path) -> None:
    """A process of its own that interrupts itself when it comes to a module."""
    (tmp_path / "sitecustomize.py").write_text(INTERRUPTING)
    script = tmp_path / command
    if not command.startswith("-m"):  # what pip writes for an entry point
        script.write_text("from nn.__main__ import main\nmain()\n")
    words = command.split() if command.startswith("-m") else [str(script)]
    ended = importing(words, tmp_path, when)
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, b"", b"")


@posix
@pytest.mark.parametrize(
    "command", ["-c import autograd", "-m demos", "glassgrad.py", "other"]
)
def test_ctrl_c_in_other_programs_is_as_ever(command: str, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(INTERRUPTING)
    script = tmp_path / command
    if not command.startswith("-"):
        script.write_text("import nn\n")
    words = command.split(" ", 1) if command.startswith("-") else [str(script)]
    ended = importing(words, tmp_path, "autograd.ops")
    assert (
        ended.returncode in (-signal.SIGINT, 130)
        and b"KeyboardInterrupt" in ended.stderr
    )


def importing(
    words: list[str], folder: Path, when: str
) -> subprocess.CompletedProcess[bytes]:
    """A program whose sitecustomize.py stands in a folder, and which is interrupted at an import."""
    path = os.pathsep.join([str(folder), str(ROOT)])
    variables = {**os.environ, "PYTHONPATH": path, "WHEN": when}
    command = [sys.executable, *words, *["x", "x=1"] * (words[0] != "-c")]
    return subprocess.run(
        command,
        env=variables,
        cwd=ROOT,
        timeout=60,
        check=False,
        capture_output=True,
    )


def test_after_its_imports_a_command_can_be_interrupted_again() -> None:
    before = signal.signal(signal.SIGINT, starting.leave)
    with pytest.raises(SystemExit):
        main(["x"])
    assert signal.signal(signal.SIGINT, before) is signal.default_int_handler


def test_bytes_that_are_no_text(
    refused: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "sys.stdin", io.TextIOWrapper(io.BytesIO(b"x + \xff"), encoding="utf-8")
    )
    (said,) = refused("-", "x=1")
    assert (
        said
        == "byte 4 of standard input is no utf-8; write the formula in that encoding"
    )


def test_a_standard_output_of_another_kind() -> None:
    with contextlib.redirect_stdout(io.StringIO()) as text:
        main(["2x", "x=3"])
    assert cells(text.getvalue())[-1][2] == "6"


def command_line(
    *words: str, closed: str = "", **options: Any
) -> subprocess.CompletedProcess[bytes]:
    """The command as a program of its own; a shell closes its streams."""
    command = [sys.executable, "-m", "autograd", *words]
    if closed:
        command = ["sh", "-c", f'exec "$@" {closed}', "sh", *command]
    return subprocess.run(
        command,
        cwd=ROOT,
        timeout=60,
        check=False,
        stderr=subprocess.PIPE,
        **options,
    )


needs_sh = pytest.mark.skipif(
    shutil.which("sh") is None, reason="no shell to close streams with"
)


@needs_sh
@pytest.mark.parametrize(
    "words", [["x*x", "x=2"], ["--help"], ["--version"]], ids=str
)
def test_a_closed_standard_output(words: list[str], tmp_path: Path) -> None:
    done = command_line(*words, "--out", str(tmp_path / "y.dot"), closed=">&-")
    assert done.returncode == 0 and b"rror" not in done.stderr
    assert (tmp_path / "y.dot").exists() == (words[0] == "x*x")
    done = command_line(*words, closed=">&- 2>&- <&-")
    assert (done.returncode, done.stderr) == (0, b"")


@needs_sh
def test_a_closed_standard_input() -> None:
    done = command_line("-", "x=2", closed="<&-", stdout=subprocess.PIPE)
    assert (done.returncode, done.stdout) == (2, b"")
    assert (
        done.stderr
        == b"glassgrad: error: standard input is closed; write the formula in place of -\n"
    )
    done = command_line("x*x", "x=2", closed="<&-", stdout=subprocess.PIPE)
    assert (done.returncode, done.stderr) == (0, b"") and b"x" in done.stdout


@pytest.mark.skipif(
    os.name != "posix", reason="broken pipes are told otherwise there"
)
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_that_has_gone(unbuffered: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    done = command_line("x*x", "x=2", stdout=writing, env=environment)
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is full")
def test_a_standard_output_that_is_full() -> None:
    with Path("/dev/full").open("wb") as full:
        done = command_line("x*x", "x=2", stdout=full)
    assert done.returncode == 2
    assert (
        done.stderr
        == b"glassgrad: error: standard output: No space left on device\n"
    )


def test_python_m_autograd() -> None:
    command = [sys.executable, "-m", "autograd", SIGMOID, "x=-0.5"]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert f"{1 / (1 + math.exp(0.5)):.6g}" in done.stdout.decode()
    ascii_only = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(
        command,
        cwd=ROOT,
        capture_output=True,
        timeout=60,
        check=True,
        env=ascii_only,
    )
    assert done.stdout.splitlines()[-1].split()[:3] == [b"y", b"1/v?", b"0.377541"]
    done = subprocess.run(
        [*command[:3], "x + z"],
        cwd=ROOT,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"Traceback" not in done.stderr


def test_the_readme_shows_what_is_printed(shown: Any) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert (
        shown(SIGMOID, "x=0.5")
        in readme.partition('$ glassgrad "1 / (1 + exp(-x))" x=0.5')[2]
    )


def test_the_script_is_declared() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))[
        "project"
    ]
    assert project["scripts"] == {"glassgrad": "nn.__main__:main"}
    assert importlib.metadata.version(project["name"])
