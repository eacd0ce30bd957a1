"""Registries over HTTP, with the user's own credentials.

`client.Registries` reads manifests, tags and blobs, and stores records and marks. Images are built
and copied by buildx. Only `client`, `http` and `parallel` are for other packages.
"""
