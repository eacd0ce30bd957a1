"""Reports about a compiled matrix; none of them writes files.

List, explain, compare, changed, CI jobs, a first matrix: one function each, in `listing`,
`explain.explain`, `compare.compare`, `changed.changed`, `ci.shards`, `adopt.adopt`. Results are
values or text; nothing prints.
"""
