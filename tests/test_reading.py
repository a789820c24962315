"""The notation of people: what is read has Python's value, what is refused says what to write, at its place.

The truths are formulas that were written in Python by hand, or beside the typed ones by a generator.
"""

from __future__ import annotations

import math
import re
from contextlib import suppress
from dataclasses import dataclass
from random import Random

import pytest
from hypothesis import example, given, settings, strategies as st

from autograd import Value
from autograd.pictures.lettering import columns
from autograd.reading import (
    CONSTANTS,
    FUNCTIONS,
    build,
    nearest,
    variables,
    without_brackets,
)
from autograd.spelling import SIGNS, plain, spell

NAMES = {"x": 1.3, "y": 0.7, "w1": 2.5, "기울기": -0.6, "α": 1.9}
MATH = {
    name: getattr(math, name)
    for name in ("pi", "e", "exp", "sin", "cos", "tanh", "inf")
}
MATH |= {
    "log": lambda x: math.log(x) if x > 0 else math.nan,
    "sqrt": lambda x: x**0.5 if x >= 0 else math.nan,
}
MATH |= {"max": max, "min": min, "abs": abs}


def value(text: str, **names: float) -> float:
    return build(
        text, {name: Value(x, name) for name, x in (names or NAMES).items()}
    ).data


def python(text: str, **names: float) -> float:
    """The truth, by Python itself."""
    return float(eval(text, {"__builtins__": {}}, MATH | (names or NAMES)))  # noqa: S307


def refusal(text: str, **names: float) -> tuple[str, int]:
    """What is said, and under which character."""
    with pytest.raises(ValueError) as error:
        value(text, **names)
    said, shown, caret = str(error.value).split("\n")
    assert caret.strip() == "^" and caret.startswith("  ")
    near = shown[2:] + " "
    place = next(i for i in range(len(near)) if columns(near[:i]) == len(caret) - 3)
    return said, place


