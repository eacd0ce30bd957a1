"""Releases as they are recorded: the record, its history, its version.

Entry points: `record.pull`, `history.every`, `version.release`. The registry is the only state.
"""
