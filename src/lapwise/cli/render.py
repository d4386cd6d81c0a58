"""What commands print: tables for people, JSON for programs."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence

import msgspec
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from lapwise.core.clock import MachineClock, format_time

__all__ = ["age", "console", "number", "print_json", "show", "table", "visible", "when"]

_WHOLE = 24

_CONTROLS = {
    code: "\N{REPLACEMENT CHARACTER}"
    for code in (*range(32), *range(127, 160))
    if chr(code) not in "\t\n"
}


class _Screen(Console):
    """A console that shows control characters of data, and never obeys them."""

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        for part in super().render(renderable, options):
            yield part if part.control else Segment(visible(part.text), part.style)


def console() -> Console:
    """Return a console on today's standard output."""
    return _Screen(highlight=False, soft_wrap=False)


def show(*things: RenderableType) -> None:
    """Print text (with Rich markup) or Rich renderables."""
    target = console()
    for thing in things:
        target.print(thing)


def visible(text: str) -> str:
    r"""Return a text in which control characters are seen, so that a terminal does not obey them.

    >>> visible("\x1b[2Jgone")
    '\ufffd[2Jgone'
    """
    return text.translate(_CONTROLS)


def print_json(value: object) -> None:
    """Print a record, or any plain value, as one JSON document; NaN becomes null."""
    sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n")
    sys.stdout.flush()


def table(headings: Sequence[str], rows: Sequence[Sequence[object]], *, title: str = "") -> Table:
    """Return a table without vertical lines; a heading that ends in ``>`` aligns right.

    One that ends in ``!`` is folded last: names stay whole up to 24 characters.

    Strings are shown as they are, brackets and all; a Rich ``Text`` brings its own style.
    """
    drawn = Table(
        title=title or None,
        box=None,
        pad_edge=False,
        title_justify="left",
        header_style="bold",
        title_style="bold",
        padding=(0, 1),
    )
    for place, heading in enumerate(headings):
        right, whole = heading.endswith(">"), heading.endswith("!")
        longest = max(
            (cell_len(str(one)) for row in rows for one in row[place : place + 1]), default=0
        )
        drawn.add_column(
            Text(visible(heading.rstrip(">!"))),
            justify="right" if right else "left",
            overflow="fold",
            width=min(max(longest, len(heading) - 1), _WHOLE) if whole else None,
        )
    for row in rows:
        drawn.add_row(
            *(cell if isinstance(cell, Text) else Text(visible(number(cell))) for cell in row)
        )
    return drawn


def number(value: object, digits: int = 4) -> str:
    """Return a value as people write it: few digits, thousands marked, nothing for None.

    >>> number(336776), number(0.72345678), number(None), number(True)
    ('336,776', '0.7235', '', 'yes')
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.{digits}g}" if abs(value) >= 1e-4 or value == 0 else f"{value:.1e}"
    return str(value)


def when(at: int) -> str:
    """Return a time of the world to the minute, without a zone (all times are UTC).

    >>> when(0)
    '1970-01-01 00:00'
    """
    return format_time(at)[:16].replace("T", " ")


def age(at: int) -> str:
    """Return how long ago a machine time was, in its largest unit."""
    seconds = max(0, MachineClock().timestamp() - at) // 1_000_000
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
