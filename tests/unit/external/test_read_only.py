"""Registries for previews: nothing is written, whatever the caller does."""

from __future__ import annotations

import base64
import json

import pytest
from support import canned_registry

from compiler.external.registry.client import MANIFEST, Manifest
from compiler.external.registry.read_only import ReadOnlyRegistries


def test_a_denied_repository_counts_as_missing() -> None:
    """Finding out whether it exists would require a write, so it is only noted."""
    with canned_registry.serve({"* /v2/a/*": (401, {}, {"errors": []})}) as address:
        login = json.dumps({"auths": {address: {"auth": base64.b64encode(b"a:b").decode()}}})
        registries = ReadOnlyRegistries({"DOCKER_AUTH_CONFIG": login}, attempts=1)

        assert registries.digest(f"{address}/a", "1") is None
        assert registries.tags(f"{address}/a") == []
        assert registries.manifest(f"{address}/b", "1") is None
        assert registries.denied == (f"{address}/a",)


def test_a_write_is_a_bug() -> None:
    """No request is sent."""
    registries = ReadOnlyRegistries({})

    with pytest.raises(RuntimeError, match="a preview must not send PUT"):
        registries.put_manifest("127.0.0.1:1/a", "1", Manifest("", MANIFEST, b"{}"))
