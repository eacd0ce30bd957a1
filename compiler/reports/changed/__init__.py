"""What must be rebuilt, and why: compared with a commit or with a registry."""
