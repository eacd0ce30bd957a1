"""Pass the events of PyYAML's parser to the composer."""

from collections.abc import Callable
from typing import Any

import yaml
from yaml.parser import Parser
from yaml.reader import Reader
from yaml.scanner import Scanner

from compiler.source.composer import Composer, StopComposing
from compiler.source.yaml_hints import Failure


class PythonParser(Reader, Scanner, Parser):
    """PyYAML's parser in Python, changed to agree with the C library; used if that is missing."""

    def __init__(self, stream: str) -> None:
        Reader.__init__(self, stream)
        Scanner.__init__(self)
        Parser.__init__(self)

    def scan_to_next_token(self) -> None:
        """Skip white space between tokens, including tabs where they cannot indent."""
        while True:
            while self.peek() == " " or (
                self.peek() == "\t" and (self.flow_level or not self.allow_simple_key)
            ):
                self.forward()
            if self.peek() == "#":
                while self.peek() not in "\0\r\n":
                    self.forward()
            if not self.scan_line_break():  # type: ignore[no-untyped-call]
                return
            if not self.flow_level:
                self.allow_simple_key = True


new_parser: Callable[[str], Any] = yaml.CSafeLoader if yaml.__with_libyaml__ else PythonParser


def feed(composer: Composer) -> Failure | None:
    """Pass the events of the text to the composer; return the failure of the parser, if any."""
    parser: Any = None
    try:
        parser = new_parser(composer.text)
        _give_all(parser, composer)
    except StopComposing:
        return None
    except yaml.YAMLError as error:
        return _failure(error, len(composer.text))
    except (ValueError, OverflowError) as error:
        # The Python parser hands an escape to `chr` that is beyond Unicode.
        index = parser.index if isinstance(parser, PythonParser) else 0
        return Failure(context="", problem=f"escape: {error}", context_at=index, at=index)
    return None


def _give_all(parser: Any, composer: Composer) -> None:
    try:
        while (kind := type(event := parser.get_event())) is not yaml.StreamEndEvent:
            give = _GIVE.get(kind)
            if give is not None:
                give(composer, event)
    except yaml.scanner.ScannerError as error:
        # libyaml looks ahead, and gives up at a depth before the events of the first levels come.
        if "nesting depth" not in str(error.problem):
            raise
        composer.too_deep(error.problem_mark.index if error.problem_mark else 0)


def _give_scalar(composer: Composer, event: Any) -> None:
    composer.scalar(
        event.start_mark.index,
        event.end_mark.index,
        event.value,
        event.style or "",
        anchor=event.anchor,
        tag=event.tag,
    )


def _give_start(composer: Composer, event: Any) -> None:
    composer.open(
        event.start_mark.index,
        mapping=type(event) is yaml.MappingStartEvent,
        flow=bool(event.flow_style),
        anchor=event.anchor,
        tag=event.tag,
    )


def _give_end(composer: Composer, event: Any) -> None:
    composer.close(event.end_mark.index)


def _give_alias(composer: Composer, event: Any) -> None:
    composer.alias(event.start_mark.index, event.end_mark.index, event.anchor)


def _give_document(composer: Composer, event: Any) -> None:
    composer.document(event.start_mark.index)


_GIVE: dict[type, Callable[[Composer, Any], None]] = {
    yaml.ScalarEvent: _give_scalar,
    yaml.MappingStartEvent: _give_start,
    yaml.SequenceStartEvent: _give_start,
    yaml.MappingEndEvent: _give_end,
    yaml.SequenceEndEvent: _give_end,
    yaml.AliasEvent: _give_alias,
    yaml.DocumentStartEvent: _give_document,
}


def _failure(error: yaml.YAMLError, last: int) -> Failure:
    at = getattr(error, "problem_mark", None)
    context_at = getattr(error, "context_mark", None)
    index = min(at.index, last) if at else getattr(error, "position", 0)
    return Failure(
        context=getattr(error, "context", None) or "",
        problem=getattr(error, "problem", None) or str(error),
        context_at=min(context_at.index, last) if context_at else index,
        at=index,
    )
