"""The stepper's page in a real headless Chromium: what a learner sees is what the engine did.

Skipped where there is no Chromium, or no playwright to drive it (``pip install -e ".[browser]"``).
"""

from __future__ import annotations

import re
import shutil
from collections import Counter
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest

from autograd import Value, composite, exp, ledger, sin, to_html, toposort
from autograd.pictures.boxes import boxes
from tests.test_stepper import (
    GRAPHS,
    composed,
    data,
    each,
    memory,
    mlp,
    neuron,
    repeated,
    rows,
    shared,
)

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), None)
if CHROMIUM is None:
    pytest.skip(
        f"there is no Chromium here: none of {', '.join(NAMES)} is on the path",
        allow_module_level=True,
    )
driver = pytest.importorskip(
    "playwright.sync_api",
    reason="playwright, which drives Chromium, is not installed",
)
STYLES = pytest.mark.parametrize("style", ["value", "textbook"])
Open = Callable[..., Any]


@pytest.fixture(scope="module")
def browser() -> Generator[Any]:
    with driver.sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox"]
        )
        yield started
        started.close()


@pytest.fixture(scope="module")
def tab(browser: Any) -> tuple[Any, list[str]]:
    """One tab for all tests, without a network, and what has gone wrong in it."""
    page, troubles = browser.new_context(offline=True).new_page(), list[str]()

    def check(url: str) -> None:
        if not url.startswith(("file:", "about:")):
            troubles.append(url)

    def note(message: Any) -> None:
        troubles.append(f"{message.type}: {getattr(message, 'text', '')}")

    page.on("console", note)
    page.on("dialog", lambda dialog: (note(dialog), dialog.dismiss()))
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("request", lambda request: check(request.url))
    return page, troubles


@pytest.fixture
def show(tab: tuple[Any, list[str]], tmp_path: Path) -> Generator[Open]:
    """Opens a page from a file; afterwards, nothing may have gone wrong in it."""
    page, troubles = tab

    def opened(
        text: str, *, width: int = 1280, height: int = 800, **media: Any
    ) -> Any:
        page.set_viewport_size({"width": width, "height": height})
        page.emulate_media(
            **{"color_scheme": "light", "reduced_motion": "no-preference"} | media
        )
        page.mouse.move(0, 0)
        path = tmp_path / "page.html"
        path.write_text(text, encoding="utf-8")
        page.goto(path.as_uri())
        return page

    yield opened
    page.goto("about:blank")
    found = troubles[:]
    troubles.clear()
    assert found == []


def press(page: Any, key: str, times: int = 1) -> None:
    for _ in range(times):
        page.keyboard.press(key)


def cells(page: Any, column: int) -> list[str]:
    """A column of the table as it is shown."""
    return page.eval_on_selector_all(
        "#rows tr", f"rows => rows.map(row => row.cells[{column}].textContent)"
    )


def exact(page: Any) -> list[str]:
    """All digits of the grads in the table."""
    return page.eval_on_selector_all(
        "#rows tr", "rows => rows.map(row => row.cells[2].title)"
    )


def lit(page: Any, what: str = ".edge") -> list[str]:
    """The ids of what the step lights up."""
    return page.eval_on_selector_all(
        f"svg {what}[data-state~=on]", "found => found.map(el => el.id)"
    )


FRAMES = """() => {
    const ids = what => [...document.querySelectorAll(`svg ${what}[data-state~=on]`)].map(el => el.id)
    const grads = () => [...document.querySelectorAll("#rows tr")].map(row => row.cells[2].textContent)
    const lit = () => document.querySelector("tr[data-state~=on] td:last-child").textContent
    for (const found = [];;) {
        const before = at
        found.push({edges: ids(".edge"), nodes: ids(".node"), lit: lit(), grads: grads()})
        document.body.dispatchEvent(new KeyboardEvent("keydown", {key: "ArrowRight", bubbles: true}))
        if (at === before) return found
    } }"""


