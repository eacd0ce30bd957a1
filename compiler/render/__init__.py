"""Targets and templates -> Dockerfiles; Dockerfiles read back; warnings about them.

    dockerfiles = render(matrix, targets, templates)

Entry points: `render.render`, `dockerfile.read`, `lint.lint`. `dockerfile` is the only reader of
Dockerfiles in this project.
"""
