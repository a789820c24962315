"""The words of a book's text: which of them array libraries have, and functions for the others."""

from __future__ import annotations

import builtins
import math
import symtable
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from keyword import iskeyword

from ..evaluators import CAREFUL
from ..ieee import WORDS as OWN
from ..ops import TABLE
from ..terms import CALL, Printed, Term, Tree, fold, terms_of
from ..value import OPS, Op

# What the array API has; einsum and vectorize are NumPy's, Dask's, JAX's or PyTorch's own.
WORDS = """
abs acos acosh array asin asinh atan atan2 atanh broadcast_to ceil concat copysign cos cosh einsum exp expm1
floor full_like hypot inf log log10 log1p log2 max maximum mean minimum nan ones_like permute_dims reshape
sign sin sinh sqrt stack sum take tan tanh trunc vectorize where zeros_like
"""
LIBRARY = frozenset(WORDS.split())
# What a text itself defines or reads, beside its helpers.
FUNCTIONS = ("unpack", "forward", "value_and_grad", "vjp")
TAKEN = ("theta", "X", "n", "dy", "dtheta", "dX", *FUNCTIONS)
MATH = frozenset(name for name, x in vars(math).items() if callable(x))
HEAD = ("eye", "tri", "math", "np", "vectorize")
SPELLED = {
    "fabs": "abs",
    "absolute": "abs",
    "sigmoid_1": "sigmoid_slope",
    "tanh_1": "tanh_slope",
    "atan_1": "atan_slope",
    "gelu_1": "gelu_slope",
    "gauss_1": "gauss_slope",
}
BY_HAND = {
    "relu": """
def relu(z):
    return where(z <= 0, zeros_like(z), z)
""",
    "leaky_relu": """
def leaky_relu(z):
    return where(z <= 0, 0.01 * z, z)
""",
    "elu": """
def elu(z):
    return where(z >= 0, z, expm1(where(z >= 0, zeros_like(z), z)))
""",
    "step": """
def step(z):
    return where(z > 0, ones_like(z), where(z <= 0, zeros_like(z), z))
""",
    "sigmoid": """
def sigmoid(z):
    e = exp(where(z > 0, -z, z))
    return where(z > 0, ones_like(z), e) / (1 + e)
""",
    "softplus": """
def softplus(z):
    return where(z > 0, z, zeros_like(z)) + log1p(exp(where(z > 0, -z, z)))
""",
    "logsigmoid": """
def logsigmoid(z):
    return -(where(z > 0, zeros_like(z), -z) + log1p(exp(where(z > 0, -z, z))))
""",
    "bell": """
def bell(z):
    return sigmoid(z) * sigmoid(-z)
""",
    "gauss": """
def gauss(x):
    return exp(-x * x)
""",
    "is_larger": """
def is_larger(x, y):
    return (1 + sign(x - y)) / 2
""",
    "beside": """
def beside(*columns):
    return reshape(concat(columns, axis=1), (-1,))
""",
    "gathered": """
def gathered(d, places):
    d = concat([reshape(d, (-1,)), zeros_like(reshape(d, (-1,))[:1])])
    return sum(reshape(take(d, reshape(places, (-1,)), axis=0), places.shape), axis=1)
""",
    "gathered_rows": """
def gathered_rows(d, places):
    d = reshape(d, (d.shape[0], -1))
    d = take(concat([d, zeros_like(d[:, :1])], axis=1), reshape(places, (-1,)), axis=1)
    return sum(reshape(d, (-1, *places.shape)), axis=2)
""",
}


def spelled(word: str) -> str:
    """How a book's text calls a word of a formula."""
    return SPELLED.get(word, word)


def folded(name: str) -> str:
    """A name as Python reads it: micro sign and Greek letter are one."""
    return unicodedata.normalize("NFKC", name)


