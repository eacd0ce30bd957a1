"""A layer that is copied in pieces, between two registries."""

from __future__ import annotations

import pytest

from compiler.external.registry import blob_download, http, uploads
from support.model_registry import HOST, MIRROR, digest_of


SOURCE = f"{HOST}/acme/staging"
TARGET = f"{MIRROR}/acme/server"
LAYER = bytes(range(42))
DIGEST = digest_of(LAYER)


def use_small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a layer have nine pieces, and let nothing wait."""
    monkeypatch.setattr(blob_download, "CHUNK", 5)
    for module, name in ((http, "_wait"), (uploads, "pause"), (blob_download, "pause")):
        monkeypatch.setattr(module, name, lambda _: False)
