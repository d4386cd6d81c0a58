"""Versions of installed libraries, found fast.

``importlib.metadata.packages_distributions`` reads every file list on the path; here the folder
names ``<name>-<version>.dist-info`` are read first, and file lists only for a module whose
distribution has another name (``sklearn``).
"""

from __future__ import annotations

import os
import re
import sys
from functools import cache
from pathlib import Path

from lapwise.core.digest import Digest, digest_bytes, digest_value

__all__ = ["PYTHON", "version_of"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_OWN = Path(__file__).parents[2]
# Rooms that no step's result can come from.
_APART = frozenset({"cli", "server", "examples", "testing"})
_IMPORTED = re.compile(rb"^\s*(?:from|import) +([A-Za-z_]\w*)", re.MULTILINE)

PYTHON = (
    f"{sys.implementation.name} {'.'.join(map(str, sys.version_info[:3]))} "
    f"{sys.platform} {os.uname().machine}"
)
"""The interpreter and the machine's kind: floating-point results differ between processors."""


def version_of(module: str) -> tuple[tuple[str, str], ...]:
    """Return (distribution, version) of a module's distribution and of all that it requires.

    The standard library has none: :data:`PYTHON` stands for it. Lapwise's own version is a digest
    of its source, so that it holds for an editable installation too, with what it imports.

    Args:
        module: the name of a module, of which the first part counts.
    """
    first = module.partition(".")[0]
    if first in sys.stdlib_module_names or first in {"", "__main__"}:
        return ()
    return _versions(first, tuple(sys.path))


@cache
def _versions(first: str, path: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    if first == "lapwise":
        return _own_version(path)
    installed = _installed(path)
    names = _distributions(first, path)
    if not names:
        return ((first, _unpackaged(first)),)
    found: dict[str, str] = {}
    todo = list(names)
    while todo:
        name = todo.pop()
        if name in found or name not in installed:
            continue
        folder = installed[name]
        found[name] = folder.name.removesuffix(".dist-info").partition("-")[2]
        todo += _required(folder)
    return tuple(sorted(found.items()))


@cache
def _installed(path: tuple[str, ...]) -> dict[str, Path]:
    """Return the metadata folder by normalised distribution name; the first on the path wins."""
    found: dict[str, Path] = {}
    for entry in path:
        try:
            names = sorted(os.listdir(entry or "."))  # noqa: PTH208 - ten times faster
        except OSError:
            continue
        for name in names:
            if name.endswith(".dist-info"):
                found.setdefault(_normal(name.partition("-")[0]), Path(entry, name))
    return found


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@cache
def _distributions(first: str, path: tuple[str, ...]) -> tuple[str, ...]:
    installed = _installed(path)
    if _normal(first) in installed:
        return (_normal(first),)
    lead = first.encode()
    marks = (b"\n" + lead + b"/", b"\n" + lead + b".")
    found = []
    for name, folder in installed.items():
        try:
            record = b"\n" + (folder / "RECORD").read_bytes()
        except OSError:
            continue
        if any(mark in record for mark in marks):
            found.append(name)
    return tuple(found)


def _required(folder: Path) -> list[str]:
    """Return what a distribution always requires (not for an extra), normalised."""
    found = []
    try:
        with (folder / "METADATA").open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                if line == "\n":
                    break
                if line.startswith("Requires-Dist:") and "extra ==" not in line:
                    match = _NAME.match(line[14:].strip())
                    found += [_normal(match.group())] if match else []
    except OSError:
        return []
    return found


def _unpackaged(first: str) -> str:
    """Return the version of a library without metadata: a digest of its files."""
    filename = getattr(sys.modules.get(first), "__file__", None)
    if filename is None:
        return "unknown"
    file = Path(filename)
    files = sorted(file.parent.rglob("*")) if file.name.startswith("__init__.") else [file]
    kinds = {".py", ".so", ".pyd"}
    return digest_value(
        [(str(each), digest_bytes(each.read_bytes())) for each in files if each.suffix in kinds]
    )


@cache
def _own_version(path: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    digests: dict[str, Digest] = {}
    imported: set[str] = set()
    for file in sorted(_OWN.rglob("*.py")):
        part = file.relative_to(_OWN)
        if part.parts[0] not in _APART:
            content = file.read_bytes()
            digests[str(part)] = digest_bytes(content)
            imported.update(name.decode() for name in _IMPORTED.findall(content))
    found = {"lapwise": digest_value(digests)}
    for name in imported - sys.stdlib_module_names - {"lapwise"}:
        if _distributions(name, path):
            found.update(_versions(name, path))
    return tuple(sorted(found.items()))
