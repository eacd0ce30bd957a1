"""The page of `report` in a real browser, which makes no connection and reports no error."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Browser, Page, expect
from support import report_page

from compiler.errors import CompileError
from compiler.reports.page.document import Content, page_document
from compiler.reports.page.html import page_html
from compiler.targets.filters import select


pytestmark = pytest.mark.slow

PROJECT = Path(__file__).parents[2]
IMAGES = PROJECT / "docs/images"
BLANK = "about:blank"
SIZE = (1280, 800)
MOST = 200_000
"""Bytes of a screenshot."""
FILTERS = """\
python=3.11
python=3.9,3.10
python>=3.11
python>=3.10,<3.13
python<3.10,>3.13
python!=3.11
python~=3.10
python==3.1*
python=!3.9
python=!3.9,!3.14
python=!>=3.11
python=3.1*
python=3.1[0-2]
python=3.1[!0-2]
python=?.9
python=3.9,!3.9
python=!3.9,!3.*
gpu=true
gpu=false python>3.11
live_reload=null
live_reload=true,null
live_reload=!true
image=server
image=!server
image=s*,training
image=null
platform=linux/amd64
platform=linux/arm64/v8
platform=linux/riscv64
server-3_11-gpu
python-3_11
training gpu-true
default
server-3_11 training
python=
python>=
python=4
python>=4
python>=x
python=!
python=!!3.9
=3.9
image=!
image=!!server
image=servr
pyton=3.9
nothing
"""
"""Filters, valid and invalid, that the command line is asked about, too."""
COMMANDS = {
    "": "docker buildx bake",
    "server-3_11-gpu": "docker buildx bake server-3_11-gpu",
    "image=server": "docker buildx bake server",
    "python=3.11": "docker buildx bake python-3_11",
    "python=3.11 gpu=true": "ONLY_PYTHON=3.11 ONLY_GPU=true docker buildx bake",
    "python>=3.13 image=training": "ONLY_IMAGE=training ONLY_PYTHON=3.13,3.14 docker buildx bake",
    "live_reload=null gpu=false python=3.9,3.10": "ONLY_IMAGE=training ONLY_PYTHON=3.9,3.10 "
    "ONLY_GPU=false docker buildx bake",
}
VIEWS = {
    "targets": "#/grid?colour=size",
    "target": "#/target/server-3_11-gpu",
    "compare": "#/compare/server-3_11-gpu/server-3_12",
    "layers": "#/layers",
    "timeline": "#/timeline?least=1",
    "releases": "#/releases",
}
SCREENSHOTS = {"targets": "light", "target": "dark", "timeline": "light", "compare": "light"}
"""View -> its theme in the documentation."""


@pytest.fixture(scope="module")
def content() -> Content:
    """Return what the page shows: the sample, with a build, changes and releases."""
    return report_page.content()


@pytest.fixture(scope="module")
def address(content: Content, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Write the page, and return its address."""
    path = tmp_path_factory.mktemp("report") / "matrix.html"
    path.write_bytes(page_html(page_document(content)))
    return path.as_uri()


