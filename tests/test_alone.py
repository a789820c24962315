"""Two packages of one import name: what their users are told, whatever was installed first or uninstalled.

HIPS's package is played by files of its names that import one another as its files do.
"""

from __future__ import annotations

import builtins
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import autograd
import nn
from autograd import OPS, Value, alone

ROOT = Path(autograd.__file__).parent
DEPENDENCIES = Path(np.__file__).parents[
    1
]  # without its .pth files, so without an editable installation
INSTALLED = (DEPENDENCIES / "autograd").exists()
of_folders = pytest.mark.skipif(
    INSTALLED, reason="glassgrad is beside NumPy, where every Python finds it"
)
THEIRS = {
    "__init__.py": "from autograd.core import primitive\nfrom .differential_operators import grad\n",
    "core.py": "from .tracer import Box\nprimitive = Box\n",
    "tracer.py": "Box = object\n",
    "differential_operators.py": "from .core import primitive\ndef grad(fun, argnum=0): return fun\n",
    "numpy/__init__.py": "from autograd.tracer import Box\n",
}
TOGETHER = "HIPS's package autograd have the same import name and were installed together, in {folder}: {way_out}"
PART = "glassgrad lost a file when another package with the import name autograd was uninstalled, in {folder}: "
NEEDS = "nn needs glassgrad's autograd, and {folder}"
WITH_AUTOGRAD = [
    "import autograd",
    "from autograd import Value",
    "from autograd import grad",
]


def install_ours(site: Path) -> None:
    for package in (autograd, nn):
        folder = Path(str(package.__file__)).parent
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(
            folder, site / folder.name, dirs_exist_ok=True, ignore=ignored
        )


def install_theirs(site: Path) -> None:
    for name, text in THEIRS.items():
        path = site / "autograd" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def uninstall_theirs(site: Path) -> None:
    for name in THEIRS:
        (site / "autograd" / name).unlink()


