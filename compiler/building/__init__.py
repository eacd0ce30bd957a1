"""Building what a plan says: `docker buildx bake` in bounded parts, that keeps going.

    outcome = build(plan, targets, options, report)

`targets` are names of bake: of the plan's targets, or of their tests (`<target>-test`), in any
order; `build` (of `building.build`) bakes parents before children. `Options`, `Report` and
`Outcome` stand in `building.outcome`. What must hold before anything is built is in
`building.ready`. Nothing here prints, and nothing knows click.
"""
