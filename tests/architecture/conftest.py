"""The things that the table of permissions is tried on are there for every test of this folder."""

from __future__ import annotations

from _pytest.fixtures import FixtureFunctionDefinition

from tests.architecture import test_permissions

globals().update(
    {name: each for name, each in vars(test_permissions).items() if isinstance(each, FixtureFunctionDefinition)}
)
