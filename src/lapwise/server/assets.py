"""Style, scripts and pictures, each at an address that holds its digest, so that it never changes."""

from __future__ import annotations

import gzip
import re
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path

from lapwise.core.digest import digest_bytes
from lapwise.core.errors import MissingDependencyError

__all__ = ["Asset", "Assets"]

_HERE = Path(__file__).parent / "static"
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_PLOTLY = "plotly.min.js"
_MAP_STYLE = re.compile(rb'document\.getElementById\("([0-9a-f]{64})"\)')


@dataclass(frozen=True)
class Asset:
    """One file; small ones are kept, the charts' library is kept compressed only."""

    path: Path
    digest: str

    @property
    def media_type(self) -> str:
        """What the file is."""
        return _TYPES[self.path.suffix]

    @property
    def content(self) -> bytes:
        """The bytes as they are on disk."""
        return self.path.read_bytes()

    @cached_property
    def compressed(self) -> bytes:
        """The bytes by gzip; made once, a quarter of a second for the charts' library."""
        return gzip.compress(self.content, compresslevel=6, mtime=0)


class Assets:
    """Every file that a page refers to. Nothing is read before it is asked for."""

    def __init__(self) -> None:
        self._found: dict[str, Asset] = {}
        self._map_style: str | None = None

    def address(self, name: str) -> str:
        """Return where a page finds a file."""
        return f"/assets/{self.get(name).digest[:16]}/{name}"

    def map_style(self) -> str:
        """Return the id of the style for maps that the charts' library adds unless it is there.

        The policy of the pages forbids styles in them, and there are no maps: an element of that id
        keeps the library from trying.
        """
        if self._map_style is None:
            found = _MAP_STYLE.search(self.get(_PLOTLY).content)
            self._map_style = found[1].decode() if found else "plotly"
        return self._map_style

    def get(self, name: str) -> Asset:
        """Return a file by name.

        Raises:
            KeyError: there is no such file.
            MissingDependencyError: it is the charts' library, and plotly is not installed.
        """
        found = self._found.get(name)
        if found is None:
            path = _plotly() if name == _PLOTLY else _own(name)
            found = self._found[name] = Asset(path, digest_bytes(path.read_bytes()))
        return found


def _own(name: str) -> Path:
    known = {path.name: path for path in _HERE.iterdir() if path.suffix in _TYPES}
    return known[name]


def _plotly() -> Path:
    """Return the script inside the installed package, without importing it."""
    spec = find_spec("plotly")
    path = Path(spec.origin).parent / "package_data" / _PLOTLY if spec and spec.origin else None
    if path is None or not path.exists():
        raise MissingDependencyError(
            "charts need the package plotly", fix="pip install 'lapwise[server]'"
        )
    return path
