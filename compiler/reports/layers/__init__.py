"""Layers: the steps of all targets, which of them are shared, and how to share more."""
