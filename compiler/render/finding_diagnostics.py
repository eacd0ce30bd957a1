"""Make diagnostics of what is wrong in Dockerfiles: one for each cause, however many variants.

A message may contain words that a template printed. Variants in which only these words differ share
the diagnostic of the first one, whose words are an example.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator

from compiler.errors import Diagnostic, Location
from compiler.render.dockerfile_rules import Finding
from compiler.render.render import Dockerfile
from compiler.render.shapes import Printed, Shape
from compiler.render.templates import Templates
from compiler.targets.plan import Plan


_WORD = re.compile(r"'([^']*)'|\"([^\"]*)\"|([^\s'\"=,:\[\]]+)")
"""A text in quotes of a message, or a word."""
_BETWEEN = re.compile(r"[\s'\"=,:\[\]]+")
"""What separates words."""
_PRINTED = "…"
"""Replaces a word that the template printed."""
_Cause = tuple[object, ...]


class FindingDiagnostics:
    """The diagnostics of the Dockerfiles of one plan."""

    def __init__(self, plan: Plan, templates: Templates) -> None:
        """Take the plan, and the templates that its Dockerfiles were rendered from."""
        self._plan, self._templates = plan, templates
        self._locations: dict[tuple[Shape, int, str], Location] = {}
        self._causes: dict[tuple[object, ...], _Cause] = {}
        self._diagnostics: dict[tuple[_Cause, int], Diagnostic] = {}

    def of(
        self, findings: Iterable[Finding], dockerfile: Dockerfile, printed: Printed
    ) -> Iterator[Diagnostic]:
        """Yield the diagnostic of each finding in a Dockerfile.

        Args:
            findings: what is wrong.
            dockerfile: the Dockerfile.
            printed: what was examined: its shape, or its text alone.
        """
        counts: Counter[_Cause] = Counter()
        for finding in findings:
            location = self._location(finding, dockerfile, printed)
            key = (printed.shape, location, finding)
            cause = self._causes.get(key)
            if cause is None:
                shape = self._templates.shapes[dockerfile.target.template].of(dockerfile.text).shape
                is_printed = printed.restore(finding.word) not in shape.text
                message = "" if is_printed else _pattern(finding.message, dockerfile.text, shape)
                cause = self._causes[key] = location, finding.code, message
            number = counts[cause]  # one line may have several errors of one kind
            counts[cause] += 1
            yield self._diagnostics.setdefault((cause, number), finding.at(location))

    def _location(self, finding: Finding, dockerfile: Dockerfile, printed: Printed) -> Location:
        key = (printed.shape, finding.line, finding.word)
        if key not in self._locations:
            from compiler.render.template_lines import line_location

            target, text, _ = dockerfile
            word = printed.restore(finding.word)
            self._locations[key] = line_location(
                self._plan, self._templates, target, text, finding.line, word
            )
        return self._locations[key]


def _pattern(message: str, text: str, shape: Shape) -> str:
    """Return a message without the words that only the printed words of a Dockerfile contain."""
    if shape.text.isascii() or text == shape.text:
        return message
    words, literal = (frozenset(_BETWEEN.split(whole)) for whole in (text, shape.text))

    def replaced(match: re.Match[str]) -> str:
        if (word := match[3]) is not None:
            return _PRINTED if word in words and word not in literal else word
        quoted = match[1] or match[2] or ""
        return match[0] if quoted in shape.text else _PRINTED

    return _WORD.sub(replaced, message)
