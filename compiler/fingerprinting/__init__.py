"""Fingerprints: what decides the content of an image, as one digest for each target."""
