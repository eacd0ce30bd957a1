"""Read who signs images: `publish.sign` and `lock.verify` of matrix.yaml."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from compiler.codes import Code
from compiler.errors import CompileError
from compiler.external.signer import KEY_SERVICES, Signer, public_key
from compiler.matrix.derivation import ExpressionError, check_syntax
from compiler.matrix.model import KeylessOptions, SignOptions, VerifyOptions
from compiler.matrix.names import SIGNING_PREFIX, VARIABLE
from compiler.matrix.reader import Reader
from compiler.matrix.verified_bases import VerifiedBases
from compiler.source.document import Route
from compiler.source.project_files import FileError, Files


_VARIABLE_SCHEME = "env"


def read_sign(options: SignOptions | None, files: Files, reader: Reader) -> Signer | None:
    """Return who signs images, and report errors; None if nobody does."""
    if options is None:
        return None
    route: Route = ("publish", "sign")
    if options.keyless is not None:
        if options.key is not None or options.public is not None:
            _reject(reader, "`keyless` excludes `key` and `public`", route, "remove one of them")
        return _keyless(options.keyless, (*route, "keyless"), reader)
    if _is_incomplete(reader, route):
        return None
    if options.key is None or options.public is None:
        _reject(
            reader,
            "`sign` does not name a key pair",
            route,
            'write `key: "env://COSIGN_KEY"` and `public: cosign.pub`, or `keyless`',
        )
        return None
    key = _private_key(options.key, files, reader)
    content = _public_key(options.public, (*route, "public"), files, reader)
    return Signer(content, key) if content else None


def read_verify(
    verify: Mapping[str, VerifyOptions], files: Files, reader: Reader
) -> tuple[VerifiedBases, ...]:
    """Return which base images must be signed, and report errors."""
    verified = []
    for pattern, options in verify.items():
        route: Route = ("lock", "verify", pattern)
        signer = _verifier(options, route, files, reader)
        if signer is not None:
            location = reader.source.locate(route, key=True)
            verified.append(VerifiedBases(pattern=pattern, signer=signer, location=location))
    return tuple(verified)


def _verifier(options: VerifyOptions, route: Route, files: Files, reader: Reader) -> Signer | None:
    if _is_incomplete(reader, route):
        return None
    if (options.key is None) == (options.keyless is None):
        help_ = "write `key: FILE`, or `keyless: {identity: EXPRESSION, issuer: URL}`"
        _reject(reader, "an entry needs either `key` or `keyless`", route, help_)
        return None
    if options.keyless is not None:
        return _keyless(options.keyless, (*route, "keyless"), reader)
    content = _public_key(options.key or "", (*route, "key"), files, reader)
    return Signer(content) if content else None


def _is_incomplete(reader: Reader, route: Route) -> bool:
    """Return whether a key was left out because its value is invalid, which is reported already."""
    keys = ("key", "public", "keyless")
    return any(reader.valid.is_removed((*route, key)) for key in keys)


def _keyless(options: KeylessOptions, route: Route, reader: Reader) -> Signer:
    try:
        check_syntax(options.identity)
    except ExpressionError as error:
        _reject(reader, error.message, (*route, "identity"), error.help)
    if not options.identity.isprintable() or not options.identity.strip():
        help_ = "write an expression that matches the whole identity"
        _reject(reader, "`identity` must be text in one line", (*route, "identity"), help_)
    if not _is_address(options.issuer):
        help_ = "write a URL such as https://token.actions.githubusercontent.com"
        _reject(reader, f"invalid issuer: {options.issuer!r}", (*route, "issuer"), help_)
    return Signer(identity=options.identity, issuer=options.issuer)


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme == "https" and bool(parts.hostname) and text.isprintable()


def _private_key(key: str, files: Files, reader: Reader) -> str:
    """Return a private key as cosign names it; a file as an absolute path."""
    route: Route = ("publish", "sign", "key")
    scheme, is_scheme, rest = key.partition("://")
    if not is_scheme and key and key.isprintable():
        return files.real(key)  # only the machine that signs needs the file
    is_own = scheme == _VARIABLE_SCHEME and rest.startswith(SIGNING_PREFIX) and VARIABLE.match(rest)
    if not is_own and (scheme not in KEY_SERVICES or not key.isprintable()):
        _reject(
            reader,
            f"invalid private key: {key!r}",
            route,
            f"write `env://{SIGNING_PREFIX}KEY` or another variable that begins with "
            f"`{SIGNING_PREFIX}`, a file, or a key of {', '.join(KEY_SERVICES)}",
        )
    return key


def _public_key(path: str, route: Route, files: Files, reader: Reader) -> bytes:
    """Return the content of a file with a public key; empty if it is invalid."""
    try:
        content = files.read(path)
    except FileError as error:
        reader.reject(CompileError([error.at(reader.source.locate(route))]), route)
        return b""
    if public_key(content) is None:
        help_ = "write the file with `cosign public-key --key KEY > cosign.pub`"
        _reject(reader, f"{path!r} is not a public key in PEM", route, help_)
        return b""
    return content


def _reject(reader: Reader, message: str, route: Route, help_: str) -> None:
    reader.problem(Code.BAD_SIGNER, message, route, help_)
