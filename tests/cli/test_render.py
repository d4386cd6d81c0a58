"""What reaches the terminal."""

from __future__ import annotations

import sys

import pytest
from rich.text import Text

from lapwise.cli import main as command
from lapwise.cli.render import show, table


def test_controls_in_tables(capsys: pytest.CaptureFixture[str]) -> None:
    """Escape sequences in data are shown and not obeyed, in cells, headings and texts alike."""
    show(table(["a\x1b[31m"], [["b\x1b]0;title\x07"]]), Text("c\x9b2J\rd"))
    shown = capsys.readouterr().out
    assert not set(shown) & {"\x1b", "\x07", "\x9b", "\r"}
    assert all(piece in shown for piece in ("a�[31m", "b�]0;title", "c�2Jd"))


def test_markup_in_headings(capsys: pytest.CaptureFixture[str]) -> None:
    """A name with brackets is no markup, not even one that closes nothing."""
    show(table(["[/x]"], [["[red]y[/red]"]]))
    assert capsys.readouterr().out.split() == ["[/x]", "[red]y[/red]"]


def test_controls_in_errors(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error that quotes data does not paint the terminal."""
    monkeypatch.setattr(sys, "argv", ["lapwise", "lap", "no\x1b[31mpage.py"])
    monkeypatch.setattr(command, "app", _refuse)
    with pytest.raises(SystemExit) as ended:
        command.main()
    assert ended.value.code == 70
    assert "\x1b" not in capsys.readouterr().err


def _refuse() -> None:
    raise ValueError("bad \x1b[31mvalue")
