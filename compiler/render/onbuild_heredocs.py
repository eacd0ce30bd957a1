"""Read `ONBUILD`, with here-documents, which BuildKit reads and e2b-dockerfile-utils does not."""

import re
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from e2b_dockerfile_utils import DockerfileAst

_ONBUILD = re.compile(
    r"^(?P<before>[ \t]*)(?P<name>ONBUILD)(?=(?:[ \t]|[\\`][ \t]*\n)+(?:RUN|COPY|ADD)[ \t])",
    re.IGNORECASE | re.MULTILINE,
)


def parse(text: str) -> "tuple[DockerfileAst, frozenset[int]]":
    """Parse a Dockerfile.

    Returns:
        The instructions; and the lines of those that follow an `ONBUILD`, which they lack.

    Raises:
        DockerfileSyntaxError: the text is not a valid Dockerfile.
    """
    from e2b_dockerfile_utils import DockerfileSyntaxError, parse_dockerfile_ast

    try:
        return parse_dockerfile_ast(text), frozenset()
    except DockerfileSyntaxError:
        if "<<" not in text or not _ONBUILD.search(text):
            raise
    lines: set[int] = set()

    def blank(match: re.Match[str]) -> str:
        lines.add(text.count("\n", 0, match.start()) + 1)
        return match["before"] + " " * len(match["name"])

    tree = parse_dockerfile_ast(_ONBUILD.sub(blank, text))
    return tree, frozenset(
        step.start_line for step in tree.instructions if step.start_line in lines
    )


def trigger(text: str) -> str:
    """Return the instruction after `ONBUILD`.

    >>> trigger("ONBUILD  RUN true")
    'RUN true'
    """
    return text.strip()[len("ONBUILD") :].strip()


def invalid_trigger(text: str) -> str:
    """Return why the arguments of a known instruction after `ONBUILD` cannot be parsed.

    BuildKit looks at flags and values only in the stage that inherits the instruction.
    """
    from e2b_dockerfile_utils import DockerfileSyntaxError, parse_dockerfile_ast

    first = text.partition("\n")[0].replace("<<", "")
    try:
        parse_dockerfile_ast(first)
    except DockerfileSyntaxError as error:
        return f"invalid instruction after ONBUILD: {error}"
    return ""
