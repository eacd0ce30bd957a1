"""Render Dockerfiles from targets and templates, read them back, and warn about them.

    dockerfiles = render(matrix, targets, templates, problems)

Entry points: `render.render`, `dockerfile.read`, `lint.lint`. `dockerfile` is the only reader of
Dockerfiles in this project.
"""
