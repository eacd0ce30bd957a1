"""A plan as files, and the files on disk: bake file, matrix.json, differences, atomic writing.

    changes = update(emit(plan, dockerfiles, ...), folder, output)

Entry points: `emit.emit`, `diff.diff`, `write.update`, `manifest.unchanged`,
`bake_resolved.definition`. A file that this project did not generate is never overwritten.
"""
