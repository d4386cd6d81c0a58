"""The snapshot folder: all that the data plane answers from, with no database.

``deployment.json`` names the versions, ``versions/ID/version.json`` holds what it takes to open each
(opaque here), ``blobs/`` their files by digest, ``log/`` what was answered. The deployment is
renamed into place last, so whoever reads it finds all that it names.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec

from lapwise.core.clock import MachineClock
from lapwise.core.deployment import Deployment
from lapwise.core.digest import Digest
from lapwise.core.errors import NotFoundError, ServingError, StorageFullError
from lapwise.core.ids import new_id
from lapwise.store.blobs_local import LocalBlobs
from lapwise.store.durable import make_folder, sync_folder

__all__ = [
    "DEPLOYMENT",
    "Published",
    "VersionFiles",
    "publish",
    "read_deployment",
    "read_published",
    "read_version",
    "snapshot_blobs",
    "write_durably",
]

DEPLOYMENT = "deployment.json"

_KEPT_SECONDS = 600
"""A version that no deployment names stays so long: a server may be opening it just now."""


@dataclass(frozen=True, slots=True)
class VersionFiles:
    """What it takes to open a version.

    Attributes:
        content: bytes that whoever opens the version understands.
        blobs: files by their digest.
    """

    content: bytes
    blobs: Mapping[Digest, Path]


class Published(Deployment, frozen=True, kw_only=True):
    """A deployment as it lies in the folder; ``shadow_since`` is the revision that first had the shadow."""

    shadow_since: int = 0


T = TypeVar("T", bound=Deployment)


def publish(folder: Path, deployment: Deployment, contents: Mapping[str, VersionFiles]) -> None:
    """Lay a deployment where servers find it; they follow within a moment.

    Files of versions that neither this deployment nor the one before names are removed once they
    are ten minutes old.

    Args:
        folder: the snapshot folder, made if it is not there.
        deployment: what is to answer from now on.
        contents: by version id, those of versions that the folder may not have yet.

    Raises:
        ServingError: a named version is neither given nor in the folder.
        StorageFullError: no room; the deployment before goes on.
    """
    try:
        make_folder(folder)
        for version, files in contents.items():
            _lay(folder, version, files)
        for version in _named(deployment):
            if not _record(folder, version).exists():
                raise ServingError(
                    "a deployment names a version whose files are not given", value=version
                )
        before = read_published(folder)
        record = msgspec.convert(
            {**msgspec.to_builtins(deployment), "shadow_since": _since(deployment, before)},
            Published,
        )
        write_durably(folder / DEPLOYMENT, msgspec.json.encode(record))
        _remove_old(folder, {*_named(deployment), *(_named(before) if before else ())})
    except OSError as error:
        raise StorageFullError(
            f"the snapshot folder {folder} cannot be written",
            value=error.strerror,
            expected="room on the disk and permission to write",
        ) from error


def read_deployment(folder: Path) -> Deployment | None:
    """Return what is to answer by a snapshot folder; None if nothing was published.

    Raises:
        ServingError: the file is damaged.
    """
    return _read(folder, Deployment)


def read_published(folder: Path) -> Published | None:
    """Return :func:`read_deployment` with what the folder adds to it."""
    return _read(folder, Published)


def read_version(folder: Path, version: str) -> bytes:
    """Return a version's ``content`` as published.

    Raises:
        NotFoundError: the folder does not have it.
    """
    try:
        return _record(folder, version).read_bytes()
    except OSError as error:
        raise NotFoundError(
            "the snapshot folder does not have this version", value=version
        ) from error


def snapshot_blobs(folder: Path) -> LocalBlobs:
    """Return the blobs of a snapshot folder."""
    return LocalBlobs(folder / "blobs")


def write_durably(path: Path, content: bytes) -> None:
    """Write a file so that it is whole or not there, and on disk when this returns."""
    fresh = path.with_name(f".{path.name}.{new_id()}")
    try:
        with fresh.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        fresh.rename(path)
    finally:
        fresh.unlink(missing_ok=True)
    sync_folder(path.parent)


def _read(folder: Path, kind: type[T]) -> T | None:
    path = folder / DEPLOYMENT
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        return msgspec.json.decode(content, type=kind)
    except msgspec.DecodeError as error:
        raise ServingError(
            f"{path} is not a deployment", value=str(error), fix="publish the deployment anew"
        ) from error


def _lay(folder: Path, version: str, files: VersionFiles) -> None:
    """Write one version's files; what is there already stays."""
    home = _record(folder, version).parent
    if home.parent.parent != folder:
        raise ServingError("this is no version's id", value=version)
    home.mkdir(parents=True, exist_ok=True)
    for digest, path in files.blobs.items():
        _link(snapshot_blobs(folder), digest, path)
    write_durably(home / "blobs.json", msgspec.json.encode(sorted(files.blobs)))
    record = home / "version.json"
    if not record.exists() or record.read_bytes() != files.content:
        write_durably(record, files.content)
    sync_folder(home.parent)


def _link(blobs: LocalBlobs, digest: Digest, path: Path) -> None:
    """Share a file's bytes where the file system can, and copy them where it cannot."""
    target = blobs.location(digest)
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(path, target)
    except FileExistsError:
        return
    except OSError:
        blobs.put_file(path, expected=digest)
        return
    sync_folder(target.parent)
    sync_folder(target.parent.parent)


def _since(deployment: Deployment, before: Published | None) -> int:
    if before is not None and before.shadow == deployment.shadow:
        return before.shadow_since
    return deployment.revision


def _named(deployment: Deployment) -> list[str]:
    return [one for one in (deployment.production, deployment.canary, deployment.shadow) if one]


def _record(folder: Path, version: str) -> Path:
    return folder / "versions" / version / "version.json"


def _remove_old(folder: Path, named: set[str]) -> None:
    """Remove versions that nobody names any more, then blobs that no version has."""
    until = MachineClock().timestamp() / 1e6 - _KEPT_SECONDS
    used: set[Digest] = set()
    for home in (folder / "versions").iterdir():
        with suppress(FileNotFoundError):
            if home.name not in named and home.stat().st_mtime < until:
                shutil.rmtree(home)
                continue
            used.update(msgspec.json.decode((home / "blobs.json").read_bytes(), type=list[str]))
    blobs = snapshot_blobs(folder)
    for digest in set(blobs.digests()) - used:
        with suppress(FileNotFoundError):
            # A link's change time is when it was laid; its content may be years old.
            if blobs.location(digest).stat().st_ctime < until:
                blobs.remove(digest)
