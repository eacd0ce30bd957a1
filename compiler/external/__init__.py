"""External programs and servers, and their grammar: docker buildx, registries, git.

Everything that leaves this process goes through this package, except bake processes and the
commands of a project's checks. Answers are untrusted input.
"""
