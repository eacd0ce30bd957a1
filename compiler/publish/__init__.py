"""Releases: missing images are built and staged, then all of them get their tags, or none.

    result = publish(request, registries, report)

Entry point: `publish.publish`. The registry is the only state. Nothing here prints.
"""
