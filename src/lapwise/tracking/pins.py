"""Finds whether a project says which exact versions it wants, and of which archives."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

from lapwise.tracking.packages import normalised

__all__ = ["find_lock", "pinned_hashes"]

_LOCKS = (
    "uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock", "pylock.toml", "pylock.*.toml",
    "pixi.lock", "conda-lock.yml", "*.conda-lock.yml",
)  # fmt: skip
_REQUIREMENTS = ("requirements*.txt", "requirements/*.txt")
_EXACT = re.compile(r"^[A-Za-z0-9][\w.-]*(\[[^\]]*\])?\s*(===?\s*[^\s*,;]+\s*(;|\\|--|#|$)|@\s)")
_SHA256 = re.compile(r"sha256:([0-9a-f]{64})")
_PINNED = re.compile(r"^([A-Za-z0-9][\w.-]*)(?:\[[^\]]*\])?\s*==\s*([^\s;\\#]+)")
LOCK_BYTES = 16_000_000


def find_lock(root: Path, top: Path | None = None) -> Path | None:
    """Return a file that pins every package exactly, in ``root`` or a folder above up to ``top``.

    A requirements file counts when it has at least one requirement and pins each with ``==``.
    """
    for folder in _upwards(root, top or root):
        for pattern in _LOCKS:
            for path in folder.glob(pattern):
                return path
        for pattern in _REQUIREMENTS:
            for path in sorted(folder.glob(pattern)):
                if _pins_all(path):
                    return path
    return None


def _upwards(root: Path, top: Path) -> Iterable[Path]:
    root = root.resolve()
    yield root
    if top.resolve() in root.parents:
        for folder in root.parents:
            yield folder
            if folder == top.resolve():
                return


def _pins_all(path: Path) -> bool:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return False
    wanted = [
        line.strip()
        for line in text.splitlines()
        if line.strip() and not line.strip().startswith(("#", "-"))
    ]
    return bool(wanted) and all(_EXACT.match(line) for line in wanted)


def pinned_hashes(lock: Path) -> dict[str, tuple[str, ...]]:
    """Return SHA-256 of the archives that a lock allows, by ``name==version``.

    Requirements files and locks in TOML (uv, Poetry, PDM, PEP 751) are read; others, and what
    cannot be read, say nothing. The archive that was installed is one of those: installers do not
    record which.
    """
    try:
        status = lock.stat()
        if status.st_size <= LOCK_BYTES:
            return _read_hashes(lock, status.st_mtime_ns, status.st_size)
    except (OSError, ValueError, TypeError):  # gone, not TOML, or another shape
        pass
    return {}


@lru_cache(maxsize=4)
def _read_hashes(lock: Path, _modified: int, _size: int) -> dict[str, tuple[str, ...]]:
    text = lock.read_text(encoding="utf-8")
    if lock.suffix == ".txt":
        return _of_requirements(text)
    if lock.suffix in {".lock", ".toml"}:
        return _of_document(tomllib.loads(text))
    return {}


def _of_requirements(text: str) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for line in text.replace("\\\n", " ").splitlines():
        wanted = _PINNED.match(line)
        hashes = _SHA256.findall(line)
        if wanted and hashes:
            found[f"{normalised(wanted[1])}=={wanted[2]}"] = tuple(sorted(set(hashes)))
    return found


def _of_document(document: dict[str, Any]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for package in document.get("package") or document.get("packages") or ():
        if isinstance(package, dict) and "name" in package and "version" in package:
            hashes = sorted(set(_hashes(package)))
            if hashes:
                found[f"{normalised(package['name'])}=={package['version']}"] = tuple(hashes)
    return found


def _hashes(value: Any, key: str = "") -> Iterable[str]:
    """Yield what is marked as SHA-256 anywhere below."""
    if isinstance(value, dict):
        for name, part in value.items():
            yield from _hashes(part, name)
    elif isinstance(value, list):
        for part in value:
            yield from _hashes(part)
    elif isinstance(value, str):
        whole = _SHA256.fullmatch(value if value.startswith("sha256:") else f"{key}:{value}")
        if whole:
            yield whole[1]
