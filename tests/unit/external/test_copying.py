"""Copies of images between repositories: everything that belongs to them, the top manifest last."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from hashlib import sha512
from itertools import count

import pytest
import requests
from support.model_registry import (
    HOST,
    MIRROR,
    ModelRegistries,
    ModelRegistry,
    Perform,
    add_index,
    digest_of,
)

from compiler.external.registry import blob_download, http, uploads
from compiler.external.registry.client import INDEX, MANIFEST, Manifest, RegistryError
from compiler.external.registry.copying import Copier
from compiler.external.registry.parallel import run_parallel
from compiler.external.registry.responses import Response


SOURCE = f"{HOST}/acme/staging"
TARGET = f"{HOST}/acme/server"
ELSEWHERE = f"{MIRROR}/mirror/server"


def with_signatures(model: ModelRegistry) -> Manifest:
    """Store an index of two platforms, with signatures by tag and by referrer."""
    images = {name: model.add_image(SOURCE, name, platform=name) for name in ("amd64", "arm64")}
    index = add_index(model, SOURCE, images, "fp-1", annotations={"key": "value"})
    model.add_image(SOURCE, "cosign", f"{index.digest.replace(':', '-')}.sig")
    subject = {"digest": images["amd64"].digest, "size": 1, "mediaType": MANIFEST}
    signature = model.add_image(SOURCE, "notation")
    del model.repository(SOURCE).manifests[signature.digest]
    model.add_manifest(SOURCE, {**signature.data, "subject": subject}, MANIFEST)
    return index


@pytest.mark.parametrize("target", [TARGET, ELSEWHERE])
@pytest.mark.parametrize("mounts", [True, False])
@pytest.mark.parametrize("chunk", [5, 2**20])
def test_a_copy_is_complete(
    target: str, chunk: int, monkeypatch: pytest.MonkeyPatch, *, mounts: bool
) -> None:
    """Digests, attestations, annotations and signatures are the same; blobs are mounted or sent."""
    monkeypatch.setattr(blob_download, "CHUNK", chunk)
    model = ModelRegistry(mounts=mounts)
    index = with_signatures(model)

    Copier(ModelRegistries(model)).copy(SOURCE, target, index.digest)

    source, copied = model.repository(SOURCE), model.repository(target)
    assert copied.manifests == source.manifests
    assert copied.blobs == source.blobs
    assert copied.tags == {tag: value for tag, value in source.tags.items() if tag != "fp-1"}
    assert model.writes[-1] == f"PUT {target}/manifests/{index.digest}"
    sent = [write for write in model.writes if write.startswith("PATCH")]
    assert bool(sent) == (chunk == 5 and not (mounts and target == TARGET))
    assert not copied.uploads


@pytest.mark.parametrize("invalid", ["latest", "../../other/manifests/x", "sha256:0", "", 1, None])
@pytest.mark.parametrize("name", ["manifests", "layers", "config"])
def test_a_descriptor_without_a_digest(name: str, invalid: object) -> None:
    """A tag or a path in place of a digest is never part of a request; nothing is stored for it."""
    model = ModelRegistry()
    image = model.add_image(SOURCE, "latest", "latest")
    descriptor = {"mediaType": MANIFEST, "digest": invalid, "size": len(image.content)}
    data = {name: descriptor if name == "config" else [descriptor]}
    top = model.add_manifest(SOURCE, data, INDEX if name == "manifests" else MANIFEST)

    with pytest.raises(RegistryError, match="invalid descriptor"):
        Copier(ModelRegistries(model)).copy(SOURCE, TARGET, top.digest)

    assert model.writes == []


@pytest.mark.parametrize(
    "reference", ["../other/manifests/x", "a/b", "a?b", "sha256:0", "", "x" * 129]
)
def test_requests_for_invalid_references_are_not_sent(reference: str) -> None:
    """They would name something else than a manifest of the repository."""
    registries = ModelRegistries(ModelRegistry())
    manifest = Manifest("", MANIFEST, b"{}")
    for request in (
        lambda: registries.digest(SOURCE, reference),
        lambda: registries.manifest(SOURCE, reference),
        lambda: registries.put_manifest(SOURCE, reference, manifest),
        lambda: registries.delete_manifest(SOURCE, reference),
        lambda: registries.referrers(SOURCE, reference),
        lambda: registries.copy_blob(SOURCE, TARGET, reference, 1),
    ):
        with pytest.raises(RegistryError, match=r"neither a tag|invalid digest"):
            request()
    assert registries.requests == 0


def test_a_complete_copy_is_not_repeated() -> None:
    """A repository that has the top manifest has everything."""
    model = ModelRegistry(referrers=False)
    index = with_signatures(model)
    Copier(ModelRegistries(model)).copy(SOURCE, TARGET, index.digest)
    model.writes.clear()

    registries = ModelRegistries(model)
    Copier(registries).copy(SOURCE, TARGET, index.digest)

    assert model.writes == []
    assert registries.requests <= 2


def test_a_copy_continues_after_any_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever request is rejected, the top manifest is missing; the next copy completes it."""
    monkeypatch.setattr(http, "_wait", lambda _: False)
    failures = 0
    while True:
        model = ModelRegistry(mounts=False)
        index = with_signatures(model)
        turn = iter(range(failures, -1, -1))

        def gate(method: str, path: str, perform: Perform, turn: object = turn) -> Response:
            if not next(turn, 1) and method in {"PUT", "POST", "PATCH"}:  # type: ignore[call-overload]
                return Response(
                    status=400, reason="no", url=path, redirected=False, headers={}, content=b""
                )
            return perform()

        try:
            Copier(ModelRegistries(model, gate)).copy(SOURCE, TARGET, index.digest)
        except RegistryError as error:
            assert "400 no" in str(error)  # noqa: PT017
            assert index.digest not in model.repository(TARGET).manifests
        else:
            if next(turn, None) is not None:
                break
        Copier(ModelRegistries(model)).copy(SOURCE, TARGET, index.digest)
        assert model.repository(TARGET).manifests == model.repository(SOURCE).manifests
        failures += 1
    assert failures > 20