# ----------------------------------------------------------------------------------------------- what is read
READ = {
    # powers
    "x^2": "x**2", "-x^2": "-(x**2)", "x^-y": "x**-y", "2^x^y": "2**(x**y)", "x ^ 2 ^ y": "x**(2**y)",
    "(-x)^2": "(-x)**2", "xˆ2": "x**2", "x＾2": "x**2", "x**2": "x**2", "x^.5": "x**0.5",
    "x^1/2": "(x**1)/2",
    "e^x": "e**x", "e^-x^2": "e**(-(x**2))", "e^(2x)": "e**(2*x)", "x^½": "x**0.5", "10^-3": "10**-3",
    # raised
    "x²": "x**2", "x³": "x**3", "x¹⁰": "x**10", "x⁻¹": "x**-1", "2ˣ": "2**x", "2ˣ⁺¹": "2**(x+1)",
    "e⁻²ˣ": "e**(-2*x)", "2⁽ˣ⁺¹⁾": "2**(x+1)", "-x²": "-(x**2)", "2^x²": "2**(x**2)", "x^2²": "x**(2**2)",
    "(x²)³": "(x**2)**3", "sin(x)²": "sin(x)**2", "(x+1)²": "(x+1)**2", "x⁰": "1", "2²": "4",
    # products without a sign
    "2x": "2*x", "2 x": "2*x", "2(x+1)": "2*(x+1)", "2 (x+1)": "2*(x+1)", "2sin(x)": "2*sin(x)",
    "2 sin(x)": "2*sin(x)", "2exp(x)": "2*exp(x)", "2pi": "2*pi", "2π": "2*pi", "2e": "2*e", "1e": "e",
    "(x+1)(x-1)": "(x+1)*(x-1)", "(x+1) x": "(x+1)*x", "(x+1)sin(x)": "(x+1)*sin(x)", "x(x+1)": "x*(x+1)",
    "x (y)": "x*y", "pi(x)": "pi*x", "π(x+1)": "pi*(x+1)", "기울기(x+1)": "기울기*(x+1)", "2w1": "2*w1",
    "sin(x)cos(x)": "sin(x)*cos(x)", "x sin(x)": "x*sin(x)", "2x(x+1)": "2*x*(x+1)", "2(x)(y)": "2*x*y",
    "3x^2 + 2x + 1": "3*x**2 + 2*x + 1", "2x²y": "2*x**2*y", "x²(y+1)": "x**2*(y+1)", "-2x": "-2*x",
    "2(-x)": "-2*x", "2-x": "2-x", "2 -x": "2-x", "x/2*3y": "x/2*3*y", "2x/3": "2*x/3", "1/(2x)": "1/(2*x)",
    "x^(2)y": "x**2*y", "e^(-x)sin(x)": "e**-x*sin(x)", "2x - 3y": "2*x - 3*y",
    "max(2x, 3y)": "max(2*x, 3*y)",
    "(1/2)x": "x/2", "x/(2)": "x/2", "1e5x": "1e5*x", "2e3x": "2000*x", "5.x": "5*x", ".5x": "0.5*x",
    "08x": "8*x",
    "2\N{INVISIBLE TIMES}x": "2*x", "sin\N{FUNCTION APPLICATION}(x)": "sin(x)",
    "2\N{ZERO WIDTH SPACE}x": "2*x",
    # roots
    "√x": "sqrt(x)", "√(x+1)": "sqrt(x+1)", "√2": "sqrt(2)", "2√x": "2*sqrt(x)", "x√2": "x*sqrt(2)",
    "√x + 1": "sqrt(x)+1", "√x/2": "sqrt(x)/2", "√(x)²": "sqrt(x)**2", "√(x)(y)": "sqrt(x)*y",
    "-√2": "-sqrt(2)",
    "exp(-x²/2)/√(2π)": "exp(-x**2/2)/sqrt(2*pi)", "√(2)x": "sqrt(2)*x", "1/√x": "1/sqrt(x)",
    "2^√x": "2**sqrt(x)",
    # signs, digits and letters
    "x×y": "x*y", "x·y": "x*y", "x⋅y": "x*y", "x∙y": "x*y", "x∗y": "x*y", "x÷y": "x/y", "x∕y": "x/y",
    "x⁄y": "x/y",
    "x−y": "x-y", "x–y": "x-y", "−x": "-x", "x＋１": "x+1", "（x＋１）／２": "(x+1)/2", "x＊２": "x*2",
    "x－1": "x-1",
    "２．５ｘ": "2.5*x", "٣x": "3*x", "max（x，y）": "max(x, y)", "𝑥²": "x**2", "ℯ^𝑥": "e**x",
    "x\N{NO-BREAK SPACE}+ 1": "x+1",
    "½x": "x/2", "¾": "0.75", "⅓": "1/3", "∞": "inf", "exp(-∞)": "0", "w₁": "w1", "2w₁²": "2*w1**2",
    # numbers
    "1_000": "1000", "0x10": "16", "0b11": "3", "0o17": "15", "1e3": "1000", "1E-3": "0.001", "007": "7",
    "00": "0",
    # functions and constants
    "2πx": "2*pi*x", "πx": "pi*x", "πx²": "pi*x**2", "2πw₁(x+1)": "2*pi*w1*(x+1)", "πsin(x)": "pi*sin(x)",
    "sin(πx)": "sin(pi*x)", "πx/2": "pi*x/2", "2*πx": "2*pi*x", "πe": "pi*e", "ππ": "pi*pi",
    "exp(-inf)": "0", "inf": "inf", "inf*x": "inf",
    "ln(x)": "log(x)", "2ln(x)": "2*log(x)", "ln(e)": "1", "π": "pi", "sin(π/2)": "1", "ln (x)": "log(x)",
    # over lines
    "x +\n y": "x+y", "(x\n+ 1)": "x+1", "x\n- y": "x-y", "sin(\nx)": "sin(x)", "2x\n+ y": "2*x+y",
}  # fmt: skip


@pytest.mark.parametrize("text", READ)
def test_what_has_one_meaning_is_read(text: str) -> None:
    assert value(text) == pytest.approx(python(READ[text]), rel=1e-15)


