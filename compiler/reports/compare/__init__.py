"""Differences from an existing bake file: `compile-matrix compare`."""
