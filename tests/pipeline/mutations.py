"""Tiny projects and one edit of each: which edits must change a step's key, and which must not.

They are written in ``projects/*.txt``, each as::

    ### name of the case
    === file of the project          (as many as it has)
    its lines
    --- file that is edited
    what is replaced
    +++
    by what

or, for a renamed file, ``>>> part of its path -> new part``. The step is always ``train`` of
``page.py``, its arguments are ``ARGS`` there or ``{"x": 1}``, its seed is ``SEED`` there. What is
below ``site-packages/`` is a library's.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

__all__ = ["HITS", "MISSES", "Case"]


class Case(NamedTuple):
    """A project before and after an edit: texts by path."""

    name: str
    before: dict[str, str]
    after: dict[str, str]


def read(path: Path) -> list[Case]:
    """Return the cases written in a file."""
    blocks = ("\n" + path.read_text()).split("\n### ")[1:]
    return [case(block) for block in blocks]


def case(block: str) -> Case:
    """Return the case written in a block."""
    name, _, body = block.rstrip("\n").partition("\n")
    before: dict[str, str] = {}
    where, file = "", ""
    old: list[str] = []
    new: list[str] = []
    for line in body.splitlines():
        mark, _, rest = line.partition(" ")
        if mark in {"===", "---", "+++", ">>>"}:
            where, file = mark, rest or file
            if mark == "===":
                before[file] = ""
        elif where == "===":
            before[file] += line + "\n"
        else:
            (old if where == "---" else new).append(line)
    if where == ">>>":
        part, _, other = file.partition(" -> ")
        return Case(name, before, {path.replace(part, other): before[path] for path in before})
    text, replaced = before.get(file, ""), "\n".join(old)
    assert replaced in text, f"{name}: {replaced!r} is not in {file}"
    edited = text.replace(replaced, "\n".join(new)) if replaced else "\n".join(new) + "\n"
    assert edited != text, f"{name}: nothing is edited"
    return Case(name, before, before | {file: edited})


PROJECTS = Path(__file__).with_name("projects")
MISSES = read(PROJECTS / "misses.txt")
HITS = read(PROJECTS / "hits.txt")
