"""CI jobs: targets in stages of dependencies, divided into shards of similar work."""
