"""Write the files with which cosign trusts a key alone, and contacts nothing but the registry."""

import os


_SIGNING_CONFIG = (
    '{"mediaType":"application/vnd.dev.sigstore.signingconfig.v0.2+json",'
    '"rekorTlogConfig":{},"tsaConfig":{}}'
)
"""No service: neither a transparency log nor a time stamp."""
_TRUSTED_ROOT = '{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1"}'
"""No authority: only the key is trusted, and nothing is downloaded."""


def write_key_files(folder: str, public: bytes) -> None:
    """Write `public.pem`, `signing.json` and `trusted.json` for a public key.

    Raises:
        FileExistsError: the folder belongs to another run.
        OSError: the files cannot be written.
    """
    files = {
        "public.pem": public,
        "signing.json": _SIGNING_CONFIG.encode(),
        "trusted.json": _TRUSTED_ROOT.encode(),
    }
    for name, content in files.items():
        with open(os.path.join(folder, name), "xb") as file:
            file.write(content)
