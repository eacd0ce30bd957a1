"""What is a folder and what an address, in contexts and in sources of `ADD`."""

import pytest

from compiler.external.addresses import is_address, is_folder


ADDRESSES = (
    *("https://a.example/b.git", "HTTP://a.example", "ssh://git@a.example/b", "git://a.example/b"),
    *("git@a.example:b.git", "some-user@a.example:b", "docker-image://python:3", "oci-layout://a"),
)
PATHS = (
    *(".", "a", "a/b", "../a", "/a", "a:b", "target", "a@b", "a/b@c:d", "user@a b:c", "://a"),
    *("é", "https:/a", "a/https://b", ".git", "gitlab.com/a/b"),
)


@pytest.mark.parametrize("text", ADDRESSES)
def test_an_address_is_not_a_folder(text: str) -> None:
    """Neither as a context nor as a source of `ADD`."""
    assert is_address(text)
    assert not is_folder(text)


@pytest.mark.parametrize("text", PATHS)
def test_a_path_is_a_folder(text: str) -> None:
    """A colon alone does not make an address."""
    assert not is_address(text)
    assert is_folder(text)


@pytest.mark.parametrize("text", ["target:base", "github.com/acme/a"])
def test_some_texts_are_addresses_only_as_contexts(text: str) -> None:
    """`ADD github.com/acme/a` reads a path of the build context."""
    assert not is_address(text)
    assert not is_folder(text)
