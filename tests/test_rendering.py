"""Pictures within limits: of time, of memory, of the letters that there are, of a notebook's cell.

No limit is met by real work here: an engine is a script that sleeps, fails or notes what it was asked, and
the limits are lowered to what a small graph reaches.
"""

from __future__ import annotations

import inspect
import math
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from itertools import combinations
from pathlib import Path
from types import ModuleType
from typing import Any
from unicodedata import east_asian_width
from xml.etree import ElementTree

import graphviz
import pytest

from autograd import (
    Drawing,
    LayoutTimeoutError,
    Value,
    composite,
    draw,
    exp,
    sin,
    to_html,
    toposort,
)
from autograd.__main__ import main
from autograd.pictures import rendering
from autograd.pictures.boxes import boxes, spans

SYSTEM_DOT = shutil.which("dot")
SVG = "{http://www.w3.org/2000/svg}"
STYLES = pytest.mark.parametrize("style", ["value", "textbook"])
posix = pytest.mark.skipif(
    os.name != "posix", reason="needs a script that is a program"
)
linux = pytest.mark.skipif(
    sys.platform != "linux",
    reason="only Linux limits the memory of another program",
)


@pytest.fixture(autouse=True)
def path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder that is the whole path: graphviz-pure draws, unless a test puts a script there."""
    folder = tmp_path / "path"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.delenv("GRAPHVIZ_DOT", raising=False)
    rendering.shown.clear()
    return folder


def script(folder: Path, *lines: str) -> Path:
    """A stand-in for dot, which notes every call in a file beside it."""
    dot = folder / "dot"
    head = ["#!/bin/sh", "PATH=/usr/bin:/bin", f'echo "$@" >> "{dot}.log"']
    dot.write_text("\n".join([*head, *lines, ""]))
    dot.chmod(0o755)
    return dot


def calls(dot: Path) -> list[str]:
    return Path(f"{dot}.log").read_text().splitlines()


def neuron() -> Value:
    return 1 / (1 + exp(-Value(0.5, name="x")))


def pairs(n: int) -> Value:
    xs = [Value(0.1 * i, name=f"x{i}") for i in range(n)]
    return sum((a * b for a, b in combinations(xs, 2)), start=xs[0])


def squares(n: int) -> Value:
    w, b = Value(0.3, name="w"), Value(0.1, name="b")
    return sum(((w * (0.1 * i) + b - 1) ** 2 for i in range(n)), start=w)


def chain(n: int, leaves: bool = False) -> Value:
    y = Value(0.5, name="x")
    for i in range(n):
        y = y * Value(1.0, name=f"w{i}") if leaves else y * 1.01
    return y


def same(n: int) -> Value:
    """A chain in which every op reads the same leaf: arrows of every length up to n."""
    y = x = Value(1.0, name="x")
    for _ in range(n):
        y = y * x
    return y


# ------------------------------------------------------------------------------------------- a limit of time
WAYS: dict[str, Callable[[Drawing, Path], object]] = {
    "svg": lambda drawing, path: drawing.pipe("svg"),
    "png": lambda drawing, path: drawing.pipe(format="png", encoding=None),
    "given to pipe": lambda drawing, path: draw(neuron()).pipe("svg", timeout=0.3),
    "save_picture": lambda drawing, path: drawing.save_picture(path / "y.svg"),
    "given to save_picture": lambda drawing, path: draw(neuron()).save_picture(
        path / "y.png", timeout=0.3
    ),
    "render": lambda drawing, path: drawing.render(path / "y", format="svg"),
    "render to a file": lambda drawing, path: drawing.render(
        outfile=path / "y.svg"
    ),
    "view": lambda drawing, path: drawing.view(path / "y"),
    "another layout": lambda drawing, path: drawing.pipe("svg", engine="neato"),
    "page": lambda drawing, path: to_html(neuron(), path / "y.html", timeout=0.3),
    "explain": lambda drawing, path: neuron().explain(path / "y.html", timeout=0.3),
}


@posix
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_an_endless_layout_is_stopped(
    way: Callable[[Drawing, Path], object], path: Path
) -> None:
    dot, out = script(path, "sleep 60"), path / "out"
    out.mkdir()
    for name in ("y.svg", "y.png", "y.html"):
        (out / name).write_text("as it was")
    with pytest.raises(LayoutTimeoutError, match=r"after 0\.3 seconds") as stopped:
        way(draw(neuron(), timeout=0.3), out)
    said = str(stopped.value)
    assert isinstance(stopped.value, TimeoutError) and "\n" not in said
    assert all(
        word in said
        for word in (
            "collapse=",
            "smaller part",
            "style='value'",
            ".dot",
            "timeout=3",
        )
    )
    assert {file.name: file.read_text() for file in out.iterdir()} == dict.fromkeys(
        ("y.svg", "y.png", "y.html"), "as it was"
    )
    assert len(calls(dot)) == 1


@posix
def test_no_folder_is_made_for_what_is_not_drawn(path: Path) -> None:
    script(path, "sleep 60")
    for save in (
        draw(neuron(), timeout=0.1).save_picture,
        lambda p: to_html(neuron(), p, timeout=0.1),
    ):
        with pytest.raises(LayoutTimeoutError):
            save(path / "new" / "y.svg")
    assert not (path / "new").exists()


@posix
@pytest.mark.parametrize("interrupt", [False, True])
def test_the_engine_ends_with_all_that_it_started(
    interrupt: bool, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script(
        path, f'(sleep 1; touch "{path}/late") &', f'sleep 1; touch "{path}/later"'
    )
    if interrupt:

        def pressed(*_: object) -> None:
            time.sleep(0.2)
            raise KeyboardInterrupt

        monkeypatch.setattr(subprocess.Popen, "communicate", pressed)
    with pytest.raises(KeyboardInterrupt if interrupt else LayoutTimeoutError):
        draw(neuron(), timeout=0.2).pipe("svg")
    time.sleep(1.5)
    assert not (path / "late").exists() and not (path / "later").exists()


@posix
def test_all_pictures_of_a_page_have_one_time_together(path: Path) -> None:
    dot = script(path, "sleep 0.2", "echo '<svg/>'")
    part = composite(name="part")(lambda x: exp(x) * x)
    y = Value(0.1)
    for _ in range(20):
        y = part(y)
    with pytest.raises(LayoutTimeoutError, match=r"0\.5 seconds"):
        to_html(y, collapse="part", timeout=0.5)
    assert len(calls(dot)) <= 4


@posix
def test_what_is_ready_in_time_is_drawn(path: Path) -> None:
    script(path, "sleep 0.1", "printf '<svg/>'")
    assert draw(neuron(), timeout=60).pipe("svg") == b"<svg/>"
    assert (
        draw(neuron(), timeout=math.inf).pipe("svg", encoding="utf-8") == "<svg/>"
    )


@pytest.mark.parametrize("timeout", [0, -1, math.nan])
def test_no_time_is_no_limit(timeout: float) -> None:
    y = neuron()
    for ask in (
        lambda: draw(y, timeout=timeout),
        lambda: draw(y).pipe("svg", timeout=timeout),
        lambda: to_html(y, timeout=timeout),
    ):
        with pytest.raises(ValueError, match=r"timeout=.*give the seconds"):
            ask()
    with pytest.raises(TypeError, match="timeout"):
        draw(y, timeout="long")  # type: ignore[arg-type]


def test_thirty_seconds_where_nothing_is_said() -> None:
    for function in (draw, to_html):
        assert inspect.signature(function).parameters["timeout"].default == 30


@posix
def test_a_notebook_says_why_it_shows_a_table(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script(path, "sleep 60")
    monkeypatch.setattr("autograd.pictures.drawing.GLANCE", 0.2)
    for thing in (neuron(), draw(neuron(), timeout=0.2)):
        shown = thing._repr_mimebundle_()
        assert list(shown) == ["text/plain"]
        for text in (str(shown["text/plain"]), thing._mime_()[1]):
            assert "after 0.2 seconds" in text and "exp(v₁)" in text
        assert thing._mime_()[0] == "text/plain"


@posix
@pytest.mark.parametrize("name", ["y.svg", "y.png", "y.html"])
def test_the_command_line_stops(
    name: str,
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    script(path, "sleep 60")
    for function in (draw, to_html):
        monkeypatch.setitem(function.__kwdefaults__, "timeout", 0.2)
    with pytest.raises(SystemExit) as end:
        main(["exp(x)*x", "x=0.5", "--out", str(path / name)])
    assert end.value.code == 2
    assert "after 0.2 seconds" in capsys.readouterr().err
    assert not (path / name).exists()


# ------------------------------------------------------------------------------------ layouts that are quick
def ranks(y: Value) -> list[int]:
    """How many ops an arrow runs past, by the definition: the longest way from the leaves."""
    depth: dict[Value, int] = {}
    for v in toposort(y):
        depth[v] = 1 + max((depth[x] for x in v.inner), default=-1)
    readers = {x: [v for v in toposort(y) if x in v.inner] for x in toposort(y)}
    for x in toposort(y):
        if x.op is None and readers[x]:
            depth[x] = min(depth[v] for v in readers[x]) - 1
    return [depth[v] - depth[x] for v in toposort(y) for x in v.inner]


@pytest.mark.parametrize(
    "graph", [neuron, lambda: pairs(5), lambda: squares(6), lambda: same(9)]
)
def test_how_long_arrows_are(graph: Callable[[], Value]) -> None:
    y = graph()
    assert spans(boxes([y])) == ranks(y)


def test_arrows_of_composites_and_of_a_lone_leaf() -> None:
    part = composite(name="part")(lambda x: exp(x) * x + 1)
    x = Value(0.5)
    assert spans(boxes([part(part(x)) * x], "part")) == [1, 1, 1, 3]
    assert spans(boxes([x])) == []


def test_what_is_small_is_drawn_with_all_care() -> None:
    for y in (neuron(), pairs(6), squares(8), chain(20, leaves=True)):
        for options in ({}, {"style": "textbook"}):
            source = draw(y, **options).source
            assert not re.search(
                "splines|mclimit|weight=[^1]|weight=1 |:ne", source
            )


@pytest.mark.parametrize(
    "graph", [lambda: pairs(14), lambda: squares(60), lambda: same(120)]
)
def test_what_is_tangled_has_straight_lines_and_may_cross(
    graph: Callable[[], Value],
) -> None:
    y = graph()
    for options in (
        {"labels": "formula"},
        {"labels": "number"},
        {"gradients": False},
    ):
        source = draw(y, style="textbook", **options).source  # type: ignore[arg-type]
        assert "splines=line" in source and "mclimit=0.1" in source
        ahead = re.findall(r"(\S+) -> (\S+) \[.*class=ahead", source)
        back = re.findall(r"(\S+) -> (\S+) \[.*class=back", source)
        assert len(ahead) > 100 and bool(back) == options.get("gradients", True)
        small = re.findall(
            r"^\t(\w+) \[.*shape=(?:point|plaintext)", source, re.MULTILINE
        )
        for arrows, side in ((ahead, "n"), (back, "s")):
            assert all(
                tail.endswith(f":{side}e") or tail in small for tail, _ in arrows
            )
            assert all(
                head.endswith(f":{side}w") or head in small for _, head in arrows
            )
            assert not any(
                name.partition(":")[0] in small and ":" in name
                for pair in arrows
                for name in pair
            )
    assert (
        "splines" not in draw(y).source
    )  # its arrows have no labels, and go around the boxes


@pytest.mark.skipif(SYSTEM_DOT is None, reason="there is no dot on this machine")
@pytest.mark.parametrize(
    "graph", [lambda: pairs(12), lambda: squares(60), lambda: same(70)]
)
def test_the_systems_dot_draws_every_straight_arrow(
    graph: Callable[[], Value], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRAPHVIZ_DOT", str(SYSTEM_DOT))
    drawing = draw(graph(), style="textbook")
    assert "splines=line" in drawing.source
    arrows = len(re.findall(r" -> .*class=(?:ahead|back)", drawing.source))
    groups = list(ElementTree.fromstring(drawing.pipe("svg")).iter(f"{SVG}g"))
    drawn = [
        g for g in groups if {"ahead", "back"} & set(g.get("class", "").split())
    ]
    assert len([g for g in drawn if g.find(f".//{SVG}path") is not None]) == arrows


@STYLES
@pytest.mark.parametrize("leaves", [False, True])
def test_a_long_chain_goes_straight_on(style: Any, leaves: bool) -> None:
    """What only one op reads does not pull it down: a picture twice as long would be twice as high."""
    heights = list[float]()
    for n in (160, 320):
        head = re.search(
            r'height="(\d+)pt"',
            draw(chain(n, leaves), style=style, labels="number").pipe(
                "svg", encoding="utf-8"
            ),
        )
        assert head
        heights.append(float(head[1]))
    assert (
        heights[1] < (2.2 if style == "textbook" and leaves else 1.2) * heights[0]
    )
    source = draw(chain(160, leaves), style=style).source
    weights = re.findall(r"^\tn\d+ -> n\d+ \[.*weight=(\d+)", source, re.MULTILINE)
    light, heavy = ("1", "2") if style == "value" else ("5", "10")
    pairs = 1 if style == "value" else 2
    assert weights.count(light) == pairs * (161 if leaves else 1)
    assert weights.count(heavy) == pairs * (160 if not leaves else 159) - pairs * (
        not leaves
    )


# ----------------------------------------------------------------------------------------- a limit of memory
def size(png: bytes) -> tuple[int, int]:
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    return int.from_bytes(png[16:20], "big"), int.from_bytes(png[20:24], "big")


@STYLES
@pytest.mark.parametrize("part", [0.9, 0.5, 0.2])
def test_a_large_picture_has_fewer_pixels(
    style: Any, part: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawing = draw(pairs(5), style=style)
    width, height = size(drawing.pipe("png"))
    monkeypatch.setattr(rendering, "LARGEST", part * width * height)
    fewer, lower = size(drawing.pipe("png"))
    assert 0.95 < fewer * lower / (part * width * height) < 1.01
    assert fewer / lower == pytest.approx(width / height, rel=0.01)


@pytest.mark.parametrize("form", ["png", "jpg", "PNG"])
def test_a_picture_that_could_not_be_read_is_refused(
    form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rendering, "LARGEST", 2000)
    with pytest.raises(
        ValueError, match=r"could not be read: save it as \.svg"
    ) as refused:
        draw(neuron()).pipe(form)
    assert "\n" not in str(refused.value) and re.search(
        r"\d+ × \d+ inches", str(refused.value)
    )
    with pytest.raises(ValueError, match="svg"):
        draw(neuron()).save_picture(tmp_path / "y.png")
    assert not (tmp_path / "y.png").exists()
    assert draw(neuron()).pipe("svg").count(b"<svg")


@pytest.mark.skipif(SYSTEM_DOT is None, reason="there is no dot on this machine")
def test_a_side_that_a_system_graphviz_would_shrink_unasked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GRAPHVIZ_DOT", str(SYSTEM_DOT))
    width, _ = size(draw(neuron()).pipe("png"))
    monkeypatch.setattr(rendering, "LONGEST", 0.8 * width)
    assert size(draw(neuron()).pipe("png"))[0] == pytest.approx(0.8 * width, abs=2)
    monkeypatch.setattr(rendering, "LONGEST", 0.2 * width)
    with pytest.raises(ValueError, match=r"could not be read: save it as \.svg"):
        draw(neuron()).pipe("png")


def test_the_bound_leaves_room_in_the_gigabyte() -> None:
    """graphviz-pure takes 8 bytes for a pixel, and resvg, in this process, as many with its copy."""
    assert 8 * rendering.LARGEST + 1e8 <= 0.5e9 <= rendering.MEMORY == 1e9


def test_dots_per_inch_of_the_users_own_are_kept_where_there_is_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drawing = draw(neuron())
    width, height = size(drawing.pipe("png"))
    drawing.attr(dpi="192")
    assert size(drawing.pipe("png"))[0] == pytest.approx(2 * width, abs=2)
    monkeypatch.setattr(rendering, "LARGEST", width * height)
    assert math.prod(size(drawing.pipe("png"))) <= 1.01 * width * height


@STYLES
def test_the_layout_is_made_once(
    style: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, run = list[tuple[str, ...]](), rendering.Renderer.run

    def noted(self: Any, text: str, *options: str) -> bytes:
        asked.append(options)
        return run(self, text, *options)

    monkeypatch.setattr(rendering.Renderer, "run", noted)
    draw(neuron(), style=style).pipe("png")
    layouts = [
        options for options in asked if "-n2" not in options and "-Tdot" in options
    ]
    assert layouts == [("-Kdot", "-Tdot")]
    assert all(
        "-n2" in options for options in asked[asked.index(("-Kdot", "-Tdot")) + 1 :]
    )


@linux
def test_the_engine_has_a_limit_of_memory(path: Path) -> None:
    script(path, "sleep 0.3", f'ulimit -v > "{path}/limit"', "printf '<svg/>'")
    draw(neuron()).pipe("svg")
    assert int((path / "limit").read_text()) == rendering.MEMORY // 1024


@linux
def test_what_needs_more_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    drawing = draw(pairs(9))
    monkeypatch.setattr(rendering, "MEMORY", 60_000_000)
    with pytest.raises(
        ValueError, match=r"memory to lay out or to draw: collapse composites"
    ):
        drawing.pipe("png")


@posix
@pytest.mark.parametrize(
    "said", ["memory allocation of 8 bytes failed", "Out of memory"]
)
def test_an_engine_that_runs_out_of_memory(said: str, path: Path) -> None:
    script(path, f'echo "{said}" >&2', "exit 134")
    with pytest.raises(ValueError, match="more than 1 GB of memory"):
        draw(neuron()).pipe("svg")
    script(path, 'echo "some other trouble" >&2', "exit 1")
    with pytest.raises(graphviz.CalledProcessError, match="some other trouble"):
        draw(neuron()).pipe("svg")


def test_arrows_too_long_to_be_laid_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spanned = (
        sum(range(1, 31)) + 30
    )  # from x to every op, and from every op to the next
    assert draw(same(30)).bends == spanned
    assert draw(same(30), style="textbook").bends == 4 * spanned
    assert draw(same(30), style="textbook", gradients=False).bends == 2 * spanned
    monkeypatch.setattr("autograd.pictures.digraph.MOST_BENDS", 400)
    drawing = draw(same(30))
    for ask in (
        drawing.pipe,
        lambda: drawing.save_picture(tmp_path / "y.svg"),
        lambda: to_html(same(30)),
    ):
        with pytest.raises(
            ValueError, match="memory to lay out, with arrows so long: collapse"
        ):
            ask()
    assert (
        drawing.save_picture(tmp_path / "y.dot").read_text(encoding="utf-8")
        == drawing.source
    )
    assert not (tmp_path / "y.svg").exists()


# ---------------------------------------------------------------------------------------- letters and fonts
FOREIGN = ["가격", "价格", "かな", "سعر", "∇f", "ราคา", "😀"]


@pytest.fixture
def no_resvg(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendering, "find_spec", lambda name: None)


def resvg(monkeypatch: pytest.MonkeyPatch, letters: str) -> list[tuple[str, float]]:
    """A rasteriser in place of resvg, with a font that has these letters; what it is asked is noted."""
    asked = list[tuple[str, float]]()

    def svg_to_bytes(svg: str, dpi: float) -> bytes:
        asked.append((svg, dpi))
        return b"picture" if "<g" in svg else known(svg)

    def known(svg: str) -> bytes:
        letter = re.findall(r">(.)</text>", svg)[0]
        return letter.encode() if letter in letters else b"box"

    module: Any = ModuleType("resvg_py")
    module.svg_to_bytes, module.__spec__ = (
        svg_to_bytes,
        ModuleSpec("resvg_py", None),
    )
    monkeypatch.setitem(sys.modules, "resvg_py", module)
    return asked


@STYLES
@pytest.mark.parametrize("name", FOREIGN)
def test_letters_that_the_png_has_not_are_refused(
    name: str, style: Any, no_resvg: None, tmp_path: Path
) -> None:
    x = Value(0.5, name=name)
    with pytest.raises(
        ValueError, match=r"graphviz-pure cannot show .*\.svg, or a system Graphviz"
    ) as said:
        draw(x * exp(x), style=style).save_picture(tmp_path / "y.png")
    assert any(c in str(said.value) for c in name) and "\n" not in str(said.value)
    assert not (tmp_path / "y.png").exists()
    assert draw(x * exp(x), style=style).save_picture(tmp_path / "y.svg").exists()


@STYLES
@pytest.mark.parametrize(
    "name", ["x", "x_1", "λ", "шаг", "été", "Ørsted", "שלום", "a² ± ½", "naïve"]
)
def test_letters_that_the_png_has_are_drawn(
    name: str, style: Any, no_resvg: None
) -> None:
    x = Value(0.5, name=name)
    assert draw(x * exp(x), style=style).pipe("png").startswith(b"\x89PNG")


def test_a_name_of_a_composite_and_of_the_loss_is_looked_at_too(
    no_resvg: None,
) -> None:
    x = Value(0.5, name="x")
    y = composite(name="모형")(lambda: exp(x) * x)()
    assert draw(y).pipe("png")
    for drawing in (draw(y, collapse=1), draw(y, style="textbook", loss="손실")):
        with pytest.raises(ValueError, match="cannot show"):
            drawing.pipe("png")


def test_the_machines_fonts_draw_what_graphviz_pure_has_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = resvg(monkeypatch, "a가격∂²·–×")
    x = Value(0.5, name="가격")
    assert draw(x * x, style="textbook").pipe("png") == b"picture"
    svg, dpi = asked[-1]
    assert "가격" in svg and dpi == 96
    assert (
        'font-family="Times, Times New Roman, ' in svg
        and 'font-family="Times"' not in svg
    )
    with pytest.raises(
        ValueError,
        match=r"graphviz-pure cannot show '가', '격' in a jpg: .*\.svg, or a system",
    ):
        draw(x * x).pipe("jpg")


def test_a_large_picture_by_the_machines_fonts_has_fewer_pixels(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = resvg(monkeypatch, "a가격∂²·–×")
    drawing = draw(Value(0.5, name="가격") * 2)
    drawing.pipe("png")
    width, height = rendering.extent(asked[-1][0].encode())
    monkeypatch.setattr(rendering, "LARGEST", width * height * (60 / 72) ** 2)
    drawing.pipe("png")
    assert asked[-1][1] == pytest.approx(60, rel=0.01)


@pytest.mark.parametrize("letters", ["", "가–×격", "a가–×"])
def test_what_no_font_has_is_refused(
    letters: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where there is no font at all, not even one for an a."""
    resvg(monkeypatch, letters)
    with pytest.raises(
        ValueError,
        match=r"no font of this machine shows .*\.svg, or a system Graphviz",
    ):
        draw(Value(0.5, name="가격") * 2).pipe("png")


