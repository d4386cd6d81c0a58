"""Doctor: is this store whole, and if not, what mends it?"""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import msgspec
from sqlalchemy import select

from lapwise.core.clock import MachineClock, format_time
from lapwise.core.deployment import Deployment
from lapwise.core.errors import LapwiseError, StoreError
from lapwise.core.model import AuditEntry
from lapwise.store import schema
from lapwise.store.audit import SqlAudit, verify_chain
from lapwise.store.blobs_local import LocalBlobs
from lapwise.store.broken_links import broken_links
from lapwise.store.collect import GRACE
from lapwise.store.database import Database, connect, sqlite_path
from lapwise.store.deployments import SqlDeployments
from lapwise.store.migrate import check_revision, revision
from lapwise.store.model import Blobs
from lapwise.store.open import open_blobs
from lapwise.store.references import blobs_named
from lapwise.store.rollouts import SqlRollouts

__all__ = ["Check", "doctor"]

_SAMPLE = 20
_ROOM = 1 << 30
_SKEW = 5_000_000
_ALL = 1_000_000


class Check(msgspec.Struct, frozen=True):
    """One thing looked at: whether it is well, what was seen, and what mends it."""

    name: str
    ok: bool
    detail: str
    fix: str = ""


def doctor(url: str, blobs: str, *, deep: bool = False) -> tuple[Check, ...]:
    """Look at everything that can be wrong with a store; nothing is changed.

    Args:
        url: as for :func:`lapwise.store.open.open_store`.
        blobs: likewise.
        deep: read every blob that a record names, not a sample, and check the whole database file.

    Returns:
        The checks, in a fixed order. When the database cannot be opened it is the first, alone
        with those that do without it.
    """
    path = sqlite_path(url)
    if path is not None and not path.exists():
        return (Check("schema", False, f"there is no database at {path}", "lapwise lap makes it"),)
    kept = open_blobs(blobs)
    database = connect(url)
    try:
        checks = [_checked("schema", lambda: _schema(database, url))]
        if checks[0].ok:
            looks: dict[str, Callable[[], Check]] = {
                "integrity": lambda: _integrity(database, deep),
                "blobs there": lambda: _blobs_there(database, kept),
                "blobs right": lambda: _blobs_right(database, kept, deep),
                "versions there": lambda: _versions_there(database),
                "names there": lambda: _names_there(database),
                "audit chain": lambda: _audit(database, kept),
                "clocks": lambda: _clocks(database),
            }
            checks += [_checked(name, look) for name, look in looks.items()]
    finally:
        database.close()
    if isinstance(kept, LocalBlobs):
        checks.append(_checked("temporaries", lambda: _temporaries(kept)))
    folders = [folder for folder in (path and path.parent, getattr(kept, "root", None)) if folder]
    checks.append(_checked("room", lambda: _room(folders)))
    checks.append(_checked("permissions", lambda: _permissions(path, folders)))
    return tuple(checks)


def _checked(name: str, look: Callable[[], Check]) -> Check:
    try:
        return look()
    except LapwiseError as error:
        detail = error.thing if error.value is None else f"{error.thing}: {error.value}"
        return Check(name, False, detail, error.fix)


def _schema(database: Database, url: str) -> Check:
    found = revision(database)
    if found is None:
        return Check("schema", False, "the database has no tables", "lapwise db upgrade")
    check_revision(found, url)
    return Check("schema", True, f"revision {found}")


def _integrity(database: Database, deep: bool) -> Check:
    if not database.is_sqlite:
        return Check("integrity", True, "PostgreSQL keeps checksums of its pages")
    with database.read() as connection:
        pragma = "integrity_check" if deep else "quick_check"
        said = [row[0] for row in connection.exec_driver_sql(f"PRAGMA {pragma}(5)")]
        dangling = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
    if said != ["ok"] or dangling:
        detail = "; ".join(said) if said != ["ok"] else f"{len(dangling)} rows refer to nothing"
        return Check("integrity", False, detail, "lapwise db restore from a backup")
    return Check("integrity", True, "every page and reference is as it should be")


def _blobs_there(database: Database, blobs: Blobs) -> Check:
    there = set(blobs.digests())
    with database.snapshot() as connection:
        named = list(blobs_named(connection))
    absent = [(digest, what) for digest, what in named if digest not in there]
    if absent:
        digest, what = absent[0]
        detail = f"{len(absent)} of {len(named)} are missing, first {digest} ({what})"
        return Check("blobs there", False, detail, "lapwise db restore, or make them again")
    return Check("blobs there", True, f"all {len({digest for digest, _ in named})} named are there")