def frames(page: Any) -> list[dict[str, Any]]:
    """What every step shows, from this one to the last: the ids of what it lights up, and the grads."""
    return page.evaluate(FRAMES)


def count(page: Any) -> str:
    return page.inner_text("#count")


# ------------------------------------------------------------------------------------- the picture cannot lie
def at_the_end(page: Any, y: Value) -> list[Value]:
    """The nodes after one backward pass; the page's last step shows their gradients to the last bit."""
    press(page, "End")
    y.backward()
    order = toposort(y)
    assert exact(page) == [repr(v.grad) for v in order]
    return order


@STYLES
@each
def test_the_last_frame_is_every_nodes_grad(
    graph: Callable[[], Value], style: Any, show: Open
) -> None:
    y = graph()
    page = show(to_html(y, style=style))
    order = at_the_end(page, y)
    assert cells(page, 2) == [f"{v.grad:.4g}" for v in order]
    assert cells(page, 1) == [f"{v.data:.4g}" for v in order]
    if style == "value":
        boxes = page.eval_on_selector_all(
            "svg .node .grad", "found => found.map(el => el.textContent.trim())"
        )
        assert sorted(" ".join(text.split()) for text in boxes) == sorted(
            f"grad {v.grad:.4g}" for v in order
        )


@pytest.mark.parametrize("collapse", [1, "Neuron"])
def test_so_it_is_inside_composites(collapse: Any, show: Open) -> None:
    y = mlp()
    page = show(to_html(y, collapse=collapse))
    order = at_the_end(page, y)
    boxes = page.evaluate(
        """() => pictures.flatMap(picture => picture.boxes.map(box =>
        [box.gives, [...document.querySelectorAll(`[id="${box.id}"] .grad`)].map(el => el.textContent)]))"""
    )
    assert any(len(gives) > 3 for gives, _ in boxes) == (collapse == 1)
    for gives, shown in boxes:
        assert [text.split()[1] for text in shown] == [
            f"{order[v].grad:.4g}" for v in gives[:3]
        ]


@pytest.mark.parametrize("style", ["value", "textbook"])
def test_what_happens_inside_a_composite_lights_it_up(
    style: Any, show: Open
) -> None:
    y = mlp()
    text = to_html(y, style=style, collapse="Neuron")
    boxes = data(text)["pictures"][0]["boxes"]
    home = {v: box for box in boxes for v in box["has"]}
    order = toposort(y)
    shown = frames(show(text))[len(order) + 1 :]
    for step, frame in zip(ledger(y), shown, strict=True):
        head, tail = home[order.index(step.node)], home[order.index(step.operand)]
        here = [name for name in frame["edges"] if name.startswith("p0n")]
        if head is tail:
            assert here == []
        else:
            place = head["reads"].index(order.index(step.operand))
            assert here == [
                f"{tail['id']}-{head['id']}-{place}"
                + "-back" * (style == "textbook")
            ]
        leaf = style == "textbook" and not tail["scope"]
        assert (tail["id"] in frame["nodes"]) or (leaf and step.operand.op is None)


@STYLES
@each
def test_every_step_lights_up_its_own_arrow(
    graph: Callable[[], Value], style: Any, show: Open
) -> None:
    y = graph()
    order, page = toposort(y), show(to_html(y, style=style))
    shown = frames(page)
    ahead, seed, back = (
        shown[: len(order)],
        shown[len(order)],
        shown[len(order) + 1 :],
    )
    check_ahead(order, ahead, style)
    end, seen = "-back" if style == "textbook" else "", set[str]()
    totals = Counter[int]()
    assert seed["edges"] == [f"p0n{len(order) - 1}-end0-0-back"] * bool(end)
    for step, frame in zip(ledger(y), back, strict=True):
        tail, head = order.index(step.operand), order.index(step.node)
        (arrow,) = frame["edges"]
        assert re.fullmatch(rf"p0n{tail}-p0n{head}-{step.position}{end}", arrow)
        assert arrow not in seen
        seen.add(arrow)
        totals[tail] += step.contribution
        assert frame["lit"] == frame["grads"][tail] == f"{totals[tail]:.4g}"
    assert count(page) == f"{len(shown)} / {len(shown)}"


