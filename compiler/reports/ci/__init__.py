"""Jobs of a CI run: targets in dependency stages, each cut into shards of even work."""
