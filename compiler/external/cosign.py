"""Run `cosign`, which signs images by digest and verifies their signatures.

With a key, nothing but the registry is contacted: signatures are not entered in a transparency log.
Without a key, cosign uses the services of Sigstore that its own configuration names.
"""

import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial

from compiler.codes import Code
from compiler.errors import Diagnostic, DiagnosticError, Location
from compiler.external.cosign_batches import Batch, make_batches
from compiler.external.cosign_environment import PASSWORD, cosign_environment, lacks_token
from compiler.external.cosign_files import write_key_files
from compiler.external.cosign_output import (
    count_verified,
    error_reason,
    explain,
    is_unverified,
)
from compiler.external.cosign_settings import provide_settings
from compiler.external.json_object import load_object
from compiler.external.limited_process import Completed, LimitError, run_limited
from compiler.external.registry.credential_helpers import InvalidSettingsError
from compiler.external.registry.parallel import MAX_TRANSFERS, pause, run_parallel
from compiler.external.registry.scopes import READ, WRITE
from compiler.external.scratch import scratch_folder
from compiler.external.signer import Signer, public_key
from compiler.external.transient_errors import ATTEMPTS, retry_delay, transient_reason


OLDEST = (3, 0)
"""The oldest version that has the options used here."""
_PROGRAM = "cosign"
_INSTALL = f"install cosign {OLDEST[0]}.{OLDEST[1]} or later, and add it to PATH"
_START, _EACH = 60.0, 30.0
"""Seconds that a run may take, and further ones for each image."""
_MAX_OUTPUT = 4 * 2**20


class CosignError(DiagnosticError):
    """cosign cannot be used, or cannot sign; the reason is not the content of an image."""