def check_ahead(
    order: list[Value], shown: list[dict[str, Any]], style: str
) -> None:
    """On the way ahead every node lights up what it reads."""
    for k, (v, frame) in enumerate(zip(order, shown, strict=True)):
        arrows = {
            f"p0n{order.index(x)}-p0n{k}-{i}"
            for i, x in enumerate(v.args)
            if isinstance(x, Value)
        }
        last = v is order[-1] and style == "textbook"
        end = {f"p0n{k}-end0-0"} if last else set[str]()
        assert {*frame["edges"]} == arrows | end


def test_a_sum_is_shown_as_it_grows(show: Open) -> None:
    page = show(to_html(repeated()))
    grads = list[str]()
    for _ in range(20):
        press(page, "ArrowRight")
        grads.append(cells(page, 2)[0])
    assert list(dict.fromkeys(grads)) == ["–", "6", "9", "12", "15", "18"]
    assert "15 + 3 = 18" in page.inner_text("#words")
    assert "15+3=18" in page.text_content("#math")


def test_a_number_is_shown_from_its_step_on(show: Open) -> None:
    page = show(to_html(neuron()))
    assert cells(page, 1) == ["0.5", "–", "–", "–", "–"]
    press(page, "ArrowRight", 5)
    assert cells(page, 1) == ["0.5", "-0.5", "0.6065", "1.607", "0.6225"]
    assert cells(page, 2) == ["–", "–", "–", "–", "1"]
    assert page.text_content("#math") == "∂L∂y=1"


def test_the_caption_in_words_and_in_mathematics(show: Open) -> None:
    page = show(to_html(neuron()))
    press(page, "End")
    press(page, "ArrowLeft")
    said = "upstream -0.3875 × local exp(-x) = 0.6065 → -0.235 added to grad of (-x): -0.235"
    assert page.inner_text("#words") == said
    written = page.text_content("#math").replace(" ", "")
    assert (
        written
        == "−0.3875upstream×0.6065localderivativeexp(−x)=−0.235contribution→−0.235grad−x"
    )
    assert (
        page.eval_on_selector(
            "#math munder", "el => el.getBoundingClientRect().height"
        )
        > 20
    )


