"""Locked bases: which external images are named, what they are now, and how that is pinned."""
