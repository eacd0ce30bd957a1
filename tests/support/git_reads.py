"""Instructions that can read the folder `.git` of their build context, and some that cannot."""

from pathlib import Path


READ = (
    *("COPY . /", "COPY / /x/", "COPY ./a/.. /x/", "ADD . /x", "COPY . a /x/", "COPY .git /x"),
    *("COPY .git/HEAD /x", "COPY .git/* /x/", "COPY * /x/", "COPY .* /x/", "COPY .g?t /x"),
    *("COPY ?git /x/", "COPY [^.]* /x/", "COPY l*k /x"),
    *("COPY [.]git /x", "COPY */HEAD /x/", "COPY */logs/HEAD /x", "COPY .git/refs /x"),
    *("COPY --exclude=*.md . /x", "COPY --exclude=a/.git . /x", "COPY --exclude=.git/HEAD . /x"),
    *("COPY link /x", "COPY up/HEAD /x", "COPY root /x", 'COPY ["./", "/x"]', "COPY --link . /x"),
    *("COPY --exclude=**/HEAD .git /x", "COPY a/../.git/config /x", "COPY --exclude=.git * /x/"),
)
"""In a context with the folders `a` and `.git`, and with links to `.git`."""

KEPT = (
    *("COPY a /x", "COPY a/ /x", "COPY *.md /x/", "COPY a/* /x/"),
    *("COPY --exclude=.git . /x", "COPY --exclude=.git* . /x", "COPY --exclude=**/.git . /x"),
    *("COPY --exclude=.git --exclude=*.md . /x", "COPY --exclude=.git/** . /x", "COPY a b.md /x/"),
    *(
        "COPY <<.git /x\ntext\n.git",
        "COPY */b.md /x/",
        "ADD --exclude=.git . /x",
        "COPY .github /x",
    ),
    *("COPY --exclude=* .git /x", "COPY aliased /x"),
)
"""In the same context."""


IGNORED = (".git", "**/.git", ".git/**", ".git/", "/.git", ".*", "*\n!a", "*", "x\n.git\n", "?git")
"""Ignore files with which `COPY . /` cannot read it."""

NOT_IGNORED = (
    "",
    "# .git",
    ".git/HEAD",
    "a/.git",
    "*\n!.git",
    ".git\n!.git/HEAD",
    ".github",
    "git",
)
"""Ignore files with which it can."""


CONTENT = "content of .git\n"
"""The content of each file in `.git`."""


def write_context(folder: Path) -> None:
    """Write a build context with a folder `.git`, other files, and links."""
    for name in ("HEAD", "config", "logs/HEAD", "refs/heads/main"):
        file = folder / ".git" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(CONTENT)
    (folder / "a").mkdir()
    (folder / ".github").mkdir()
    for name in ("a/b.md", "b.md", ".github/b.md", "xgit"):
        (folder / name).touch()
    for link, target in {
        "link": ".git",
        "up": "a/../.git",
        "root": "/.git",
        "aliased": "a",
    }.items():
        (folder / link).symlink_to(target)
