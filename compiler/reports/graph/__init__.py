"""Graphs of a matrix: its axes, steps, targets, parents and groups, as mermaid, dot or svg."""