@pytest.mark.slow
@pytest.mark.parametrize("chunk", [5, 2**20])
def test_a_lost_response_is_made_up_for(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The registry carries out a request and its response is lost: the copy is complete."""
    monkeypatch.setattr(http, "_wait", lambda _: False)
    monkeypatch.setattr(blob_download, "CHUNK", chunk)
    number, requests_ = 0, 1
    while number < requests_:
        model = ModelRegistry(mounts=False)
        index = with_signatures(model)
        turn = count()

        def gate(
            method: str, path: str, perform: Perform, turn: Iterator[int] = turn, lost: int = number
        ) -> Response:
            del method, path
            response = perform()
            if next(turn) == lost:
                raise requests.exceptions.ConnectionError
            return response

        Copier(ModelRegistries(model, gate)).copy(SOURCE, TARGET, index.digest)

        assert model.repository(TARGET).manifests == model.repository(SOURCE).manifests
        assert model.repository(TARGET).blobs == model.repository(SOURCE).blobs
        number, requests_ = number + 1, next(turn)
    assert number > 40


def test_a_registry_that_loses_every_upload_is_reported() -> None:
    """The number of attempts is limited; the repository is not called missing."""
    model = ModelRegistry()
    starts = 0

    def gate(method: str, path: str, perform: Perform) -> Response:
        nonlocal starts
        del path
        starts += method == "POST"
        response = perform()
        model.repository(TARGET).uploads.clear()
        return response

    with pytest.raises(RegistryError, match=f"cannot write to {TARGET}: 404 BLOB_UPLOAD_UNKNOWN"):
        ModelRegistries(model, gate).put_blob(TARGET, b"x")
    assert starts == 5


def test_damaged_content_is_rejected() -> None:
    """A source that sends other bytes than the digest says is an error."""
    model = ModelRegistry(mounts=False)
    image = model.add_image(SOURCE, "1")
    layer = image.data["layers"][0]["digest"]
    blobs = model.repository(SOURCE).blobs
    blobs[layer] = b"x" * len(blobs[layer])

    with pytest.raises(RegistryError, match="the registry sent other content than requested"):
        Copier(ModelRegistries(model)).copy(SOURCE, TARGET, image.digest)

    assert image.digest not in model.repository(TARGET).manifests


def test_missing_content_is_reported() -> None:
    """An index without one of its images cannot be copied."""
    model = ModelRegistry()
    index = with_signatures(model)
    child = index.data["manifests"][0]["digest"]
    del model.repository(SOURCE).manifests[child]

    with pytest.raises(RegistryError, match=f"{child} is missing in {SOURCE}"):
        Copier(ModelRegistries(model)).copy(SOURCE, TARGET, index.digest)


@pytest.mark.parametrize("referrers", [True, False])
def test_artifacts_that_were_deleted_are_left_out(
    monkeypatch: pytest.MonkeyPatch, *, referrers: bool
) -> None:
    """Lists of artifacts can be out of date, in the registry's API and in a tag."""
    model = ModelRegistry(referrers=referrers)
    image, other = model.add_image(SOURCE, "x"), model.add_image(SOURCE, "signature")
    gone = f"sha256:{'9' * 64}"
    entries = [{"digest": digest, "mediaType": MANIFEST} for digest in (gone, other.digest)]
    tag = image.digest.replace(":", "-")
    registries = ModelRegistries(model)
    if referrers:
        lists = {image.digest: [gone, other.digest]}
        monkeypatch.setattr(registries, "referrers", lambda _, digest: lists.get(digest, []))
    else:
        data = {"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}
        model.add_manifest(SOURCE, data, INDEX, tag)

    Copier(registries).copy(SOURCE, TARGET, image.digest)

    copied = model.repository(TARGET)
    assert copied.missing(image.digest) == copied.missing(other.digest) == []
    if not referrers:
        content = json.loads(copied.manifests[copied.tags[tag]][1])
        assert content == {"schemaVersion": 2, "mediaType": INDEX, "manifests": entries[1:]}


def test_a_layer_with_an_address_is_copied_if_it_is_there() -> None:
    """Registries demand it, unless its media type says that they need not have it."""
    model = ModelRegistry(mounts=False)
    here, elsewhere = b"here", b"elsewhere"
    image = model.add_image(SOURCE, "x")
    model.repository(SOURCE).blobs[digest_of(here)] = here
    layers = [
        {"digest": digest_of(content), "size": len(content), "urls": ["https://r.example/x"]}
        for content in (here, elsewhere)
    ]
    image = model.add_manifest(SOURCE, {**image.data, "layers": layers}, MANIFEST)
    model.repository(TARGET).blobs[digest_of(elsewhere)] = b""  # so that the model accepts it

    Copier(ModelRegistries(model)).copy(SOURCE, TARGET, image.digest)

    assert model.repository(TARGET).blobs[digest_of(here)] == here
    assert model.repository(TARGET).blobs[digest_of(elsewhere)] == b""


@pytest.mark.parametrize("chunk", [1, 2**20])
def test_digests_of_sha512_are_verified(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The image specification allows them."""
    monkeypatch.setattr(blob_download, "CHUNK", chunk)
    model = ModelRegistry(mounts=False)
    digest = f"sha512:{sha512(b'layer').hexdigest()}"
    store = model.repository(SOURCE)
    store.blobs[digest] = b"layer"
    registries = ModelRegistries(model)

    registries.copy_blob(SOURCE, TARGET, digest, 5)
    assert registries.blob(SOURCE, digest) == model.repository(TARGET).blobs[digest] == b"layer"

    store.blobs[digest] = b"other"
    with pytest.raises(RegistryError, match="other content than requested"):
        registries.copy_blob(SOURCE, ELSEWHERE, digest, 5)
    with pytest.raises(RegistryError, match="other content than requested"):
        registries.blob(SOURCE, digest)


def test_a_manifest_is_sent_again_if_its_content_is_missing_for_a_moment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is, while another run stores the same blob; an error that lasts is reported."""
    monkeypatch.setattr(uploads, "pause", lambda _: False)
    model = ModelRegistry()
    image = model.add_image(SOURCE, "1")
    code, refusals = '{"errors": [{"code": "MANIFEST_BLOB_UNKNOWN", "message": "blob unknown"}]}', 0

    def gate(method: str, path: str, perform: Perform) -> Response:
        nonlocal refusals
        if method == "PUT" and "manifests" in path and refusals:
            refusals -= 1
            return Response(
                status=400, reason="", url=path, redirected=False, headers={}, content=code.encode()
            )
        return perform()

    for refusals in (1, 4):  # noqa: B007 - `gate` counts it
        model.repository(TARGET).manifests.clear()
        Copier(ModelRegistries(model, gate)).copy(SOURCE, TARGET, image.digest)
        assert image.digest in model.repository(TARGET).manifests
    refusals = 5
    with pytest.raises(RegistryError, match="blob unknown"):
        Copier(ModelRegistries(model, gate)).copy(SOURCE, ELSEWHERE, image.digest)


def test_parallel_copies_send_a_blob_once() -> None:
    """Images that share a layer are copied at the same time; the layer is uploaded once."""
    model = ModelRegistry(mounts=False)
    images = [model.add_image(SOURCE, "same layer", f"t{n}", platform=f"p{n}") for n in range(8)]
    together = threading.Barrier(8, timeout=10)

    def gate(method: str, path: str, perform: Perform) -> Response:
        if method == "HEAD" and "manifests" in path:
            together.wait()
        return perform()

    copier = Copier(ModelRegistries(model, gate))
    run_parallel(lambda image: copier.copy(SOURCE, TARGET, image.digest), dict(enumerate(images)))

    sent = [write for write in model.writes if write.startswith("PUT") and "/blobs/" in write]
    assert len(sent) == len(images) + 1  # their configurations, and the layer


def test_a_registry_that_lists_an_image_as_its_own_referrer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The copy ends, and is complete."""
    model = ModelRegistry()
    image = model.add_image(SOURCE, "x")
    other = model.add_image(SOURCE, "y")
    registries = ModelRegistries(model)
    lists = {image.digest: [other.digest, image.digest], other.digest: [image.digest]}
    monkeypatch.setattr(registries, "referrers", lambda _, digest: lists[digest])

    Copier(registries).copy(SOURCE, TARGET, image.digest)

    assert model.repository(TARGET).missing(image.digest) == []
    assert model.repository(TARGET).missing(other.digest) == []


def test_indexes_that_are_nested_too_deeply() -> None:
    """They are an error of the registry, not of the program."""
    model = ModelRegistry()
    top = model.add_image(SOURCE, "x")
    for _ in range(2000):
        top = model.add_manifest(SOURCE, {"manifests": [{"digest": top.digest}]}, INDEX)

    with pytest.raises(RegistryError, match="nested too deeply"):
        Copier(ModelRegistries(model)).copy(SOURCE, TARGET, top.digest)
