"""The examples in docstrings print what they say."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import compiler


@pytest.mark.slow
def test_examples_in_docstrings() -> None:
    """All of them, in every module."""
    attempted = 0
    for module in pkgutil.walk_packages(compiler.__path__, "compiler."):
        if not module.name.endswith("__main__"):
            results = doctest.testmod(importlib.import_module(module.name))
            assert not results.failed, module.name
            attempted += results.attempted
    assert attempted > 100
