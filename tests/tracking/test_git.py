"""The patch holds what differs from the commit, applies, and holds no secret."""

import os
import subprocess
from pathlib import Path

import pytest

from lapwise.tracking import git
from lapwise.tracking.git import read_code_state

TOKEN = "ghp_" + "A1" * 18


def run_git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=Anna", "-c", "user.email=anna@example.org"]
    done = subprocess.run(
        ["git", "-C", str(folder), *identity, *arguments],
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()


@pytest.fixture
def repository(root: Path) -> Path:
    """Return a repository with one commit."""
    run_git(root, "init", "-q")
    (root / "train.py").write_text("rate = 1\n")
    (root / "gone.py").write_text("x = 1\n")
    (root / ".gitignore").write_text("ignored/\n.venv/\n")
    run_git(root, "add", ".")
    run_git(root, "commit", "-q", "-m", "first")
    return root


def test_a_clean_tree_is_a_commit(repository: Path) -> None:
    """Nothing changed: the commit, not dirty, no patch."""
    state = read_code_state(repository)
    assert state.commit == run_git(repository, "rev-parse", "HEAD")
    assert state.top == repository
    assert (state.dirty, state.patch, state.left_out) == (False, b"", ())


def test_the_patch_rebuilds_the_tree(repository: Path, tmp_path: Path) -> None:
    """Applied to a clone it gives every file: edited, staged, deleted, new, binary, oddly named."""
    (repository / "train.py").write_text("rate = 2\n")
    (repository / "gone.py").unlink()
    (repository / "staged.py").write_text("staged = 1\n")
    run_git(repository, "add", "staged.py")
    (repository / "staged.py").write_text("staged = 2\n")
    (repository / "sub").mkdir()
    (repository / "sub" / 'ü "x" [1].txt').write_text("new\nno newline")
    (repository / "blob.bin").write_bytes(bytes(range(256)) * 4)
    (repository / "run.sh").write_text("#!/bin/sh\n")
    (repository / "run.sh").chmod(0o755)
    (repository / "empty").touch()
    index = (repository / ".git" / "index").read_bytes()
    objects = sorted(str(path) for path in (repository / ".git" / "objects").rglob("*"))
    state = read_code_state(repository / "sub")
    assert state.dirty
    assert state.left_out == ()
    assert (repository / ".git" / "index").read_bytes() == index
    assert sorted(str(path) for path in (repository / ".git" / "objects").rglob("*")) == objects
    clone = tmp_path / "clone"
    run_git(tmp_path, "clone", "-q", str(repository), str(clone))
    (tmp_path / "patch").write_bytes(state.patch)
    run_git(clone, "apply", str(tmp_path / "patch"))
    assert tree(clone) == tree(repository)
    assert os.access(clone / "run.sh", os.X_OK)


def tree(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and ".git" not in path.relative_to(folder).parts
    }


def test_settings_of_the_user_change_nothing(repository: Path) -> None:
    """External diff, textconv, prefixes and colour do not reach the patch."""
    (repository / "train.py").write_text("rate = 2\n")
    plain = read_code_state(repository).patch
    for setting, value in (
        ("diff.external", "false"),
        ("diff.noprefix", "true"),
        ("diff.mnemonicPrefix", "true"),
        ("color.ui", "always"),
        ("core.fsmonitor", "false-program"),
        ("status.showUntrackedFiles", "no"),
    ):
        run_git(repository, "config", setting, value)
    assert read_code_state(repository).patch == plain
    assert b"-rate = 1\n+rate = 2\n" in plain


def test_secrets_and_ignored_files_stay_out(repository: Path) -> None:
    """Neither by name nor by content does a secret reach the patch; notes say what was left."""
    (repository / "ignored").mkdir()
    (repository / "ignored" / "x.py").write_text("ignored = 1\n")
    (repository / ".lapwise").mkdir()
    (repository / ".lapwise" / "lapwise.db").write_text("ours\n")
    for name in (".env", "server.pem", "id_rsa", ".env.local"):
        (repository / name).write_text("hush = 1\n")
    (repository / "config.py").write_text(f"token = '{TOKEN}'\n")
    (repository / "key.txt").write_text("-----BEGIN RSA " + "PRIVATE KEY-----\nMIIE\n")
    (repository / 'odd "ü.bin').write_bytes(b"\0" * 5_000 + TOKEN.encode())
    (repository / "fine.bin").write_bytes(b"\0" * 5_000)
    (repository / "train.py").write_text("rate = 2\n")
    state = read_code_state(repository)
    sections = state.patch[state.patch.index(b"diff --git") :]
    assert TOKEN.encode() not in state.patch
    for word in (b"hush", b"ignored = 1", b"ours", b"MIIE"):
        assert word not in sections
    assert b"+rate = 2" in sections
    assert sections.count(b"GIT binary patch") == 1
    assert len(state.left_out) == 7
    assert state.patch.startswith(b"# left out: ")
    assert "'.env': its name says that it holds secrets" in state.left_out


def test_a_secret_that_was_removed_stays_out_too(repository: Path) -> None:
    """A token in the lines that a change deletes keeps that file's part out."""
    (repository / "config.py").write_text(f"token = '{TOKEN}'\n")
    run_git(repository, "add", ".")
    run_git(repository, "commit", "-q", "-m", "oops")
    (repository / "config.py").write_text("token = environ['TOKEN']\n")
    (repository / "train.py").write_text("rate = 2\n")
    state = read_code_state(repository)
    assert TOKEN.encode() not in state.patch
    assert b"+rate = 2" in state.patch
    assert len(state.left_out) == 1
    assert "config.py" in state.left_out[0]


def test_large_files_stay_out(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file over the limit, and what exceeds the whole limit, is named instead; small ones stay."""
    (repository / "data.csv").write_bytes(b"x" * (git.FILE_BYTES + 1))
    (repository / "small.py").write_text("small = 1\n")
    state = read_code_state(repository)
    assert b"+small = 1" in state.patch
    assert state.left_out == (f"'data.csv': {git.FILE_BYTES + 1:,} bytes",)
    monkeypatch.setattr(git, "PATCH_BYTES", 2_000)
    (repository / "medium.py").write_text("y = 1\n" * 300)
    (repository / "medium2.py").write_text("y = 2\n" * 300)
    state = read_code_state(repository)
    assert len(state.patch) < 4_000
    assert b"+small = 1" in state.patch
    assert len(state.left_out) == 3


def test_an_edited_line_of_a_large_tracked_file_is_kept(repository: Path) -> None:
    """A tracked file over the limit is judged by its part of the patch."""
    lines = [f"{number}\n" for number in range(200_000)]
    (repository / "big.txt").write_text("".join(lines))
    run_git(repository, "add", ".")
    run_git(repository, "commit", "-q", "-m", "big")
    lines[100] = "changed\n"
    (repository / "big.txt").write_text("".join(lines))
    state = read_code_state(repository)
    assert b"+changed" in state.patch
    assert state.left_out == ()


def test_a_repository_without_a_commit(root: Path) -> None:
    """Before the first commit all files are in the patch."""
    run_git(root, "init", "-q")
    (root / "a.py").write_text("a = 1\n")
    state = read_code_state(root)
    assert state.commit is None
    assert state.top == root
    assert state.dirty
    assert b"+a = 1" in state.patch


def test_a_nested_repository_is_named(repository: Path) -> None:
    """A repository inside is not copied, but told."""
    (repository / "inner").mkdir()
    run_git(repository / "inner", "init", "-q")
    (repository / "inner" / "a.py").write_text("a = 1\n")
    run_git(repository / "inner", "add", ".")
    run_git(repository / "inner", "commit", "-q", "-m", "x")
    state = read_code_state(repository)
    assert state.left_out == ("'inner/': a repository of its own",)


def test_outside_a_repository_nothing_fails(root: Path) -> None:
    """A plain folder, and one that is not there, have no code state."""
    assert read_code_state(root).top is None
    assert read_code_state(root / "nowhere").top is None


def test_without_git_nothing_fails(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the program there is no code state."""
    monkeypatch.setenv("PATH", str(repository))
    assert read_code_state(repository).top is None


def test_inside_a_hook_the_folder_decides(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Variables that Git sets for hooks do not lead to another repository."""
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    assert read_code_state(repository).top == repository
