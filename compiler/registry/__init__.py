"""Registries over HTTP, with the user's own logins: what stands there, and small things put there.

`client.Registries` reads manifests, tags and blobs, and stores what is no image; images are built
and copied by buildx.
"""
