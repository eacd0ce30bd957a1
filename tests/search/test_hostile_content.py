"""A search over content of registries that somebody else wrote: each command ends with an answer.

Each seed changes a document anywhere in the registry, and runs a command. SEARCH sets their number,
and SEED the first one.
"""

from __future__ import annotations

import json
import os
import random
import re
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import pytest
from support import command, hostile_content
from support.model_registry import (
    HOST,
    ModelRegistries,
    ModelRegistry,
    ModelSessions,
    Repository,
    add_index,
    digest_of,
    open_gate,
)

from compiler.bake import preconditions
from compiler.bake.results import Outcome
from compiler.codes import Code
from compiler.errors import Diagnostic, DiagnosticError, Location
from compiler.external.registry import http
from compiler.external.registry.client import INDEX, Manifest
from compiler.external.registry.responses import RejectedError
from compiler.fingerprint.fingerprint import project_fingerprints
from compiler.fingerprint.naming import fingerprint_tag
from compiler.output.bake_resolved import ResolvedPlan
from compiler.pipeline import compile_matrix
from compiler.publish import build_missing
from compiler.releases.registry_record import pull_record


pytestmark = pytest.mark.slow

COUNT = int(os.environ.get("SEARCH", "40"))
FIRST = int(os.environ.get("SEED", "0"))
REPOSITORY = f"{HOST}/acme/a"
MATRIX = f"""\
variables: {{V: "1.0"}}
axes: {{n: [1, 2]}}
images:
  a:
    template: a.j2
    platforms: [linux/amd64, linux/arm64]
    tags: ["{REPOSITORY}:{{{{ n }}}}-${{V}}"]
    moving: ["{REPOSITORY}:{{{{ n }}}}"]
    tests: {{user: "", size: 1GB}}
publish:
  version: "${{V}}"
  checks: {{scan: {{run: "true", valid: 24h}}}}
  keep: {{releases: 1, days: 0}}
  size: {{max: 1GB, growth: 100%}}
"""
COMMANDS = (
    *("release list", "release list --format json", "release latest", "release latest a-1"),
    *("release show 1.0", "release show 2.0 --format json", "release show 1.0 --format env"),
    *(f"release diff 1.0 2.0 --format {name}" for name in ("text", "json", "markdown")),
    *("release promote 1.0", "staged", "staged --format github", "gc", "gc --format json"),
    *("gc --delete", "report --releases page.html", "changed --against registry"),
    *("publish", "publish --dry-run", "publish --dry-run --if-changed", "publish --checks scan"),
    *("publish --merge", "publish --summary summary.md"),
)
"""What is tried; the last release is staged, and not published."""


class World:
    """A project with two releases in a registry in memory, and a third that is staged."""

    def __init__(self, folder: Path) -> None:
        """Publish two releases of images with SBOMs."""
        self.folder, self.model = folder, ModelRegistry()
        (folder / "templates").mkdir()
        (folder / "matrix.yaml").write_text(MATRIX)
        for version, text in (("1.0", "one"), ("2.0", "two"), ("3.0", "two")):
            template = f"FROM scratch\nLABEL n={{{{ n }}}} text={text}\n"
            (folder / "templates/a.j2").write_text(template)
            self.call("")
            self._stage(version, text)
            if version != "3.0":
                self.call("publish", version)
        self.base = self.model

    def _stage(self, version: str, text: str) -> None:
        compiled = compile_matrix(self.folder / "matrix.yaml")
        resolved = ResolvedPlan(compiled.plan, {"V": version})
        prints = project_fingerprints(compiled, resolved, self.folder)
        store = self.model.repository(REPOSITORY)
        for name, fingerprint in prints.items():
            images = {
                platform: self.model.add_image(
                    REPOSITORY, f"{name} {platform} {text}", platform=platform
                )
                for platform in ("amd64", "arm64")
            }
            tag = fingerprint_tag(fingerprint.digest)
            index = add_index(self.model, REPOSITORY, images, tag)
            for entry in index.data["manifests"][1::2]:
                self._add_packages(store, entry["digest"], text)

    def _add_packages(self, store: Repository, digest: str, version: str) -> None:
        """Let an attestation contain an SBOM."""
        packages = [{"name": "openssl", "versionInfo": version}]
        content = json.dumps({"predicate": {"packages": packages}}).encode()
        store.blobs[digest_of(content)] = content
        annotations = {"in-toto.io/predicate-type": "https://spdx.dev/Document"}
        layer = {"digest": digest_of(content), "size": 9, "annotations": annotations}
        data = {**json.loads(store.manifests[digest][1]), "layers": [layer]}
        hostile_content.replace(store, digest, json.dumps(data).encode())

    def reset(self) -> Repository:
        """Forget what commands have changed; return the repository."""
        self.model = self.base.copy()
        return self.model.repository(REPOSITORY)

    def sessions(self, _: object) -> ModelSessions:
        """Return sessions that reach the model."""
        return ModelSessions(self.model, open_gate)

    def call(self, words: str, version: str = "3.0") -> str:
        """Run a command, which must end with an answer in plain text; return it."""
        with (
            mock.patch.object(http, "Sessions", self.sessions),
            mock.patch.object(preconditions, "require_buildx"),
            mock.patch.object(build_missing, "build", _cannot_build),
        ):
            environment = {**os.environ, "V": version, "COMPILE_MATRIX_DEBUG": "1"}
            done = command.call(self.folder, *words.split(), env=environment, code=None)
        text = done.stdout + done.stderr
        assert done.returncode in {0, 1}, text
        assert "bug in compile-matrix" not in text
        controls = {c for c in text if not c.isprintable() and c not in "\n\t"}
        assert not controls, (controls, text)
        return text

    def check_records(self) -> None:
        """Check that a release that was written can be read."""
        if "release-3.0" in self.model.repository(REPOSITORY).tags:
            assert pull_record(ModelRegistries(self.model), REPOSITORY, "3.0")


