"""Releases in registries that answer reads for a while as before the last write."""

from __future__ import annotations

import threading
from collections import Counter
from hashlib import sha256
from typing import Any

import pytest
from support.model_registry import HOST, ModelRegistries, ModelRegistry, Perform
from support.pushed_images import push_built
from support.release_actors import Silent
from support.releases import plan_of, request_of

from compiler.bake.results import BakeOptions, Outcome
from compiler.external.registry.client import Registries
from compiler.external.registry.responses import Response
from compiler.publish import create_tag
from compiler.publish.publish import publish
from compiler.publish.request import PublishRequest


REPOSITORY, COPY = f"{HOST}/acme/app", f"{HOST}/acme/copy"
MATRIX = f"""\
variables: {{V: "1"}}
axes: {{n: [a, b]}}
images:
  app:
    template: a.j2
    platforms: [linux/amd64]
    tags: ["{REPOSITORY}:{{{{ n }}}}-${{V}}", "{COPY}:{{{{ n }}}}-${{V}}"]
    moving: ["{REPOSITORY}:{{{{ n }}}}"]
publish: {{version: "${{V}}"}}
"""


class Delayed:
    """A gate: after a tag is written, its next reads return what it was before."""

    def __init__(self, model: ModelRegistry, reads: int) -> None:
        self._model, self._reads = model, reads
        self._left: Counter[str] = Counter()
        self._before: dict[str, str | None] = {}
        self._lock = threading.Lock()

    def __call__(self, method: str, path: str, perform: Perform) -> Response:
        """Perform a request."""
        with self._lock:
            return self._respond(method, path, perform)

    def _respond(self, method: str, path: str, perform: Perform) -> Response:
        repository, kind, tag = path.rpartition("/manifests/")
        if not kind or ":" in tag:
            return perform()
        tags = self._model.repository(repository).tags
        if method == "PUT":
            self._before[path], self._left[path] = tags.get(tag), self._reads
        if method not in {"GET", "HEAD"} or self._left[path] == 0:
            return perform()
        self._left[path] -= 1
        now, before = tags.pop(tag), self._before[path]
        if before is not None:
            tags[tag] = before
        response = perform()
        tags[tag] = now
        return response


@pytest.mark.parametrize("reads", [0, 1, 3])
def test_reads_that_lag_behind_writes(reads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two releases are complete, whichever tags are read right after they were written."""
    model = ModelRegistry()
    registries = ModelRegistries(model, Delayed(model, reads))

    def build(_plan: object, targets: Any, options: BakeOptions, _report: object) -> Outcome:
        digests = {name: _push(registries, options, name) for name in targets}
        built = {name: {"containerimage.digest": digest} for name, digest in digests.items()}
        return Outcome(built=built, failed={}, skipped={}, seconds=dict.fromkeys(built, 1.0))

    monkeypatch.setattr("compiler.publish.build_missing.build", build)
    monkeypatch.setattr(create_tag, "pause", lambda _: False)
    for version in "12":
        result = publish(_request(version), registries, Silent())
        assert result.record is not None
        for target in result.record.targets:
            assert {model.digest(tag) for tag in (*target.tags, *target.moving)} == {target.digest}
    assert model.digest(f"{REPOSITORY}:a") == model.digest(f"{COPY}:a-2")


def _request(version: str) -> PublishRequest:
    """Return the request to publish a version, whose images are new."""
    return request_of(
        plan_of(MATRIX), version, lambda name: sha256(f"{name} {version}".encode()).hexdigest()
    )


def _push(registries: Registries, options: BakeOptions, name: str) -> str:
    return push_built(registries, options.overrides[name], name)
