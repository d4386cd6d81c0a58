"""Reading a page: what is found, and what each mistake in it says."""

from __future__ import annotations

from pathlib import Path

import pytest

from lapwise.core.errors import DeclarationError
from lapwise.loop.page import load_page
from tests.loop.worlds import World, write_old


def test_page(fresh: World) -> None:
    """A page gives its loop, which remembers where it was read from."""
    loop = fresh.loop()
    assert loop.name == "returns"
    assert loop.origin == f"{fresh.root / 'page.py'}:loop"
    assert fresh.loop("page.py:loop").origin == loop.origin
    assert [table.name for table in loop.tables] == ["orders", "outcomes"]
    assert loop.feature_names[-3:] == ("shop", "channel", "amount")


def test_two_names(fresh: World) -> None:
    """One loop under two names is one loop; two loops must be told apart."""
    text = (fresh.root / "page.py").read_text()
    write_old(fresh.root / "page.py", text + "\nproduct = loop\n")
    assert fresh.loop().name == "returns"
    write_old(
        fresh.root / "page.py",
        text + "\nimport dataclasses\nother = dataclasses.replace(loop, name='other')\n",
    )
    with pytest.raises(DeclarationError, match="declares 2 loops") as caught:
        fresh.loop()
    assert caught.value.value == ["loop", "other"]
    assert fresh.loop("page.py:other").name == "other"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = (1,\n", r"page\.py, line 1: "),
        ("x = 1\n", "declares 0 loops"),
        ("x = 1 / 0\n", r"raised ZeroDivisionError at page\.py, line 1"),
        ("import shaping\nshaping.nothing\n", r"raised AttributeError at page\.py, line 2"),
        ("import lapwise as lw\nlw.nothing\n", "nothing"),
        ("raise SystemExit(3)\n", "SystemExit"),
        ('import lapwise as lw\nlw.Table("", "x", key="k", event="e")\n', "usable in a path"),
        ("import polars as pl\npl.nothing\n", r"page\.py, line 2"),
    ],
    ids=["syntax", "empty", "raises", "neighbour", "lapwise", "exit", "declaration", "library"],
)
def test_mistakes(fresh: World, text: str, message: str) -> None:
    """A page that is no page is one error that says where; the mended page is read anew."""
    good = (fresh.root / "page.py").read_text()
    write_old(fresh.root / "page.py", text)
    with pytest.raises(DeclarationError, match=message):
        fresh.loop()
    write_old(fresh.root / "page.py", good)
    assert fresh.loop().name == "returns"


def test_not_there(tmp_path: Path) -> None:
    """A page that is not there, or no Python, is named."""
    with pytest.raises(DeclarationError, match="no page") as caught:
        load_page("page.py", tmp_path)
    assert caught.value.value == str(tmp_path / "page.py")
    (tmp_path / "page.txt").write_text("x")
    with pytest.raises(DeclarationError, match="not a Python file"):
        load_page("page.txt", tmp_path)
    with pytest.raises(DeclarationError, match="no page"):
        load_page("", tmp_path)


def test_no_such_loop(fresh: World) -> None:
    """A name that the page does not declare is an error that lists those it does."""
    with pytest.raises(DeclarationError, match="no loop of that name") as caught:
        fresh.loop("page.py:nothing")
    assert caught.value.expected == "loop"
