"""``lapwise demo``: the whole of it on a year of real flights."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from shlex import quote
from typing import Annotated

import typer

from lapwise.cli.app import app
from lapwise.cli.options import AsJson
from lapwise.cli.progress import bars
from lapwise.cli.render import number, print_json, show
from lapwise.cli.replay import screen, show_year
from lapwise.cli.up import run_up

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
    days: Annotated[
        int | None,
        typer.Option("--days", min=1, help="Only so many days; default: April to December."),
    ] = None,
    approve: Annotated[
        Approval,
        typer.Option("--approve", help="auto: in the name of policy:replay; no: stop there."),
    ] = Approval.auto,
    serve: Annotated[
        bool, typer.Option("--serve", help="Keep the pages up afterwards; Ctrl-C ends it.")
    ] = False,
    open_: Annotated[
        bool, typer.Option("--open", help="Open the pages in a browser (and keep them up).")
    ] = False,
    json: AsJson = False,
) -> None:
    """Live through a year of real flights in minutes: predict, learn what came true, go round.

    The first lap sees what was known by 1 April 2013. Then every hour to December is replayed
    through the real server: predictions two hours before departure, labels when flights have
    landed, alarms, laps, rollouts. Run again, it goes on where it stopped.

    Example: lapwise demo --days 30
    """
    from lapwise.loop.demo import END, START, flights, replay_flights

    end = END if days is None else min(END, START + days * 86_400_000_000)
    with bars() as progress, screen(START, end) as shown:
        year = replay_flights(
            folder,
            days=days,
            approve=approve is Approval.auto,
            progress=progress,
            hear=(lambda _one: None) if json else shown.hear,
        )
    if json:
        print_json(year.told)
    else:
        show_year(year)
        told = year.told
        show(
            f"\n{number(told.predictions)} predictions, {told.failed_requests} failed requests; "
            f"{told.features_equal:.2%} of the vectors are equal to those recomputed offline.\n"
            f"laps {told.laps}  alarms {told.alarms}  promotions {told.promotions}"
            f"  rollbacks {told.rollbacks}  in {told.seconds:.0f} s"
        )
        if not (serve or open_):
            # Without its watcher, which would go round on the world of today.
            show(f"\nSee it:  cd {quote(str(folder))} && lapwise up --no-watch")
    if serve or open_:
        loop, project = flights(folder)
        run_up(project, loop, port=0, watch=False, then=typer.launch if open_ else None)
