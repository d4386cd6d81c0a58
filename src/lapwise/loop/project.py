"""Where a project is, and where it keeps what it makes."""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass
from pathlib import Path

from lapwise.core.errors import DeclarationError
from lapwise.store.address import is_remote

__all__ = ["Project", "find_project"]


@dataclass(frozen=True, slots=True)
class Project:
    """A folder with a page, and the addresses of its store.

    ``store`` is ``sqlite:///…``, ``postgresql://…``, or ``https://…`` of a server; ``blobs`` a
    folder or ``s3://…``, or the server again, which has its own; ``online`` the folder of the
    online features or ``redis://…``, with its password: show it by
    :func:`~lapwise.store.address.without_password`;
    ``page`` the default ``FILE[:NAME]`` of the loop, relative to ``root``.
    """

    root: Path
    store: str
    blobs: str
    online: str
    page: str | None = None

    @property
    def live(self) -> Path:
        """The folder of what answers requests: deployments, prediction logs."""
        return self.root / ".lapwise" / "live"

    @property
    def is_new(self) -> bool:
        """Whether nothing was ever kept: its database is a file that is not there."""
        kind, _, path = self.store.partition(":///")
        return kind == "sqlite" and not Path(path).exists()


def find_project(start: Path) -> Project:
    """Return the project around ``start``.

    The root is the nearest folder upward whose ``pyproject.toml`` has ``[tool.lapwise]``, or that
    has a ``.lapwise`` folder; else ``start`` itself. ``LAPWISE_STORE``, ``LAPWISE_BLOBS``
    and ``LAPWISE_ONLINE`` win over ``store``, ``blobs`` and ``online`` of the table, which win over ``.lapwise/`` in the root. What is
    relative in the table is relative to the root.

    Raises:
        DeclarationError: ``pyproject.toml`` is not TOML, or the table has unknown keys.
    """
    start = start.resolve()
    for folder in (start, *start.parents):
        settings = _settings(folder / "pyproject.toml")
        if settings is not None or (folder / ".lapwise").is_dir():
            return _project(folder, settings or {})
    return _project(start, {})


def _settings(path: Path) -> dict[str, str] | None:
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DeclarationError(f"{path} is not TOML: {error}") from error
    tools = document.get("tool")
    settings = tools.get("lapwise") if isinstance(tools, dict) else None
    if settings is None:
        return None
    if not isinstance(settings, dict) or not all(isinstance(one, str) for one in settings.values()):
        names = sorted(settings) if isinstance(settings, dict) else settings
        raise DeclarationError(  # without the values: an address may hold a password
            f"[tool.lapwise] in {path} must hold text", value=names, expected='loop = "page.py"'
        )
    unknown = sorted(set(settings) - {"loop", "store", "blobs", "online"})
    if unknown:
        raise DeclarationError(
            f"[tool.lapwise] in {path} has unknown keys",
            value=unknown,
            expected="loop, store, blobs, online",
        )
    return dict(settings)


def _project(root: Path, settings: dict[str, str]) -> Project:
    def address(name: str, default: str) -> str:
        around = os.environ.get(f"LAPWISE_{name.upper()}")
        if around:
            return _absolute(around, Path.cwd())
        return _absolute(settings.get(name) or default, root)

    store = address("store", "sqlite:///.lapwise/lapwise.db")
    return Project(
        root=root,
        store=store,
        blobs=store if is_remote(store) else address("blobs", ".lapwise/blobs"),
        online=address("online", ".lapwise/live/features"),
        page=settings.get("loop"),
    )


def _absolute(address: str, folder: Path) -> str:
    """Return an address that means the same from every working directory."""
    scheme, found, path = address.partition(":///")
    if found and scheme.startswith("sqlite") and path[:1] not in ("/", ":", ""):
        return f"{scheme}:///{folder / path}"
    return address if "://" in address else str(folder / address)
