"""Faults of cosign that the real program does not show on demand, with a stand-in for it."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from unittest import mock

import pytest

from compiler.codes import Code
from compiler.errors import Location
from compiler.external import cosign as module
from compiler.external.cosign import Cosign, CosignError
from compiler.external.cosign_environment import cosign_environment
from compiler.external.limited_process import LimitError, run_limited
from compiler.external.registry.parallel import run_parallel
from compiler.external.signer import Signer


PEM = b"-----BEGIN PUBLIC KEY-----\nQUJD\n-----END PUBLIC KEY-----\n"
OWN = Signer(PEM, "env://COSIGN_KEY")
KEYLESS = Signer(identity="https://a/.*", issuer="https://issuer.example")
DIGESTS = [f"sha256:{number:064x}" for number in range(45)]
IMAGES = [f"registry.example/a@{digest}" for digest in DIGESTS]
PLACE = Location(path="matrix.yaml", line=3)
STAND_IN = """\
#!{python} -S
import json, os, sys
folder = os.path.dirname(os.path.abspath(__file__))
with open(os.path.join(folder, "calls"), "a") as file:
    file.write(json.dumps([sys.argv[1:], dict(os.environ)]) + "\\n")
command = sys.argv[1]
{body}
"""


class Program:
    """A stand-in for cosign, and what it was called with."""

    def __init__(self, folder: Path, body: str) -> None:
        self.folder = folder / "bin"
        self.folder.mkdir()
        program = self.folder / "cosign"
        program.write_text(STAND_IN.format(python=sys.executable, body=body))
        program.chmod(0o755)
        (folder / "scratch").mkdir()
        self._scratch = folder / "scratch"

    def cosign(self, signer: Signer = OWN, **environment: str) -> Cosign:
        """Return cosign with this program."""
        known = {"PATH": str(self.folder), **environment}
        return Cosign(signer, known, PLACE, str(self._scratch))

    @property
    def calls(self) -> list[tuple[list[str], Mapping[str, str]]]:
        """Return the arguments and variables of all runs."""
        lines = (self.folder / "calls").read_text().splitlines()
        return [(words, environment) for words, environment in map(json.loads, lines)]


def message(error: CosignError) -> tuple[str, str]:
    """Return the message and the help of an error, which is located where the signer is named."""
    (one,) = error.diagnostics
    assert (one.code, one.location) == (Code.CANNOT_SIGN, PLACE)
    return one.message, one.help


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ('print(json.dumps({"gitVersion": "v2.6.1"}))', "cosign is too old: v2.6"),
        ('print("cosign 3")', "is not cosign"),
        ('print(json.dumps({"gitVersion": "v3.0.0"}))', ""),
        ('print(json.dumps({"gitVersion": "devel"}))', ""),
        ('sys.exit("Error: unknown flag: --json")', "cosign is too old"),
    ],
)
def test_the_version(body: str, expected: str, tmp_path: Path) -> None:
    """Older versions lack options; a build of a distribution may not know its version."""
    cosign = Program(tmp_path, body).cosign()
    if not expected:
        cosign.check_version()
        return
    with pytest.raises(CosignError) as caught:
        cosign.check_version()
    text, help_ = message(caught.value)
    assert expected in text
    assert help_ == "install cosign 3.0 or later, and add it to PATH"


@pytest.mark.parametrize(
    ("stderr", "expected"),
    [
        ("signing digest: 401 Unauthorized", "run `docker login` with an account that may push"),
        ("denied: requested access", "run `docker login` with an account that may push"),
        ("open cosign.key: no such file", "check the key in `key`"),
        ("\\x1b[31mred\\nError: second", "check the key in `key`"),
    ],
)
def test_a_failure_has_a_remedy_and_no_control_characters(
    stderr: str, expected: str, tmp_path: Path
) -> None:
    """The text of cosign is quoted on one line, without what controls a terminal."""
    body = f'sys.stderr.write("Error: {stderr}\\n"); sys.exit(1)'
    cosign = Program(tmp_path, body).cosign(COSIGN_PASSWORD="")
    with pytest.raises(CosignError) as caught:
        cosign.sign(IMAGES[:1])
    text, help_ = message(caught.value)
    assert text.startswith("cosign failed: ")
    assert text.isprintable()
    assert help_.startswith(expected)


def test_transient_errors_are_retried(tmp_path: Path) -> None:
    """A registry that answers 503 twice delays signing, and does not prevent it."""
    body = """
if len(open(os.path.join(folder, "calls")).readlines()) < 3:
    sys.exit("Error: unexpected status code 503 Service Unavailable")
"""
    program = Program(tmp_path, body)
    with mock.patch.object(module, "pause", return_value=False) as paused:
        program.cosign().sign(IMAGES[:1])
    assert len(program.calls) == 3
    assert paused.call_count == 2


def test_images_are_verified_in_batches_behind_each_failure(tmp_path: Path) -> None:
    """Cosign stops at the first image that is not signed, so the rest is verified again."""
    body = f"""
for name in (one for one in sys.argv[2:] if "@" in one):
    digest = name.partition("@")[2]
    if digest in {[DIGESTS[3], DIGESTS[4], DIGESTS[44]]}:
        sys.exit("Error: no signatures found")
    print(json.dumps([{{"critical": {{"image": {{"docker-manifest-digest": digest}}}}}}]))
