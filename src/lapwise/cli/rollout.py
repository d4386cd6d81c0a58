"""``lapwise rollout`` and ``rollback``: how a version comes to users, and how it leaves them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from lapwise.cli.app import app
from lapwise.cli.options import AsJson, By, Note, PageOption, page_and_workshop, workshop
from lapwise.cli.render import number, print_json, show, table, when

if TYPE_CHECKING:
    from lapwise.core.rollout import Rollout

__all__ = ["rollback", "rollout"]

rollout = typer.Typer(help="A version's way to users, step by step.", no_args_is_help=True)
app.add_typer(rollout, name="rollout")

Model = Annotated[str | None, typer.Argument(metavar="[MODEL]", help="Default: the only one.")]
_DAY = 86_400_000_000


@rollout.command("plan")
def rollout_plan(page: PageOption = None, json: AsJson = False) -> None:
    """Say how many days each step needs at the traffic of the last two weeks.

    Refuses a plan that cannot conclude, and says what would.

    Example: lapwise rollout plan
    """
    from lapwise.loop.planning import plan_rollout

    with page_and_workshop(page) as (loop, opened):
        steps, traffic = plan_rollout(opened, loop)
    if json:
        print_json({"steps": steps, "traffic": traffic})
        return
    show(f"{number(traffic.rows_per_day)} rows and {number(traffic.units_per_day)} units a day")
    rows = [(one.step, str(one.days), number(one.units), one.why) for one in steps]
    show(table(["step", "days>", "units>", "why"], rows))


@rollout.command("status")
def rollout_status(
    model: Model = None,
    which: Annotated[
        int | None, typer.Option("--number", "-n", help="Which rollout; default: the newest.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Show a rollout: where it stands, the evidence at this step, and what was done when.

    Example: lapwise rollout status flight-delay
    """
    from lapwise.loop.acting import find_rollout

    with workshop() as opened:
        found = find_rollout(opened.store, model, which)
        named = {
            one: f"v{opened.store.models.get(one).number}"
            for one in (found.candidate, found.control)
        }
    if json:
        print_json(found)
        return
    _show(found, named)


@rollout.command("pause")
def rollout_pause(model: Model = None, by: By = None, note: Note = "") -> None:
    """Stay at this step until resumed; harm still rolls back.

    Example: lapwise rollout pause flight-delay --note "holiday traffic"
    """
    _act("pause", model, by, note)


@rollout.command("resume")
def rollout_resume(model: Model = None, by: By = None, note: Note = "") -> None:
    """Go on with a paused rollout.

    Example: lapwise rollout resume flight-delay
    """
    _act("resume", model, by, note)


@rollout.command("abort")
def rollout_abort(model: Model = None, by: By = None, note: Note = "") -> None:
    """End the open rollout: production answers everybody, the candidate goes back to staging.

    Example: lapwise rollout abort flight-delay --note "wrong data"
    """
    _act("abort", model, by, note)


@app.command()
def rollback(
    version: Annotated[
        str | None,
        typer.Argument(metavar="[MODEL[@vN]]", help="Name the version, and no other is taken."),
    ] = None,
    by: By = None,
    note: Note = "",
) -> None:
    """Take the newest version away from users, now: the canary, or what replaced production last.

    Example: lapwise rollback flight-delay@v3 --note "complaints since noon"
    """
    from lapwise.loop.acting import roll_back_now

    with workshop() as opened:
        gone, deployed = roll_back_now(opened, version, by=by or opened.actor, note=note)
    show(
        f"rolled back: {gone.model} v{gone.number} is in {gone.stage};"
        f" deployment {deployed.revision} is in force"
    )


def _act(action: str, model: str | None, by: str | None, note: str) -> None:
    from lapwise.loop.acting import act

    with workshop() as opened:
        found = act(opened, action, model, by=by or opened.actor, note=note)
    show(f"rollout {found.number} of {found.model}: {found.history[-1].sentence}")


def _show(found: Rollout, named: dict[str, str]) -> None:
    paused = "  (paused)" if found.paused else ""
    show(
        f"[bold]rollout {found.number}[/bold] of {escape(found.model)}: {named[found.candidate]} beside"
        f" {named[found.control]}, {found.phase} {found.weight} % since {when(found.since)}{paused}"
    )
    rows = [
        (
            one.name,
            one.status.replace("_", " "),
            number(one.measured),
            f"{number(one.low)} … {number(one.high)}",
            number(one.limit),
            f"{number(one.candidate)}/{number(one.control)}",
        )
        for one in found.guards
    ]
    if rows:
        show(table(["guard", "is", "harm>", "bounds>", "limit>", "units>"], rows))
        for one in found.guards:
            show(f"  {escape(one.sentence)}")
    acts = [
        (when(event.at), event.action, f"{event.weight} %", event.by, event.sentence)
        for event in found.history
    ]
    show(table(["at", "act", "users>", "by", "why"], acts))
