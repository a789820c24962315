"""The command line: a formula and the values of its variables, as a table, a picture, a page or LaTeX."""

import io
import os
import re
import sys
from argparse import SUPPRESS, ArgumentParser, Namespace
from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from errno import EACCES, EISDIR, ENOTDIR
from importlib import metadata
from pathlib import Path
from subprocess import SubprocessError
from threading import Timer
from typing import Any
from uuid import uuid4

from . import alone, starting

if trouble := alone.trouble():
    raise ImportError(trouble)

from . import Value, composite, draw, grad, latex, to_html, toposort
from .pictures.programs import GraphvizMissingError
from .pictures.stepper import LANGUAGES
from .pictures.table import table
from .reading import CONSTANTS, FUNCTIONS, LONGEST, build, variables

LARGEST, MOST = 20_000, 500  # nodes to differentiate, nodes to draw
PATIENCE = 2.0  # seconds after which a derivative says that it takes long
FORMATS: dict[str, Callable[[Value, Sequence[Value], dict[str, Any]], bytes]] = {
    ".svg": lambda y, _, look: draw(y, **look).pipe(format="svg"),
    ".png": lambda y, _, look: draw(y, **look).pipe(format="png"),
    ".dot": lambda y, _, look: draw(y, **look).source.encode(),
    ".tex": lambda y, xs, _: tex(y, xs).encode(),
    ".html": lambda y, _, look: to_html(y, **look).encode(),
}


def file(word: str) -> Path:
    """A file's path; the space is that of ``marked``."""
    return Path(word.removeprefix(" ") if word.startswith(" -") else word)


def version() -> str:
    """The version of the package that is installed."""
    try:
        return metadata.version("glassgrad")
    except metadata.PackageNotFoundError:
        return "(not installed)"


OPTIONS: dict[str, dict[str, Any]] = {
    "--out": {
        "action": "append",
        "default": [],
        "type": file,
        "help": f"file: {' '.join(FORMATS)}",
    },
    "--style": {
        "choices": ("value", "textbook"),
        "default": "value",
        "help": "of the picture",
    },
    "--collapse": {
        "metavar": "NAME",
        "help": "draw the whole formula as one node of this name",
    },
    "--order": {
        "type": int,
        "choices": range(10),
        "default": 0,
        "help": "derivative by the first x",
    },
    "--lang": {
        "choices": (*LANGUAGES,),
        "default": "en",
        "help": "of the page, .html",
    },
    "--version": {"action": "version", "version": f"glassgrad {version()}"},
}
SHORT = {"--out": ("-o",)}
NOTES = f"""Functions: {" ".join(FUNCTIONS)}. Constants: {" ".join(CONSTANTS)}.
x^2, x², 2x, 2(x+1), √x, ln(x), × and − are read as well."""


def tex(y: Value, xs: Sequence[Value]) -> str:
    r"""Value and gradient for \input in a document with amsmath: as formulas, then as numbers."""
    dy = [copied(g) for g in grad(y, xs)]
    for x, g in zip(xs, dy, strict=True):
        g.name = f"∂{y.name}/∂{x.name}"
    numbers = map(number_of, (*xs, y, *dy))
    return "".join(map(displayed, (y, *dy, *numbers)))


def displayed(v: Value) -> str:
    """A Value's formula as a display of LaTeX."""
    return f"\\[{latex(v)}\\]\n"


def number_of(v: Value) -> Value:
    """A leaf with a Value's number and its name."""
    return Value(v.data, v.name)


def copied(g: Value) -> Value:
    """A derivative as a node of its own, which can have a name."""
    return g + 0.0 if g.op or g.name else Value(g.data)


@dataclass
class Progress:
    """How far the derivatives have come, and how large they are."""

    order: int
    done: int = 0
    nodes: int = 0

    def __str__(self) -> str:
        what = f"order {self.order} takes more than {PATIENCE:g} s"
        return f"{what} (order {self.done} has {self.nodes:,} nodes); Ctrl-C stops, a lower --order is faster"


def run(options: Namespace) -> tuple[str, dict[Path, bytes]]:
    """What to print, and what to write where; raises ValueError for what it refuses."""
    suffixes = {path: path.suffix.lower() for path in options.out}
    check_suffixes(suffixes)
    text = typed(options.formula).strip()
    leaves = variables(options.variables)
    xs = [*leaves.values()]
    y, progress = maker(options)(text, leaves), Progress(options.order)
    with patience(progress):
        y = derivative(y, xs, progress)
        y.name = y.name or unused(leaves) + "'" * options.order
        y.backward()
        files: dict[Path, bytes] = {}
        for path, suffix in suffixes.items():
            files[path] = FORMATS[suffix](y, xs, look(options, suffix))
        return table(toposort(y)), files


def maker(options: Namespace) -> Callable[..., Value]:
    """What makes the graph: as one composite where it is collapsed."""
    if options.collapse:
        return composite(name=options.collapse)(build)
    return build


def check_suffixes(suffixes: Mapping[Path, str]) -> None:
    """Raises ValueError for a file of no known format."""
    for path, suffix in suffixes.items():
        if suffix not in FORMATS:
            known = " ".join(FORMATS)
            raise ValueError(f"{path}: a file ends in {known}, as in y.svg")


def unused(names: Collection[str]) -> str:
    """A name for the result that no variable has."""
    return next(name for name in (*"yzf", "_y") if name not in names)


def look(options: Namespace, suffix: str) -> dict[str, Any]:
    """The options of a picture; a page has a language, too."""
    page = {"lang": options.lang} if suffix == ".html" else {}
    picture = {"style": options.style, "collapse": options.collapse}
    return page | picture | {"max_nodes": MOST}


