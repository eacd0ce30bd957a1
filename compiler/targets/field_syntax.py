"""Check the syntax of field values that bake or BuildKit would reject, or ignore, later."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping

from compiler.codes import Code
from compiler.errors import Diagnostic, Location, Problems
from compiler.external.go_values import GO_BOOLEANS, is_ip_address, is_size, parse_integer
from compiler.matrix.bake_strings import substitute
from compiler.matrix.field_table import ROWS, TABLE, Kind, Syntax
from compiler.targets.csv_entries import cells
from compiler.targets.field_locations import TargetUnderCheck


_LIMITS = frozenset(
    {"as", "core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice", "nofile"}
    | {"nproc", "rss", "rtprio", "rttime", "sigpending", "stack"}
)
_EXPORTERS = "cacheonly, docker, image, local, oci, registry, tar"
_CACHES = ("azblob", "gha", "inline", "local", "registry", "s3")
_PLATFORM = r"(?:\[[A-Za-z0-9_/-]+\])?"
_LEVEL = rf"(?:index|manifest)(?:-descriptor)?{_PLATFORM}"
_ANNOTATION = re.compile(rf"(?:{_LEVEL}(?:,{_LEVEL})*:[^\s=]+|[^\s:=]+)\Z")
_ARGUMENT = re.compile(r"[^\s=$\"'\\]+\Z")
_CPU_SET = re.compile(r"\d+(-\d+)?(,\d+(-\d+)?)*\Z", re.ASCII)
_SSH = re.compile(r"[A-Za-z0-9_.-]+\Z")


def _record(text: str, *, with_spaces: bool = False) -> dict[str, str] | None:
    """Return the pairs of `key=value,key=value`; None if the text has another form.

    Args:
        text: the entry of a field.
        with_spaces: whether buildx ignores spaces around the keys of this field.
    """
    pairs = [cell.partition("=") for cell in cells(text)]
    keys = [(key.strip() if with_spaces else key).lower() for key, _, _ in pairs]
    if not pairs or not all(
        equals and key for key, (_, equals, _) in zip(keys, pairs, strict=True)
    ):
        return None
    return dict(zip(keys, (value for _, _, value in pairs), strict=True)) if _once(keys) else None


def _once(keys: list[str]) -> bool:
    return len(set(keys)) == len(keys)


def _attest(text: str) -> str:
    pairs = _record(text, with_spaces=True)
    if pairs is None or pairs.get("type") not in ("provenance", "sbom"):
        return "type=provenance,mode=max or type=sbom"
    return "" if pairs.get("disabled", "true") in GO_BOOLEANS else "disabled=true"


def _policy(text: str) -> str:
    pairs = _record(text)
    known = {"filename", "reset", "disabled", "strict", "log-level"}
    if not pairs or pairs.keys() - known or not all(pairs.values()):
        return f"key=value, such as filename=extra.rego: one of {', '.join(sorted(known))}"
    flags = (pairs.get(key, "true") for key in ("reset", "disabled", "strict"))
    return "" if all(flag in {"true", "false"} for flag in flags) else "true or false"


def _resource(text: str) -> str:
    name, _, amount = text.partition("=")
    if name in {"memory", "memory-swap"}:
        valid = is_size(amount) or (name == "memory-swap" and amount == "-1")
        return "" if valid else f"{name}=SIZE, such as {name}=2g"
    if name in {"cpu-shares", "cpu-period", "cpu-quota"}:
        return "" if amount.isdecimal() and amount.isascii() else f"{name}=NUMBER"
    if name in {"cpuset-cpus", "cpuset-mems"}:
        return "" if _CPU_SET.match(amount) else f"{name}=0-3 or {name}=0,2"
    return "NAME=VALUE, such as memory=2g or cpu-quota=50000"


def _secret(text: str) -> str:
    pairs = _record(text)
    known = {"type", "id", "source", "src", "env"}
    if pairs is None or pairs.keys() - known or not pairs.get("id"):
        return "id=NAME,env=VARIABLE or id=NAME,src=FILE"
    return "" if pairs.get("type", "env") in ("env", "file") else "type=env or type=file"


def _output(text: str) -> str:
    if "=" not in text and "," not in text and cells(text):
        return ""  # a folder, or `-`
    pairs = _record(text, with_spaces=True)
    if pairs is None or pairs.get("type") not in _EXPORTERS.split(", "):
        return f"type=KIND,key=value: one of {_EXPORTERS}"
    return "type=local with `dest=...`" if pairs["type"] == "local" and "dest" not in pairs else ""


def _cache_source(text: str) -> str:
    return _cache(text, "src")


def _cache_target(text: str) -> str:
    return _cache(text, "dest")


def _cache(text: str, folder: str) -> str:
    """Check a cache; `folder` is the key of the folder of a local one.

    The environment of the builder may have what other types require, such as a bucket.
    """
    if "=" not in text:
        return "" if "," not in text and cells(text) else "type=registry,ref=NAME"
    pairs = _record(text)
    kind = (pairs or {}).get("type", "")
    if pairs is None or kind not in _CACHES:
        return f"type=KIND,key=value: one of {', '.join(_CACHES)}"
    wanted = {"registry": "ref", "local": folder}.get(kind)
    return f"type={kind} with `{wanted}=...`" if wanted and not pairs.get(wanted) else ""


def _ulimit(text: str) -> str:
    name, _, limits = text.partition("=")
    values = [*map(parse_integer, limits.split(":", 1))]
    if name not in _LIMITS or None in values:
        return "NAME=SOFT[:HARD], for instance nofile=1024:4096"
    soft, hard = values[0] or 0, values[-1] or 0
    is_valid = hard == -1 or (-1 < soft <= hard)
    return "" if is_valid else "a soft limit that does not exceed the hard limit"


def _argument(text: str) -> str:
    valid = _ARGUMENT.match(text)
    return "" if valid else "a name that `ARG` can declare: without spaces, quotes, `=` and `$`"


def _annotation(text: str) -> str:
    valid = _ANNOTATION.match(text.partition("=")[0])
    return "" if valid else "a key without spaces, with only manifest or index before `:`"


def _size(text: str) -> str:
    return "" if is_size(text) else "a size such as 128m or 2g"


def _ssh(text: str) -> str:
    return "" if _SSH.match(text.partition("=")[0]) else "default, or NAME=SOCKET"


def _network(text: str) -> str:
    return "" if text in ("", "default", "host", "none") else "default, host or none"


def _entitlement(text: str) -> str:
    known = ("network.host", "security.insecure", "device")
    return "" if text.partition("=")[0] in known else "network.host or security.insecure"


def _host(text: str) -> str:
    is_valid = text == "host-gateway" or all(map(is_ip_address, text.split(",")))
    return "" if is_valid else "an IP address, or host-gateway"


def _host_name(text: str) -> str:
    return "a name without `=`" if "=" in text else ""


CHECKS: Mapping[Syntax, Callable[[str], str]] = {
    Syntax.ANNOTATION: _annotation,
    Syntax.ARGUMENT: _argument,
    Syntax.ATTESTATION: _attest,
    Syntax.CACHE_SOURCE: _cache_source,
    Syntax.CACHE_TARGET: _cache_target,
    Syntax.ENTITLEMENT: _entitlement,
    Syntax.HOST: _host,
    Syntax.HOST_NAME: _host_name,
    Syntax.NETWORK: _network,
    Syntax.OUTPUT: _output,
    Syntax.POLICY: _policy,
    Syntax.RESOURCE: _resource,
    Syntax.SECRET: _secret,
    Syntax.SIZE: _size,
    Syntax.SSH: _ssh,
    Syntax.ULIMIT: _ulimit,
}
"""Checks of one text: each returns what it expects instead, or nothing for valid text."""

_BY_FIELD = {row.name: CHECKS[row.syntax] for row in TABLE if row.syntax is not None}
_BY_KEY = {row.name: CHECKS[row.keys] for row in TABLE if row.keys is not None}
_CHECKED = frozenset({*_BY_FIELD, *_BY_KEY})


class Shapes:
    """Checks the texts of fields; equal texts are checked once."""

    def __init__(self, variables: Mapping[str, str], problems: Problems) -> None:
        """Take the values of the bake variables, and the collector of errors."""
        self._values, self._problems = variables, problems
        self._checked: dict[tuple[str, int], tuple[object, tuple[Diagnostic, ...]]] = {}
        """Values, kept alive so that their ids stay unique, and what is wrong with them."""

    def check(self, subject: TargetUnderCheck, fields: Mapping[str, object]) -> None:
        """Check the fields of one target."""
        for field, value in fields.items():
            if field not in _CHECKED:
                continue
            known = self._checked.get((field, id(value)))
            if known is None:
                known = value, tuple(self._errors(subject, field, value))
                self._checked[field, id(value)] = known
            if known[1]:
                self._problems.extend(known[1], subject.name)

    def _errors(self, subject: TargetUnderCheck, field: str, value: object) -> Iterator[Diagnostic]:
        """Yield what is wrong with the value of a field."""
        for text in _texts(value) if field in _BY_FIELD else ():
            plain = substitute(text, self._values)
            if text and not plain and isinstance(value, tuple):
                continue  # Bake ignores it.
            expected = _BY_FIELD[field](plain)
            if expected:
                yield self._invalid(subject, field, text, expected)
        for key in value if field in _BY_KEY and isinstance(value, Mapping) else ():
            expected = _BY_KEY[field](substitute(key, self._values))
            if expected:
                message = f"invalid name in `{field}`: {key[:80]!r}"
                yield _wrong(message, subject.key(field, key), expected)

    def _invalid(
        self, subject: TargetUnderCheck, field: str, text: str, expected: str
    ) -> Diagnostic:
        location = subject.entry(field, text)
        if ROWS[field].merged:
            key = text.partition("=")[0] if ROWS[field].kind is Kind.PAIRS else ""
            location = subject.locate(field, key) if key else location
        return _wrong(f"invalid value for `{field}`: {text[:80]!r}", location, expected)


def _wrong(message: str, location: Location, expected: str) -> Diagnostic:
    help_ = f"write {expected}"
    return Diagnostic(code=Code.BAD_FIELD, message=message, location=location, help=help_)


def _texts(value: object) -> Iterable[str]:
    match value:
        case str():
            return [value]
        case tuple():
            return value
        case Mapping():
            return value.values()
        case _:
            return []
