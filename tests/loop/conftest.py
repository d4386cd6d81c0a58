"""A product that has gone round once, made once a session and copied for each test."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.loop.worlds import World, forget, make_world


@pytest.fixture(autouse=True)
def _own_modules(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Leave no page of a test to the next one, and write no byte code that could be stale."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setenv("LAPWISE_ACTOR", "ada")
    yield
    forget()


@pytest.fixture(scope="session")
def _template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    world = make_world(tmp_path_factory.mktemp("template") / "returns")
    bytecode, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        assert world.lap().state == "waiting"
    finally:
        sys.dont_write_bytecode = bytecode
    forget()
    return world.root


@pytest.fixture
def fresh(tmp_path: Path) -> World:
    """A project that never went round."""
    return make_world(tmp_path / "returns")


@pytest.fixture
def world(tmp_path: Path, _template: Path) -> World:
    """A project after its first lap, whose version v1 waits for approval."""
    shutil.copytree(_template, tmp_path / "returns")
    return World(tmp_path / "returns")
