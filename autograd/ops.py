"""The op table: everything this engine can compute and differentiate, one line each.

z = op(x, y, w): x, y, w are the operands, z is the result.  To add an op, add a line.

The partials stay accurate and are right at the edges; ``book=`` has what a book prints instead:

    sigmoid, tanh   z(1-z) and 1-z² cancel: at x = 36 no digit of them is right
    sqrt            1/(2z) is -inf at -0.0, where the limit from inside the domain is +inf
    power           y·x^(y-1) and z·log(x) are 0·inf at x = 0

power's ∂z/∂x needs y - 1: it loses digits where that rounds, and for x < 0 and |y| > 2⁵³ its sign.
At y = 0 its ∂z/∂x and at x = 0 its ∂z/∂y are constants, by convention, and ∂²z/∂x∂y is 0: not 1/x, nor -inf.
At a kink, relu and abs have the subgradient of least norm, 0; at a finite tie, maximum and minimum share.
where(x > 0, ...) is decided once; where(step(x), ...) is decided again by forward().
"""

from .value import Op

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
log1p      = Op("log1p",      "log1p",  "log1p(x)", (lambda z, x: 1 / (1 + x),),                     "x > -1")
sin        = Op("sin",        "sin",    "sin(x)",   (lambda z, x: cos(x),))
cos        = Op("cos",        "cos",    "cos(x)",   (lambda z, x: -sin(x),))
absolute   = Op("absolute",   "abs",    "fabs(x)",  (lambda z, x: sign(x),))
sign       = Op("sign",       "sign",   "sign(x)",  (lambda z, x: 0.0,),                             "x == x")
step       = Op("step",       "step",   "heaviside(x, 0.0)", (lambda z, x: 0.0,),                   "x == x")
relu       = Op("relu",       "relu",   "maximum(x, 0.0)",   (lambda z, x: step(x),))
softplus   = Op("softplus",   "softplus", "maximum(x, 0.0) + log1p(exp(-fabs(x)))",
                (lambda z, x: sigmoid(x),))
sigmoid    = Op("sigmoid",    "sigmoid", "exp(minimum(x, 0.0)) / (1 + exp(-fabs(x)))",
                (lambda z, x: z * sigmoid(-x),), book=(lambda z, x: z * (1 - z),))
tanh       = Op("tanh",       "tanh",   "tanh(x)",
                (lambda z, x: 4 * sigmoid(2 * x) * sigmoid(-(2 * x)),), book=(lambda z, x: 1 - z * z,))
sqrt       = Op("sqrt",       "sqrt",   "sqrt(x)",
                (lambda z, x: 0.5 * x ** -0.5,), "x >= 0", book=(lambda z, x: 0.5 / z,))
power      = Op("power",      "^",      "pow(x, y)",
                (lambda z, x, y: where(y, y * x ** (y - 1), 0.0),
                 lambda z, x, y: where(x, z * log(x), where(step(-y), -z, 0.0))),
                "x > 0 or (y % 1 == 0 if x else y >= 0)",
                book=(lambda z, x, y: y * x ** (y - 1), lambda z, x, y: z * log(x)))
maximum    = Op("maximum",    "max",    "maximum(x, y)",
                (lambda z, x, y: 0.5 * (1 + sign(x - y)), lambda z, x, y: 0.5 * (1 - sign(x - y))))
minimum    = Op("minimum",    "min",    "minimum(x, y)",
                (lambda z, x, y: 0.5 * (1 - sign(x - y)), lambda z, x, y: 0.5 * (1 + sign(x - y))))
where      = Op("where",      "where",  "where(x, y, w)",  # y where x is not 0, else w
                (lambda z, x, y, w: 0.0, lambda z, x, y, w: where(x, 1.0, 0.0),
                 lambda z, x, y, w: where(x, 0.0, 1.0)), selects=True)