def typed(formula: str) -> str:
    """The formula, or what standard input has for -."""
    if formula != "-":
        return formula
    if sys.stdin is None:  # pyright: ignore[reportUnnecessaryComparison]  closed by <&-
        raise ValueError(
            "standard input is closed; write the formula in place of -"
        )
    try:
        return sys.stdin.read(LONGEST + 1)
    except UnicodeDecodeError as error:
        where = f"byte {error.start} of standard input"
        raise ValueError(
            f"{where} is no {error.encoding}; write the formula in that encoding"
        ) from None


def derivative(y: Value, xs: Sequence[Value], progress: Progress) -> Value:
    """The derivative of that order by the first variable."""
    for n in range(1, progress.order + 1):
        progress.done = n - 1
        progress.nodes = len(toposort(y))
        if not xs or progress.nodes > LARGEST:
            raise ValueError(
                f"order {n} needs a variable and at most {LARGEST:,} nodes; lower --order"
            )
        y = grad(y, xs[0])
    return y


@contextmanager
def patience(progress: Progress) -> Generator[None]:
    """Says the progress once, on standard error, where derivatives take longer than PATIENCE."""
    timer = Timer(PATIENCE, lambda: say(f"glassgrad: {progress}"))
    timer.daemon = True
    if progress.order:
        timer.start()
    try:
        yield
    finally:
        timer.cancel()


def say(text: str) -> None:
    """Prints on standard error, if it is there."""
    if sys.stderr:
        print(text, file=sys.stderr, flush=True)


def write(files: Mapping[Path, bytes]) -> None:
    """Writes all files, or none: first beside their places, then each into its place."""
    parts: dict[Path, Path] = {}
    path = Path()
    try:
        for path, data in files.items():
            parts[path] = part = beside(path)
            part.write_bytes(data)
        for path, part in parts.items():
            part.replace(path.resolve())  # what a link points at, not the link
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror or error}") from None
    finally:
        for part in parts.values():
            part.unlink(missing_ok=True)


def beside(path: Path) -> Path:
    """A new file's path in the folder of another, which is made; raises OSError for what stays as it is."""
    place = path.resolve()
    if place.parent.is_file():
        raise system_error(ENOTDIR)
    place.parent.mkdir(parents=True, exist_ok=True)
    if place.is_dir():
        raise system_error(EISDIR)
    if place.exists() and not os.access(place, os.W_OK):
        raise system_error(EACCES)
    return place.with_name(f".{uuid4().hex}.part")


def system_error(number: int) -> OSError:
    """The error that the system has under a number."""
    return OSError(number, os.strerror(number))


def show(text: str) -> None:
    """Prints a text, also where standard output is closed, cannot show ∂, or has lost its reader."""
    out: Any = sys.stdout
    if isinstance(out, io.TextIOWrapper):
        out.reconfigure(errors="replace")
    try:
        print(text, flush=True)
    except OSError as error:
        discard(out)
        if not isinstance(error, BrokenPipeError):
            raise ValueError(f"standard output: {error.strerror}") from None


def discard(out: Any) -> None:
    """Drops what a stream has not handed on, or Python would try again at its end and complain."""
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), out.fileno())


def parser() -> ArgumentParser:
    """The options of the command."""
    cli = ArgumentParser("glassgrad", SUPPRESS, __doc__, NOTES, allow_abbrev=False)
    cli.add_argument(
        "formula",
        help="such as '1 / (1 + exp(-x))'; - reads it from standard input",
    )
    cli.add_argument(
        "variables", nargs="*", metavar="x=0.5", help="the value of each variable"
    )
    for name, settings in OPTIONS.items():
        cli.add_argument(*SHORT.get(name, ()), name, **settings)
    return cli


def marked(words: Sequence[str]) -> list[str]:
    """The words, with a space before every formula that argparse would take for an option.

    >>> marked(["--3+x", "x=1", "--order=2"])
    [' --3+x', 'x=1', '--order=2']
    """
    end = [*words, "--"].index("--")  # after which there are no options
    names = names_in(words)
    before = [spaced(word, names) for word in words[:end]]
    return before + [re.sub("^-(?=.)", " -", word) for word in words[end + 1 :]]


def names_in(words: Sequence[str]) -> set[str]:
    """The names that a formula can have, when these words stand beside it."""
    given = [word.partition("=")[0] for word in words if "=" in word]
    return {*FUNCTIONS, *CONSTANTS, *given}


def spaced(word: str, names: Collection[str]) -> str:
    """A word, with a space before it if it is a formula that begins with -."""
    return f" {word}" if is_formula(word, names) else word


def is_formula(word: str, names: Collection[str]) -> bool:
    """Whether a word is a formula that begins with -, when these are the names that a formula can have."""
    option, _, _ = word.partition("=")
    if not re.match("-.", word) or option in (*OPTIONS, "--help"):
        return False
    # Of an option, known or not.
    name = re.fullmatch("-([ho])|--([A-Za-z]+)(-[A-Za-z-]+)?", option)
    if name:
        return (name[1] or name[2]) in names
    return not word.startswith("--") or "".join(word.split()).isprintable()


def main(argv: Sequence[str] | None = None) -> None:
    """Prints the table and writes the files; says in one line what is wrong, with exit code 2."""
    cli = parser()
    try:
        starting.end()
        words = marked(sys.argv[1:] if argv is None else argv)
        text, files = run(cli.parse_intermixed_args(words))
        write(files)
        show(text)
    except (ValueError, OSError, GraphvizMissingError, SubprocessError) as error:
        cli.error(str(error))
    except KeyboardInterrupt:
        sys.exit(starting.INTERRUPTED)


if __name__ == "__main__":
    main()
