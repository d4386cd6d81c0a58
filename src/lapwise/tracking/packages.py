"""The exact versions of what is installed, read from the names of metadata folders.

``importlib.metadata`` opens and parses a file for each distribution; the folder's own name,
``{name}-{version}.dist-info``, says both (Core metadata, "Recording installed projects"), and one
``scandir`` for each entry of ``sys.path`` lists them in a few milliseconds.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from lapwise.tracking.model import Package

__all__ = ["installed_packages", "package_lines"]

_SEPARATORS = re.compile(r"[-_.]+")


def installed_packages(path: Sequence[str] | None = None) -> tuple[Package, ...]:
    """Return the distributions that imports would find, sorted by normalised name (PEP 503).

    Args:
        path: folders to look in, the first to have a name wins; default ``sys.path``.
    """
    found: dict[str, str] = {}
    for folder in sys.path if path is None else path:
        for name, version in _distributions(folder or "."):
            found.setdefault(_SEPARATORS.sub("-", name).lower(), version)
    return tuple(Package(name=name, version=found[name]) for name in sorted(found))


def package_lines(packages: Sequence[Package]) -> str:
    r"""Return ``name==version`` lines.

    >>> package_lines([Package(name="polars", version="2.1.0")])
    'polars==2.1.0\n'
    """
    return "".join(f"{package.name}=={package.version}\n" for package in packages)


def _distributions(folder: str) -> Iterator[tuple[str, str]]:
    try:
        names = sorted(entry.name for entry in os.scandir(folder))
    except OSError:  # a zip, or a folder that is not there
        return
    for entry in names:
        stem, dot, kind = entry.rpartition(".")
        if not dot or kind not in {"dist-info", "egg-info"}:
            continue
        name, dash, version = stem.partition("-")
        if kind == "dist-info" and dash:
            yield name, version
        else:  # the older layout may leave the version to the file inside
            from importlib.metadata import PathDistribution  # slow to import, seldom needed

            metadata = PathDistribution(Path(folder, entry)).metadata
            if metadata["Name"] and metadata["Version"]:
                yield metadata["Name"], metadata["Version"]
