"""The op table: everything this engine can compute and differentiate, one line each.

z = op(x, y, w): x, y, w are the operands, z is the result.  To add an op, add a line.

The partials stay accurate and are right at the edges; ``book=`` has what a book prints instead, and
``printed=`` a formula as a book prints it:

    sigmoid, tanh   z(1-z) and 1-z² cancel: at x = 36 no digit of them is right; sigmoid_1 and tanh_1 do not
    sqrt            1/(2z) is -inf at -0.0, where the limit from inside the domain is +inf
    power           y·x^(y-1) and z·log(x) are 0·inf or inf - inf at x = 0 and at y = 0

power's ∂z/∂x needs y - 1: it loses digits where that rounds, and for x < 0 and |y| > 2⁵³ its sign.
At x = 0 its derivatives are the limits from x > 0; at x = y = 0, where there is none, they are 0.
At a kink, relu, abs and hypot have the subgradient of least norm, 0, and leaky_relu 0.01; at a finite tie,
maximum and minimum share.
where(x > 0, ...) is decided once; where(step(x), ...) is decided again by forward().

op_1, op_2 and op_3 are the first, second and third derivative of an op, where formulas that follow from its
line would be differences of nearly equal numbers near a zero, as 3·tanh(x)² - 1 is.  Theirs are products
there: no float is such a zero, head + rest, but (x - head) - rest has all of its digits.

stop_gradient(x) is x, with the slope 0: for a number that cancels, as the maximum that softmax subtracts.
Two more ops are there for the derivatives of others; formulas print their y alone.  defined(x, y) is y where
x has a value, else nan; given(x, y, w) is y, but w at the points where x is 0.
"""

import math
from collections.abc import Callable
from typing import Any

from .ieee import number
from .terms import Term
from .value import Op, Scalar, Value, varies


def power_by_base(z: Value, x: Value, y: Scalar) -> Scalar:
    """∂z/∂x = y·x^(y-1) of z = x^y; where both vary, also such that ∂²z/∂x∂y is right at x = 0 and y = 0."""
    lower = x ** (y - 1)
    if not varies(y):
        return where(y, y * lower, 0.0)
    # At x = 0 and y <= 1 this is like lower, but its slope by y is -inf at y = 1 too.
    steep = lower + sqrt(where(step(y - 1), 1.0, 1 - y))
    at_zero_base = where(step(y - 1), y * lower, where(step(y), steep, -steep))
    at_zero_exponent = where(absolute(sign(x)) - 1, z - 1, z * (y / x))
    return given(y, given(x, y * lower, at_zero_base), at_zero_exponent)


def power_by_exponent(z: Value, x: Scalar, y: Value) -> Scalar:
    """∂z/∂y = z·log(x) of z = x^y; at x = 0 its limit, such that ∂²z/∂x∂y is -inf for 0 < y <= 1."""
    at_zero_base = where(
        step(-y),
        -z,
        where(step(y - 1), 0.0, where(y, 0 - sqrt(maximum(x, 0.0)), 0.0)),
    )
    return given(x, z * log(x), at_zero_base)


def hypot_by(z: Value, x: Scalar, y: Scalar) -> Scalar:
    """∂z/∂x = x/z of z = hypot(x, y); 0 at (0, 0), and where z is inf what that is by y/x alone."""
    return given(z, given(1 / z, x / z, sign(x) / hypot(1, y / x)), 0.0)


def near(x: Value, y: Value, head: float, rest: float) -> Value:
    """(x² - (head + rest)²)·y², with all of its digits near its zeros."""
    return ((x - head) - rest) * y * (((x + head) + rest) * y)


# The slope of erf at 0, and 1/ln 2, 1/ln 10, by their names in C.
M_2_SQRTPI = 2 / math.sqrt(math.pi)
M_LOG2E = 1 / math.log(2)
M_LOG10E = 1 / math.log(10)
SQRT_TAU = math.sqrt(math.tau)

