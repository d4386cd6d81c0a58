"""docs/architecture.md shows the rooms that are there."""

import re

from tests.architecture.source import ROOT, rooms

PAGE = (ROOT / "docs" / "architecture.md").read_text()
BESIDE = {"examples", "testing"}


def test_the_page_tells_which_rooms_are_built() -> None:
    described = set(re.findall(r"^\| `(\w+)/`", PAGE, re.MULTILINE))
    line = re.search(r"^Not built yet: (.*)$", PAGE, re.MULTILINE)
    unbuilt = set(re.findall(r"`(\w+)`", line.group(1))) if line else set()
    built = set(rooms()) - BESIDE
    assert built <= described, f"docs/architecture.md does not describe {built - described}"
    assert not built & unbuilt, f"docs/architecture.md says not built yet: {built & unbuilt}"
    assert unbuilt <= described
