"""A lock pins everything exactly, or it is none."""

from pathlib import Path

import pytest

from lapwise.tracking.pins import find_lock, pinned_hashes


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


A, B = "a" * 64, "b" * 64


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("requirements.txt", f"Po_Lars==2.1.0 \\\n    --hash=sha256:{B} \\\n    --hash=sha256:{A}\n"),
        ("requirements.txt", f"po-lars[extra]==2.1.0 ; python_version > '3' --hash=sha256:{A} --hash=sha256:{B}\n"),
        ("uv.lock", f'[[package]]\nname = "po-lars"\nversion = "2.1.0"\nsdist = {{ hash = "sha256:{A}" }}\nwheels = [{{ url = "x", hash = "sha256:{B}" }}]\n'),
        ("poetry.lock", f'[[package]]\nname = "Po.Lars"\nversion = "2.1.0"\nfiles = [{{file = "x", hash = "sha256:{A}"}}, {{file = "y", hash = "sha256:{B}"}}]\n'),
        ("pylock.toml", f'[[packages]]\nname = "po-lars"\nversion = "2.1.0"\nwheels = [{{hashes = {{sha256 = "{A}"}}}}, {{hashes = {{sha256 = "{B}"}}}}]\n'),
    ],
)  # fmt: skip
def test_a_lock_says_which_archives_it_allows(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    assert pinned_hashes(tmp_path / name) == {"po-lars==2.1.0": (A, B)}


@pytest.mark.parametrize(
    "text", ["[[package", "\0", "package = 3", '[[package]]\nname = 3\nversion = "1"']
)
def test_a_lock_that_cannot_be_read_says_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "uv.lock").write_text(text)
    assert pinned_hashes(tmp_path / "uv.lock") == {}
    assert pinned_hashes(tmp_path / "gone.lock") == {}