def test_many_letters_are_counted(no_resvg: None) -> None:
    with pytest.raises(ValueError, match="'가', '나', '다', '라', '마' and 2 more"):
        draw(Value(0.5, name="가나다라마바사")).pipe("png")


def test_a_letter_is_tried_once(monkeypatch: pytest.MonkeyPatch) -> None:
    tried, run = list[str](), rendering.Renderer.run

    def noted(self: Any, text: str, *options: str) -> bytes:
        tried.extend(re.findall('^n .label="(.)"', text, re.MULTILINE))
        return run(self, text, *options)

    monkeypatch.setattr(rendering.Renderer, "run", noted)
    for _ in range(3):
        draw(Value(2.0, name="λ") * 2, style="textbook").pipe("png")
    assert tried.count("λ") == len(rendering.FONTS)


@posix
def test_an_engine_that_draws_one_picture_of_all_letters_is_believed(
    path: Path,
) -> None:
    png = "printf '\\211PNG\\r\\n\\032\\nonly one'"
    script(path, f'case "$*" in *-Tpng*) {png};; *) echo "digraph {{}}";; esac')
    assert draw(Value(2.0, name="가격")).pipe("png").endswith(b"only one")


# Another picture of every letter, as the boxes of Pango are.
BOXES = "printf '\\211PNG\\r\\n\\032\\n%s' \"$(cat | wc -c)\""


