"""Publish releases: build and stage missing images, then create tags for all of them or none.

    result = publish(request, registries, report)

Entry point: `publish.publish`. The registry is the only state. Nothing here prints.
"""
