"""Call external programs and servers: docker buildx, registries, Git.

Everything that leaves this process goes through this package, except bake processes and the
commands of a project's checks. Responses are untrusted input.
"""
