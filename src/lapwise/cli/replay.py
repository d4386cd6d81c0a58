"""``lapwise watch`` and ``lapwise replay``: the loop turns, now or through history."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.text import Text

from lapwise.cli.app import app
from lapwise.cli.options import AsJson, Page, page_and_workshop
from lapwise.cli.render import number, print_json, show, table, when
from lapwise.core.clock import parse_time

if TYPE_CHECKING:
    from lapwise.loop.happening import Happened
    from lapwise.loop.replay import DayDone
    from lapwise.loop.year import Year

__all__ = ["Screen", "replay", "screen", "show_year", "watch"]

_STYLES = {
    "alarm": "yellow",
    "lap": "bold",
    "approved": "cyan",
    "rollout": "cyan",
    "trouble": "red",
}


_WEEK = 7 * 86_400_000_000


class Approve(StrEnum):
    """Who approves in a replay."""

    auto = "auto"
    no = "no"


class Screen:
    """Shows a replay while it runs: what happened, line by line, and below it where it is now.

    Args:
        start: the first microsecond, to tell how far it has come.
        end: the last.
        live: redraws the last line; None prints a line a week instead.
    """

    def __init__(self, start: int, end: int, live: Live | None) -> None:
        self._start, self._end, self._live = start, end, live
        self._next = 0

    def hear(self, one: Happened | DayDone) -> None:
        """Show one thing that happened, or that a day is over."""
        from lapwise.loop.happening import Happened

        if isinstance(one, Happened):
            style = _STYLES[one.kind]
            self._print(f"{when(one.at)}  [{style}]{one.kind:8}[/{style}] {escape(one.sentence)}")
            return
        line = self._line(one)
        if self._live is not None:
            self._live.update(Text(line, style="dim"))
        elif one.at >= self._next:
            self._next = one.at + _WEEK
            self._print(line)

    def _line(self, day: DayDone) -> str:
        share = (day.at - self._start) / max(1, self._end - self._start)
        seen = [f"{when(day.at)[:10]}  {share:4.0%}  {number(day.predictions)} predictions"]
        if day.auc is not None:
            seen.append(f"AUC {day.auc:.3f}")
        if day.observed is not None:
            seen.append(f"observed/expected {day.observed:.2f}")
        if day.failed:
            seen.append(f"{day.failed} failed")
        return ", ".join(seen)

    def _print(self, line: str) -> None:
        if self._live is not None:
            self._live.console.print(line, highlight=False)
        else:
            show(line)


@contextmanager
def screen(start: int, end: int) -> Iterator[Screen]:
    """Show a replay on this terminal; where there is none, a line for each thing that happens."""
    console = Console()
    if not console.is_terminal:
        yield Screen(start, end, None)
        return
    with Live(console=console, refresh_per_second=4) as live:
        yield Screen(start, end, live)
        live.update(Text(""))


@app.command()
def replay(
    start: Annotated[str, typer.Option("--from", metavar="TIME", help="Begin here (UTC).")],
    end: Annotated[str, typer.Option("--to", metavar="TIME", help="End here, exclusive.")],
    page: Page = None,
    approve: Annotated[
        Approve, typer.Option("--approve", help="auto: in the name of policy:replay; no: nobody.")
    ] = Approve.no,
    json: AsJson = False,
) -> None:
    """Replay history through the real server, hour by hour, with watch, laps and rollouts.

    Goes on where the prediction log ends. What is approved automatically is recorded as the act of
    policy:replay.

    Example: lapwise replay page.py --from 2013-04-01 --to 2013-05-01 --approve auto
    """
    from lapwise.loop.replay import Replay
    from lapwise.loop.year import sum_up

    first, last = parse_time(start), parse_time(end)
    with page_and_workshop(page) as (loop, opened), screen(first, last) as shown:
        turned = Replay(
            opened,
            loop,
            start=first,
            end=last,
            approver="policy:replay" if approve is Approve.auto else "",
            hear=(lambda _one: None) if json else shown.hear,
        )
        started = opened.machine.monotonic()
        world = turned.run()
        year = sum_up(turned, world, seconds=opened.machine.monotonic() - started)
    if json:
        print_json(year.told)
    else:
        show_year(year)


def show_year(year: Year) -> None:
    """Show the ledger and the months of a replay."""
    show(
        table(
            ["lap>", "as of", "started by", "decision", "s>", "reused>"],
            [
                (
                    str(one.number),
                    when(one.as_of)[:10],
                    one.trigger.kind,
                    re.sub(r"\([^)]*\)", "", one.decision),
                    f"{one.seconds:.1f}",
                    f"{one.reused}/{one.ran + one.reused}",
                )
                for one in reversed(year.ledger)
            ],
            title="Laps",
        )
    )
    show(
        table(
            [
                "month",
                "predictions>",
                "late>",
                "AUC>",
                "first model's>",
                "log loss>",
                "first model's>",
            ],
            [
                (
                    one.month,
                    one.rows,
                    f"{one.base_rate:.1%}",
                    f"{one.auc:.4f}",
                    f"{one.auc_first_model:.4f}",
                    f"{one.log_loss:.4f}",
                    f"{one.log_loss_first_model:.4f}",
                )
                for one in year.months
            ],
            title="Months, with the loop and with the first model left alone",
        )
    )


@app.command()
def watch(page: Page = None) -> None:
    """Watch what is served: count, raise alarms, move rollouts on, start laps. Ctrl-C stops it.

    One watcher of a product works at a time; a second waits to take over.

    Example: lapwise watch page.py
    """
    from lapwise.loop.watching import keep_watching

    with page_and_workshop(page) as (loop, opened):
        show(f"watching {escape(loop.name)}; Ctrl-C stops it")
        sys.stdout.flush()
        keep_watching(
            opened,
            loop,
            say=lambda one: show(f"{when(one.at)}  {one.kind:8} {escape(one.sentence)}"),
        )
