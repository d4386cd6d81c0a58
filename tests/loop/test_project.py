"""Where a project is, and where its store is."""

from __future__ import annotations

from pathlib import Path

import pytest

from lapwise.core.errors import DeclarationError
from lapwise.loop.project import find_project


def test_settings(tmp_path: Path) -> None:
    """The nearest pyproject.toml with [tool.lapwise] is the root, from any folder below it."""
    (tmp_path / "pyproject.toml").write_text('[tool.lapwise]\nloop = "page.py:loop"\n')
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    (tmp_path / "a" / "pyproject.toml").write_text("[tool.other]\nx = 1\n")
    project = find_project(below)
    assert (project.root, project.page) == (tmp_path, "page.py:loop")
    assert project.store == f"sqlite:///{tmp_path}/.lapwise/lapwise.db"
    assert project.blobs == f"{tmp_path}/.lapwise/blobs"


def test_folder(tmp_path: Path) -> None:
    """A folder with a store is a root; without either the folder itself is."""
    below = tmp_path / "below"
    below.mkdir()
    assert find_project(below).root == below
    (tmp_path / ".lapwise").mkdir()
    assert find_project(below).root == tmp_path


def test_addresses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment wins over the table, which wins over the folder."""
    (tmp_path / "pyproject.toml").write_text(
        '[tool.lapwise]\nstore = "postgresql://h/d"\nblobs = "s3://b"\n'
    )
    project = find_project(tmp_path)
    assert (project.store, project.blobs) == ("postgresql://h/d", "s3://b")
    monkeypatch.setenv("LAPWISE_STORE", "sqlite:////elsewhere/l.db")
    monkeypatch.setenv("LAPWISE_BLOBS", "/elsewhere/blobs")
    project = find_project(tmp_path)
    assert (project.store, project.blobs) == ("sqlite:////elsewhere/l.db", "/elsewhere/blobs")


def test_relative_addresses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative place is one place, from whichever folder of the project it is asked for."""
    (tmp_path / "pyproject.toml").write_text(
        '[tool.lapwise]\nstore = "sqlite:///kept/l.db"\nblobs = "kept/blobs"\n'
    )
    below = tmp_path / "below"
    below.mkdir()
    monkeypatch.chdir(below)
    project = find_project(below)
    assert project.store == f"sqlite:///{tmp_path}/kept/l.db"
    assert project.blobs == f"{tmp_path}/kept/blobs"
    monkeypatch.setenv("LAPWISE_BLOBS", "mine")
    assert find_project(tmp_path).blobs == f"{below}/mine"


def test_a_server_has_its_own_blobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is said of blobs elsewhere; and a project at a server is never new."""
    (tmp_path / "pyproject.toml").write_text('[tool.lapwise]\nblobs = "s3://bucket/x"\n')
    monkeypatch.setenv("LAPWISE_STORE", "https://lapwise.example")
    monkeypatch.setenv("LAPWISE_BLOBS", "elsewhere")
    project = find_project(tmp_path)
    assert project.store == project.blobs == "https://lapwise.example"
    assert not project.is_new


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[tool.lapwise\n", "not TOML"),
        ('[tool.lapwise]\npage = "x"\n', "unknown keys"),
        ("[tool.lapwise]\nloop = 3\n", "text"),
        ('[tool]\nlapwise = "x"\n', r"\[tool.lapwise\]"),
        ("tool = 3\n", None),
    ],
)
def test_mistakes(tmp_path: Path, text: str, message: str | None) -> None:
    """A table that says nothing useful is refused; one of others is none of our business."""
    (tmp_path / "pyproject.toml").write_text(text)
    if message is None:
        assert find_project(tmp_path).page is None
        return
    with pytest.raises(DeclarationError, match=message):
        find_project(tmp_path)


def test_the_online_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is a folder of the project, unless the table or the environment says otherwise."""
    table = tmp_path / "pyproject.toml"
    table.write_text("[tool.lapwise]\n")
    assert find_project(tmp_path).online == f"{tmp_path}/.lapwise/live/features"
    table.write_text('[tool.lapwise]\nonline = "kept/online"\n')
    assert find_project(tmp_path).online == f"{tmp_path}/kept/online"
    table.write_text('[tool.lapwise]\nonline = "unix:///run/redis.sock?db=1"\n')
    assert find_project(tmp_path).online == "unix:///run/redis.sock?db=1"
    monkeypatch.setenv("LAPWISE_ONLINE", "rediss://:pw@host/0?space=a")
    assert find_project(tmp_path).online == "rediss://:pw@host/0?space=a"


def test_a_password_is_not_shown(tmp_path: Path) -> None:
    """Not even where something else of the table is wrong."""
    (tmp_path / "pyproject.toml").write_text(
        '[tool.lapwise]\nloop = 3\nonline = "redis://:s3cret@host/0"\n'
    )
    with pytest.raises(DeclarationError, match="online") as caught:
        find_project(tmp_path)
    assert "s3cret" not in str(caught.value)
