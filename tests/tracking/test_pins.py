"""A lock pins everything exactly, or it is none."""

from pathlib import Path

import pytest

from lapwise.tracking.pins import find_lock


@pytest.mark.parametrize("name", ["uv.lock", "poetry.lock", "pylock.toml", "pylock.dev.toml"])
def test_lock_files_are_known_by_name(tmp_path: Path, name: str) -> None:
    """The usual lock files count as they are."""
    assert find_lock(tmp_path) is None
    (tmp_path / name).touch()
    assert find_lock(tmp_path) == tmp_path / name


@pytest.mark.parametrize(
    ("text", "pins"),
    [
        ("polars==2.1.0\n", True),
        ("# all\n-i x\npolars[a,b]==2.1.0 ; python_version > '3' \\\n    --hash=sha256:00\n", True),
        ("polars==2.1.0 # via x\n", True),
        ("tool @ https://example.org/tool-1.0-py3-none-any.whl\n", True),
        ("polars>=2\n", False),
        ("polars==2.1.0\nnumpy\n", False),
        ("polars==2.*\n", False),
        ("polars==2.1.0,<3\n", False),
        ("# nothing\n", False),
        ("", False),
    ],
)
def test_requirements_count_when_each_is_exact(tmp_path: Path, text: str, pins: bool) -> None:
    """One loose requirement makes a file no lock."""
    (tmp_path / "requirements").mkdir()
    for name in ("requirements-dev.txt", "requirements/core.txt"):
        (tmp_path / name).write_text(text)
        assert (find_lock(tmp_path) is not None) is pins
        (tmp_path / name).unlink()


def test_a_lock_above_counts_up_to_the_repository(tmp_path: Path) -> None:
    """A project inside a repository finds the repository's lock, and none beyond it."""
    top = tmp_path / "repository"
    project = top / "products" / "churn"
    project.mkdir(parents=True)
    (tmp_path / "uv.lock").touch()
    assert find_lock(project, top) is None
    (top / "uv.lock").touch()
    assert find_lock(project, top) == top / "uv.lock"
    assert find_lock(project) is None