@STYLES
@pytest.mark.parametrize(
    "graph", [mlp, memory, lambda: rows(2)], ids=["mlp", "memory", "rows"]
)
def test_what_is_not_opened_ends_with_its_grads_too(
    graph: Callable[[], Value],
    style: Any,
    show: Open,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("autograd.pictures.stepper.MANY_STEPS", 0)
    y = graph()
    page = show(to_html(y, style=style, collapse=1))
    order = [v for box in boxes([y], 1) for v in box.values]
    steps = page.evaluate("steps.length")
    press(page, "End")
    y.backward()
    assert [float(x) for x in exact(page)] == pytest.approx(
        [v.grad for v in order], rel=1e-12
    )
    assert cells(page, 1) == [f"{v.data:.4g}" for v in order]
    assert (
        page.locator("svg a").count() == 0 and page.locator("figure").count() == 1
    )
    for k in range(len(order) + 1, steps):
        page.evaluate(f"show({k})")
        inside = page.evaluate(f"steps[{k}].position") == -1
        assert len(lit(page, ".edge")) == (0 if inside else 1)
    names = page.eval_on_selector_all(
        "svg .composite, svg .node[id]", "found => found.map(el => el.ariaLabel)"
    )
    assert names and all(names)


# ------------------------------------------------------------------------------------------------ going about
@STYLES
def test_home_restores(style: Any, show: Open) -> None:
    page = show(to_html(shared(), style=style))
    look = "() => document.body.outerHTML + document.querySelector('#slider').value"
    first = page.evaluate(look)
    press(page, "End")
    assert page.evaluate(look) != first
    press(page, "Home")
    assert page.evaluate(look) == first


def test_keys_stop_at_both_ends(show: Open) -> None:
    page = show(to_html(neuron()))
    press(page, "ArrowLeft")
    assert count(page) == "1 / 10"
    press(page, "ArrowRight", 15)
    assert count(page) == "10 / 10"
    press(page, "Alt+ArrowLeft")
    assert count(page) == "10 / 10"


def test_buttons_slider_and_their_keys(show: Open) -> None:
    page = show(to_html(neuron()))
    for name, expected in (
        ("Next step", 2),
        ("To the seed", 6),
        ("Previous step", 5),
        ("Last step", 10),
    ):
        page.get_by_role("button", name=name).click()
        assert count(page) == f"{expected} / 10"
    page.get_by_role("button", name="First step").press("Enter")
    assert count(page) == "1 / 10"
    page.get_by_role("slider", name="Step").press("ArrowRight")
    assert count(page) == "2 / 10"
    page.get_by_role("slider").press("End")
    assert count(page) == "10 / 10"
    page.get_by_role("combobox", name="Speed").focus()
    press(page, "Home")
    assert count(page) == "10 / 10"


def test_play_goes_to_the_end_and_pause_stops(show: Open) -> None:
    page = show(to_html(neuron()))
    page.get_by_label("Speed").select_option("4")
    page.locator("h1").click()
    press(page, "Space")
    page.wait_for_function("() => at >= 2")
    assert page.get_attribute("#words", "aria-live") == "off"
    page.get_by_role("button", name="Pause").click()
    stopped = count(page)
    page.wait_for_timeout(400)
    assert count(page) == stopped != "10 / 10"
    page.get_by_role("button", name="Play").press("Space")
    page.wait_for_function("() => at === steps.length - 1 && !timer")
    assert page.get_attribute("#words", "aria-live") == "polite"


def test_tab_goes_through_the_controls_to_the_nodes(show: Open) -> None:
    page = show(to_html(neuron()))
    found = list[str]()
    for _ in range(14):
        press(page, "Tab")
        found.append(page.evaluate("document.activeElement.ariaLabel"))
    controls = [
        "First step",
        "Previous step",
        "Play",
        "Next step",
        "Last step",
        "To the seed",
        "Step",
        "Speed",
    ]
    assert found[:8] == controls
    assert found[8] == "Computational graph of y = 1/(1+exp(-x)): 5 nodes, 4 edges"
    nodes = [
        "x = 0.5",
        "-x = -0.5",
        "exp(-x) = 0.6065",
        "1+exp(-x) = 1.607",
        "y = 1/(1+exp(-x)) = 0.6225",
    ]
    assert sorted(found[9:]) == sorted(nodes)


@pytest.mark.parametrize("way", ["hover", "focus"])
def test_a_node_shows_its_inputs_and_consumers(way: str, show: Open) -> None:
    page = show(to_html(neuron()))
    getattr(page.locator('[id="p0n2"]'), way)()

    def marked(kind: str) -> list[str]:
        return page.eval_on_selector_all(
            f"svg .{kind}", "found => found.map(el => el.id)"
        )

    assert (marked("input"), marked("consumer")) == (["p0n1"], ["p0n3"])
    assert sorted(marked("near")) == ["p0n1-p0n2-0", "p0n2-p0n3-1"]
    border = "el => getComputedStyle(el.querySelector('path')).strokeDasharray"
    assert page.eval_on_selector("svg .input", border) != page.eval_on_selector(
        "svg .consumer", border
    )
    page.locator("h1").hover()
    page.evaluate("document.activeElement.blur()")
    assert marked("input") == marked("consumer") == marked("near") == []


def test_a_composite_leads_to_its_inside_and_back(show: Open) -> None:
    page = show(
        to_html(composed(Value(0.5, name="x")) * 2, collapse="sigmoid"), height=500
    )
    link = page.get_by_role("link", name="Inside sigmoid")
    link.focus()
    press(page, "Enter")
    assert page.evaluate("document.activeElement.textContent") == "Inside sigmoid"
    assert (
        page.locator("h2", has_text="Inside sigmoid").evaluate(
            "el => el.getBoundingClientRect().top"
        )
        < 400
    )
    page.get_by_role("button", name="Back to the whole graph").click()
    assert page.evaluate(
        "document.activeElement === document.querySelector('figure')"
    )
    assert page.url.endswith(".html")


# ---------------------------------------------------------------------------------------------- for every eye
def luminance(color: str) -> float:
    red, green, blue = (
        c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4
        for c in (int(part) / 255 for part in re.findall(r"\d+", color)[:3])
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@STYLES
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_both_colour_schemes_can_be_read(
    style: Any, scheme: Any, show: Open
) -> None:
    page = show(
        to_html(composed(shared()), style=style, collapse="sigmoid"),
        color_scheme=scheme,
    )
    press(page, "End")
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (luminance(paper) > 0.5) == (scheme == "light")
    texts = page.eval_on_selector_all(
        "svg text", "found => found.map(el => getComputedStyle(el).fill)"
    )
    others = page.eval_on_selector_all(
        "#words, mtext, mn", "found => found.map(el => getComputedStyle(el).color)"
    )
    assert len(texts) > 10
    assert (
        page.eval_on_selector(
            "svg .graph > polygon", "el => getComputedStyle(el).fill"
        )
        == "none"
    )
    strokes = page.eval_on_selector_all(
        "svg text", "found => found.map(el => getComputedStyle(el).stroke)"
    )
    assert {*strokes} == {"none"}
    for ink in {*texts, *others}:
        light, dark = sorted((luminance(paper), luminance(ink)), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5, ink


def test_colour_is_never_the_only_sign(show: Open) -> None:
    page = show(to_html(neuron()))
    look = """() => { const style = getComputedStyle(document.querySelector("svg .edge[data-state~=on] path"))
        return [style.strokeWidth, style.strokeDasharray, style.markerStart] }"""
    press(page, "ArrowRight")
    ahead = page.evaluate(look)
    press(page, "End")
    back = page.evaluate(look)
    assert (
        all(x != y for x, y in zip(ahead, back, strict=True))
        and 'url("#head")' in back[2]
    )
    assert (
        page.eval_on_selector(
            "tr[data-state~=on]", "el => getComputedStyle(el).fontWeight"
        )
        == "700"
    )


@pytest.mark.parametrize("motion", ["reduce", "no-preference"])
def test_reduced_motion(motion: Any, show: Open) -> None:
    page = show(to_html(neuron()), reduced_motion=motion)
    press(page, "End")
    moving = page.eval_on_selector(
        "svg .edge[data-state~=on] path", "el => getComputedStyle(el).animationName"
    )
    assert moving == {"reduce": "none", "no-preference": "flow"}[motion]


@pytest.mark.parametrize("width", [320, 768, 3840])
@pytest.mark.parametrize("lang", ["en", "ko"])
def test_the_page_fits_every_width(width: int, lang: Any, show: Open) -> None:
    page = show(to_html(mlp(), lang=lang), width=width, height=max(600, width // 2))
    press(page, "End")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    small = page.eval_on_selector_all(
        "button, select",
        "found => found.filter(el => el.getBoundingClientRect().height < 40).length",
    )
    assert not small
    assert page.eval_on_selector("#math", "el => el.scrollWidth <= el.clientWidth")
    button = page.locator("button").first.bounding_box()
    assert button["x"] >= 0 and button["x"] + button["width"] <= width


def test_what_a_step_lights_up_is_scrolled_into_view(show: Open) -> None:
    page = show(to_html(mlp()), width=400, height=900)
    for key, times in (
        ("End", 1),
        ("ArrowLeft", 40),
        ("Home", 1),
        ("ArrowRight", 40),
    ):
        press(page, key, times)
        page.wait_for_function(
            """() => { const a = document.querySelector("svg .node[data-state~=on]").getBoundingClientRect()
            const b = document.querySelector("figure").getBoundingClientRect()
            return a.left >= b.left && a.right <= b.right && a.top >= b.top && a.bottom <= b.bottom }"""
        )


def ugly() -> Value:
    x, w = (
        Value(-1.234567e-100, name="a_rather_long_name"),
        Value(-9.87654e-101, name="w"),
    )
    return (x * 1.5 + w) * -1.2345e-05 + sin(x * 2)


@pytest.mark.parametrize("collapse", [(), 1])
@pytest.mark.parametrize("graph", [*GRAPHS.values(), ugly], ids=[*GRAPHS, "ugly"])
def test_no_text_runs_over_its_box(
    graph: Callable[[], Value], collapse: Any, show: Open
) -> None:
    page = show(to_html(graph(), collapse=collapse))
    over = """() => [...document.querySelectorAll("svg .node")].flatMap(node => {
        const shape = node.querySelector("polygon, path")
        if (!shape) return []
        const box = shape.getBBox()
        return [...node.querySelectorAll("text")].filter(text => {
            const words = text.getBBox()
            return words.x < box.x - .5 || words.x + words.width > box.x + box.width + .5
        }).map(text => text.textContent) })"""
    assert page.evaluate(over) == []
    press(page, "End")
    assert page.evaluate(over) == []


def test_what_a_screen_reader_hears(show: Open) -> None:
    page = show(to_html(neuron(), lang="ko"))
    assert page.get_attribute("html", "lang") == "ko"
    assert page.title() == "한 단계씩: y = 1/(1+exp(-x))"
    assert page.get_attribute("#words", "aria-live") == "polite"
    assert page.get_attribute("#math", "aria-hidden") == "true"
    names = page.eval_on_selector_all(
        "button, input, select, figure", "found => found.map(el => el.ariaLabel)"
    )
    assert all(names) and names[0] == "처음 단계"
    assert page.get_attribute("#slider", "aria-valuetext") == "1 / 10"


# --------------------------------------------------------------------------------------------- for every name
def test_markup_in_a_name_stays_text(show: Open) -> None:
    evil = "</script><script>alert(1)</script><img src=x onerror=alert(2)>{total}"
    x = Value(2.0, name=evil)

    def cube() -> Value:
        return exp(x) * x

    for style in ("value", "textbook"):
        for collapse in ((), evil):
            page = show(
                to_html(
                    composite(name=evil)(cube)(), style=style, collapse=collapse
                )
            )
            press(page, "End")
            assert page.locator("img").count() == 0
            assert page.locator("script").count() == 2
            assert evil in page.inner_text("#words")
            assert evil in page.text_content("main")


def test_two_on_one_page_do_not_disturb_one_another(show: Open) -> None:
    frames = (
        neuron().explain()._repr_html_() + shared().explain(lang="ko")._repr_html_()
    )
    page = show(f"<!doctype html><meta charset=utf-8>{frames}")
    first, second = page.frames[1:]
    second.wait_for_selector("#count")
    first.locator("h1").click()
    press(page, "ArrowRight", 3)
    assert first.inner_text("#count") == "4 / 10"
    assert second.inner_text("#count").startswith("1 / ")
    second.locator("[data-go=last]").click()
    press(page, "ArrowLeft")
    assert first.inner_text("#count") == "4 / 10"
    shown = second.inner_text("#count").split(" / ")
    assert int(shown[0]) == int(shown[1]) - 1


def test_a_link_inside_a_notebooks_frame_stays_there(show: Open) -> None:
    page = show(composed(Value(0.5)).explain(collapse="sigmoid")._repr_html_())
    frame = page.frames[1]
    frame.get_by_role("link").click()
    assert frame.evaluate("document.activeElement.textContent") == "Inside sigmoid"
    assert len(page.frames) == 2 and frame.url == "about:srcdoc"
