"""``lapwise lap`` and ``lapwise laps``: go round, and the ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.text import Text

from lapwise.cli.app import app
from lapwise.cli.options import AsJson, AsOf, Limit, Page, page_and_workshop, workshop
from lapwise.cli.render import number, print_json, show, table, when
from lapwise.core.lap import LapStep

if TYPE_CHECKING:
    from lapwise.core.lap import Lap
from lapwise.core.model import Split

__all__ = ["lap", "laps", "show_lap"]


@app.command()
def lap(
    page: Page = None,
    as_of: AsOf = None,
    accept: Annotated[
        bool, typer.Option("--accept", help="Take tables whose known rows have changed.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Go round the loop once: validate, split, features, train, evaluate, gates, register.

    Steps whose inputs are unchanged are reused. Nothing reaches users: a version that passes its
    gates waits for `lapwise approve`.

    Example: lapwise lap page.py --as-of 2013-04-01
    """
    from lapwise.loop.lap import lap as go_round

    with page_and_workshop(page, as_of) as (loop, opened):
        line = go_round(opened, loop, accept=accept)
        if json:
            print_json(line)
        else:
            show_lap(line)
    if line.state == "refused":
        raise typer.Exit(2)


@app.command()
def laps(
    number_: Annotated[
        int | None, typer.Argument(metavar="[NUMBER]", help="Show one lap with its steps.")
    ] = None,
    limit: Limit = 20,
    json: AsJson = False,
) -> None:
    """Show the ledger: what started each lap, what it reused and cost, and who decided what.

    Example: lapwise laps 3
    """
    from lapwise.loop.ledger import ledger

    with workshop() as opened:
        if number_ is not None:
            line = opened.store.laps.get(str(number_))
            print_json(line) if json else show_lap(line)
            return
        found = ledger(opened.store, limit=limit)
    if json:
        print_json(found)
        return
    if not found:
        show("no laps yet; `lapwise lap` goes round")
        return
    rows = [
        (
            str(line.number),
            when(line.as_of)[:10],
            line.trigger.kind,
            str(line.ran),
            str(line.reused),
            f"{line.seconds:.1f}",
            line.verdicts,
            line.decision,
            line.who,
        )
        for line in found
    ]
    show(table(["lap>", "as of", "by", "ran>", "reused>", "s>", "gates", "decision", "who"], rows))


def show_lap(line: Lap) -> None:
    """Print a lap: steps, metrics, gates, decision."""
    from lapwise.gates import to_table

    show(
        f"[bold]lap {line.number}[/bold]  {line.loop}  as of {when(line.as_of)}  "
        f"({line.trigger.kind}: {escape(line.trigger.reason)})"
    )
    show(table(["step", "", "s>", "output"], [_step(step) for step in line.steps]))
    if line.split:
        show(_parts(line.split))
    if line.metrics:
        show("test: " + "  ".join(f"{m.name} {number(m.value)}" for m in line.metrics))
    if line.verdicts:
        show(to_table(line.verdicts))
    if line.error:
        show(f"[red]failed[/red]: {escape(line.error)}")
    else:
        colour = {"waiting": "yellow", "approved": "green"}.get(line.state, "red")
        show(f"[{colour}]{line.state}[/{colour}]: {escape(line.decision)}  ({line.seconds:.1f} s)")


def _parts(split: Split) -> str:
    """Return how many rows each part has, and how many examples are in none."""
    total = sum(part.rows for part in split.parts) + split.left_out + split.unlabelled
    parts = "  ".join(f"{part.name} {part.rows:,}" for part in split.parts)
    return (
        f"examples: {parts}  embargo {split.left_out:,}"
        f"  without a label {split.unlabelled:,} ({split.unlabelled / total:.1%})"
    )


def _step(step: LapStep) -> tuple[str | Text, ...]:
    word = Text("reused", style="dim") if step.reused else Text("ran")
    return step.name, word, f"{step.seconds:.2f}", step.digest[:12]
