"""A file is named after the noun or the verb in it, never after its being of use."""

from pathlib import Path

import pytest

from tests.architecture.source import PACKAGE, project_files, rooms, shown

EMPTY_WORDS = {"base", "common", "helper", "helpers", "manager", "misc", "util", "utils"}
README_LINES = 40


def test_no_file_or_folder_has_an_empty_name() -> None:
    found = sorted({shown(path) for path in project_files() if has_empty_name(path)})
    assert not found, f"Name it after what it is or does: {found}"


def has_empty_name(path: Path) -> bool:
    """Say whether a part of the path is an empty word, or ends in one."""
    stems = [part.partition(".")[0] for part in Path(shown(path)).parts]
    return any(stem.lower().rpartition("_")[2] in EMPTY_WORDS for stem in stems)


@pytest.mark.parametrize("room", [room for room in rooms() if room != "examples"])
def test_a_room_has_a_short_readme(room: str) -> None:
    readme = PACKAGE / room / "README.md"
    assert readme.is_file(), (
        f"{shown(readme)} is missing: what enters, what leaves, "
        "what must always be true, what is not done yet"
    )
    lines = len(readme.read_text().splitlines())
    assert lines <= README_LINES, f"{shown(readme)} has {lines} lines; about twenty are enough"