@posix
@pytest.mark.parametrize("form", ["png", "jpg", "webp"])
def test_letters_that_no_font_has_are_refused_by_a_system_graphviz_too(
    path: Path, form: str
) -> None:
    """It draws a box with the letter's number, which differs from letter to letter."""
    script(
        path,
        f'case "$*" in *-Tpng* | *-T{form}*) {BOXES};; *) echo "digraph {{}}";; esac',
    )
    fonts = path / "fc-list"
    fonts.write_text("#!/bin/sh\necho '20-7e a0-17f 3b1 2013 2202 20-24f ac00'\n")
    fonts.chmod(0o755)
    assert draw(Value(2.0, name="αa∂")).pipe(form)
    with pytest.raises(
        ValueError,
        match=f"no font of this machine shows '값' in a {form}: save it as .svg, or",
    ):
        draw(Value(2.0, name="가값")).pipe(form)
    fonts.write_text(
        "#!/bin/sh\necho '20-7e 2013 ac00-d7a3'\n"
    )  # a font was installed
    assert draw(Value(2.0, name="가값")).pipe(form)


@posix
@pytest.mark.parametrize("said", ["exit 1", "echo no numbers", "exit 0"])
def test_fonts_that_cannot_be_asked_for(path: Path, said: str) -> None:
    script(path, f'case "$*" in *-Tpng*) {BOXES};; *) echo "digraph {{}}";; esac')
    fonts = path / "fc-list"
    fonts.write_text(f"#!/bin/sh\n{said}\n")
    fonts.chmod(0o755)
    assert draw(Value(2.0, name="가값")).pipe("png")


