"""Finds whether a project says which exact versions it wants."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

__all__ = ["find_lock"]

_LOCKS = (
    "uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock", "pylock.toml", "pylock.*.toml",
    "pixi.lock", "conda-lock.yml", "*.conda-lock.yml",
)  # fmt: skip
_REQUIREMENTS = ("requirements*.txt", "requirements/*.txt")
_EXACT = re.compile(r"^[A-Za-z0-9][\w.-]*(\[[^\]]*\])?\s*(===?\s*[^\s*,;]+\s*(;|\\|--|#|$)|@\s)")


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
