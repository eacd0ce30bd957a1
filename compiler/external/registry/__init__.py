"""Access registries over HTTP with the user's own credentials.

`client.Registries` reads manifests, tags and blobs, and stores release records and tags. Images
are built and copied by buildx. Other packages use only `client`, `http` and `parallel`.
"""