@pytest.mark.parametrize("name", ["∇", "سعر", "가격"])
def test_resvg_itself(name: str) -> None:
    pytest.importorskip("resvg_py", reason="resvg-py is not installed")
    drawing = draw(Value(0.5, name=name) * 2)
    if rendering.missing(rendering.resvg_draws, "resvg", {*name, "a"}):
        with pytest.raises(ValueError, match="no font of this machine"):
            drawing.pipe("png")
    else:
        pictures = [
            drawing.pipe("png"),
            draw(Value(0.5, name=name[::-1] + name) * 2).pipe("png"),
        ]
        assert (
            all(math.prod(size(png)) > 1000 for png in pictures)
            and pictures[0] != pictures[1]
        )


# --------------------------------------------------------------------------------- texts within the picture
NAMES = {
    "Hangul": "사용자별평균구매금액예측",
    "Han": "每位用户的平均购买金额的预测值",
    "kana": "ユーザーべつのへいきんこうにゅうきんがく",
    "fullwidth": "ＡＶＥＲＡＧＥ＿ＰＲＩＣＥ",
    "Cyrillic": "СРЕДНЯЯШИРИНАШАРФА",
    "emoji": "😀" * 12,
    "Latin": "W" * 60,
    "two lines": "사용자별\n평균구매금액예측",
    "marks": "e\u0301" * 30,
}


