"""What decides how BuildKit reads the Dockerfile of a target: its text and some fields."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from compiler.render.context_reads import Reads, reads
from compiler.render.frontends import frontend_argument


class BuildInputs(NamedTuple):
    """The inputs of one build; equal inputs read the same."""

    text: str
    """The Dockerfile."""
    stage: str
    """The stage that is built; empty for the last."""
    contexts: tuple[str, ...]
    """The names of the named contexts."""
    triggers: tuple[tuple[str, tuple[str, ...]], ...]
    """Named contexts, each with the instructions that its image triggers."""
    frontend: str
    """The frontend that the build arguments name; empty if the text decides."""

    def reads(self) -> Reads:
        """Return what the build can read."""
        return reads(
            self.text,
            stage=self.stage,
            contexts=self.contexts,
            triggers=dict(self.triggers),
            frontend=self.frontend,
        )


def build_inputs(
    text: str,
    fields: Mapping[str, Any],
    triggers: Mapping[str, tuple[str, ...]] | None = None,
    variables: Mapping[str, str] | None = None,
) -> BuildInputs:
    """Return the inputs of a target's build.

    Args:
        text: its Dockerfile.
        fields: its fields.
        triggers: named context -> the instructions that its image triggers.
        variables: bake variable -> its value; without them, a frontend with one is a foreign one.
    """
    return BuildInputs(
        text=text,
        stage=str(fields.get("target", "")),
        contexts=tuple(fields.get("contexts", ())),
        triggers=tuple((triggers or {}).items()),
        frontend=frontend_argument(fields.get("args", {}), variables),
    )
