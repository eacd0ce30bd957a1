"""Matrix -> variants -> targets -> plan: names, parents, fields, checks, groups, filters.

    plan(matrix, resolve(matrix, expand(matrix, limit), files))

Entry points: `expand.expand`, `resolve.resolve`, `plan.plan`, `filters.select`. Pure, except that
contexts are looked up in the project. The order is the author's.
"""
