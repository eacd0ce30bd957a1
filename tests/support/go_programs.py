"""The environment that saves processor time of programs written in Go: Docker and its parts."""

import os
from collections.abc import Mapping


VARIABLES: Mapping[str, str] = {"GOGC": "400"}
"""Collect garbage when the heap has grown five-fold instead of two-fold: most clients never do."""

UNTRACED: Mapping[str, str] = {"OTEL_TRACES_SAMPLER": "always_off"}
"""Record no traces. An engine stores those of a bake with the record of each of its builds, which
is most of its work when there are many."""


def save_time() -> None:
    """Set `VARIABLES` in this process, for all programs that it starts."""
    os.environ.update(VARIABLES)