def room(text: str, font: float, narrow: Callable[[str], float]) -> float:
    """How wide a text is in a font of East Asia, or in a wide one of Europe."""

    def ems(c: str) -> float:
        if c == "\u0301":
            return 0.0
        return (
            (1.3 if c > "\uffff" else 1.0)
            if east_asian_width(c) in "WF"
            else narrow(c)
        )

    return font * sum(map(ems, text))


def serif(c: str) -> float:
    return 1.0 if c == "W" else 0.8 if c.isupper() else 0.5


def outside(svg: str) -> list[str]:
    """The texts that reach over the picture's edges."""
    root = ElementTree.fromstring(svg)
    left, _, width, _ = map(float, root.attrib["viewBox"].split())
    shift = float(
        re.findall(
            r"translate\(([\d.]+) ", next(root.iter(f"{SVG}g")).attrib["transform"]
        )[0]
    )
    found = list[str]()
    for text in root.iter(f"{SVG}text"):
        narrow = (
            serif
            if text.attrib["font-family"].startswith("Times")
            else lambda _: 0.61
        )
        x, size = float(text.attrib["x"]) + shift, float(text.attrib["font-size"])
        wide = room(text.text or "", size, narrow)
        x -= wide / 2 if text.attrib["text-anchor"] == "middle" else 0
        if x < left - 0.5 or x + wide > left + width + 0.5:
            found.append(text.text or "")
    return found


