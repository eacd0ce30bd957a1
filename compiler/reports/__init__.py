"""Reports about a compiled matrix; none of them writes files.

List, explain, compare, changed, CI jobs: one function each, in `listing`, `explain.explain`,
`compare.compare`, `changed.changed`, `ci.shards`. Results are values or text; nothing prints.
"""