# fmt: off
#                name          symbol    formula     partials: ∂z/∂x, ∂z/∂y, ∂z/∂w                    domain
add        = Op("add",        "+",      "x + y",    (lambda z, x, y: 1.0, lambda z, x, y: 1.0))
sub        = Op("sub",        "-",      "x - y",    (lambda z, x, y: 1.0, lambda z, x, y: -1.0))
mul        = Op("mul",        "×",      "x * y",    (lambda z, x, y: y, lambda z, x, y: x))
div        = Op("div",        "/",      "x / y",    (lambda z, x, y: reciprocal(y), lambda z, x, y: -z / y),
                "y != 0")
neg        = Op("neg",        "× -1",   "-x",       (lambda z, x: -1.0,))
reciprocal = Op("reciprocal", "/",      "1 / x",    (lambda z, x: -z * z,),                          "x != 0")
exp        = Op("exp",        "exp",    "exp(x)",   (lambda z, x: z,))
expm1      = Op("expm1",      "expm1",  "expm1(x)", (lambda z, x: exp(x),))
log        = Op("log",        "log",    "log(x)",   (lambda z, x: 1 / x,),                           "x > 0")
log2       = Op("log2",       "log2",   "log2(x)",  (lambda z, x: M_LOG2E / x,),                     "x > 0")
log10      = Op("log10",      "log10",  "log10(x)", (lambda z, x: M_LOG10E / x,),                    "x > 0")
log1p      = Op("log1p",      "log1p",  "log1p(x)", (lambda z, x: 1 / (1 + x),),                     "x > -1")
sin        = Op("sin",        "sin",    "sin(x)",   (lambda z, x: cos(x),))
cos        = Op("cos",        "cos",    "cos(x)",   (lambda z, x: -sin(x),))
tan        = Op("tan",        "tan",    "tan(x)",   (lambda z, x: 1 + z * z,))
atan       = Op("atan",       "atan",   "atan(x)",  (lambda z, x: atan_1(x),))
sinh       = Op("sinh",       "sinh",   "sinh(x)",  (lambda z, x: cosh(x),))
cosh       = Op("cosh",       "cosh",   "cosh(x)",  (lambda z, x: sinh(x),))
erf        = Op("erf",        "erf",    "erf(x)",   (lambda z, x: M_2_SQRTPI * gauss(x),))
erfc       = Op("erfc",       "erfc",   "erfc(x)",  (lambda z, x: -M_2_SQRTPI * gauss(x),))
gauss      = Op("gauss",      "gauss",  "gauss(x)", (lambda z, x: gauss_1(x),))
absolute   = Op("absolute",   "abs",    "fabs(x)",  (lambda z, x: sign(x),))
sign       = Op("sign",       "sign",   "sign(x)",  (lambda z, x: 0.0,),                             "x == x")
step       = Op("step",       "step",   "heaviside(x, 0.0)", (lambda z, x: 0.0,),                   "x == x")
relu       = Op("relu",       "relu",   "maximum(x, 0.0)",   (lambda z, x: step(x),))
leaky_relu = Op("leaky_relu", "leaky_relu", "maximum(x, 0.01 * x)", (lambda z, x: 0.01 + 0.99 * step(x),))
elu        = Op("elu",        "elu",    "maximum(x, 0.0) + expm1(minimum(x, 0.0))",
                (lambda z, x: exp(-relu(-x)),))
gelu       = Op("gelu",       "gelu",   "0.5 * maximum(x, -40.0) * erfc(-sqrt(0.5) * x)",
                (lambda z, x: gelu_1(x),))
softplus   = Op("softplus",   "softplus", "maximum(x, 0.0) + log1p(exp(-fabs(x)))",
                (lambda z, x: sigmoid(x),))
logsigmoid = Op("logsigmoid", "logsigmoid", "-(maximum(-x, 0.0) + log1p(exp(-fabs(x))))",
                (lambda z, x: sigmoid(-x),))
sigmoid    = Op("sigmoid",    "sigmoid", "sigmoid(x)",
                (lambda z, x: sigmoid_1(x),), book=(lambda z, x: z * (1 - z),))
tanh       = Op("tanh",       "tanh",   "tanh(x)",
                (lambda z, x: tanh_1(x),), book=(lambda z, x: 1 - z * z,))
sqrt       = Op("sqrt",       "sqrt",   "sqrt(x)",
                (lambda z, x: 0.5 * x ** -0.5,), "x >= 0", book=(lambda z, x: 0.5 / z,))