class Cosign:
    """The program, as one signer uses it."""

    def __init__(
        self, signer: Signer, environment: Mapping[str, str], location: Location, folder: str
    ) -> None:
        """Take who signs, and write the files that cosign reads.

        Args:
            signer: the owner of a key, or an identity.
            environment: the variables of this process.
            location: locates errors: where matrix.yaml names the signer.
            folder: a temporary folder.
        """
        self.signer = signer
        self._environment, self._location, self._folder = environment, location, folder
        program = shutil.which(_PROGRAM, path=environment.get("PATH", os.defpath))
        self._program = program and os.path.abspath(program)  # it runs in the temporary folder
        if signer.public:
            write_key_files(folder, signer.public)

    def check(self) -> None:
        """Check that cosign is installed, and that the key can be loaded and is the right one.

        Raises:
            CosignError: the first problem.
        """
        self.check_version()
        if self.signer.key:
            completed = self._run(["public-key", f"--key={self.signer.key}"], signs=True)
            if completed.code:
                raise self._failure(completed)
            if public_key(completed.stdout) != public_key(self.signer.public):
                raise self._error(
                    "the private key of `key` does not belong to the public key of `public`",
                    "write the matching public key: `cosign public-key --key KEY > cosign.pub`",
                )
        elif self.signer.identity and lacks_token(self._environment):
            raise self._error(
                "this job has no identity token to sign with",
                "add the permission `id-token: write` to the job",
            )

    def check_version(self) -> None:
        """Check that cosign is installed and new enough to verify signatures.

        Raises:
            CosignError: it is not.
        """
        completed = self._run(["version", "--json"])
        version = (load_object(completed.stdout) or {}).get("gitVersion")
        if not isinstance(version, str):
            raise self._error(f"{self._program} is not cosign", _INSTALL)
        match = re.match(r"v?(\d+)\.(\d+)\.", version)  # builds of distributions may say `devel`
        if match and (int(match[1]), int(match[2])) < OLDEST:
            raise self._too_old(match[0].rstrip("."))

    def sign(self, references: Sequence[str]) -> None:
        """Sign images, or other manifests.

        Args:
            references: the images as `REPOSITORY@DIGEST`.

        Raises:
            CosignError: an image could not be signed; others may be signed.
        """
        options = ["--yes"]
        if self.signer.key:
            options += [f"--key={self.signer.key}", f"--signing-config={self._folder}/signing.json"]
            options += [f"--trusted-root={self._folder}/trusted.json"]
        else:
            options += ["--fulcio-auth-flow=token"]  # never opens a browser
        environment = self._find_access(references, WRITE)

        def sign_batch(batch: Batch) -> None:
            arguments = ["sign", *options, *batch.flags, *batch.references]
            if (completed := self._run(arguments, environment, signs=True)).code:
                raise self._failure(completed)

        run_parallel(sign_batch, make_batches(references, self._environment), workers=MAX_TRANSFERS)

    def verify(self, references: Sequence[str]) -> dict[str, str]:
        """Return the images that the signer has not signed, with what cosign says about each.

        Args:
            references: the images as `REPOSITORY@DIGEST`.

        Raises:
            CosignError: cosign cannot verify anything, or a registry cannot be read.
        """
        verify = partial(self._verify_batch, self._find_access(references, READ))
        results = run_parallel(
            verify, make_batches(references, self._environment), workers=MAX_TRANSFERS
        )
        return {name: reason for batch in results.values() for name, reason in batch.items()}

    def _find_access(self, references: Sequence[str], actions: frozenset[str]) -> Mapping[str, str]:
        """Return the variables with which cosign finds the credentials of images."""
        try:
            return provide_settings(references, actions, self._environment, self._folder)
        except InvalidSettingsError as error:
            raise self._error(error.message, error.help) from None

    def _verify_batch(self, environment: Mapping[str, str], batch: Batch) -> dict[str, str]:
        """Verify images one after another; cosign stops at the first that fails."""
        if self.signer.public:
            options = [f"--key={self._folder}/public.pem", "--insecure-ignore-tlog=true"]
            options += [f"--trusted-root={self._folder}/trusted.json"]
        else:
            options = [f"--certificate-identity-regexp=^(?:{self.signer.identity})$"]
            options += [f"--certificate-oidc-issuer={self.signer.issuer}"]
        names = list(batch.references)
        reasons: dict[str, str] = {}
        while names:
            arguments = ["verify", "--output=json", *options, *batch.flags, *names]
            completed = self._run(arguments, environment)
            verified = count_verified(completed.stdout, names)
            if verified == len(names) and not completed.code:
                break
            reason = error_reason(completed.stderr) or "its signature is not confirmed"
            if completed.code and not is_unverified(completed.code, reason):
                raise self._failure(completed)
            reasons[names[min(verified, len(names) - 1)]] = reason
            names = names[verified + 1 :]
        return reasons

    def _run(
        self,
        arguments: Sequence[str],
        environment: Mapping[str, str] | None = None,
        *,
        signs: bool = False,
    ) -> Completed:
        """Run cosign, and again after transient errors.

        Args:
            arguments: its arguments.
            environment: other variables than those of this process.
            signs: whether it may use the private key.
        """
        if self._program is None:
            raise self._error("cosign is not installed", _INSTALL)
        environment = cosign_environment(environment or self._environment, self.signer, signs=signs)
        attempt = 1
        while True:
            completed = self._run_once([self._program, *arguments], environment)
            reason = error_reason(completed.stderr) if completed.code else ""
            if "unknown flag" in reason:
                raise self._too_old("the installed version")
            is_last = attempt == ATTEMPTS or not transient_reason(reason)
            if is_last or pause(retry_delay(attempt)):
                return completed
            attempt += 1

    def _run_once(self, command: Sequence[str], environment: Mapping[str, str]) -> Completed:
        try:
            return run_limited(
                command,
                environment=environment,
                cwd=self._folder,
                timeout=_START + _EACH * len(command),
                max_output=_MAX_OUTPUT,
            )
        except (OSError, LimitError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise self._error(f"cosign failed: {reason}", "try again") from None

    def _failure(self, completed: Completed) -> CosignError:
        """Return the error for a run that failed, with its remedy."""
        reason = error_reason(completed.stderr) or f"exit code {completed.code}"
        has_password = PASSWORD in self._environment
        return self._error(
            *explain(reason, has_key=bool(self.signer.key), has_password=has_password)
        )

    def _too_old(self, version: str) -> CosignError:
        return self._error(f"cosign is too old: {version}", _INSTALL)

    def _error(self, message: str, help_: str) -> CosignError:
        diagnostic = Diagnostic(
            code=Code.CANNOT_SIGN, message=message, location=self._location, help=help_
        )
        return CosignError([diagnostic])


@contextmanager
def open_cosign(
    signer: Signer, environment: Mapping[str, str], location: Location
) -> Iterator[Cosign]:
    """Provide cosign for a signer; its temporary files are deleted at the end.

    Args:
        signer: the owner of a key, or an identity.
        environment: the variables of this process.
        location: locates errors: where matrix.yaml names the signer.

    Raises:
        OSError: the temporary files cannot be written.
    """
    with scratch_folder() as folder:
        yield Cosign(signer, environment, location, folder)
