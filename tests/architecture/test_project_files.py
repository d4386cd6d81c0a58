"""No file of the project knows the machine it was written on."""

import re

from tests.architecture.source import ROOT, project_files, shown

# Written so that this file does not find itself.
MACHINE = re.compile(rb"/(?:home|Users)/[a-z]+/|(?<![\w.}])/(?:root|work|opt)/[\w.]")
INDEX = re.compile(r"--(?:extra-)?index-url|--find-links|://| @ |/(?:tmp|home|work|root)/")


def test_no_file_names_a_path_of_a_machine() -> None:
    found = [
        f"{shown(path)}:{number}"
        for path in project_files()
        if b"\0" not in (content := path.read_bytes())
        for number, line in enumerate(content.splitlines(), 1)
        if MACHINE.search(line)
    ]
    assert not found, "A path that only one machine has:\n  " + "\n  ".join(found)


def test_locks_have_hashes_and_name_no_place() -> None:
    for lock in (ROOT / "requirements").glob("*.txt"):
        text = lock.read_text()
        placed = [line for line in text.splitlines() if INDEX.search(line)]
        assert not placed, f"{shown(lock)} names a place; make lock: {placed}"
        for pin in re.finditer(r"^[a-z][^\n]*==[^\n]*\n(?P<rest>[^\n]*)", text, re.MULTILINE):
            assert "--hash=sha256:" in pin["rest"], f"{shown(lock)}: {pin.group()} has no hash"
