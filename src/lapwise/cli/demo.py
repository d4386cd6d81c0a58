"""``lapwise demo``: the whole of it on real flights."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from lapwise.cli.app import app
from lapwise.cli.lap import show_lap
from lapwise.cli.options import AsJson
from lapwise.cli.progress import bars
from lapwise.cli.render import number, print_json, show
from lapwise.cli.score import show_trace
from lapwise.core.clock import MachineClock

__all__ = ["demo"]


class Approval(StrEnum):
    """Who approves what the demo made."""

    auto = "auto"
    no = "no"


@app.command()
def demo(
    folder: Annotated[
        Path, typer.Argument(help="The demo's project; made if it is not there.")
    ] = Path("lapwise-demo"),
    approve: Annotated[
        Approval,
        typer.Option("--approve", help="auto: in the name of policy:demo; no: stop there."),
    ] = Approval.auto,
    json: AsJson = False,
) -> None:
    """Go round once on 80,000 real flights, approve, answer for a week, and trace an answer back.

    Run again, it reuses what it did.

    Example: lapwise demo --approve auto
    """
    from lapwise.loop.demo import Demo

    clock = MachineClock()
    started = clock.monotonic()
    say = (lambda *_: None) if json else show
    with bars() as progress:
        shown = Demo(folder, progress)
        say("[bold]1. One lap[/bold]: what was known of New York's flights by 1 April 2013\n")
        line = shown.first_lap()
        if not json:
            show_lap(line)
        if approve is Approval.no:
            say(f"\nGo on with:  cd {folder} && lapwise approve flight-delay")
            return
        version = shown.approve(line)
        say(
            f"\n[bold]2. Approval[/bold]: v{version.number} is in {version.stage}, by policy:demo\n"
        )
        week = shown.week(version)
        say(
            f"[bold]3. A week of answers[/bold]: {number(week.scoring.count)} flights of 1 to 7 April"
            f" scored; {number(week.labelled)} landed and {week.base_rate:.1%} of those were late;"
            f" {1 - week.labelled / week.scoring.count:.1%} never get a label and are left out"
        )
        say("   " + "  ".join(f"{m.name} {number(m.value)}" for m in week.metrics))
        say("\n[bold]4. Where one answer came from[/bold]")
        if not json:
            show_trace(week.trace)
        again = shown.first_lap()
    reused = sum(step.reused for step in again.steps)
    say(
        f"\n[bold]5. A second lap[/bold], nothing changed: {reused} of {len(again.steps)} steps"
        f" reused, {again.seconds:.1f} s"
    )
    seconds = clock.monotonic() - started
    say(f"\n{seconds:.0f} s in all. Go on with:  cd {folder} && lapwise laps")
    if json:
        print_json(
            {
                "lap": line,
                "version": version,
                "week": week,
                "second_lap": again,
                "seconds": seconds,
            }
        )
