"""What the README shows of the page is the page, and what it names is there."""

from __future__ import annotations

import re
from pathlib import Path

from tests.architecture.source import PACKAGE

ROOT = PACKAGE.parents[1]
README = (ROOT / "README.md").read_text()
PAGE = (PACKAGE / "examples" / "flights" / "page.py").read_text()


def test_the_page_in_the_readme_is_the_page() -> None:
    blocks = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    shown = [block for block in blocks if "import lapwise" not in block]
    assert len(shown) >= 4
    for block in shown:
        assert block in PAGE, f"not in the page any more:\n{block}"


def test_every_linked_file_is_there() -> None:
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", README):
        assert (ROOT / target).exists(), f"README links to {target}, which is not there"


def test_every_command_in_the_readme_is_a_command() -> None:
    written = (ROOT / "docs" / "cli.md").read_text()
    known = set(re.findall(r"^## lapwise (.+)$", written, re.MULTILINE))
    used = re.findall(r"^ {4}(lapwise .*)$", README, re.MULTILINE)
    lines = [part.strip() for line in used for part in line.split("#")[0].split(";")]
    assert len(lines) >= 8
    for line in lines:
        words = line.removeprefix("lapwise ").split()
        assert words[0] in known or " ".join(words[:2]) in known, f"no such command: {line}"


def test_the_readme_names_no_path_of_a_machine() -> None:
    assert not re.search(r"/(home|root|tmp|work)/", README), Path("README.md")
