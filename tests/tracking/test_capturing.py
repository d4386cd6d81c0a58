"""A capture says what it takes to repeat a run, and what is missing for that."""

import resource
import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path

import pytest

from lapwise.core.model import DatasetVersion, KeyPart
from lapwise.store.model import Store
from lapwise.tracking.capturing import capture


def test_nothing_pinned_seeded_or_committed_is_flagged(store: Store, root: Path) -> None:
    """A bare folder without a seed has three flags."""
    assert capture(root, keep=store.blobs.put, seed=None).flags == (
        "no-git",
        "unpinned",
        "unseeded",
    )


def test_flags_go_when_their_reason_goes(store: Store, root: Path) -> None:
    """With a commit, a lock and a seed nothing is flagged; an edit makes it dirty."""
    commands = [["init", "-q"], ["add", "."]]
    commands += [["-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "-q", "-m", "x"]]
    (root / "requirements.txt").write_text("polars==2.1.0\n")
    assert "uncommitted" not in capture(root, keep=store.blobs.put, seed=1).flags
    subprocess.run(["git", "-C", str(root), *commands[0]], check=True)
    assert capture(root, keep=store.blobs.put, seed=1).flags == ("dirty", "uncommitted")
    for command in commands[1:]:
        subprocess.run(["git", "-C", str(root), *command], check=True)
    clean = capture(root, keep=store.blobs.put, seed=1)
    assert (clean.flags, clean.dirty, clean.patch) == ((), False, None)
    (root / "requirements.txt").write_text("polars==2.1.1\n")
    (root / ".env").write_text("x")
    dirty = capture(root, keep=store.blobs.put, seed=1)
    assert dirty.flags == ("dirty", "partial-patch")
    assert dirty.commit == clean.commit
    assert dirty.patch is not None
    assert b"+polars==2.1.1" in store.blobs.get(dirty.patch)


def test_the_environment_is_all_packages_and_python(store: Store, root: Path) -> None:
    """The list of packages is a blob, equal environments have equal digests."""
    one = capture(root, keep=store.blobs.put, seed=1)
    assert one.environment == capture(root, keep=store.blobs.put, seed=2).environment
    lines = store.blobs.get(one.packages).decode().splitlines()
    assert len(lines) > 30
    assert any(line.startswith("msgspec==") for line in lines)
    assert one.python.split()[1] == ".".join(str(part) for part in sys.version_info[:3])
    assert one.cores >= 1
    assert one.memory > 100_000_000
    assert one.cpu
    assert "Linux" in one.platform


def test_packages_are_those_that_imports_find(store: Store, root: Path) -> None:
    """The quick reading agrees with importlib.metadata."""
    listed = (
        store.blobs.get(capture(root, keep=store.blobs.put, seed=1).packages).decode().splitlines()
    )
    known = {
        (one.name.lower().replace("_", "-").replace(".", "-"), one.version)
        for one in distributions()
    }
    assert {tuple(line.split(" ")[0].split("==")) for line in listed} == known


def test_what_a_run_reads_is_named(store: Store, root: Path) -> None:
    """Dataset versions become their table and digest; the rest passes through."""
    version = DatasetVersion(
        id="i", table="flights", number=7, digest="d" * 64, parts=(), columns=(), statistics=(),
        rows=0, watermark=0, key=("k",), event="e", known="e", event_minimum=None,
        event_maximum=None, source="s", created=0,
    )  # fmt: skip
    other = KeyPart(name="weather", digest="w" * 64)
    found = capture(
        root, keep=store.blobs.put, seed=1, datasets=[version, other], split="s", frame="f"
    )
    assert found.datasets == (KeyPart(name="flights", digest="d" * 64), other)
    assert (found.split, found.frame, found.code) == ("s", "f", None)


def test_a_capture_is_quick(store: Store, root: Path) -> None:
    """With some hundred uncommitted files it takes less than a quarter second of processor time."""
    subprocess.run(["git", "-C", str(root), "init", "-q"], check=True)
    for number in range(300):
        (root / f"module_{number}.py").write_text("x = 1\n" * 200)
    seconds = []
    for _ in range(3):
        begun = resource.getrusage(resource.RUSAGE_SELF)
        begun_children = resource.getrusage(resource.RUSAGE_CHILDREN)
        capture(root, keep=store.blobs.put, seed=1)
        seconds.append(
            spent(resource.RUSAGE_SELF, begun) + spent(resource.RUSAGE_CHILDREN, begun_children)
        )
    assert min(seconds) < 0.25


def spent(whose: int, before: resource.struct_rusage) -> float:
    """Return processor seconds since ``before``: a busy machine does not count."""
    now = resource.getrusage(whose)
    return now.ru_utime + now.ru_stime - before.ru_utime - before.ru_stime


def test_packages_are_named_with_what_was_installed_and_what_is_pinned(
    store: Store, root: Path
) -> None:
    """Each has a digest of its files, and the hashes that the project's lock allows."""
    first = capture(root, keep=store.blobs.put, seed=1)
    lines = store.blobs.get(first.packages).decode().splitlines()
    (line,) = [one for one in lines if one.startswith("msgspec==")]
    version, _, content = line.partition(" # blake3:")
    assert len(content) == 32
    (root / "requirements.txt").write_text(f"{version} --hash=sha256:{'a' * 64}\n")
    pinned = capture(root, keep=store.blobs.put, seed=1)
    assert f"{version} --hash=sha256:{'a' * 64} # blake3:{content}" in (
        store.blobs.get(pinned.packages).decode().splitlines()
    )
    assert pinned.environment == first.environment


def test_seeds_and_the_working_directory_are_known(
    store: Store, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Inside the project as a path in it, outside by its last name alone."""
    monkeypatch.setenv("PYTHONHASHSEED", "3")
    (root / "notebooks").mkdir()
    monkeypatch.chdir(root / "notebooks")
    found = capture(root, keep=store.blobs.put, seed=7)
    assert found.cwd == "notebooks"
    assert {one.name: one.value for one in found.seeds} == {"PYTHONHASHSEED": "3", "seed": 7}
    monkeypatch.chdir(root.parent)
    assert capture(root, keep=store.blobs.put, seed=7).cwd == f".../{root.parent.name}"
