"""The exact versions of what is installed, read from the names of metadata folders.

``importlib.metadata`` opens and parses a file for each distribution; the folder's own name,
``{name}-{version}.dist-info``, says both (Core metadata, "Recording installed projects"), and one
``scandir`` for each entry of ``sys.path`` lists them in a few milliseconds.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from lapwise.tracking.model import Package

__all__ = ["installed_packages", "normalised", "package_lines"]

_SEPARATORS = re.compile(r"[-_.]+")


def installed_packages(path: Sequence[str] | None = None) -> tuple[Package, ...]:
    """Return the distributions that imports would find, sorted by normalised name (PEP 503).

    Args:
        path: folders to look in, the first to have a name wins; default ``sys.path``.
    """
    found: dict[str, Package] = {}
    for folder in sys.path if path is None else path:
        for raw, version, place in _distributions(folder or "."):
            name = normalised(raw)
            found.setdefault(name, Package(name=name, version=version, place=place))
    return tuple(found[name] for name in sorted(found))


def normalised(name: str) -> str:
    """Return a distribution's name as all tools compare it (PEP 503).

    >>> normalised("Scikit_Learn")
    'scikit-learn'
    """
    return _SEPARATORS.sub("-", name).lower()


def package_lines(
    packages: Sequence[Package], pinned: Mapping[str, Sequence[str]] | None = None
) -> str:
    r"""Return a requirements file: ``name==version``, hashes of archives, digest of the content.

    Args:
        packages: what is installed.
        pinned: SHA-256 of the archives that a lock allows, by ``name==version``.

    >>> package_lines([Package(name="polars", version="2.1.0", content="5f")], {})
    'polars==2.1.0 # blake3:5f\n'
    """
    lines = []
    for package in packages:
        line = f"{package.name}=={package.version}"
        hashes = (pinned or {}).get(line, ())
        line += "".join(f" --hash=sha256:{one}" for one in hashes)
        if package.content or package.editable:
            line += f" # {'editable' if package.editable else 'blake3:' + package.content}"
        lines.append(line + "\n")
    return "".join(lines)


def _distributions(folder: str) -> Iterator[tuple[str, str, str]]:
    try:
        names = sorted(entry.name for entry in os.scandir(folder))
    except OSError:  # a zip, or a folder that is not there
        return
    for entry in names:
        stem, dot, kind = entry.rpartition(".")
        if not dot or kind not in {"dist-info", "egg-info"}:
            continue
        place = f"{folder}/{entry}"
        name, dash, version = stem.partition("-")
        if kind == "dist-info" and dash:
            yield name, version, place
        else:  # the older layout may leave the version to the file inside
            from importlib.metadata import PathDistribution  # slow to import, seldom needed

            metadata = PathDistribution(Path(folder, entry)).metadata
            if metadata["Name"] and metadata["Version"]:
                yield metadata["Name"], metadata["Version"], place
