"""Limits that the command line tells and a phase keeps."""

MAX_VARIANTS = 50_000
"""Variants that one matrix may have, unless the user says otherwise."""
