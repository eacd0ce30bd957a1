"""Read and write release records, and determine the version of a release.

Entry points: `record.pull_record`, `history.list_releases`, `version.release_version`. The registry
is the only state.
"""