@cache
def words() -> frozenset[str]:
    """What no op of a user's and no array is called: a word of the text, or a name that Python has."""
    own = {*LIBRARY, *BY_HAND, *SPELLED, *SPELLED.values(), *TABLE, *OWN, *HEAD}
    return frozenset({*own, *MATH, *dir(builtins), "inf", "nan"})


@cache
def names_of(ops: tuple[str, ...]) -> dict[str, str]:
    """How a text calls each op; an op of a user's whose name is taken is an op by another name.

    The names of ops that come later change none of those before.
    """
    names = {op: spelled(op) for op in ops if op in TABLE}
    given = {*words(), *TAKEN}
    for op in [op for op in ops if op not in TABLE]:
        name = folded(op)
        while name in given or iskeyword(name):
            name += "_op"
        given.add(name)
        names[op] = name
    return names


def called_by(op: Op) -> str:
    """How a book's text calls an op."""
    return names_of(tuple(OPS))[op.name]


def reserved() -> frozenset[str]:
    """What a name of an array must not be: a word, a name that Python has, or the name of an op."""
    return with_names(tuple(OPS))


@cache
def with_names(ops: tuple[str, ...]) -> frozenset[str]:
    """The words, and these ops' names."""
    return frozenset({*words(), *ops, *names_of(ops).values()})


# ---------------------------------------------------------------------------------------- formulas as functions
COMPARED = ("==", "!=", "<", "<=", ">", ">=", "&", "|", "~")
SIGNS = {
    "+": Printed("{0} + {1}", 4, 4, 5),
    "-": Printed("{0} - {1}", 4, 4, 5),
    "*": Printed("{0} * {1}", 5, 5, 6),
    "/": Printed("{0} / {1}", 5, 5, 6),
    "//": Printed("{0} // {1}", 5, 5, 6),
    "%": Printed("{0} % {1}", 5, 5, 6),
    "neg": Printed("-{0}", 6, 6),
    "pow": Printed("{0}**{1}", 7, 8, 6),
    "not": Printed("~{0}", 6, 8),
    "and": Printed("{0} & {1}", 3, 4, 4),
    "or": Printed("{0} | {1}", 2, 3, 3),
    **{
        sign: Printed(f"{{0}} {sign} {{1}}", 1, 2, 2)
        for sign in ("==", "!=", "<", "<=", ">", ">=")
    },
}
Phrase = tuple[str, int]


def called(word: str, args: Sequence[Phrase]) -> Phrase:
    """A function of its operands."""
    return f"{spelled(word)}({', '.join(text for text, _ in args)})", CALL


def condition(x: Phrase) -> str:
    """What a formula asks, as an array of truth values."""
    if x[1] <= 3:
        return x[0]
    return SIGNS["!="].around([x, ("0", CALL)])


def chosen(args: Sequence[Phrase]) -> Phrase:
    """y if x else w, for every number."""
    asked, *branches = args
    texts = [
        f"full_like(x, {text})" if is_number(text) else text for text, _ in branches
    ]
    return f"where({', '.join([condition(asked), *texts])})", CALL