def _blobs_right(database: Database, blobs: Blobs, deep: bool) -> Check:
    with database.snapshot() as connection:
        named = dict(blobs_named(connection))
    looked = sorted(named) if deep else random.sample(sorted(named), min(_SAMPLE, len(named)))
    for digest in looked:
        if blobs.has(digest):
            try:
                blobs.path(digest)
            except StoreError as error:
                detail = f"{digest} ({named[digest]}): {error.thing}"
                return Check("blobs right", False, detail, error.fix)
    return Check("blobs right", True, f"{len(looked)} of {len(named)} read and right")


def _versions_there(database: Database) -> Check:
    rollouts = SqlRollouts(database).list(limit=_ALL)
    in_force: dict[str, Deployment] = {}
    for one in SqlDeployments(database).list(limit=_ALL):
        in_force.setdefault(one.model, one)
    with database.read() as connection:
        known = set(connection.scalars(select(schema.model_version.c.id)))
    named = [
        *((version, f"the deployment of {one.model}") for one in in_force.values()
          for version in (one.production, one.canary, one.shadow) if version is not None),
        *((version, f"rollout {one.number} of {one.model}") for one in rollouts
          for version in (one.candidate, one.control)),
    ]  # fmt: skip
    absent = [(version, what) for version, what in named if version not in known]
    if absent:
        version, what = absent[0]
        detail = f"{len(absent)} of {len(named)} are missing, first {version} ({what})"
        return Check("versions there", False, detail, "lapwise db restore from a backup")
    return Check("versions there", True, f"all {len(set(named))} that are in use are registered")


def _names_there(database: Database) -> Check:
    with database.snapshot() as connection:
        broken = list(broken_links(connection))
    if broken:
        detail = f"{len(broken)} are wrong, first: {broken[0]}"
        return Check("names there", False, detail, "lapwise db restore from a backup")
    return Check("names there", True, "experiments, models, versions and aliases that are named")


def _audit(database: Database, blobs: Blobs) -> Check:
    anchors = blobs.anchors()
    length = verify_chain(_entries(SqlAudit(database)), anchors)
    return Check("audit chain", True, f"{length} entries in one chain, {len(anchors)} anchors")


def _entries(audit: SqlAudit) -> Iterator[AuditEntry]:
    after = 0
    while page := audit.entries(after=after):
        yield from page
        after = page[-1].sequence


def _clocks(database: Database) -> Check:
    now = MachineClock().timestamp()
    if not database.is_sqlite:
        with database.read() as connection:
            query = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
            apart = int(connection.exec_driver_sql(query).scalar_one()) - now
        if abs(apart) > _SKEW:
            detail = f"the database's clock is {apart / 1e6:+.1f} s from this machine's"
            return Check("clocks", False, detail, "run NTP on both machines")
    return Check("clocks", True, f"it is {format_time(now)}")


def _temporaries(blobs: LocalBlobs) -> Check:
    found = len(list(islice(blobs.temporaries(MachineClock().timestamp() - GRACE), 1000)))
    if found:
        detail = f"{found} files of writers that were killed"
        return Check("temporaries", False, detail, "lapwise db collect")
    return Check("temporaries", True, "none that is old")


def _room(folders: list[Path]) -> Check:
    free = {folder: shutil.disk_usage(_nearest(folder)).free for folder in folders}
    least = min(free, key=lambda folder: free[folder], default=None)
    if least is None:
        return Check("room", True, "nothing is kept on this machine")
    shown = f"{free[least] / 1e9:.1f} GB free at {least}"
    return Check("room", free[least] >= _ROOM, shown, "" if free[least] >= _ROOM else "make room")


def _permissions(path: Path | None, folders: list[Path]) -> Check:
    wanted = [*([path] if path else []), *(_nearest(folder) for folder in folders)]
    closed = [str(one) for one in wanted if not os.access(one, os.W_OK)]
    if closed:
        return Check("permissions", False, f"not writable: {', '.join(closed)}", "chmod u+w")
    return Check("permissions", True, "everything can be written")


def _nearest(folder: Path) -> Path:
    while not folder.exists():
        folder = folder.parent
    return folder