@pytest.fixture
def open_page(chromium: Browser) -> Iterator[Callable[..., Page]]:
    """Return a function that opens an address; errors and requests fail the test."""
    problems: list[str] = []
    requests: list[str] = []
    contexts = []

    def opened(address: str, scheme: str = "light") -> Page:
        context = chromium.new_context(
            viewport={"width": SIZE[0], "height": SIZE[1]},
            color_scheme="dark" if scheme == "dark" else "light",
            reduced_motion="reduce",
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(5_000)
        page.on("console", lambda message: problems.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("dialog", lambda dialog: problems.append(f"dialog: {dialog.message}"))
        page.on(
            "request",
            lambda request: (
                None if request.url.startswith("file:") else problems.append(request.url)
            ),
        )
        page.goto(address)
        if address != BLANK:
            expect(page.locator("h1")).to_be_visible()
        return page

    yield opened
    for context in contexts:
        context.close()
    assert problems == []
    assert [url for url in requests if not url.startswith(("file:", BLANK))] == []


def go(page: Page, fragment: str) -> None:
    """Change the address, and wait until the page shows it."""
    page.evaluate(
        """fragment => new Promise(done => {
            const painted = () => requestAnimationFrame(() => requestAnimationFrame(done))
            addEventListener('hashchange', painted, {once: true})
            if (location.hash === fragment) painted()
            location.hash = fragment
        })""",
        fragment,
    )


def shown_targets(page: Page) -> list[str]:
    """Return the names of the targets in the grid."""
    names: list[str] = page.eval_on_selector_all(
        ".grid tbody a[title]", "links => links.map(link => link.title.split(':')[0])"
    )
    return sorted(names)


def filtered(text: str) -> str:
    """Return the address of the grid with a filter."""
    escaped = "".join(f"%{byte:02x}" for byte in text.encode())
    return f"#/grid?filter={escaped}"


def test_filters_select_what_the_command_line_selects(
    open_page: Callable[..., Page], address: str, content: Content
) -> None:
    """Each filter selects the same targets as in `list`, or is the same error in both."""
    page = open_page(address)
    wrong = {}
    for text in FILTERS.splitlines():
        expected: list[str] = []
        message = ""
        try:
            expected = sorted(target.name for target in select(content.compiled.plan, text.split()))
        except CompileError as error:
            message = error.diagnostics[0].message
        go(page, filtered(text))
        status = page.get_by_role("status").first.text_content() or ""
        if message == "no target matches all of these filters":
            message = "0 of "
        if shown_targets(page) != expected or not status.startswith(message):
            wrong[text] = (shown_targets(page), expected, status, message)

    assert wrong == {}


def test_commands_build_the_selection(open_page: Callable[..., Page], address: str) -> None:
    """The command is the shortest that builds these targets and no other."""
    page = open_page(address)
    shown = {}
    for text in COMMANDS:
        go(page, filtered(text))
        shown[text] = page.locator(".commands code").first.text_content()
    go(page, filtered("python>=3.13 'image=!server'"))

    assert shown == COMMANDS
    build = page.locator(".commands code").nth(1)
    expect(build).to_have_text("compile-matrix build 'python>=3.13' 'image=!server'")


def test_the_address_keeps_what_is_shown(open_page: Callable[..., Page], address: str) -> None:
    """Filter, layout and colour survive a reload, and follow from view to view."""
    page = open_page(address)
    page.get_by_label("Filter").fill("gpu=true")
    expect(page.get_by_text("18 of 36 targets")).to_be_visible()
    page.get_by_label("Colour", exact=True).select_option("time")
    page.get_by_label("image", exact=True).select_option("cells")
    page.reload()

    assert "filter=gpu%3Dtrue" in page.url
    expect(page.get_by_label("Filter")).to_have_value("gpu=true")
    expect(page.get_by_label("Colour", exact=True)).to_have_value("time")
    expect(page.get_by_label("image", exact=True)).to_have_value("cells")
    expect(page.locator(".legend").first).to_have_attribute("aria-label", "Colours: Build time")
    page.get_by_role("link", name="Releases").click()
    expect(page.get_by_label("Filter")).to_have_value("gpu=true")
    page.go_back()
    expect(page.locator("h1")).to_have_text("Targets")
    go(page, "#/no-such-view")
    expect(page.get_by_text("This page has no such view.")).to_be_visible()


def test_the_keyboard_reaches_everything(open_page: Callable[..., Page], address: str) -> None:
    """The grid is one stop of the Tab key; arrows move in it, Enter opens, focus follows."""
    page = open_page(address)
    page.keyboard.press("Tab")
    expect(page.get_by_text("Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_be_focused()
    page.locator(".grid tbody a").first.focus()
    for key in ("ArrowRight", "ArrowDown", "End", "Home", "ArrowDown", "ArrowUp", "ArrowRight"):
        page.keyboard.press(key)
    expect(page.locator(".grid a[tabindex='0']")).to_have_count(1)
    name = page.evaluate("document.activeElement.title")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.title") == name
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text(name)
    expect(page.locator("h1")).to_be_focused()
    assert name == "server-3_9-gpu-reload"


def test_a_target(open_page: Callable[..., Page], address: str, content: Content) -> None:
    """A tag is copied; the Dockerfile names who shares a step; values have an origin."""
    page = open_page(f"{address}#/target/server-3_11-gpu")
    tag = "localhost:5000/truss-server-base:3.11-gpu-v0.1.0"
    page.get_by_role("button", name=f"Copy {tag}").click()
    expect(page.get_by_role("status").first).to_have_text("Copied")
    text = "".join(f"{line}\n" for line in page.locator(".code .text").all_text_contents())
    assert text == content.compiled.dockerfiles["server-3_11-gpu"]
    sharing = page.locator(".code .names").first
    expect(sharing.locator("summary")).to_contain_text("shared with 5 targets")
    sharing.locator("summary").click()
    expect(sharing.get_by_role("link", name="training-3_11-gpu")).to_be_visible()
    row = page.get_by_role("row", name=re.compile("^set . cuda_version"))
    expect(row).to_contain_text("gpu=true")
    expect(row).to_contain_text(re.compile(r"matrix\.yaml:\d+"))
    go(page, "#/grid")
    page.get_by_label("Filter").focus()
    page.keyboard.press("Control+V")
    expect(page.get_by_label("Filter")).to_have_value(tag)


def test_two_targets(open_page: Callable[..., Page], address: str) -> None:
    """The difference marks the words that differ; equal lines are folded until asked for."""
    page = open_page(f"{address}#/compare/server-3_11-gpu/server-3_12")
    expect(page.locator(".diff del").first).to_have_text("11")
    expect(page.locator(".diff ins").first).to_have_text("12")
    expect(page.get_by_role("row", name="gpu true false")).to_be_visible()
    page.get_by_role("button", name="Show all lines").click()
    expect(page.locator(".diff .gap")).to_have_count(0)
    page.get_by_role("link", name="Swap").click()
    expect(page.locator(".diff del").first).to_have_text("12")
    page.get_by_label("First target").fill("server-3_9")
    page.get_by_label("First target").press("Enter")
    expect(page.locator(".diff th").first).to_have_text("dockerfiles/server-3_9.Dockerfile")


def test_the_timeline(open_page: Callable[..., Page], address: str, content: Content) -> None:
    """Each step shows what it waited for and what waited for it."""
    assert content.build is not None
    page = open_page(f"{address}#/timeline?least=0")
    expect(page.locator(".timeline li")).to_have_count(len(content.build.steps))
    page.locator(".timeline button.lane").first.click()
    expect(page.locator(".detail")).to_contain_text("Waited for this step")
    expect(page.locator(".timeline li.dependent").first).to_be_visible()
    page.get_by_label("Steps of at least").select_option("10")
    long = [step for step in content.build.steps if step.seconds >= 10]
    expect(page.locator(".timeline li")).to_have_count(len(long))
    expect(page.get_by_role("img")).to_have_attribute("aria-label", re.compile("of 4 cores"))


def test_layers_and_releases(
    open_page: Callable[..., Page], address: str, content: Content
) -> None:
    """The figures are those of `layers`, of all targets and of some; each release is listed."""
    page = open_page(f"{address}#/layers")
    expect(page.locator(".figure").first).to_have_text("distinct steps49")
    expect(page.locator(".tree summary").first).to_contain_text("each python")
    go(page, "#/layers?filter=image%3Dtraining%20python%3D3.12")
    names = {one.name for one in select(content.compiled.plan, ("image=training", "python=3.12"))}
    steps = [step.id for name in names for step in content.layers.steps[name]]
    expect(page.locator(".figure").nth(0)).to_have_text(f"distinct steps{len(set(steps))}")
    expect(page.locator(".figure").nth(1)).to_have_text(f"without sharing{len(steps)}")
    assert set(" ".join(page.locator(".tree .ends").all_text_contents()).split()) == names
    assert page.locator(".tree .ends a").count() == len(names)
    go(page, "#/releases")
    expect(page.locator(".rows tbody tr")).to_have_count(6)
    page.get_by_text("10 changed").click()
    expect(page.locator(".names[open] li")).to_have_count(10)
    go(page, "#/target/server-3_12")
    sizes = page.locator("section", has_text="Release").locator("tr", has_text="v0.5").first
    expect(sizes).to_contain_text("linux/arm64")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_barrier(open_page: Callable[..., Page], address: str, scheme: str) -> None:
    """No view violates a rule of axe-core; the dark theme differs only in its colours."""
    page = open_page(address, scheme)
    options = {"runOnly": ["color-contrast"]} if scheme == "dark" else {}
    found = {}
    for view in VIEWS if scheme == "light" else ("targets", "compare", "timeline"):
        go(page, VIEWS[view])
        for violation in Axe().run(page, options=options).response["violations"]:
            found[view, violation["id"]] = [node["html"] for node in violation["nodes"]]

    assert found == {}


def test_text_is_never_html(
    open_page: Callable[..., Page], content: Content, tmp_path: Path
) -> None:
    """Text of a project is shown as written, wherever it appears."""
    document = json.loads(json.dumps(page_document(content)))
    hostile = "<img src=x onerror=alert(1)></script><script>alert(2)</script>"
    first = document["targets"][0]
    first["tags"], first["floating"] = [hostile], [hostile]
    first["context"] = first["variant"] = hostile
    document["lines"][first["lines"][0]] = hostile
    for row in document["origins"]:
        row[:5] = [hostile] * 5
    document["layers"]["tree"]["label"] = hostile
    document["build"]["steps"][0][0] = hostile
    document["releases"]["list"][0][0] = hostile
    path = tmp_path / "page.html"
    path.write_bytes(page_html(document))
    page = open_page(f"{path.as_uri()}#/target/{first['name']}")
    for fragment in (f"#/compare/{first['name']}/server-3_10", "#/timeline?least=0", "#/releases"):
        expect(page.get_by_text(hostile).first).to_be_attached()
        go(page, fragment)

    expect(page.get_by_text(hostile).first).to_be_attached()
    assert page.locator("img").count() == 0


def test_a_page_without_optional_data(
    open_page: Callable[..., Page], content: Content, tmp_path: Path
) -> None:
    """Views without data are left out of the navigation, and so are their colours."""
    plain = replace(content, build=None, changes=None, releases=None, filters=("python>3.8",))
    path = tmp_path / "page.html"
    path.write_bytes(page_html(page_document(plain)))
    page = open_page(path.as_uri())

    assert page.locator("nav a").all_text_contents() == ["Targets", "Layers", "Compare"]
    colours = page.get_by_label("Colour", exact=True).locator("option")
    assert colours.all_text_contents() == ["Image", "Platform"]
    expect(page.locator(".commands code").nth(1)).to_have_text("compile-matrix build 'python>3.8'")


def test_ends_of_support(open_page: Callable[..., Page], content: Content, tmp_path: Path) -> None:
    """An axis with dates of end of life colours targets by the day on which the page is read."""
    document = page_document(content)
    document["axes"][0]["eol"] = {n: f"{2025 + n}-10-31" for n in range(5)}
    path = tmp_path / "page.html"
    path.write_bytes(page_html(document))
    page = open_page(BLANK)
    page.clock.set_fixed_time("2026-09-01T12:00:00Z")
    page.goto(f"{path.as_uri()}#/grid?colour=eol")

    assert page.locator(".legend li").all_text_contents() == [
        "ended6",
        "within 90 days6",
        "later18",
        "none known6",
    ]


def test_paper(open_page: Callable[..., Page], address: str) -> None:
    """Printed, a page has its content without controls."""
    page = open_page(f"{address}#/target/server-3_11-gpu")
    page.emulate_media(media="print")

    expect(page.locator("nav")).to_be_hidden()
    expect(page.locator("button.copy").first).to_be_hidden()
    assert page.pdf().startswith(b"%PDF")


def test_screenshots(open_page: Callable[..., Page], address: str, *, update_golden: bool) -> None:
    """The pictures of the documentation are of this size; `--update-golden` makes them."""
    for view, scheme in SCREENSHOTS.items() if update_golden else ():
        IMAGES.mkdir(exist_ok=True)
        page = open_page(f"{address}{VIEWS[view]}", scheme)
        page.screenshot(path=IMAGES / f"report-{view}.png")
    for view in SCREENSHOTS:
        picture = (IMAGES / f"report-{view}.png").read_bytes()

        assert picture.startswith(b"\x89PNG")
        assert (int.from_bytes(picture[16:20]), int.from_bytes(picture[20:24])) == SIZE
        assert len(picture) < MOST
