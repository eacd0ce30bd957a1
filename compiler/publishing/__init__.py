"""Releases: what is missing is built and staged; all of it gets its tags, or nothing does.

    done = publish(asked, report)

`publish` (of `publishing.publish`) stages by fingerprint (`staging`), builds the rest (`making`) or
joins it from platforms (`merging`), promotes by digest (`promotion`), moves what moves forward
only (`moving`), and puts a record of it beside the images (`record`). There is no state but the
registry. Nothing here prints, and nothing knows click.
"""
