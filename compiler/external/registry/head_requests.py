"""Ask registries whether they have something, without its content."""

from collections.abc import Callable
from typing import Any, NamedTuple

from compiler.external.registry.responses import RefusedError, Response


class HeadAnswer(NamedTuple):
    """What a registry answers to HEAD."""

    is_valid: bool
    """False if it rejects the method: only GET shows whether it has the content, or why not."""
    response: Response | None = None
    """None if the content is missing."""


def ask_head(
    read: Callable[..., Response | None], repository: str, path: str, **options: Any
) -> HeadAnswer:
    """Send HEAD. Some registries and proxies reject it, or redirect to where only GET is valid.

    A registry that answers with 404 does not have the content, as its protocol says.

    Args:
        read: sends a request; returns None for missing content.
        repository: the repository.
        path: the path in it.
        options: those of `HttpClient.request`.

    Raises:
        RegistryError: the registry does not respond, or all attempts failed with a transient error.
    """
    try:
        return HeadAnswer(is_valid=True, response=read("HEAD", repository, path, **options))
    except RefusedError as error:
        if error.is_transient:
            raise
    return HeadAnswer(is_valid=False)
