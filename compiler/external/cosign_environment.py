"""Choose the variables of the environment that cosign gets.

Of `COSIGN_*`, these are the password, the key, and settings of hardware keys and media types.
Others would change what is signed, and where signatures are stored.
"""

from collections.abc import Mapping

from compiler.external.signer import Signer


PASSWORD = "COSIGN_PASSWORD"  # noqa: S105 - the name of a variable
"""The variable with the password of the private key."""

_PASSED = frozenset(
    {"PATH", "HOME", "TMPDIR", "DOCKER_CONFIG", "XDG_RUNTIME_DIR"}
    | {"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"}
    | {"SSL_CERT_FILE", "SSL_CERT_DIR", "COSIGN_DOCKER_MEDIA_TYPES"}
)
_PASSED_KEYLESS = ("ACTIONS_ID_TOKEN_REQUEST_", "SIGSTORE_", "TUF_ROOT", "BUILDKITE_AGENT_")
_PASSED_KEYS: Mapping[str, tuple[str, ...]] = {
    "awskms": ("AWS_",),
    "azurekms": ("AZURE_",),
    "gcpkms": ("GOOGLE_", "CLOUDSDK_"),
    "hashivault": ("VAULT_", "TRANSIT_"),
    "k8s": ("KUBECONFIG", "KUBERNETES_"),
    "gitlab": ("GITLAB_",),
}
"""Scheme of a key service -> the start of the variables that its client reads."""


def cosign_environment(
    environment: Mapping[str, str], signer: Signer, *, signs: bool
) -> dict[str, str]:
    """Return all variables of a run of cosign.

    Args:
        environment: the variables of this process.
        signer: the owner of a key, or an identity.
        signs: whether the run may use the private key, or get an identity token.
    """
    scheme, is_scheme, rest = signer.key.partition("://")
    names: set[str] = set(_PASSED)
    prefixes: tuple[str, ...] = ()
    if not signer.public:
        prefixes = _PASSED_KEYLESS if signs else ("TUF_ROOT", "SIGSTORE_ROOT")
    elif signs:
        names |= {PASSWORD, *([rest] if scheme == "env" and is_scheme else [])}
        prefixes = ("COSIGN_PKCS11_", *_PASSED_KEYS.get(scheme if is_scheme else "", ()))
    return {
        name: value
        for name, value in environment.items()
        if name in names or name.startswith(prefixes)
    }


def lacks_token(environment: Mapping[str, str]) -> bool:
    """Return whether this is a job of GitHub that cannot get an identity token."""
    names = ("ACTIONS_ID_TOKEN_REQUEST_URL", "SIGSTORE_ID_TOKEN")
    return bool(environment.get("GITHUB_ACTIONS")) and not any(map(environment.get, names))