"""
    program = Program(tmp_path, body)
    reasons = program.cosign().verify(IMAGES)
    assert reasons == {IMAGES[number]: "no signatures found" for number in (3, 4, 44)}
    assert len(program.calls) == 3 + 1 + 1  # of the three batches, two have failures


def test_success_without_a_confirmation_of_the_digest_is_a_failure(tmp_path: Path) -> None:
    """Exit code 0 alone does not suffice."""
    body = 'print(json.dumps([{"critical": {"image": {"docker-manifest-digest": "sha256:0"}}}]))'
    reasons = Program(tmp_path, body).cosign().verify(IMAGES[:2])
    assert [*reasons] == IMAGES[:2]


def test_options_and_variables(tmp_path: Path) -> None:
    """With a key nothing is downloaded; the identity must match as a whole; secrets are few."""
    inherited = {
        "HOME": "/root",
        "COSIGN_KEY": "key",
        "COSIGN_PASSWORD": "password",
        "COSIGN_REPOSITORY": "elsewhere",
        "GITHUB_TOKEN": "token",
        "AWS_PROFILE": "a",
        "ACTIONS_ID_TOKEN_REQUEST_URL": "https://a",
        "COMPILE_MATRIX_PLAIN_HTTP": "plain.example:5000",
    }
    program = Program(tmp_path, "")
    images = ["plain.example:5000/a@sha256:1", "registry.example/a@sha256:2"]
    program.cosign(OWN, **inherited).sign(images)
    program.cosign(KEYLESS, **inherited).sign(images[:1])
    with pytest.raises(FileExistsError):  # the folder belongs to one run
        program.cosign(OWN)
    keyed = [words for words, _ in program.calls if "--key=env://COSIGN_KEY" in words]
    assert len(keyed) == 2
    for words in keyed:
        assert any(word.startswith("--signing-config=") for word in words)
        assert any(word.startswith("--trusted-root=") for word in words)
        assert ("--allow-http-registry=true" in words) == (images[0] in words)
    environments = {words[2]: set(environment) for words, environment in program.calls}
    own = {"PATH", "HOME", "COSIGN_KEY", "COSIGN_PASSWORD"}
    assert environments["--key=env://COSIGN_KEY"] - {"LC_CTYPE"} == own
    assert cosign_environment(inherited, KEYLESS, signs=True).keys() == {
        "HOME",
        "ACTIONS_ID_TOKEN_REQUEST_URL",
    }
    assert cosign_environment(inherited, OWN, signs=False).keys() == {"HOME"}
    service = OWN._replace(key="awskms:///alias/a")
    assert "AWS_PROFILE" in cosign_environment(inherited, service, signs=True)


def test_an_identity_must_match_as_a_whole(tmp_path: Path) -> None:
    """Part of an identity, such as another repository with the same start, does not suffice."""
    program = Program(tmp_path, "sys.exit(10)")
    program.cosign(KEYLESS).verify(IMAGES[:1])
    ((words, _),) = program.calls
    assert "--certificate-identity-regexp=^(?:https://a/.*)$" in words
    assert "--certificate-oidc-issuer=https://issuer.example" in words


def test_a_job_without_an_identity_token(tmp_path: Path) -> None:
    """It is noticed before anything is built."""
    program = Program(tmp_path, 'print(json.dumps({"gitVersion": "v3.1.1"}))')
    with pytest.raises(CosignError) as caught:
        program.cosign(KEYLESS, GITHUB_ACTIONS="true").check()
    assert "id-token: write" in message(caught.value)[1]
    token = {"GITHUB_ACTIONS": "true", "ACTIONS_ID_TOKEN_REQUEST_URL": "https://a"}
    assert cosign_environment(token, KEYLESS, signs=True)


@pytest.mark.parametrize(
    ("script", "limit"),
    [("sleep 60 & sleep 60", "did not end within"), ("yes", "wrote more than 1,000 bytes")],
)
def test_a_program_is_stopped_at_its_limits(script: str, limit: str, tmp_path: Path) -> None:
    """Its child processes are stopped, too."""
    start = time.monotonic()
    with pytest.raises(LimitError, match=limit):
        run(script, tmp_path, timeout=0.3)
    assert time.monotonic() - start < 10


def test_a_program_is_stopped_by_an_interrupt(tmp_path: Path) -> None:
    """Ctrl-C does not wait for cosign, and leaves no process behind."""
    started = threading.Event()

    def call(number: int) -> None:
        if number:
            started.set()
            run("echo $$ > new; mv new pid; exec sleep 60", tmp_path, timeout=60)
        started.wait()
        while not (tmp_path / "pid").exists():
            time.sleep(0.01)

    def interrupt(_key: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_parallel(call, {0: 0, 1: 1}, interrupt)
    pid = int((tmp_path / "pid").read_text())
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def run(script: str, folder: Path, timeout: float) -> None:
    """Run a shell script with limits."""
    run_limited(
        ["/bin/sh", "-c", script],
        environment={"PATH": os.defpath},
        cwd=str(folder),
        timeout=timeout,
        max_output=1000,
    )