def shapes(name: str) -> dict[str, Drawing]:
    x = Value(0.5, name=name)
    y = composite(name=name)(lambda v: v * exp(v))(x)
    named = x * 2
    named.name = name
    return {
        "read twice": draw(x * exp(x), style="textbook"),
        "read once": draw(exp(x), style="textbook"),
        "number": draw(x * exp(x), style="textbook", labels="number"),
        "composite": draw(y, style="textbook", collapse=name),
        "end": draw(named, style="textbook"),
        "leaf": draw(x, style="textbook"),
        "box": draw(x * exp(x)),
        "collapsed box": draw(y, collapse=name),
    }


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_no_text_reaches_over_the_edge(name: str) -> None:
    for what, drawing in shapes(name).items():
        if what == "leaf" and name == NAMES["Latin"]:
            continue  # a root's own gradient, by its name of sixty letters, in a font wider than Times
        assert outside(drawing.pipe("svg", encoding="utf-8")) == [], what


@pytest.mark.parametrize("name", ["Hangul", "Han", "kana", "fullwidth"])
def test_a_caption_has_room_for_a_wide_name(name: str) -> None:
    def width(name: str) -> float:
        x = Value(0.5, name=name)
        y = x * 2
        x.data = 1.0  # of which the caption tells, and is wider than the picture
        return rendering.extent(draw(y).pipe("svg"))[0]

    assert width(NAMES[name]) - width("x") > 0.95 * 13 * len(NAMES[name])


