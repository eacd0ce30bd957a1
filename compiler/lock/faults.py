"""Why an image cannot be pinned to a digest, and what to do about each reason."""

from typing import NamedTuple


class Fault(NamedTuple):
    """Why an image cannot be locked."""

    reason: str
    remedy: str


MACHINE = Fault(
    "its name depends on the building machine",
    "use the argument TARGETARCH instead of BUILDARCH, and set `platforms` of the image",
)
FLAG_VARIABLE = Fault(
    "`--from` and `from=` do not expand variables",
    "write `FROM NAME AS stage` with the variables, and copy from that stage",
)
DIGEST = Fault("invalid digest after `@`", "write `@sha256:` and 64 hexadecimal digits")
NAME = Fault("invalid image name", "write [REGISTRY/]name[:tag], the name in lower case")
TAG = Fault(
    "its tag depends on a bake variable",
    "write the tag in the template, or print it from `set`; only the registry may be a variable",
)
NOTATION = Fault(
    "a digest cannot be written after its name in this notation",
    "write the name in one word, without quotes and escapes, or as the default of one ARG",
)

DIRECTIVE = Fault(
    "a `# syntax=` in an existing Dockerfile cannot be pinned from outside",
    "write its digest in the Dockerfile, or use the file as a template",
)
OPEN_NAME = Fault(
    "its name in an existing Dockerfile depends on a bake variable",
    "use the file as a template, or write the name into it",
)


def platform(images: list[str]) -> Fault:
    """Return the fault of a name that is another one for each platform."""
    return Fault(
        f"its name depends on the platform: {', '.join(images)}",
        "name an image that has all these platforms, or build each platform as an axis value",
    )


def expansion(reason: str) -> Fault:
    """Return the fault of a name whose variables BuildKit cannot expand."""
    return Fault(reason, "correct the variables in the name")