def is_number(text: str) -> bool:
    """Whether a text is one number; nan and inf are."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def word(name: str, args: Sequence[Phrase]) -> Phrase:
    """A word of a formula as text."""
    if name == "if":
        return chosen(args)
    if name == "stop_gradient":
        return args[0]
    if name == "heaviside":
        return called("step", args[:1])
    if name in ("and", "or", "not"):
        args = [(condition(x), 1 if x[1] > 3 else x[1]) for x in args]
        return SIGNS[name].around(args), SIGNS[name].level
    if name in SIGNS:
        return SIGNS[name].around(args), SIGNS[name].level
    return called(name, args)


def number(x: float) -> str:
    """A number as a reader writes it."""
    whole = abs(x) < 1e6 and x == int(x) and (x or math.copysign(1.0, x) > 0)
    return str(int(x)) if whole else repr(float(x))


def numeral(x: float) -> Phrase:
    """A number with how strongly it binds."""
    return number(x), 6 if math.copysign(1.0, x) < 0 else CALL


class Words(dict[str, Callable[..., Phrase]]):
    """Any word of a formula, as a function of texts."""

    def __missing__(self, name: str) -> Callable[..., Phrase]:
        def phrase(*args: Phrase) -> Phrase:
            return word(name, args)

        return phrase


def formula(tree: Tree, names: dict[str, str]) -> str:
    """A tree of the op table in the words of array libraries."""
    operands = {x: (text, CALL) for x, text in names.items()}
    return fold(settled(tree), Words(), operands, numeral)[0]


def settled(tree: Tree) -> Tree:
    """With the value of what has no operands, as √2."""
    if not isinstance(tree, Term) or not tree.args:
        return tree
    args = tuple(map(settled, tree.args))
    if any(isinstance(x, Term) for x in args):
        return Term(tree.word, args)
    return float(fold(Term(tree.word, args), CAREFUL, {}))


def of_op(op: Op, name: str) -> str:
    """An op's line as a function."""
    operands = {x: x for x in op.operands}
    chooses = any(term.word == "if" for term in terms_of(op.tree))
    # Where both branches are computed, one that is not taken may divide by 0.
    body = formula(op.printed if chooses else op.tree, operands)
    return f"\ndef {name}({', '.join(operands)}):\n    return {body}\n"


def definition(name: str) -> str:
    """The function of this name; \"\" if there is none but in Python's math."""
    if name in BY_HAND:
        return BY_HAND[name]
    known = {text: op for op, text in names_of(tuple(OPS)).items()}
    op = OPS.get(known.get(name, ""))
    return of_op(op, name) if op and name not in MATH else ""


def needed(
    source: str, known: Iterable[str] = ()
) -> tuple[list[str], list[str], list[str]]:
    """What a text uses and does not define: words of a library, functions for it, words of Python's math.

    ``known`` are names that stand for something else.
    """
    words, functions, mathematical = set[str](), dict[str, str](), set[str]()
    asked = free(source) - {*known}
    while asked:
        name = asked.pop()
        text = "" if name in LIBRARY else definition(name)
        if name in LIBRARY:
            words.add(name)
        elif not text:
            mathematical.add(name)
        elif name not in functions:
            functions[name] = text
            asked |= free(text)
    return sorted(words), ordered(functions), sorted(mathematical)


def ordered(functions: dict[str, str]) -> list[str]:
    """Functions, those first that others use."""
    rest, texts = dict(functions), list[str]()
    while rest:
        ready = [
            name
            for name, text in rest.items()
            if not (free(text) - {name}) & rest.keys()
        ]
        name = min(ready)
        texts.append(rest.pop(name))
    return texts


def free(source: str) -> set[str]:
    """The names that a text reads and does not bind where it reads them."""
    top = symtable.symtable(source, "text", "exec")
    bound = {x.get_name() for x in top.get_symbols() if x.is_assigned()}
    bound |= {x.get_name() for x in top.get_symbols() if x.is_namespace()}
    return globals_of(top) - bound - {"float", "int"}


def globals_of(scope: symtable.SymbolTable) -> set[str]:
    """The names that a block, and those within it, read of a module."""
    inner = set[str]().union(*map(globals_of, scope.get_children()))
    top = scope.get_type() == "module"
    mine = [x for x in scope.get_symbols() if x.is_referenced()]
    return inner | {x.get_name() for x in mine if top or x.is_global()}


def imports(words: Iterable[str]) -> str:
    """The line that gets words from NumPy, in columns; none for no words."""
    names = sorted(words)
    if not names:
        return ""
    line = f"from numpy import {', '.join(names)}"
    if len(line) <= 100:
        return line
    rows, row = list[str](), ""
    for name in names:
        if len(row) + len(name) > 92:
            rows, row = [*rows, row], ""
        row += f"{name}, "
    body = "\n".join(f"    {row.strip()}" for row in [*rows, row])
    return f"from numpy import (\n{body}\n)"
