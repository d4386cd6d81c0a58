"""A snapshot folder always holds all that its deployment names."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from lapwise.core.digest import Digest, digest_bytes
from lapwise.core.errors import CorruptError, NotFoundError, ServingError
from lapwise.serving import (
    VersionFiles,
    publish,
    read_deployment,
    read_version,
    snapshot_blobs,
)
from lapwise.serving.fuse import FuseState, blow, read_fuse
from lapwise.serving.snapshot import read_published
from tests.serving.toys import deployment


def files(folder: Path, *contents: bytes) -> VersionFiles:
    """Return a version of some files."""
    blobs: dict[Digest, Path] = {}
    for content in contents:
        path = folder / f"{digest_bytes(content)[:8]}.bin"
        path.write_bytes(content)
        blobs[digest_bytes(content)] = path
    return VersionFiles(content=b'{"opaque":1}', blobs=blobs)


def test_what_is_published_is_read_back(tmp_path: Path) -> None:
    folder = tmp_path / "live"
    assert read_deployment(folder) is None
    publish(folder, deployment(), {"v1": files(tmp_path, b"weights", b"more")})
    assert read_deployment(folder) == deployment()
    assert read_version(folder, "v1") == b'{"opaque":1}'
    assert snapshot_blobs(folder).get(digest_bytes(b"weights")) == b"weights"
    # The next one need not bring what is there.
    publish(folder, deployment(2), {})
    found = read_deployment(folder)
    assert found is not None
    assert found.revision == 2


def test_the_bytes_are_shared_where_the_file_system_can(tmp_path: Path) -> None:
    given = files(tmp_path, b"weights")
    publish(tmp_path / "live", deployment(), {"v1": given})
    ((digest, path),) = given.blobs.items()
    assert path.samefile(snapshot_blobs(tmp_path / "live").path(digest))


def test_a_damaged_file_is_found_when_the_version_is_opened(tmp_path: Path) -> None:
    given = files(tmp_path, b"weights")
    publish(tmp_path / "live", deployment(), {"v1": given})
    ((digest, path),) = given.blobs.items()
    path.write_bytes(b"weightz")
    with pytest.raises(CorruptError):
        snapshot_blobs(tmp_path / "live").path(digest)


def test_a_deployment_of_a_version_that_is_not_there_is_refused(tmp_path: Path) -> None:
    publish(tmp_path, deployment(), {"v1": files(tmp_path, b"weights")})
    with pytest.raises(ServingError, match="not given"):
        publish(tmp_path, deployment(2, "v2"), {})
    assert read_deployment(tmp_path) == deployment()
    with pytest.raises(NotFoundError):
        read_version(tmp_path, "v2")
    with pytest.raises(ServingError, match="no version's id"):
        publish(tmp_path, deployment(2, "../v2"), {"../v2": files(tmp_path)})


def test_a_damaged_deployment_is_told(tmp_path: Path) -> None:
    (tmp_path / "deployment.json").write_text("{")
    with pytest.raises(ServingError, match="not a deployment"):
        read_deployment(tmp_path)


def test_files_that_nobody_names_go_when_they_are_old_and_never_those_in_use(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "live"
    for number in range(1, 5):
        name = f"v{number}"
        content = files(tmp_path, b"shared", name.encode())
        publish(folder, deployment(number, name), {name: content})
    long_ago = time.time() - 3_600
    for home in (folder / "versions").iterdir():
        os.utime(home, (long_ago, long_ago))
    publish(folder, deployment(5, "v4", canary="v2"), {})
    assert {home.name for home in (folder / "versions").iterdir()} == {"v2", "v4"}
    blobs = snapshot_blobs(folder)
    # Young blobs stay: somebody may be laying the version that has them.
    assert blobs.has(digest_bytes(b"v3"))
    assert blobs.has(digest_bytes(b"shared"))


def test_the_folder_remembers_since_when_a_version_is_in_shadow(tmp_path: Path) -> None:
    contents = {name: files(tmp_path, name.encode()) for name in ("v1", "v2", "v3")}
    seen = []
    shadows = [None, "v2", "v2", "v3", None, "v3"]
    for revision, shadow in enumerate(shadows, start=1):
        publish(tmp_path, deployment(revision, shadow=shadow), contents)
        published = read_published(tmp_path)
        assert published is not None
        seen.append(published.shadow_since)
    assert seen[1:4] == [2, 2, 4]
    assert seen[5] == 6


def test_a_blown_fuse_is_read_by_everybody(tmp_path: Path) -> None:
    assert read_fuse(tmp_path) is None
    state = FuseState(version="v2", revision=3, at=7, reason="broken")
    blow(tmp_path, state)
    assert read_fuse(tmp_path) == state