@pytest.mark.parametrize("other", SIGNS)
def test_every_other_sign_is_read(other: str) -> None:
    assert value(
        f"x{other}2" if SIGNS[other] != " " else f"x {other}+ 2"
    ) == pytest.approx(
        {"*": 2.6, "/": 0.65, "-": -0.7, "^": 1.69, " ": 3.3}[SIGNS[other]],
        rel=1e-15,
    )


@pytest.mark.parametrize(("text", "names", "truth"), [
    ("lambda * x", {"lambda": 2.0, "x": 3.0}, 6.0), ("2lambda²", {"lambda": 3.0}, 18.0),
    ("if(in+1)", {"if": 2.0, "in": 3.0}, 8.0),
    ("True + None", {"True": 2.0, "None": 5.0}, 7.0), ("exp * x", {"exp": 2.0, "x": 3.0}, 6.0),
    ("2step", {"step": 0.1}, 0.2),
    ("ln + 1", {"ln": 2.0}, 3.0), ("e(x)", {"e": 2.0, "x": 3.0}, 6.0), ("2e", {"e": 3.0}, 6.0),
    ("2pi", {"pi": 3.0}, 6.0),
    ("2e3", {"e": 2.0}, 2000.0), ("0x10", {"x": 2.0}, 16.0), ("0x", {"x": 2.0}, 0.0),
    ("x_ + x", {"x_": 1.0, "x": 2.0}, 3.0),
    ("_", {"_": 4.0}, 4.0), ("x1x", {"x1x": 5.0, "x": 2.0}, 5.0), ("é²", {"é": 3.0}, 9.0),
    ("e\u0301", {"é": 3.0}, 3.0),
])  # fmt: skip
def test_a_variable_may_have_any_name(
    text: str, names: dict[str, float], truth: float
) -> None:
    assert value(text, **names) == truth


def test_both_spellings_of_pi_are_one_name() -> None:
    assert value("π", x=1.0) == value("pi", x=1.0) == math.pi
    assert "π has no value" in refusal("π * pi", pi=3.0)[0]
    assert "pi has no value" in refusal("π * pi", π=3.0)[0]