def test_the_check_of_the_edges_sees_what_is_cut_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("autograd.pictures.lettering.ROOM", math.inf)
    for name in ("Hangul", "Cyrillic", "Latin"):
        assert NAMES[name] in outside(
            shapes(NAMES[name])["read twice"].pipe("svg", encoding="utf-8")
        )


@pytest.mark.parametrize(
    "name", ['<b>&"', "\\N\\l", "\\E\\T\\H\\G", "a|b{c}", "x\x1b"]
)
def test_a_wide_name_is_only_ever_text(name: str) -> None:
    x = Value(0.5, name="사용자별평균구매금액예측" + name)
    source = draw(x * exp(x), style="textbook")
    texts = [
        "".join(t.itertext())
        for t in ElementTree.fromstring(source.pipe("svg")).iter(f"{SVG}text")
    ]
    seen = x.name.replace("\x1b", "")
    assert (
        sum(text.replace("\xa0", " ").strip("()") == seen for text in texts) == 3
    )  # a leaf and its two arrows


def test_usual_names_have_the_usual_places() -> None:
    for name in ("x", "price", "learning", "가격", "学习", "λ", "скорость"):
        source = draw(exp(Value(0.5, name=name)) * 2, style="textbook").source
        assert not re.search("TABLE|margin=0.[1-9]", source), name
        x = Value(0.5, name=name)
        assert "margin=0.05 " in draw(x * x, style="textbook").source


