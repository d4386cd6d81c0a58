"""The commit a run ran on, and all that differs from it as a patch that ``git apply`` takes.

Two quick calls say where we are and what changed. Only a dirty tree costs more: untracked files
enter a throw-away index as "intent to add", so that one ``git diff`` writes them like the rest.
Neither the user's index nor their object store is written.
"""

from __future__ import annotations

import codecs
import os
import re
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import msgspec

from lapwise.tracking.redact import has_secret, is_secret_file

__all__ = ["FILE_BYTES", "PATCH_BYTES", "CodeState", "read_code_state"]

FILE_BYTES = 1_000_000
"""A file, or its part of the patch, that is larger stays out."""

PATCH_BYTES = 10_000_000
"""All of the patch; the smallest files come first."""

NOTES = 100
TIMEOUT = 20.0
ARGUMENT_BYTES = 100_000
SECRET = "it holds something like a token or a private key"  # noqa: S105 - a sentence

_SECTION = re.compile(rb"^diff --git ", re.MULTILINE)
_CONFIG = ("core.fsmonitor=false", "core.quotePath=true", "diff.renames=false")
_ENVIRONMENT = {"GIT_LITERAL_PATHSPECS": "1", "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
_FOREIGN = {"GIT_DIR", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_WORK_TREE"}  # as set inside a hook
_OWN = ".lapwise"


class CodeState(msgspec.Struct, frozen=True):
    """Where the code stands.

    ``top`` is the repository's folder (None: not in one), ``commit`` None before the first commit,
    ``patch`` empty when nothing differs. ``left_out`` says which changed files the patch does not
    hold, and why.
    """

    top: Path | None = None
    commit: str | None = None
    dirty: bool = False
    patch: bytes = b""
    left_out: tuple[str, ...] = ()


def read_code_state(root: Path) -> CodeState:
    """Return commit, dirtiness and patch of the repository that holds ``root``.

    Ignored files, likely secrets (by name or by content), nested repositories, Lapwise's own
    folder and what is too large stay out of the patch. Outside a repository, without the ``git``
    program, or when Git refuses (a folder of another owner), the state is empty; nothing raises.
    """
    try:
        return _read(root)
    except (OSError, subprocess.SubprocessError, ValueError):
        return CodeState()


def _read(root: Path) -> CodeState:
    asked = ["rev-parse", "--show-toplevel", "--git-path", "objects", "--git-path", "index"]
    answers = [os.fsdecode(line) for line in _run(root, asked).splitlines()]
    top, objects, index = Path(answers[0]), root / answers[1], root / answers[2]
    status = ["status", "--porcelain=v2", "--branch", "-z", "--untracked-files=all", "--no-renames"]
    commit, changed, untracked = _parse(_run(root, status))
    if not changed and not untracked:
        return CodeState(top, commit)
    kept, fresh, left_out = _choose(top, changed, untracked)
    patch = b""
    if kept or fresh:
        try:
            patch = _diff(top, (objects, index), commit, kept, fresh)
        except (OSError, subprocess.SubprocessError) as error:
            left_out.append(f"all: git could not write the patch ({type(error).__name__})")
    patch, dropped = _censor(top, patch)
    left_out += dropped
    notes = [f"# left out: {note}\n" for note in left_out[:NOTES]]
    if len(left_out) > NOTES:
        notes.append(f"# left out: {len(left_out) - NOTES} more\n")
    patch = "".join(notes).encode(errors="backslashreplace") + patch
    return CodeState(top, commit, dirty=True, patch=patch, left_out=tuple(left_out))


def _parse(status: bytes) -> tuple[str | None, list[str], list[str]]:
    """Return commit, changed tracked paths and untracked paths of a porcelain v2 listing."""
    commit: str | None = None
    changed: list[str] = []
    untracked: list[str] = []
    for line in os.fsdecode(status).split("\0"):
        kind, _, rest = line.partition(" ")
        if line.startswith("# branch.oid "):
            oid = line.removeprefix("# branch.oid ")
            commit = None if oid == "(initial)" else oid
        elif kind == "1":
            changed.append(rest.split(" ", 7)[-1])
        elif kind == "u":
            changed.append(rest.split(" ", 9)[-1])
        elif kind == "?":
            untracked.append(rest)
    own = (_OWN + "/", "/" + _OWN + "/")
    untracked = [path for path in untracked if not path.startswith(own[0]) and own[1] not in path]
    return commit, changed, untracked


def _choose(
    top: Path, changed: Sequence[str], untracked: Sequence[str]
) -> tuple[list[str], list[str], list[str]]:
    """Return the tracked and untracked paths the patch may hold, and notes on the others.

    A tracked file is judged again by its part of the patch: a large one may differ in a line.
    """
    kept: list[str] = []
    fresh: list[str] = []
    left_out: list[str] = []
    total = 0
    new = set(untracked)
    for size, path in sorted((_size(f"{top}/{path}"), path) for path in {*changed, *new}):
        reason = ""
        if path.endswith("/"):
            reason = "a repository of its own"
        elif is_secret_file(path):
            reason = "its name says that it holds secrets"
        elif size > (FILE_BYTES if path in new else PATCH_BYTES):
            reason = f"{size:,} bytes"
        elif path in new and total + size > PATCH_BYTES:
            reason = "the patch is full"
        if reason:
            left_out.append(f"{path!r}: {reason}")
        elif path in new:
            total += size
            fresh.append(path)
        else:
            kept.append(path)
    return kept, fresh, left_out


def _size(path: str) -> int:
    try:
        return os.lstat(path).st_size
    except OSError:  # deleted
        return 0


def _diff(
    top: Path,
    theirs: tuple[Path, Path],
    commit: str | None,
    kept: Sequence[str],
    fresh: Sequence[str],
) -> bytes:
    """Return the patch from ``commit`` (or nothing at all) to the files as they lie there.

    ``theirs`` are the user's object store and index; both are only read.
    """
    objects, index = theirs
    with tempfile.TemporaryDirectory(prefix="lapwise-") as scratch:
        environment = {}
        if fresh:
            mine = Path(scratch, "index")
            if index.is_file():
                mine.write_bytes(index.read_bytes())
            environment = {
                "GIT_INDEX_FILE": str(mine),
                "GIT_OBJECT_DIRECTORY": scratch,
                "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(objects),
            }
            add = ["add", "--intent-to-add", "--pathspec-from-file=-", "--pathspec-file-nul"]
            _run(top, add, environment, b"\0".join(os.fsencode(path) for path in fresh))
        if commit is None:
            commit = _line(_run(top, ["hash-object", "-t", "tree", "/dev/null"]))
        diff = [
            *("diff", "--binary", "--full-index", "--no-color", "--no-ext-diff", "--no-textconv"),
            *("--src-prefix=a/", "--dst-prefix=b/", commit, "--"),
        ]
        return b"".join(
            _run(top, [*diff, *paths], environment) for paths in _portions([*kept, *fresh])
        )


def _censor(top: Path, patch: bytes) -> tuple[bytes, list[str]]:
    """Return the patch without sections that are too large or hold a token, and notes on those."""
    starts = [match.start() for match in _SECTION.finditer(patch)]
    sections = [patch[a:b] for a, b in pairwise([*starts, len(patch)])]
    suspicious = has_secret(patch)
    good: set[int] = set()
    left_out: list[str] = []
    total = 0
    for place in sorted(range(len(sections)), key=lambda place: len(sections[place])):
        section = sections[place]
        reason = ""
        if len(section) > FILE_BYTES or total + len(section) > PATCH_BYTES:
            reason = f"its part of the patch has {len(section):,} bytes"
        elif (suspicious and has_secret(section)) or _hides_secret(top, section):
            reason = SECRET
        if reason:
            left_out.append(f"{_path_of(section)!r}: {reason}")
        else:
            total += len(section)
            good.add(place)
    return b"".join(sections[place] for place in sorted(good)), left_out


def _hides_secret(top: Path, section: bytes) -> bool:
    """Return whether a binary file holds a token: its part of the patch is compressed."""
    if b"\nGIT binary patch\n" not in section[:2_000]:
        return False
    try:
        return has_secret((top / _path_of(section)).read_bytes())
    except OSError:  # deleted
        return False


def _path_of(section: bytes) -> str:
    """Return the path from ``diff --git a/PATH b/PATH``, both the same without renames."""
    header = section.partition(b"\n")[0].removeprefix(b"diff --git ")
    path = header[-(len(header) // 2) :]
    if path.startswith(b'"'):
        path = codecs.escape_decode(path[1:-1])[0]
    return os.fsdecode(path.removeprefix(b"b/"))


def _portions(paths: Sequence[str]) -> Iterator[list[str]]:
    """Yield paths, sorted, in groups that fit on a command line."""
    group: list[str] = []
    length = 0
    for path in sorted(paths):
        if length > ARGUMENT_BYTES:
            yield group
            group, length = [], 0
        group.append(path)
        length += len(os.fsencode(path)) + 1
    if group:
        yield group


def _line(output: bytes) -> str:
    return os.fsdecode(output.removesuffix(b"\n"))


def _run(
    folder: Path,
    arguments: Sequence[str],
    environment: Mapping[str, str] | None = None,
    given: bytes | None = None,
) -> bytes:
    """Return what ``git`` prints; raises OSError or SubprocessError when it fails or hangs."""
    inherited = {name: os.environ[name] for name in os.environ if name not in _FOREIGN}
    command = ["git", "-C", str(folder)]
    for setting in _CONFIG:
        command += ["-c", setting]
    done = subprocess.run(
        [*command, *arguments],
        input=given,
        stdin=subprocess.DEVNULL if given is None else None,
        capture_output=True,
        check=True,
        timeout=TIMEOUT,
        env={**inherited, **_ENVIRONMENT, **(environment or {})},
    )
    return done.stdout