# -------------------------------------------------------------------------------------------- what is refused
REFUSED = {
    # two meanings
    "1/2x": (3, "1/2x has two meanings; write 1/(2*x) or 1/2*x"), "3 ÷ 4 y": (6, "write 3/(4*y) or 3/4*y"),
    "1/-2x": (4, "has two meanings"), "x/2(y+1)": (3, "write x/(2*(…)) or x/2*(…)"),
    "x/y(2)": (3, "has two meanings"),
    "1/(2)(x)": (5, "has two meanings"), "(x+1)/2sin(x)": (7, "write (…)/(2*sin(…)) or (…)/2*sin(…)"),
    "2x/3y": (4, "write x/(3*y) or x/3*y"), "1/x²y": (4, "has two meanings"),
    "1/2√x": (3, "has two meanings"),
    "max(x, 1/2x)": (10, "has two meanings"), "1/x^(2)y": (7, "has two meanings"),
    "x + 1/2y": (7, "has two meanings"),
    "x^2y": (3, "x^2y has two meanings; write x^(2*y) or x^2*y"), "e^2x": (3, "write e^(2*x) or e^2*x"),
    "e^-2x": (4, "has two meanings"), "x**2y": (4, "has two meanings"), "x^2(y+1)": (3, "has two meanings"),
    "x^sin(y)x": (8, "has two meanings"), "x^2 sin(x)": (4, "has two meanings"),
    "2^-(x)y": (6, "has two meanings"),
    "x²^3": (1, "write (x^2)^3 or x^(2^3)"), "x² ³": (1, "write (x^2)^3 or x^(2^3)"),
    "√2x": (2, "√2x has two meanings; write √(2*x) or √2*x"), "√x²": (1, "write √(x^2) or √(x)^2"),
    "√x^y": (1, "write √(x^2) or √(x)^2"), "√2(x)": (2, "has two meanings"),
    "√x sin(y)": (3, "has two meanings"),
    "e(x)": (0, "write e*(…) or exp(…)"), "2e(x+1)": (1, "write e*(…) or exp(…)"),
    # brackets
    "sin x": (4, "sin needs brackets around its operand; write sin(x)"), "sin 2x": (4, "write sin(x)"),
    "ln x": (3, "ln needs brackets"), "exp√x": (3, "exp needs brackets"),
    "2 cos y": (6, "cos needs brackets"),
    "sin²(x)": (0, "a power stands after the brackets; write sin(x)^2"), "sin^2(x)": (0, "write sin(x)^2"),
    "sin⁻¹(x)": (0, "for the square of sin(x)"), "2ln**2(x)": (1, "write ln(x)^2"),
    "√sin(x)": (1, "√ needs brackets"), "√√x": (1, "√ needs brackets"), "√-x": (1, "√ needs brackets"),
    "√": (0, "sqrt has no value; did you mean sqrt(x)?"),
    # no sign
    "x y": (2, "no sign between x and y; write x*y"), "x 2": (2, "write x*2"), "x.5": (1, "write x*.5"),
    "(x+1)2": (5, "write (…)*2 or (…)^2"), "x²3": (2, "no sign"),
    "1 000": (2, "no sign between 1 and 000; write 1*000 or 1000"),
    "1.5.2": (3, "no sign between 1.5 and .2"), "2½": (1, "no sign between 2 and ½; write 2*½ or (2+½)"),
    "foo x": (4, "write foo*x"),
    "x + 1\ny + 2": (6, "no sign between 1 and y"), "2\n(x)": (2, "no sign"), "2\r\nx": (3, "no sign"),
    "2\N{LINE SEPARATOR}x": (2, "no sign"),
    # other notations
    "|x|": (0, "write abs(x)"), "[x]": (0, "brackets are round"), "e^{x}": (2, "brackets are round"),
    "y = x": (2, "write only what stands right of it"), "x == 1": (2, "right of it"),
    "x!": (1, "write 1*2*3"),
    "5%": (1, "write 5/100"), "x // 2": (2, "write x/2"), "x < 2": (2, "write step(x - w)"),
    "x≥2": (1, "step(x - w) for 1 where x > w, else 0"), "x > 0": (2, "write step(x - w)"),
    "90°": (2, "pi/180"), "lambda x: x": (0, "write lambda=0.5"), "x\N{SOFT HYPHEN}y": (1, "has no place"),
    "\u0301x": (0, "has no place"), "2₁": (1, "has no place"), "x🙂": (1, "has no place"),
    # decimals with a comma
    "0,5x": (0, "write 0.5"), "x + 1,25": (4, "write 1.25"), "(0,5)*x": (1, "write 0.5"),
    "1,000x": (0, "1.000 or 1000"),
    "1.000,5": (0, "write 1000.5"), "sin(0,5)": (0, "a decimal is written as 0.5"),
    "x(0,5)": (2, "write 0.5"),
    "max((0,5), x)": (5, "write 0.5"), "x, y": (0, "a formula has"), "(1, 2)": (0, "a formula has"),
    # names
    "X": (0, "X has no value; did you mean x? If not, write X=0.5"), "PI": (0, "did you mean pi?"),
    "xy": (0, "did you mean x*y?"), "2xy": (1, "did you mean x*y?"), "x2": (0, "did you mean x*2?"),
    "π x": (2, "no sign"), "1/πx": (3, "1/πx has two meanings; write 1/(π*x) or 1/π*x"),
    "√πx": (2, "has two meanings"), "πz": (0, "πz has no value"), "xπ": (0, "did you mean x*π?"),
    "1½x": (1, "write 1*½ or (1+½)"), "x.y": (1, "no sign between x and y; write x*y"),
    "np.exp(x)": (0, "exp has no np. before it; write exp(x)"), "2math.ln(x)": (1, "write ln(x)"),
    "np.pi": (0, "pi has no np. before it; write pi"),
    "x.exp()": (0, "exp has no x. before it; write exp(x)"),
    "torch.foo": (0, "foo has no torch. before it"),
    "w2": (0, "w2 has no value; write w2=0.5"), "3x5": (1, "did you mean x*5?"),
    "a": (0, "a has no value; write a=0.5"),
    "sin": (0, "did you mean sin(x)?"), "sinn": (0, "did you mean sin?"), "기울": (0, "did you mean 기울기?"),
    "xsin(x)": (0, "did you mean x*sin?"), "xy(w1)": (0, "did you mean x*y?"),
    "Sin(x)": (0, "did you mean sin?"),
    "sine(x)": (0, "write sin(x)"), "sgn(x)": (0, "did you mean sign?"),
    "fabs(x)": (0, "did you mean abs?"),
    "ln": (0, "ln has no value; did you mean ln(x)? If not, write ln=0.5"), "2ln + x": (1, "ln has no value"),
    "lnx": (0, "did you mean ln(x)?"), "sin2x": (0, "did you mean sin(2*x)?"), "expxy": (0, "exp(x*y)?"),
    "tanx": (0, "did you mean tan(x)?"), "sinh2x": (0, "did you mean sinh(2*x)?"),
    "log1px": (0, "did you mean log1p(x)?"), "lnz": (0, "lnz has no value; write lnz=0.5"),
    "heaviside(x)": (0, "write step(x)"), "logistic(x)": (0, "write sigmoid(x)"),
    "sgima(x)": (0, "did you mean sigmoid(x)?"), "sigma(x)": (0, "write sigmoid(x)"),
    "σ(x)": (0, "write sigmoid(x)"), "cosine(x)": (0, "write cos(x)"),
    "cosin(x)": (0, "did you mean cos(x)?"),
    "sum(x)": (0, "write x + w"), "exp10(x)": (0, "write 10**x"), "expit(x)": (0, "write sigmoid(x)"),
    "pow(x, 2)": (0, "write x**w"),
    "f(x)": (0, "write f=0.5"), "max(x)": (0, "no max of 1 operands"),
    "ln(x, y)": (0, "no log of 2 operands"),
}  # fmt: skip
MISSING = {  # functions that have no op, unless somebody adds one
    "cot": "write 1/tan(x)", "sec": "write 1/cos(x)", "exp2": "write 2**x", "cbrt": "write x**(1/3)",
    "lg": "write log10(x)", "arcsin": "no arcsin of 1 operands; functions: abs", "atanh": "functions: abs",
}  # fmt: skip
REFUSED |= {
    f"{name}(x)": (0, why) for name, why in MISSING.items() if name not in FUNCTIONS
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_has_not_one_meaning_is_refused(text: str) -> None:
    at, why = REFUSED[text]
    said, place = refusal(text)
    assert why in said and place == at


@pytest.mark.parametrize(("text", "name", "why"), [
    ("exp(x)", "exp", "exp is both a function and a variable; rename the variable"),
    ("ln(x)", "ln", "ln is both"),
    ("2e3", "e3", "2e3 has two meanings; write 2*e3, or rename e3"),
    ("2e-3", "e", "write 2*e-3, or rename e"),
    ("0x10", "x10", "write 0*x10, or rename x10"), ("0b1", "b1", "write 0*b1"),
    ("1_0E5", "E5", "write 1_0*E5"),
    ("weigth", "weight", "did you mean weight?"), ("alhpa", "alpha", "did you mean alpha?"),
    ("λ", "Λ", "did you mean Λ?"),
])  # fmt: skip
def test_what_a_variable_makes_doubtful(text: str, name: str, why: str) -> None:
    assert why in refusal(text, **{name: 2.0, "x": 3.0})[0]


@pytest.mark.parametrize("text", [*REFUSED])
def test_what_is_advised_can_be_read(text: str) -> None:
    """Every formula that a refusal writes out, with … as an operand and x for names without a value."""
    said, _ = refusal(text)
    advice = re.search(
        r"write (.*?)(?:, or rename|; | for |$)|did you mean (.*?)\?", said
    )
    for part in (advice[1] or advice[2] or "").split(" or ") if advice else ():
        if "=" not in part and "right of it" not in part:
            whole = f"{part}(x)" if part.split("*")[-1] in FUNCTIONS else part
            value(whole.replace("…", "x"), **NAMES, w=1.0, foo=2.0)


def test_refusals_are_short() -> None:
    digits = "1" * 40_000
    said, _ = refusal(f"{digits}e{digits}", **{f"e{digits}": 1.0})
    assert "has two meanings" in said and len(said) < 200


def test_a_refusal_shows_a_formula_of_lines_in_one() -> None:
    with pytest.raises(ValueError, match="no sign between") as error:
        value("x + 1\ny\t+ 2")
    assert str(error.value).split("\n")[1:] == ["  x + 1 y + 2", "        ^"]


def test_words_without_quotes() -> None:
    with pytest.raises(
        ValueError, match="one number; a formula with spaces stands in quotes"
    ):
        variables(["+", "1", "x=2"])


@pytest.mark.parametrize(
    "name", ["powx", "exp2x", "squarex", "x", "sin", "sinz", ""]
)
def test_no_call_is_proposed_where_two_may_be_meant(name: str) -> None:
    assert without_brackets(name, ["x"], FUNCTIONS) == ""


def test_nearest_is_bounded() -> None:
    """No search in names without end."""
    assert nearest("a" * 31, ["a"], []) == "" and nearest(
        "a" * 30, ["a"], []
    ) == "*".join("a" * 30)
    names = ["a" * n for n in range(1, 29)]
    assert nearest("a" * 29 + "b", names, []) == "a" * 28


def test_a_word_of_python_is_no_formula() -> None:
    import keyword

    for word in keyword.kwlist:
        for text in (word, f"x {word} y", f"2{word} x", f"{word}(x)"):
            assert f"'{word}' has no place here" in refusal(text)[0], text


# ----------------------------------------------------------------------- any formula, in any of its notations
@dataclass
class Typed:
    """A formula as a person types it and as Python has it, and what it begins and ends with."""

    text: str
    python: str
    begins: str = "("  # with a bracket, a "name" or a "number"
    ends: str = ")"


class Person:
    """Types formulas, with the signs and the spaces that come to mind."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.pick = self.random.choice

    def atom(self, depth: int) -> Typed:
        kind = self.pick(["number", "name", *["sum", "call", "root"] * (depth > 0)])
        if kind == "number":
            numbers = [
                ("2", "2"),
                ("0.5", "0.5"),
                ("½", "0.5"),
                ("３", "3"),
                ("1e1", "10"),
            ]
            return Typed(*self.pick(numbers), "number", "number")
        if kind == "name":
            names = [
                ("x", "x"),
                ("y", "y"),
                ("w₁", "w1"),
                ("기울기", "기울기"),
                ("π", "pi"),
            ]
            return Typed(*self.pick(names), "name", "name")
        inner = self.sum(depth - 1)
        if kind == "call":
            name, function = self.pick(
                [("ln", "log"), ("sin", "sin"), ("tanh", "tanh")]
            )
            return Typed(
                f"{name}({inner.text})", f"{function}({inner.python})", "name"
            )
        if kind == "root":
            return Typed(f"√({inner.text})", f"sqrt({inner.python})", "root")
        return Typed(f"({inner.text})", f"({inner.python})")

    def factor(self, depth: int) -> Typed:
        base = self.atom(depth)
        powers = {"²": 2, "³": 3, "⁻¹": -1, "^2": 2, "**2": 2, "^(1+1)": 2, "": 1}
        typed = self.pick([*powers, *[""] * 6])
        ends = {"": base.ends, "^2": "power", "**2": "power"}.get(typed, ")")
        return Typed(
            f"{base.text}{typed}",
            f"({base.python}**{powers[typed]})",
            base.begins,
            ends,
        )

    def product(self, left: Typed, right: Typed) -> Typed:
        bare = left.ends in ("number", ")") and right.begins in (
            "name",
            "(",
            "root",
        )
        bare |= left.ends == "name" and right.begins in ("(", "root")
        sign = self.pick(["*", " * ", "×", "·", *["", " "] * 3 * bare])
        return Typed(
            f"{left.text}{sign}{right.text}",
            f"({left.python}*{right.python})",
            left.begins,
            right.ends,
        )

    def term(self, depth: int) -> Typed:
        term = self.factor(depth)
        for _ in range(self.pick([0, 1, 1, 2, 3])):
            right = self.factor(depth)
            if self.pick([True, False, False]):
                text = f"{term.text}{self.pick(['/', ' / ', '÷'])}{right.text}"
                term = Typed(
                    text, f"({term.python}/{right.python})", term.begins, "quotient"
                )
            else:
                term = self.product(term, right)
        return term

    def sum(self, depth: int) -> Typed:
        sign, term = self.pick(["", "", "-", "−"]), self.term(depth)
        text, python = (
            f"{sign}{term.text}",
            f"(-{term.python})" if sign else term.python,
        )
        for _ in range(self.pick([0, 1, 2])):
            sign, right = self.pick(["+", " + ", "-", " − ", "–"]), self.term(depth)
            text += f"{sign}{right.text}"
            python = f"({python} {'+' if '+' in sign else '-'} {right.python})"
        return Typed(text, python)


def test_typed_and_written_formulas_have_the_same_value() -> None:
    compared = 0
    for seed in range(3000):
        formula = Person(seed).sum(seed % 3)
        with suppress(
            ArithmeticError, TypeError
        ):  # TypeError: a root of a negative number, in Python
            truth = python(formula.python)
            if math.isfinite(truth) and abs(truth) < 1e6:
                assert value(formula.text) == pytest.approx(
                    truth, rel=1e-6, abs=1e-9
                ), formula
                compared += 1
    assert compared > 1500


def test_what_python_reads_has_its_places_in_the_text() -> None:
    """Every name of the spelling stands at its place, in the order of the text."""
    for seed in range(500):
        text = Person(seed).sum(1).text
        spelling = spell(text, NAMES, CONSTANTS, FUNCTIONS)
        assert len(spelling.places) == len(spelling.python) + 1 and spelling.places[
            -1
        ] == len(text)
        assert spelling.places == sorted(spelling.places)
        for match in re.finditer(r"(\w+)_ ", spelling.python):
            assert plain(text)[spelling.places[match.start()]] in (match[1][0], "√")


# --------------------------------------------------------------------------------------------------- any text
LIKELY = (
    "xyzwe0129..,,()()+-−*/^²³⁻ⁿˣ₁√√π½∞=|if_ \n\t\u0301·\N{SOFT HYPHEN}기\udcff"
)


@settings(max_examples=600, deadline=None)
@given(
    st.text(LIKELY, max_size=25)
    | st.text(max_size=25)
    | st.text("2x/^√(y)² ", max_size=12)
)
@example("0_1")
@example("1__0")
@example("0x_1")
@example("²²²")
@example("))((²⁾⁽")
@example("x⁽")
@example("x™")
@example("ﷺ")
def test_any_text_is_read_or_refused_with_a_caret(text: str) -> None:
    """No other error, no warning; the caret stands in the text."""
    try:
        z = build(text, {name: Value(x, name) for name, x in NAMES.items()})
    except ValueError as error:
        _, shown, caret = str(error).split("\n")
        assert caret.strip() == "^" and len(caret) <= columns(shown) + 1
    else:
        assert isinstance(z, Value)


@settings(max_examples=300, deadline=None)
@given(st.text())
def test_plain_text_has_the_same_places(text: str) -> None:
    assert len(plain(text)) == len(text) and plain(plain(text)) == plain(text)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.text("x=12₁−.e ²", max_size=6) | st.text(max_size=6), max_size=3)
)
def test_any_words_are_variables_or_refused(words: list[str]) -> None:
    try:
        leaves = variables(words)
    except ValueError as error:
        assert str(error).endswith("^")
    else:
        assert len(leaves) == len(words) and all(
            x.name == name for name, x in leaves.items()
        )
        assert all(value(name, **{name: 5.0}) == 5.0 for name in leaves)
