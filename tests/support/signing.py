"""A key pair of the real cosign, and what it has signed."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from compiler.errors import Location
from compiler.external.cosign import open_cosign
from compiler.external.signer import Signer


PASSWORD = "a password"  # noqa: S105 - of a key that exists for one test
PLACE = Location(path="matrix.yaml", line=1)


@dataclass(frozen=True, kw_only=True)
class KeyPair:
    """A key pair, and the program that has created it."""

    program: Path
    private: str
    public: bytes

    @classmethod
    def create(cls, program: Path, folder: Path) -> KeyPair:
        """Create a key pair in a folder."""
        subprocess.run(
            [program, "generate-key-pair"],
            cwd=folder,
            env={"COSIGN_PASSWORD": PASSWORD, "HOME": str(folder)},
            check=True,
            capture_output=True,
        )
        public = (folder / "cosign.pub").read_bytes()
        return cls(program=program, private=(folder / "cosign.key").read_text(), public=public)

    @property
    def environment(self) -> Mapping[str, str]:
        """Return the variables of a run that signs."""
        path = f"{self.program.parent}{os.pathsep}{os.environ['PATH']}"
        return {"PATH": path, "COSIGN_KEY": self.private, "COSIGN_PASSWORD": PASSWORD}

    def unsigned(self, references: Iterable[str]) -> dict[str, str]:
        """Return the images that the key has not signed, with reasons."""
        with open_cosign(Signer(self.public), self.environment, PLACE) as cosign:
            return cosign.verify([*references])

    def sign(self, references: Iterable[str]) -> None:
        """Sign images."""
        with open_cosign(
            Signer(self.public, "env://COSIGN_KEY"), self.environment, PLACE
        ) as cosign:
            cosign.sign([*references])
