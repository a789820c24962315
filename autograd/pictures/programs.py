"""Which program renders: the system's ``dot``, or the one of graphviz-pure."""

from __future__ import annotations

import os
import shutil
import sysconfig
from importlib import metadata
from pathlib import Path

import graphviz

from .rendering import PURE, Renderer


class GraphvizMissingError(graphviz.ExecutableNotFound):
    """There is no program that could render the picture."""

    def __str__(self) -> str:
        return """Graphviz's `dot` was not found, so this graph cannot be rendered.
Install it with `pip install graphviz-pure`, or as a system package (apt, brew or winget install graphviz).
Its DOT text is there without it: print(drawing.source)."""


def program(timeout: float) -> Renderer:
    """The program that renders, and its time."""
    path = find_dot()
    if path is None:
        raise GraphvizMissingError(["dot"])
    return Renderer(path, timeout)


def find_dot() -> Path | None:
    """The program that renders: ``GRAPHVIZ_DOT``, the system's dot, or graphviz-pure's; else None."""
    named = os.environ.get("GRAPHVIZ_DOT", "dot")
    own, user = scripts()
    tries = [(name, None) for name in (named, "dot", *wheel_files())]
    tries += [(PURE, own), (PURE, user), (PURE, None)]
    for name, folder in tries:
        if path := shutil.which(name, path=folder):
            return Path(path)
    return None


def scripts() -> tuple[str, str]:
    """The folders in which pip puts programs."""
    user = sysconfig.get_path("scripts", f"{os.name}_user")
    return sysconfig.get_path("scripts"), user


def wheel_files() -> list[str]:
    """The programs of graphviz-pure's wheels."""
    wheels = metadata.distributions(name=PURE)
    files = [file for wheel in wheels for file in wheel.files or ()]
    return [str(file.locate()) for file in files if file.stem == PURE]