power      = Op("power",      "^",      "pow(x, y)", (power_by_base, power_by_exponent),
                "x > 0 or (y % 1 == 0 if x else y >= 0)",
                book=(lambda z, x, y: y * x ** (y - 1), lambda z, x, y: z * log(x)))
hypot      = Op("hypot",      "hypot",  "hypot(x, y)",
                (hypot_by, lambda z, x, y: hypot_by(z, y, x)),
                book=(lambda z, x, y: x / z, lambda z, x, y: y / z))
maximum    = Op("maximum",    "max",    "maximum(x, y)",
                (lambda z, x, y: 0.5 * (1 + sign(x - y)), lambda z, x, y: 0.5 * (1 - sign(x - y))))
minimum    = Op("minimum",    "min",    "minimum(x, y)",
                (lambda z, x, y: 0.5 * (1 - sign(x - y)), lambda z, x, y: 0.5 * (1 + sign(x - y))))
where      = Op("where",      "where",  "y if x else w",  # y where x is not 0
                (lambda z, x, y, w: 0.0, lambda z, x, y, w: 1.0, lambda z, x, y, w: 1.0), selects=True)
given      = Op("given",      "given:",  "y if x else w",  # the same; formulas print y
                (lambda z, x, y, w: 0.0, lambda z, x, y, w: 1.0, lambda z, x, y, w: 1.0), selects=True)
stop_gradient = Op("stop_gradient", "stop:", "stop_gradient(x)", (lambda z, x: 0.0,), printed="x")
defined    = Op("defined",    "defined:", "y if x == x else nan",  # y where x is not nan
                (lambda z, x, y: 0.0, lambda z, x, y: 1.0), "x == x", selects=True)

# x² - c, and 3·tanh(x)² - 1, with all of their digits near their zeros, which are given as two floats; and φ,
# the density of the normal distribution, with all of its digits far out.
NEAR = "(x * x - {0} if fabs(x) < 0.5 else ((x - {1}) - {2}) * ((x + {1}) + {2}))"
NEAR_TANH = ("(3 * tanh({0}) * tanh({0}) - 1 if fabs({0}) < 0.5 else (3 - tanh({0}) * tanh({0}))"
             " * tanh(({0} - {1}) - {2}) * tanh(({0} + {1}) + {2}))")
ATANH_ROOT_THIRD = 0.6584789484624084, -4.341125422426011e-17
ROOT_THIRD       = 0.5773502691896257, 3.3450280739356345e-17
ROOT_HALF        = 0.7071067811865476, -4.833646656726457e-17
ROOT_3_HALVES    = 1.224744871391589, 1.084308259051623e-16
ROOT_2           = 1.4142135623730951, -9.667293313452913e-17
DENSITY          = "gauss(0.5 * x) * gauss(0.5 * x) / sqrt(2 * pi)"
XPHI             = f"maximum(minimum(x, 40.0), -40.0) * {DENSITY}"

#                name          symbol    formula                       partial
sigmoid_1  = Op("sigmoid_1",  "sigmoid'", "bell(x)",                   (lambda z, x: sigmoid_2(x),),
                printed="sigmoid(x) * (1 - sigmoid(x))")
sigmoid_2  = Op("sigmoid_2",  "sigmoid''", "-bell(x) * tanh(0.5 * x)",  (lambda z, x: sigmoid_3(x),),
                printed="sigmoid(x) * (1 - sigmoid(x)) * (1 - 2 * sigmoid(x))")
sigmoid_3  = Op("sigmoid_3",  "sigmoid'''", f"0.5 * bell(x) * {NEAR_TANH.format('0.5 * x', *ATANH_ROOT_THIRD)}",
                (lambda z, x: sigmoid_2(x) * (1 - 12 * sigmoid_1(x)),),
                printed="sigmoid(x) * (1 - sigmoid(x)) * (1 - 6 * sigmoid(x) * (1 - sigmoid(x)))")
tanh_1     = Op("tanh_1",     "tanh'",   "4 * bell(2 * x)",            (lambda z, x: tanh_2(x),),
                printed="1 - tanh(x) * tanh(x)")
