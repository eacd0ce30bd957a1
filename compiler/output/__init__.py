"""A plan as files, and the files on disk: bake file, matrix.json, differences, atomic writing.

    changes = update(emit(plan, dockerfiles, ...), folder, output)

Entry points: `emit.emit`, `diff.diff`, `write.update`, `saved_state.up_to_date`,
`bake_resolved.ResolvedPlan`. A file that this project did not generate is never overwritten.
"""
