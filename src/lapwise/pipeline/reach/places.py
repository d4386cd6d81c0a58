"""Which code is the project's own, to be followed, and which is a library's, known by version."""

from __future__ import annotations

import os
import sysconfig
from pathlib import Path
from types import ModuleType

__all__ = ["Places"]

_STANDARD = tuple(
    os.path.join(os.path.realpath(path), "")  # noqa: PTH118 - a prefix with its last separator
    for path in {sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")}
)
_OWN = os.path.join(os.path.realpath(Path(__file__).parents[2]), "")  # noqa: PTH118
_INSTALLED = ("/site-packages/", "/dist-packages/")


class Places:
    """Tells project files from library files.

    A file below ``root`` is the project's, unless it is inside an installed-packages folder below
    ``root`` (a virtual environment). Elsewhere the standard library, installed packages and Lapwise
    are libraries. Everything else is the project's: what is not known to be a library is followed.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self._prefix = os.path.join(str(self.root), "")  # noqa: PTH118
        self._known: dict[str, bool] = {}

    def is_library(self, filename: str) -> bool:
        """Return whether the code of ``filename`` is known by its version, not by its text."""
        known = self._known.get(filename)
        if known is None:
            known = self._known[filename] = self._decide(filename)
        return known

    def _decide(self, filename: str) -> bool:
        if filename.startswith("<frozen "):
            return True
        if filename.startswith("<"):
            return False
        real = os.path.realpath(filename)
        for path in (filename, real):
            if path.startswith(self._prefix):
                return any(part in path[len(self._prefix) - 1 :] for part in _INSTALLED)
        return any(part in path for part in _INSTALLED for path in (filename, real)) or (
            real.startswith((*_STANDARD, _OWN))
        )

    def is_library_module(self, module: ModuleType) -> bool:
        """Return whether a module is a library's; a namespace package is what its folder is."""
        filename = getattr(module, "__file__", None)
        if filename is None:
            folders = list(getattr(module, "__path__", ()))
            if not folders:
                return (
                    module.__name__ != "__main__" and getattr(module, "__spec__", None) is not None
                )
            filename = os.path.join(folders[0], "__init__.py")  # noqa: PTH118
        return self.is_library(filename)
