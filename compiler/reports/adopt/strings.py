"""Write texts as strings of matrix.yaml, and find one string that fits several targets."""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from compiler.reports.adopt.model import is_variable


_SPECIAL = re.compile(r"[{$]+[%#]?|\n\Z")
"""What Jinja or bake may read as more than text."""
_FORMS = (("", "."), *((f" | replace('.', '{other}')", other) for other in ("", "_", "-")))
"""What an expression may do with the value of an axis: in Jinja, and what replaces a dot."""
_STEPS = 5_000
"""The steps that a search for a common string may take."""


class Choice(NamedTuple):
    """An expression that a string may contain."""

    expression: str
    rendered: Sequence[str]
    """Its text for each target."""


def literal(text: str, *, ends: bool = True) -> str:
    r"""Return a text as a string of matrix.yaml that has this value.

    Args:
        text: the text; each variable in it is one character.
        ends: whether the string ends after it, instead of continuing with an expression.

    >>> literal("cost: $5"), literal("${HOME}"), literal("{{ x }}"), literal("a {\n")
    ('cost: $5', "{{ '${' }}HOME}", "{{ '{{' }} x }}", "a {{ '{' }}{{ '\\n' }}")
    """

    def replacement(match: re.Match[str]) -> str:
        special = match[0]
        after = text[match.end() : match.end() + 1]
        if special == "\n":
            return "{{ '\\n' }}" if ends else special
        # An expression begins with a brace, also that of a newline at the end.
        before_expression = text[match.end() :] == "\n" if ends else not after
        alone = special in {"{", "$"} and not before_expression
        if alone and not (special == "$" and is_variable(after)):
            return special
        return f"{{{{ '{special}' }}}}"

    return _SPECIAL.sub(replacement, text)


def choices(values: Sequence[Mapping[str, str]]) -> list[Choice]:
    """Return the expressions of the axes whose text differs between targets.

    Args:
        values: for each target: axis, or name of `set` -> value.
    """
    choices: list[Choice] = []
    known: set[tuple[str, ...]] = set()
    for axis in values[0] if values else ():
        if not all(combination.get(axis, "null") != "null" for combination in values):
            continue  # Null is not printed.
        for jinja, dot in _FORMS:
            rendered = tuple(combination[axis].replace(".", dot) for combination in values)
            if len(set(rendered)) > 1 and rendered not in known:
                known.add(rendered)
                choices.append(Choice(f"{{{{ {axis}{jinja} }}}}", rendered))
    return sorted(choices, key=lambda choice: -sum(map(len, choice.rendered)))


def common_string(texts: Sequence[str], expressions: Sequence[Choice]) -> str | None:
    """Return one string of matrix.yaml that has these texts for their targets; None without one.

    Args:
        texts: the text of each target.
        expressions: what the string may contain, for the same targets.
    """
    if len(set(texts)) == 1:
        return literal(texts[0])
    pending: list[tuple[tuple[int, ...], tuple[str, ...]]] = [((0,) * len(texts), ())]
    for _ in range(_STEPS):
        if not pending:
            break
        positions, parts = pending.pop()
        if all(place == len(text) for place, text in zip(positions, texts, strict=True)):
            return _joined(parts)
        run = _common_run(texts, positions)
        if run:
            moved = tuple(place + 1 for place in positions)
            pending.append((moved, (*parts, run)))
        for expression, rendered in reversed(expressions):
            if all(
                text.startswith(value, place)
                for text, value, place in zip(texts, rendered, positions, strict=True)
            ):
                moved = tuple(
                    place + len(value) for place, value in zip(positions, rendered, strict=True)
                )
                pending.append((moved, (*parts, expression)))
    return None


def _common_run(texts: Sequence[str], positions: Sequence[int]) -> str:
    """Return the character that all texts have at their positions; empty if they differ."""
    characters = {text[place : place + 1] for place, text in zip(positions, texts, strict=True)}
    return characters.pop() if len(characters) == 1 else ""


def _joined(parts: Sequence[str]) -> str:
    """Join expressions, and the single characters between them, to a string."""
    text, run = "", ""
    for part in parts:
        if len(part) == 1:
            run += part
        else:
            text += literal(run, ends=False) + part
            run = ""
    return text + literal(run)
