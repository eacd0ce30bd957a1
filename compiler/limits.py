"""Limits and names that the command line tells and a phase keeps."""

MAX_VARIANTS = 50_000
"""Variants that one matrix may have, unless the user says otherwise."""

LOCK = "matrix.lock"
"""What the base images were, beside matrix.yaml; a project may do without."""

UNLOCKED = frozenset({"unlocked-base", "undecided-base"})
"""Codes of the warnings that are errors where every base has to be locked."""
