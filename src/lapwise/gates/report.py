"""Verdicts for people and machines: a terminal table, Markdown, JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import msgspec

from lapwise.core.model import Verdict, VerdictStatus
from lapwise.gates.judgement import decide

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table
    from rich.text import Text

__all__ = ["to_json", "to_markdown", "to_table"]

_STYLES: dict[VerdictStatus, str] = {
    "passed": "green",
    "failed": "bold red",
    "cannot_tell": "yellow",
    "not_applicable": "dim",
}


def to_table(verdicts: Sequence[Verdict]) -> RenderableType:
    """Return what Rich prints: a line of numbers for each verdict, its sentence below it.

    It fits 80 columns. Parts stand indented below their gate, and speak only if they do not pass.
    """
    from rich.console import Group
    from rich.padding import Padding
    from rich.text import Text

    lines: list[RenderableType] = [
        _line("verdict", Text("gate"), "measured", "limit", "interval", style="dim")
    ]
    for verdict, depth in _walk(verdicts):
        name = Text("  " * depth + verdict.name, style="" if depth else "bold")
        status = verdict.status.replace("_", " ")
        lines.append(_line(status, name, *_numbers(verdict), style=_STYLES[verdict.status]))
        if not depth or verdict.status in {"failed", "cannot_tell"}:
            lines.append(Padding(Text(verdict.sentence, style="dim"), (0, 0, 0, 16 + 2 * depth)))
    lines.append(Text(f"Together: {decide(verdicts)}.", style="bold"))
    return Group(*lines)


def _line(
    status: str, name: Text, measured: str, limit: str, interval: str, *, style: str
) -> Table:
    from rich.table import Table

    row = Table.grid(padding=(0, 2, 0, 0), pad_edge=False, expand=True)
    row.add_column(width=14, style=style)
    row.add_column(ratio=1, overflow="fold")
    for width in (8, 6, 18):
        row.add_column(width=width, justify="right")
    row.add_row(status, name, measured, limit, interval)
    return row


def to_markdown(verdicts: Sequence[Verdict]) -> str:
    """Return a Markdown table with one line a verdict, parts indented below their gate."""
    lines = [
        f"**Gates: {decide(verdicts)}**",
        "",
        "| gate | verdict | measured | limit | interval | what it means |",
        "| --- | --- | ---: | ---: | ---: | --- |",
    ]
    for verdict, depth in _walk(verdicts):
        cells = (
            "&nbsp;&nbsp;" * depth + _escape(verdict.name),
            verdict.status.replace("_", " "),
            *_numbers(verdict),
            _escape(verdict.sentence),
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def to_json(verdicts: Sequence[Verdict]) -> str:
    """Return ``{"decision": ..., "verdicts": [...]}`` with every field of every verdict."""
    content = {"decision": decide(verdicts), "verdicts": list(verdicts)}
    return msgspec.json.format(msgspec.json.encode(content), indent=2).decode()


def _walk(verdicts: Sequence[Verdict], depth: int = 0) -> Iterator[tuple[Verdict, int]]:
    for verdict in verdicts:
        yield verdict, depth
        yield from _walk(verdict.parts, depth + 1)


def _numbers(verdict: Verdict) -> tuple[str, str, str]:
    interval = ""
    if verdict.low is not None and verdict.high is not None:
        interval = f"{_short(verdict.low)} … {_short(verdict.high)}"
    return _short(verdict.measured), _short(verdict.limit), interval


def _short(value: float | None) -> str:
    return "" if value is None else f"{value + 0.0:.3g}"


def _escape(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
