"""Pin base images in matrix.lock: find them, look up their digests, write these into Dockerfiles.

    plan, dockerfiles = pinned(plan, dockerfiles, lock, templates)

Entry points: `apply.pinned`, `update.survey`, `lockfile.read_lock`. Compiling never
accesses a registry; `update` does.
"""
