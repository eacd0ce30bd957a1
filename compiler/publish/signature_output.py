"""Show whether the recorded signatures of a release are valid."""

from collections.abc import Collection, Iterable, Iterator, Sequence

from compiler.releases.recorded_signatures import RecordedSignatures
from compiler.reports.text import counted


def signed_field(
    signatures: Iterable[RecordedSignatures], unsigned: Collection[str] | None
) -> dict[str, bool]:
    """Return whether all recorded signatures are valid; nothing if they were not verified."""
    if unsigned is None:
        return {}
    names = {
        f"{signature.repository}@{digest}"
        for signature in signatures
        for digest in signature.digests
    }
    return {"signed": bool(names) and names.isdisjoint(unsigned)}


def signature_lines(
    signatures: Sequence[RecordedSignatures], unsigned: Collection[str] | None
) -> Iterator[str]:
    """Yield a line for each repository with recorded signatures: whether they are valid."""
    if unsigned is not None and not signatures:
        yield "  unsigned"
    for signature in signatures:
        names = [f"{signature.repository}@{digest}" for digest in signature.digests]
        invalid = sum(name in unsigned for name in names) if unsigned is not None else 0
        state = "not verified" if unsigned is None else "valid"
        counts = f"{counted(len(names), 'signature')} {state}"
        if invalid:
            counts = f"{invalid} of {counted(len(names), 'signature')} missing or invalid"
        yield f"  signed    {signature.repository} {counts}, by {signature.signer}"
