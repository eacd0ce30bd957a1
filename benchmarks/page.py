"""Measure the page of `report`: its size, and how long a browser takes to show and to filter it.

The browser is the Chromium of the tests; without one, only the size is measured.
"""

import gzip
import statistics
import sys
from pathlib import Path
from typing import Any

import matrices
from commands import RUNS


sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support import browser, packages, report_page

from compiler.reports.page.document import page_document
from compiler.reports.page.html import page_html


TARGETS = 2_000
_FRAME = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
_SHOWN = f"{_FRAME}.then(() => performance.now())"
_STEP = f"""address => new Promise(done => {{
    const start = performance.now()
    const shown = () => {_FRAME}.then(() => done(performance.now() - start))
    addEventListener('hashchange', shown, {{once: true}})
    location.hash = address
}})"""
_STEPS = {
    "filter the targets": "#/grid?filter=python%3E3.4",
    "show a target": "#/target/server-3_1-12_1_1-job1",
    "compare two targets": "#/compare/server-3_1-12_1_1-job1/server-3_2-12_1_1-job2",
    "show the layers": "#/layers",
    "show the timeline": "#/timeline",
    "show the releases": "#/releases",
    "show the grid again": "#/grid",
}
"""What a user does -> the address."""


def measure(top: Path) -> None:
    """Print the rows of a page with a recorded build, changes and releases."""
    project = top / "page"
    matrices.write(project, TARGETS)
    content = page_html(page_document(report_page.content(project)))
    compressed = len(gzip.compress(content)) / 1e6
    print("| work | this | limit |\n|---|---|---|", flush=True)
    print(f"| page of {TARGETS:,} targets, compressed | {compressed:.2f} MB | 3 MB |", flush=True)
    (project / "matrix.html").write_bytes(content)
    try:
        with browser.chromium() as chromium:
            _time(chromium, (project / "matrix.html").as_uri())
    except packages.Unavailable as problem:
        print(f"no browser: {problem}", file=sys.stderr)


def _time(chromium: Any, address: str) -> None:
    """Print how long the page takes to be interactive, and how long each step takes."""
    interactive: list[float] = []
    processor: list[float] = []
    steps: dict[str, list[float]] = {work: [] for work in _STEPS}
    for _ in range(RUNS + 1):
        page = chromium.new_page()
        session = page.context.new_cdp_session(page)
        session.send("Performance.enable", {"timeDomain": "threadTicks"})
        page.goto(address)
        interactive.append(page.evaluate(_SHOWN))
        metrics = session.send("Performance.getMetrics")["metrics"]
        processor += [1000 * one["value"] for one in metrics if one["name"] == "TaskDuration"]
        for work, fragment in _STEPS.items():
            steps[work].append(page.evaluate(_STEP, fragment))
        page.close()
    print(f"| the page is interactive | {_median(interactive):.2f} s | 1 s |")
    print(f"| the same, processor time of the page's main thread | {_median(processor):.2f} s | |")
    for work, times in steps.items():
        print(f"| {work} | {_median(times):.2f} s | |")


def _median(milliseconds: list[float]) -> float:
    """Return the median in seconds; the first run is a warm-up."""
    return statistics.median(milliseconds[1:]) / 1000