def said(site: Path, *command: str, also: Path | None = None) -> tuple[int, str]:
    """The exit code of a Python that looks in these folders alone, and the last line that it prints."""
    path = os.pathsep.join(map(str, filter(None, (site, also, DEPENDENCIES))))
    variables = {
        **os.environ,
        "PYTHONPATH": path,
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONIOENCODING": "utf-8",
    }
    run = subprocess.run(
        [sys.executable, "-S", *command],
        cwd=site,
        env=variables,
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    return run.returncode, (run.stdout + run.stderr).strip().splitlines()[-1]


def told(
    site: Path, sentence: str, *command: str, also: Path | None = None
) -> None:
    code, line = said(site, *command, also=also)
    assert code == 1
    assert sentence.format(folder=site / "autograd", way_out=alone.WAY_OUT) in line


SCRIPT = tomllib.loads(
    (ROOT.parent / "pyproject.toml").read_text(encoding="utf-8")
)["project"]["scripts"]
MODULE, FUNCTION = SCRIPT["glassgrad"].split(":")
GLASSGRAD = f"from {MODULE} import {FUNCTION}; {FUNCTION}(['x*x', 'x=3'])"  # as the script does that pip makes


@of_folders
@pytest.mark.parametrize(
    "order",
    [(install_ours, install_theirs), (install_theirs, install_ours)],
    ids=["theirs last", "ours last"],
)
def test_both_in_one_folder(tmp_path: Path, order: tuple[object, object]) -> None:
    for install in order:
        install(tmp_path)  # type: ignore[operator]
    for statement in (
        *WITH_AUTOGRAD,
        "import nn",
        "import autograd.numpy",
        GLASSGRAD,
    ):
        told(tmp_path, TOGETHER, "-c", statement)
    told(tmp_path, TOGETHER, "-m", "autograd", "x*x", "x=3")


@of_folders
@pytest.mark.parametrize(
    "order",
    [(install_ours, install_theirs), (install_theirs, install_ours)],
    ids=["theirs last", "ours last"],
)
def test_what_is_left_when_one_was_uninstalled(
    tmp_path: Path, order: tuple[object, object]
) -> None:
    for install in order:
        install(tmp_path)  # type: ignore[operator]
    uninstall_theirs(tmp_path)
    told(tmp_path, NEEDS, "-c", "import nn")
    told(tmp_path, NEEDS, "-c", GLASSGRAD)
    told(tmp_path, PART, "-m", "autograd", "x*x", "x=3")
    shutil.rmtree(tmp_path / "autograd")
    shutil.rmtree(tmp_path / "nn")
    install_ours(tmp_path)  # the way out
    assert said(
        tmp_path, "-c", "import nn, autograd; print(autograd.Value(1.0))"
    ) == (
        0,
        "Value(data=1.0, grad=0.0)",
    )
    assert said(tmp_path, "-c", GLASSGRAD)[0] == 0


@of_folders
def test_theirs_in_another_folder_that_comes_first(tmp_path: Path) -> None:
    """As with an editable installation of glassgrad; theirs works, and only nn can tell."""
    first, second = tmp_path / "first", tmp_path / "second"
    install_theirs(first)
    install_ours(second)
    for statement in ("import nn", GLASSGRAD):
        told(first, NEEDS, "-c", statement, also=second)
    assert said(
        first, "-c", "from autograd import grad; print(grad(1))", also=second
    ) == (0, "1")


@of_folders
def test_theirs_in_another_folder_that_comes_last(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    install_ours(first)
    install_theirs(second)
    line = "import nn; from autograd import Value; print(Value(2.0) * 3)"
    assert said(first, "-c", line, also=second) == (0, "Value(data=6.0, grad=0.0)")
    assert said(first, "-c", GLASSGRAD, also=second)[0] == 0


@of_folders
def test_a_students_own_file_named_autograd(tmp_path: Path) -> None:
    install_ours(tmp_path)
    shutil.rmtree(tmp_path / "autograd")
    (tmp_path / "autograd.py").write_text("class Node: ...\n")
    told(tmp_path, NEEDS + ".py is not that, or not all of it", "-c", "import nn")


@of_folders
def test_a_whole_installation_has_no_trouble(tmp_path: Path) -> None:
    assert alone.trouble() == ""
    install_ours(tmp_path)
    assert alone.trouble(tmp_path / "autograd") == ""
    assert said(tmp_path, "-c", "import autograd.tracer, nn; print('fine')") == (
        0,
        "fine",
    )


# What ``import *`` brings


@pytest.mark.parametrize(
    "package", [autograd, nn], ids=lambda package: package.__name__
)
def test_a_star_hides_nothing_of_pythons_and_brings_no_modules(
    package: ModuleType,
) -> None:
    space: dict[str, object] = {}
    exec(f"from {package.__name__} import *", space)  # noqa: S102  our own text
    names = space.keys() - {"__builtins__"}
    assert not [
        name for name in names if hasattr(builtins, name) or name.startswith("_")
    ]
    assert not [name for name in names if isinstance(space[name], ModuleType)]
    everything = {
        name
        for name, x in vars(package).items()
        if name[0] != "_" and not isinstance(x, ModuleType)
    }
    assert everything - names == ({"compile"} if package is autograd else set())


def test_pythons_compile_stays_and_ours_is_there_by_name() -> None:
    space: dict[str, object] = {}
    exec(  # noqa: S102
        "from autograd import *\nfrom nn import *\ncode = compile('1 + 1', '', 'eval')",
        space,
    )
    assert eval(space["code"]) == 2  # type: ignore[arg-type]  # noqa: S307
    exec(  # noqa: S102
        "from autograd import compile\nx = Value(2.0)\nz = compile(x * x, [x])([[3.0]]).tolist()",
        space,
    )
    assert space["z"] == [9.0]
    assert OPS.keys() <= space.keys()
    assert space["Value"] is Value
