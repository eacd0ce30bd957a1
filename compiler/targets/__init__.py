"""Matrix -> variants -> targets -> plan: names, parents, fields, checks, groups, filters.

    plan(matrix, resolve(matrix, expand(matrix, limit), files))

Entry points: `expand.expand`, `resolve.resolve`, `plan.plan`, `filters.select`. The
only access to the disk is that contexts must exist. The order is that of matrix.yaml.
"""
