"""Runs `docker buildx bake` in bounded batches, retries transient errors, continues after failures.

    outcome = build(plan, targets, options, report)

Entry point: `scheduler.build`. `targets` are names of bake targets: of the plan, or of their tests
(`<target>-test`), in any order; parents are built before their children. Nothing here prints.
"""