tanh_2     = Op("tanh_2",     "tanh''",  "-8 * bell(2 * x) * tanh(x)", (lambda z, x: tanh_3(x),),
                printed="-2 * tanh(x) * (1 - tanh(x) * tanh(x))")
tanh_3     = Op("tanh_3",     "tanh'''", f"8 * bell(2 * x) * {NEAR_TANH.format('x', *ATANH_ROOT_THIRD)}",
                (lambda z, x: tanh_2(x) * (4 - 12 * tanh_1(x)),),
                printed="2 * (1 - tanh(x) * tanh(x)) * (3 * tanh(x) * tanh(x) - 1)")
atan_1     = Op("atan_1",     "atan'",   "1 / (1 + x * x) if fabs(x) < 1e154 else 1 / x / x",
                (lambda z, x: atan_2(x),), printed="1 / (1 + x * x)")
atan_2     = Op("atan_2",     "atan''",  "-2 * (x / (1 + x * x) / (1 + x * x)) if fabs(x) < 1e154 else -1/x/x/x",
                (lambda z, x: given(atan_1(x), 6 * near(x, atan_1(x), *ROOT_THIRD) * atan_1(x), 0.0),),
                printed="-2 * x / (1 + x * x) / (1 + x * x)")
gauss_1    = Op("gauss_1",    "gauss'",  "-2 * x * gauss(x) if fabs(x) < 40 else -gauss(x) / x",
                (lambda z, x: gauss_2(x),), printed="-2 * x * gauss(x)")
gauss_2    = Op("gauss_2",    "gauss''",
                f"4 * {NEAR.format(0.5, *ROOT_HALF)} * gauss(x) if fabs(x) < 40 else gauss(x)",
                (lambda z, x: given(gauss(x), -8 * near(x, gauss(0.5*x)**2, *ROOT_3_HALVES) * x, 0.0),),
                printed="(4 * x * x - 2) * gauss(x)")
gelu_1     = Op("gelu_1",     "gelu_1",  f"{XPHI} if x < -38.5 else 0.5 * erfc(-sqrt(0.5) * x) + {XPHI}",
                (lambda z, x: gelu_2(x),))
gelu_2     = Op("gelu_2",     "gelu_2",
                f"-{NEAR.format(2.0, *ROOT_2)} * {DENSITY} if fabs(x) < 40 else -gauss(x)",
                (lambda z, x: given(gauss(0.5*x), near(x, gauss(0.5*x), 2.0, 0.0) * x / SQRT_TAU, 0.0),))
# fmt: on

TABLE = {name: op for name, op in globals().items() if isinstance(op, Op)}
__all__ = [name for name in TABLE]  # noqa: C416  # pyright: ignore[reportUnsupportedDunderAll]
OPERATORS = {
    "add": "__add__", "sub": "__sub__", "mul": "__mul__", "div": "__truediv__", "power": "__pow__",
    "neg": "__neg__", "absolute": "__abs__",
}  # fmt: skip


def add_to(y: Value, x: Scalar) -> Value:
    """x + y; sum() begins with 0."""
    return y if x.__class__ is int and x == 0 else add(x, y)


def divide(y: Value, x: Scalar) -> Value:
    """x / y; 1/y is the op reciprocal."""
    is_one = not isinstance(x, (Value, Term)) and number(x, "div") == 1
    return reciprocal(y) if is_one else div(x, y)


def reflected(op: Op) -> Callable[[Value, Scalar], Value]:
    """x op y as a method of y."""
    return lambda y, x: op(x, y)


def methods() -> dict[str, Callable[..., Any]]:
    """The operators and methods of Values: every op of one operand has its name, exp(x) is x.exp()."""
    operators = {sign: TABLE[name].call for name, sign in OPERATORS.items()}
    from_the_right: dict[str, Callable[..., Any]] = {
        "__radd__": add_to,
        "__rsub__": reflected(sub),
        "__rmul__": reflected(mul),
        "__rtruediv__": divide,
        "__rpow__": reflected(power),
    }
    named = {
        op.name: op.call
        for op in TABLE.values()
        if len(op.operands) == 1 and op.name not in OPERATORS
    }
    return operators | from_the_right | named


for name, method in methods().items():
    setattr(Value, name, method)
    # a partial is written for Values, and applied to Terms to get its tree
    setattr(Term, name, method)
