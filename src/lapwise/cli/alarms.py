"""``lapwise alarms`` and ``drift``: what monitors raised, and what they count."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape

from lapwise.cli.app import app
from lapwise.cli.options import AsJson, Limit, workshop
from lapwise.cli.render import number, print_json, show, table, when

__all__ = ["alarms", "drift"]

Model = Annotated[str | None, typer.Argument(metavar="[MODEL]", help="Default: the only one.")]


@app.command()
def alarms(model: Model = None, limit: Limit = 20, json: AsJson = False) -> None:
    """List alarms, newest first: drift or harm, what, since when, how sure.

    Example: lapwise alarms flight-delay
    """
    from lapwise.loop.serve import find_model

    with workshop() as opened:
        name = None if model is None else find_model(opened.store, model)
        found = opened.store.alarms.list(name, limit=limit)
    if json:
        print_json(found)
        return
    if not found:
        show("no alarms; `lapwise watch` raises them as predictions and labels come")
        return
    for one in found:
        style = "red" if one.kind == "harm" else "yellow"
        show(
            f"[bold]{one.number}[/bold]  {when(one.at)}  [{style}]{one.kind}[/{style}]  {escape(one.monitor)}"
            f"  {escape(one.subject)}, seen since {when(one.since)[:10]}\n   {escape(one.sentence)}"
        )


@app.command()
def drift(
    model: Model = None,
    days: Annotated[int, typer.Option("--days", min=1, help="Show so many.")] = 14,
    json: AsJson = False,
) -> None:
    """Show the last days of answers: how many, what came true, how far features have moved.

    The distance is that of Jensen and Shannon between a day and all of the version's reference,
    from 0 (the same) to 1 (nothing in common), for the three columns that moved most.

    Example: lapwise drift flight-delay --days 7
    """
    from lapwise.loop.drifting import drift_by_day

    with workshop() as opened:
        found = drift_by_day(opened.store, model, days)
    if json:
        print_json(found)
        return
    if not found:
        show("nothing was counted yet; `lapwise watch` counts what is served")
        return
    rows = [
        (
            when(one.day)[:10],
            number(one.rows),
            number(one.labelled),
            "" if one.base_rate is None else f"{one.base_rate:.1%}",
            "" if one.mean_score is None else f"{one.mean_score:.1%}",
            number(one.auc, 3),
            "  ".join(f"{moved.feature} {moved.distance:.2f}" for moved in one.moved[:3]),
        )
        for one in found
    ]
    show(table(["day", "rows>", "labels>", "true>", "said>", "AUC>", "moved most"], rows))
