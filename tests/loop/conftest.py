"""A product that has gone round once, made once a session and copied for each test."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lapwise.core.clock import format_time
from tests.loop.answered import Asked, make_answered
from tests.loop.twice import NOW, Driven, make_twice
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


@pytest.fixture(scope="session")
def _twice_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    bytecode, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        world = make_twice(tmp_path_factory.mktemp("twice") / "returns")
    finally:
        sys.dont_write_bytecode = bytecode
    forget()
    return world.root


@pytest.fixture
def twice(tmp_path: Path, _twice_template: Path) -> World:
    """A product with v1 in production, v2 and v3 in staging."""
    shutil.copytree(_twice_template, tmp_path / "returns")
    return World(tmp_path / "returns")


@pytest.fixture
def driven(twice: World) -> Iterator[Driven]:
    """Its rollout, moved on by hand; nobody approves unless the test does."""
    with twice.workshop(format_time(NOW)) as opened:
        yield Driven(opened, twice)


@pytest.fixture(scope="session")
def _answered_template(tmp_path_factory: pytest.TempPathFactory, _twice_template: Path) -> Asked:
    root = tmp_path_factory.mktemp("answered") / "returns"
    shutil.copytree(_twice_template, root)
    bytecode, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        found = make_answered(World(root))
    finally:
        sys.dont_write_bytecode = bytecode
    forget()
    return found


@pytest.fixture
def answered(tmp_path: Path, _answered_template: Asked) -> Asked:
    """A product whose v1 has answered three days of orders, until NOW."""
    shutil.copytree(_answered_template.world.root, tmp_path / "answered")
    return Asked(World(tmp_path / "answered"), _answered_template.history)
