"""Fingerprints: the inputs that decide the content of an image, as one digest for each target.

    fingerprints = project_fingerprints(compiled, folder, environment)

Entry points: `fingerprint.project_fingerprints`, `naming`. Over-approximates: what cannot be
determined statically counts as a whole.
"""
