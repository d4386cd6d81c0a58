"""Some libraries belong to one room, and the ground floor needs almost none."""

import sys
from pathlib import Path

from tests.architecture.source import PACKAGE, imports, parsed, python_files, shown

CORE_MAY_IMPORT = {*sys.stdlib_module_names, "blake3", "lapwise", "msgspec"}

# Library: the only rooms that know it.
OWNERS = {
    "alembic": {"store"},
    "jinja2": {"server"},
    "litestar": {"server"},
    "lmdb": {"features"},
    "obstore": {"store"},
    "psycopg": {"store"},
    "redis": {"features"},
    "sqlalchemy": {"store"},
    "sqlite3": {"store"},
    "typer": {"cli"},
}


def test_core_imports_the_standard_library_msgspec_and_blake3() -> None:
    found = [
        f"{shown(path)}:{line} {name}"
        for path in python_files("src/lapwise/core")
        for line, name in imports(parsed(path))
        if name.partition(".")[0] not in CORE_MAY_IMPORT
    ]
    assert not found, "Not on the ground floor:\n  " + "\n  ".join(found)


def test_a_library_stays_in_its_room() -> None:
    found = [
        f"{shown(path)}:{line} {name} belongs to {' and '.join(sorted(owners))}"
        for path in python_files("src/lapwise")
        for line, name in imports(parsed(path))
        if (owners := OWNERS.get(name.partition(".")[0])) and room_of(path) not in owners
    ]
    assert not found, "\n  ".join(["A library outside its room:", *found])


def room_of(path: Path) -> str:
    """Return the room that a file lives in."""
    return path.relative_to(PACKAGE).parts[0]
