"""The public names, and where each is."""

from __future__ import annotations

import ast
import importlib
import pathlib

import pytest

import nannin


def imports_for_types() -> dict[str, str]:
    """The names that the package imports for type checkers, and from where."""
    tree = ast.parse(pathlib.Path(nannin.__file__).read_text(encoding="utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    found = [node for node in block.body if isinstance(node, ast.ImportFrom)]
    assert all(alias.asname == alias.name for node in found for alias in node.names)
    return {alias.name: str(node.module) for node in found for alias in node.names}


def test_the_interpreter_finds_each_name_where_type_checkers_do() -> None:
    places = imports_for_types()
    assert list(places) == list(nannin.__all__)
    for name, module in places.items():
        assert getattr(nannin, name) is getattr(importlib.import_module(module), name)


def test_a_name_that_is_not_public_is_an_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Lives'"):
        getattr(nannin, "Lives")  # noqa: B009 - the linters know that it is not there


def test_completion_knows_every_public_name() -> None:
    assert set(nannin.__all__) <= set(dir(nannin))
