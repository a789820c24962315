"""Functions from source text that Python's own tools can show: the one place where such text is run."""

from __future__ import annotations

import linecache
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from textwrap import indent
from typing import Any
from weakref import finalize

NUMBER = count(1)


def define(
    name: str,
    parameters: Sequence[str],
    body: str,
    known: Mapping[str, object],
    shared: dict[str, Any],
) -> Callable[..., Any]:
    """The function ``def name(parameters): body``.

    ``known`` are names of its own, as if it stood in another function that has them; ``shared`` are its
    globals.  Its source is registered, so ``inspect.getsource``, tracebacks and debuggers show its lines.

    >>> import inspect
    >>> double = define("double", ["x"], "return two * x", {"two": 2}, {})
    >>> double(4)
    8
    >>> print(inspect.getsource(double))
        def double(x):
            return two * x
    <BLANKLINE>
    """
    head = f"def build({', '.join(known)}):\n    def {name}({', '.join(parameters)}):\n"
    source = f"{head}{indent(body.strip(), ' ' * 8)}\n    return {name}\n"
    file = f"<autograd {name} {next(NUMBER)}>"
    space: dict[str, Any] = {}
    exec(compile(source, file, "exec"), shared, space)  # noqa: S102  text that the op table and compile wrote
    function = space["build"](**known)
    function.__qualname__ = name
    linecache.cache[file] = (
        len(source),
        None,
        source.splitlines(keepends=True),
        file,
    )
    finalize(function, linecache.cache.pop, file, None)
    return function
