"""What must be built: since a commit, or beside what a registry holds, and why."""
