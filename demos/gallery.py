"""What the demos share: a table of expected and got, pictures under demos/out/, and the gallery page."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any, cast

import numpy as np
from matplotlib.figure import Figure

from autograd import Drawing, Program, no_grad

VIEW = '<meta name=viewport content="width=device-width, initial-scale=1">'
COLOURS = ("#D55E00", "#0072B2", "#009E73", "#CC79A7")  # Okabe and Ito's
OUT = Path(__file__).parent / "out"
STYLE = """
:root { color-scheme: light dark; font: 17px/1.6 Georgia, "Times New Roman", serif; }
body { max-width: 60rem; margin: 0 auto; padding: 1.5rem 1rem 4rem; }
h1 { font-size: 2.1rem; line-height: 1.2; margin-bottom: 0; }
h2 { margin: 3.5rem 0 .5rem; padding-top: .8rem; border-top: 1px solid #8886; }
figure { margin: 1.6rem 0; overflow-x: auto; }
figure img { max-width: max(100%, 40rem); height: auto; background: white; border: 1px solid #8884;
  border-radius: 6px; padding: .6rem; box-sizing: border-box; }
figcaption, .source { font-size: .9rem; opacity: .8; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .92rem; margin: 1rem 0; }
th, td { text-align: left; padding: .3rem .9rem .3rem 0; border-bottom: 1px solid #8884; }
td.number { font-family: ui-monospace, Menlo, Consolas, monospace; font-size: .85rem; white-space: nowrap; }
"""


@dataclass
class Demo:
    """What one demo has to show; ``check`` and ``picture`` fill it."""

    title: str
    story: str
    rows: list[tuple[str, str, str, str, bool]] = field(
        default_factory=list[tuple[str, str, str, str, bool]]
    )
    pictures: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    skipped: str = ""  # why, where a package is missing

    def check(
        self,
        what: str,
        expected: Any,
        got: Any,
        source: str,
        tolerance: float = 0.0,
    ) -> None:
        """A row of the table: texts must be equal, numbers and lists of them within the tolerance."""
        wanted, found = (
            cast("list[Any]", x if isinstance(x, list) else [x])
            for x in (expected, got)
        )
        pairs = list(zip(wanted, found, strict=True))
        good = all(
            x == y
            or (tolerance and math.isclose(x, y, rel_tol=0, abs_tol=tolerance))
            for x, y in pairs
        )
        texts = [
            ", ".join(shown(x, tolerance) for x in side) for side in (wanted, found)
        ]
        self.rows.append((what, texts[0], texts[1], source, good))

    def picture(self, name: str, picture: Any, caption: str) -> None:
        """A graph or a matplotlib figure, written as SVG and PNG."""
        OUT.mkdir(exist_ok=True)
        for suffix in ("svg", "png"):
            write = (
                picture.save_picture
                if isinstance(picture, Drawing)
                else picture.savefig
            )
            write(OUT / f"{name}.{suffix}")
        self.pictures.append((name, caption))

    def right(self) -> bool:
        """Whether every figure is as expected; a demo that is skipped has none."""
        some = bool(self.rows) != bool(self.skipped)
        return some and all(row[-1] for row in self.rows)

    def text(self) -> str:
        """The table, for a terminal."""
        if self.skipped:
            return f"{self.title}\n{self.skipped}"
        rows = [("", "", "expected", "got", "from")]
        rows += [("ok" if good else "WRONG", *cells) for *cells, good in self.rows]  # pyright: ignore[reportAssignmentType]
        widths = [max(len(row[i]) for row in rows) for i in range(5)]
        lines = (
            "  ".join(
                cell.ljust(width) for cell, width in zip(row, widths, strict=True)
            )
            for row in rows
        )
        return "\n".join([self.title, *(line.rstrip() for line in lines)])

    def html(self) -> str:
        """A section of the gallery."""
        if self.skipped:
            return f"<section><h2>{escape(self.title)}</h2><p>{escape(self.skipped)}</p></section>"
        head = (
            "<tr><th></th><th></th><th>expected</th><th>got</th><th>from</th></tr>"
        )
        rows = "".join(
            f"<tr><td>{'✓' if good else '✗ wrong'}</td><td>{escape(what)}</td>"
            f"<td class=number>{escape(expected)}</td><td class=number>{escape(got)}</td>"
            f"<td>{escape(source)}</td></tr>"
            for what, expected, got, source, good in self.rows
        )
        figures = "".join(
            f'<figure><img src="{name}.svg" alt="{escape(caption)}">'
            f"<figcaption>{escape(caption)}</figcaption></figure>"
            for name, caption in self.pictures
        )
        story = "".join(
            f"<p>{escape(part)}</p>" for part in self.story.split("\n\n")
        )
        table = f"<div class=wide><table>{head}{rows}</table></div>"
        return f"<section><h2>{escape(self.title)}</h2>{story}{figures}{table}</section>"


def shown(x: Any, tolerance: float) -> str:
    """A figure as the table shows it: in full where every digit counts."""
    return f"{round(x, 10):.10g}" if tolerance else str(x)


def chart(
    *panels: tuple[
        str, Sequence[tuple[Any, Any, str, str]] | Callable[[Any], None]
    ],
) -> Figure:
    """Panels side by side, each a title and its curves (xs, ys, format, label), or what paints its axes."""
    figure = Figure((4.5 * len(panels), 3.6), layout="constrained")
    for axes, (title, curves) in zip(
        figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True
    ):
        axes.set_prop_cycle(color=COLOURS)
        axes.set_title(title)
        if callable(curves):
            curves(axes)
            continue
        for x, y, style, label in curves:
            axes.plot(x, y, style, label=label, markersize=3)
        if any(label for *_, label in curves):
            axes.legend(
                loc="upper center",
                bbox_to_anchor=(0.5, -0.14),
                ncols=2,
                frameon=False,
            )
    return figure


def surface(
    model: Callable[[list[float]], Any], rows: Any, targets: Any
) -> Callable[[Any], None]:
    """What a model says around its rows of two inputs: colours, and the line where it says ½."""

    def paint(axes: Any) -> None:
        sides: Any = [
            np.linspace(min(side) - 0.5, max(side) + 0.5, 31)
            for side in zip(*rows, strict=True)
        ]
        xs, ys = sides
        with no_grad():
            says = [[model([x, y]).data for x in xs] for y in ys.tolist()]
        axes.contourf(
            xs, ys, says, levels=np.linspace(0, 1, 11), cmap="PuOr", alpha=0.6
        )
        axes.contour(xs, ys, says, levels=[0.5], colors="black")
        for (x, y), target in zip(rows, targets, strict=True):
            axes.plot(
                x,
                y,
                "ks" if target else "ko",
                mfc="k" if target else "w",
                markersize=10 if len(rows) < 10 else 4,
            )

    return paint


def contours(program: Program, **paths: Any) -> Callable[[Any], None]:
    """What a program of two inputs gives first, as a map; named paths over it, long ones as dots."""

    def paint(axes: Any) -> None:
        x, y = np.meshgrid(np.linspace(-2, 2, 200), np.linspace(-2, 3, 200))
        height = program(np.column_stack([x.ravel(), y.ravel()]))[:, 0].reshape(
            x.shape
        )
        axes.contour(
            x, y, np.log(height + 0.1), levels=20, cmap="Greys_r", linewidths=0.7
        )
        for name, path in paths.items():
            axes.plot(
                *np.transpose(path),
                "o-" if len(path) < 50 else ".",
                markersize=4,
                label=name,
            )
        axes.plot(
            *next(iter(paths.values()))[-1], "k*", markersize=9, label="lowest"
        )
        axes.legend(loc="lower left")

    return paint


def page(demos: Sequence[Demo]) -> str:
    """The gallery, which needs nothing but the pictures beside it."""
    intro = (
        "Every graph on this page was drawn from the numbers themselves: a Value remembers how it was made. "
        "Thin arrows go forward, thick ones bring the gradient back. Each table sets what a book, a note or "
        "an independent calculation says beside what the engine got. The demos follow a student's notes on "
        "neurons and on chapter 5 of “Deep Learning from Scratch”."
    )
    head = f"<!doctype html><html lang=en><head><meta charset=utf-8><title>glassgrad</title>{VIEW}"
    body = f"<body><h1>glassgrad</h1><p>A glass box for backpropagation.</p><p>{intro}</p>"
    return f"{head}<style>{STYLE}</style></head>{body}{''.join(demo.html() for demo in demos)}</body></html>"


def run(*mains: Callable[[], Demo]) -> int:
    """Runs demos, prints their tables and returns 0, or 1 if a figure is wrong."""
    demos = [report(main()) for main in mains]
    if len(mains) > 1:
        OUT.mkdir(exist_ok=True)
        (OUT / "index.html").write_text(page(demos), encoding="utf-8")
        print(f"gallery: {OUT / 'index.html'}")
    return 0 if all(demo.right() for demo in demos) else 1


def report(demo: Demo) -> Demo:
    """Prints a demo's table as soon as it is there."""
    names = ", ".join(name for name, _ in demo.pictures)
    pictures = f"\npictures in {OUT}: {names}\n" if names else "\n"
    text = demo.text() + pictures
    encoding = sys.stdout.encoding or "utf-8"
    print(
        text.encode(encoding, "replace").decode(encoding), flush=True
    )  # an old console may not know ∂
    return demo