def _cannot_build(*_: object, **__: object) -> Outcome:
    location = Location(path="docker-bake.hcl", line=0)
    raise DiagnosticError([Diagnostic(code=Code.CANNOT_BUILD, message="none", location=location)])


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Provide the project and its releases."""
    return World(tmp_path_factory.mktemp("hostile"))


def test_any_content(world: World) -> None:
    """A seed that breaks a command is named."""
    for seed in range(FIRST, FIRST + COUNT):
        rng = random.Random(seed)  # noqa: S311 - for cases
        store = world.reset()
        changes = [hostile_content.forge(store, rng) for _ in range(rng.choice((1, 1, 2)))]
        words = rng.choice(COMMANDS)
        try:
            world.call(words)
            world.check_records()
        except Exception as error:
            raise AssertionError(f"SEED={seed} SEARCH=1: {words}: {changes}") from error


def test_the_model_rejects_what_registries_reject(world: World) -> None:
    """A digest that is not a text is an answer of the registry, not a failure of the model."""
    world.reset()
    content = b'{"manifests": [{"digest": {"digest": 3}}]}'
    index = Manifest(digest_of(content), INDEX, content)

    with pytest.raises(RejectedError, match="MANIFEST_INVALID"):
        ModelRegistries(world.model).put_manifest(REPOSITORY, "t", index)


def value(name: str, new: str) -> Callable[[bytes], bytes]:
    """Return a function that gives each field of a name another value."""
    pattern = rb'("%s": )("[^"]*"|\d[\d.]*)' % re.escape(name.encode())
    return lambda text: re.sub(pattern, lambda match: match[1] + new.encode(), text)


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (value("org.opencontainers.image.created", f'"{time}"'), ("gc", "staged", "publish"))
        for time in ("0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "9999-12-31T00:00Z")
    ]
    + [
        (value("size", size), ("publish", "gc", "release diff 1.0 2.0"))
        for size in ("-7", "900719925474099200000", "Infinity", "true")
    ]
    + [
        (value("os", '"windows", "os.version": "10\\u001b[31m"'), ("publish", "staged")),
        (value("versionInfo", '"1\\n::error::\\u001b\\ud800"'), ("release diff 1.0 2.0",)),
        (value("result", '"accepted", "until": "9999-99-99"'), ("release show 1.0",)),
        (value("bytes", "9007199254740992"), ("release list", "release diff 1.0 2.0")),
    ],
)
def test_hostile_values(
    edit: Callable[[bytes], bytes], words: tuple[str, ...], world: World
) -> None:
    """Everywhere in the registry: dates that cannot be computed with, sizes that are none."""
    store = world.reset()
    hostile_content.edit(store, edit)
    changed = world.model
    for one in words:
        world.model = changed.copy()
        world.call(one)
        world.check_records()
