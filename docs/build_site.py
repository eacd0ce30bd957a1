"""Build the documentation site from the pages of this repository: `python docs/build_site.py`.

The pages are copied to build/pages with the layout of the repository, so one link is right on a
forge and on the site. zensical writes the site to build/site; then every page is checked.
"""

import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit


PROJECT = Path(__file__).parents[1]
BUILD = PROJECT / "build"
CONFIGURATION = PROJECT / "docs/site.toml"
PARTS = {"docs/matrix.head.md"}
"""Files of docs/ that are a part of another page."""
_LINK = re.compile(r"(\]\()([^)#:\s]+)(?=[)#])")
_FENCE = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)


def main() -> int:
    """Build and check the site; return the exit code."""
    shutil.rmtree(BUILD / "site", ignore_errors=True)
    shutil.rmtree(BUILD / "pages", ignore_errors=True)
    stage(PROJECT, BUILD / "pages")
    configuration = BUILD / "zensical.toml"
    shutil.copyfile(CONFIGURATION, configuration)
    program = Path(sys.executable).with_name("zensical")
    command = [str(program), "build", "--strict", "--clean", "--config-file", str(configuration)]
    done = subprocess.run(command, check=False)
    problems = [*check_navigation(PROJECT), *check_site(BUILD / "site")]
    print(*problems, f"site: {BUILD / 'site/index.html'}", sep="\n")
    return 1 if done.returncode or problems else 0


def pages(project: Path) -> list[str]:
    """Return the paths of all pages of the site, from the top of the repository."""
    found = [*project.glob("*.md"), *project.glob("docs/*.md"), *project.glob("examples/**/*.md")]
    return sorted({path.relative_to(project).as_posix() for path in found} - PARTS)


def navigation(configuration: str) -> list[str]:
    """Return the pages of the navigation, in order."""
    return list(_paths(tomllib.loads(configuration)["project"]["nav"]))


def _paths(entries: Any) -> Iterator[str]:
    """Yield the pages of a part of the navigation."""
    if isinstance(entries, str):
        yield entries
        return
    for entry in entries:
        for inner in entry.values():
            yield from _paths(inner)


def check_navigation(project: Path) -> list[str]:
    """Return a message for each page that the navigation lacks, repeats or invents."""
    listed = navigation((project / "docs/site.toml").read_text(encoding="utf-8"))
    known = pages(project)
    return [
        *(f"docs/site.toml: add {page} to `nav`" for page in known if page not in listed),
        *(f"docs/site.toml: {page} is not a page" for page in listed if page not in known),
        *(f"docs/site.toml: duplicate {page}" for page in set(listed) if listed.count(page) > 1),
    ]


def stage(project: Path, folder: Path) -> None:
    """Copy all pages, and the files that they link to, to a folder.

    The generator skips hidden folders, so `.github` is staged without its dot.
    """
    for page in pages(project):
        parts = _FENCE.split((project / page).read_text(encoding="utf-8"))
        prose = parts[::2]  # between the fenced blocks
        for link in _LINK.findall("".join(prose)):
            linked = ((project / page).parent / link[1]).resolve()
            if linked.is_file() and linked.suffix != ".md":
                copy = folder / _visible(linked.relative_to(project.resolve()).as_posix())
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(linked, copy)
        parts[::2] = [_LINK.sub(lambda link: link[1] + _visible(link[2]), part) for part in prose]
        (folder / page).parent.mkdir(parents=True, exist_ok=True)
        (folder / page).write_text("".join(parts), encoding="utf-8")


def _visible(path: str) -> str:
    """Return a path without the dots that hide its folders."""
    return re.sub(r"(?<![\w.])\.(?=\w)", "", path)


class Page(HTMLParser):
    """The anchors, links and requests of a page of the site."""

    def __init__(self, text: str) -> None:
        """Read the text of a page."""
        super().__init__()
        self.anchors = {""}
        self.links: list[str] = []
        """Addresses that a reader may follow."""
        self.requests: list[str] = []
        """Addresses that a browser loads with the page."""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the anchors and addresses of an element."""
        values = {name: value for name, value in attrs if value is not None}
        self.anchors.update(values[name] for name in ("id", "name") if name in values)
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        elif tag == "link" and values.get("rel") not in {"prev", "next", "canonical"}:
            self.requests.append(values.get("href", ""))
        elif "src" in values:
            self.requests.append(values["src"])
        if "mermaid" in values.get("class", "").split():
            self.requests.append("https://unpkg.com/mermaid")  # which the theme would load


def check_site(site: Path) -> list[str]:
    """Return a message for each link that leads nowhere, and each request to another server.

    Anchors are checked, too. Addresses of other servers are not requested.
    """
    read = {path: Page(path.read_text(encoding="utf-8")) for path in sorted(site.rglob("*.html"))}
    problems = [] if read else [f"{site}: contains no pages"]
    for path, page in read.items():
        name = path.relative_to(site)
        for address in (*page.links, *page.requests):
            parts = urlsplit(address)
            if parts.scheme or parts.netloc:
                if address in page.requests and parts.scheme != "data":
                    problems.append(f"{name}: requests {address}")
                continue
            linked = path if not parts.path else (path.parent / unquote(parts.path)).resolve()
            if path.name == "404.html" and not linked.exists():
                continue  # shown in any folder, so its addresses are those of a server
            if not linked.is_file():
                problems.append(f"{name}: broken link {address}")
            elif linked in read and unquote(parts.fragment) not in read[linked].anchors:
                problems.append(f"{name}: no anchor {address}")
    return problems


if __name__ == "__main__":
    sys.exit(main())