# ------------------------------------------------------------------------------------------------- notebooks
def head(svg: str) -> str:
    return svg[svg.index("<svg") : svg.index(">", svg.index("<svg"))]


@pytest.mark.parametrize(
    "graph", [neuron, lambda: Value(3.0, "x"), lambda: pairs(6)]
)
@STYLES
def test_a_picture_is_as_wide_as_the_cell_at_most(
    graph: Callable[[], Value], style: Any
) -> None:
    drawing = draw(graph(), style=style)
    own = head(drawing.pipe("svg", encoding="utf-8"))
    width = float(re.findall(r'width="(\d+)pt"', own)[0])
    for svg, least in (
        (drawing._repr_mimebundle_()["image/svg+xml"], 600),
        (drawing._mime_()[1], 0),
    ):
        shown = head(str(svg))
        assert 'width="100%"' in shown and "height=" not in shown
        assert re.findall(r'style="max-width:([\d.]+)pt"', shown) == [
            f"{max(width, least):g}"
        ]
        box, wide = (
            [float(x) for x in re.findall(r'viewBox="([^"]*)"', text)[0].split()]
            for text in (own, shown)
        )
        assert wide[0] == box[0] and wide[1] == box[1] and wide[3] == box[3]
        assert wide[2] / box[2] == pytest.approx(
            max(width, least) / width
        )  # nothing is drawn larger
        assert ElementTree.fromstring(str(svg)).tag == f"{SVG}svg"


def test_files_keep_their_size(tmp_path: Path) -> None:
    text = (
        draw(neuron()).save_picture(tmp_path / "y.svg").read_text(encoding="utf-8")
    )
    assert re.search(r'<svg width="\d+pt" height="\d+pt"', text)


def test_marimo_has_one_type_for_each_thing() -> None:
    for thing in (neuron(), draw(neuron()), draw(neuron(), style="textbook")):
        kind, data = thing._mime_()
        assert (
            kind == "text/html"
            and data.startswith("<svg")
            and data.rstrip().endswith("</svg>")
        )


def test_marimo_never_sees_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("autograd.pictures.programs.find_dot", lambda: None)
    kind, text = neuron()._mime_()
    assert (
        kind == "text/plain"
        and "pip install graphviz-pure" in text
        and "exp(v₁)" in text
    )
    kind, text = same(3000)._mime_()
    assert kind == "text/plain" and "3,001 nodes" in text


def test_marimo_shows_what_is_in_lists() -> None:
    formatting = pytest.importorskip(
        "marimo._output.formatting", reason="marimo is not installed"
    )
    y = neuron()
    for thing in (
        [y, y.inner[0]],
        (y,),
        {"y": y},
        [draw(y)],
        {"a": [y, (y, 3)]},
        [y.explain()],
    ):
        found = formatting.try_format(thing)
        assert found.exception is None and found.mimetype == "application/json"
        assert "text/html:<svg" in found.data or "text/html:<iframe" in found.data


def test_sin_is_drawn_in_a_list_of_reprs() -> None:
    """What is not a notebook sees plain text still."""
    assert repr([sin(Value(0.0))]) == "[Value(data=0.0, grad=0.0)]"
