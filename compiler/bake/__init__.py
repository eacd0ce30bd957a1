"""Run `docker buildx bake` in bounded batches, retry transient errors, continue after failures.

    outcome = build(plan, targets, options, report)

Entry point: `scheduler.build`. `targets` are names of bake targets, including test targets
(`<target>-test`), in any order. Parents are built before their children. Nothing here prints.
"""
