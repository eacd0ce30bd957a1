"""Fingerprints: the inputs that decide the content of an image, as one digest for each target.

    fingerprints = project_fingerprints(compiled, resolved, folder)

Entry points: `fingerprint.project_fingerprints`, `set_overrides.override`, `naming`.
Over-approximates: an input that cannot be determined statically counts as a whole.
"""
