"""Starting a project from an example."""

from __future__ import annotations

from pathlib import Path

import pytest

from lapwise.core.errors import DeclarationError, StorageFullError
from lapwise.loop.init import start_project
from lapwise.loop.page import load_page
from lapwise.loop.project import find_project
from tests.loop.worlds import forget


def test_start(tmp_path: Path) -> None:
    """The copied example is a project whose page can be read; a second start changes nothing."""
    made = start_project(tmp_path / "new", "flights")
    assert {"page.py", "pyproject.toml"} <= {path.name for path in made}
    assert all(path.is_file() for path in made)
    page = tmp_path / "new" / "page.py"
    page.write_text(page.read_text() + "\n# mine\n")
    with pytest.raises(DeclarationError, match="left as they are"):
        start_project(tmp_path / "new", "flights")
    assert page.read_text().endswith("# mine\n")
    project = find_project(tmp_path / "new")
    assert load_page(project.page or "", project.root).name == "flight-delay"
    forget()


def test_unknown(tmp_path: Path) -> None:
    """An example that there is not is refused with the list of those that there are."""
    with pytest.raises(DeclarationError, match="no such example") as caught:
        start_project(tmp_path / "new", "../flights")
    assert caught.value.expected == "flights"
    assert not (tmp_path / "new").exists()


def test_no_place(tmp_path: Path) -> None:
    """A folder that cannot be made is named."""
    (tmp_path / "file").touch()
    with pytest.raises(StorageFullError, match="cannot write"):
        start_project(tmp_path / "file" / "new", "flights")
