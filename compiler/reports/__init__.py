"""Questions about a compiled matrix, answered without changing anything.

List, explain, compare, changed, CI jobs: one function each, in `listing`, `explain.explain`,
`compare.compare`, `changed.changed`, `ci.shards`. Results are values or text; nothing prints.
"""
