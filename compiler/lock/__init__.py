"""matrix.lock: which external images are named, what they are now, how they are pinned.

    plan, dockerfiles = pinned(plan, dockerfiles, lock, templates)

Entry points: `apply.pinned`, `update.survey`, `lockfile.read_lock`. Compiling never asks a
registry; `update` does.
"""
