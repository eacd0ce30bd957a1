"""Matrix -> variants -> targets -> plan: names, parents, fields, checks, groups, filters.

    matrix, variants = expand(matrix, problems, limit)
    plan(matrix, resolve(matrix, variants, files, problems), problems)

Entry points: `expand.expand`, `resolve.resolve`, `plan.plan`, `filters.select`. The
only access to the disk is that contexts must exist. The order is that of matrix.yaml.
"""
