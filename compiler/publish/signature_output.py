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
    names = {f"{one.repository}@{digest}" for one in signatures for digest in one.digests}
    return {"signed": bool(names) and names.isdisjoint(unsigned)}


def signature_lines(
    signatures: Sequence[RecordedSignatures], unsigned: Collection[str] | None
) -> Iterator[str]:
    """Yield a line for each repository with recorded signatures: whether they are valid."""
    if unsigned is not None and not signatures:
        yield "  unsigned"
    for one in signatures:
        names = [f"{one.repository}@{digest}" for digest in one.digests]
        invalid = sum(name in unsigned for name in names) if unsigned is not None else 0
        state = "not verified" if unsigned is None else "valid"
        counts = f"{counted(len(names), 'signature')} {state}"
        if invalid:
            counts = f"{invalid} of {counted(len(names), 'signature')} missing or invalid"
        yield f"  signed    {one.repository} {counts}, by {one.signer}"
