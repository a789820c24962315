"""Imports the engine from other code than its files have: a mutant's, or with probes that note what runs."""

from __future__ import annotations

import ast
import importlib.machinery
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import CodeType
from typing import Any, TypeAlias

ROOT = Path(__file__).parent.parent
SEEN: set[str] = set()  # what was executed, as "module:line"
Maker: TypeAlias = (
    "Callable[[str], CodeType]"  # a module's code, from the path of its file
)


def path_of(module: str) -> str:
    return str(ROOT / f"autograd/{module.replace('.', '/')}.py")


class Loader(importlib.machinery.SourceFileLoader):
    """Imports a module from code that is not in its file."""

    def __init__(self, name: str, path: str, make: Maker) -> None:
        super().__init__(name, path)
        self.make = make

    def get_code(self, fullname: str) -> CodeType:
        return self.make(self.path)


class Finder:
    """Finds modules of the engine that are to be imported from other code."""

    def __init__(self, makers: dict[str, Maker]) -> None:
        self.makers = {
            f"autograd.{module}": make for module, make in makers.items()
        }

    def find_spec(self, name: str, *_: object) -> Any:
        if name not in self.makers:
            return None
        path = path_of(name.removeprefix("autograd."))
        return importlib.util.spec_from_file_location(
            name, loader=Loader(name, path, self.makers[name])
        )


def import_with(makers: dict[str, Maker]) -> None:
    """Imports the packages, some modules of them from other code."""
    sys.meta_path.insert(0, Finder(makers))
    importlib.import_module("autograd")
    importlib.import_module("nn")


class Probes(ast.NodeTransformer):
    """Every statement and lambda of a function notes that it runs."""

    def __init__(self, module: str) -> None:
        self.module, self.depth = module, 0

    def probe(self, node: Any) -> Any:
        call = ast.parse(
            f"SEEN.add('{self.module}:{node.lineno}')", mode="eval"
        ).body
        return ast.fix_missing_locations(ast.copy_location(call, node))

    def visit_FunctionDef(self, node: Any) -> Any:
        self.depth += 1
        self.generic_visit(node)
        self.depth -= 1
        return node

    def visit_Lambda(self, node: Any) -> Any:
        self.generic_visit(node)
        node.body = ast.copy_location(
            ast.BoolOp(ast.Or(), [self.probe(node), node.body]), node
        )
        return node

    def generic_visit(self, node: Any) -> Any:
        super().generic_visit(node)
        if self.depth and isinstance(
            node, ast.stmt | ast.ExceptHandler | ast.match_case
        ):
            for name in ("body", "orelse", "finalbody"):
                self.note_each(getattr(node, name, None) or [])
        return node

    def note_each(self, block: list[Any]) -> None:
        """A probe before every statement, except a docstring."""
        for i in reversed(range(len(block))):
            docstring = isinstance(block[i], ast.Expr) and isinstance(
                block[i].value, ast.Constant
            )
            if not docstring:
                block.insert(
                    i, ast.copy_location(ast.Expr(self.probe(block[i])), block[i])
                )


def instrumented(module: str) -> Maker:
    """The module's code with probes."""

    def make(path: str) -> CodeType:
        tree = Probes(module).visit(
            ast.parse(Path(path).read_text(encoding="utf-8"))
        )
        return compile(tree, path, "exec", dont_inherit=True)

    return make
