"""``lapwise features verify``: was what was served what training would have computed?"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from lapwise.cli.features.noun import features
from lapwise.cli.options import AsJson, workshop
from lapwise.cli.render import number, print_json, show, table, visible, when

if TYPE_CHECKING:
    from lapwise.core.feature import DifferentVector, Verification

__all__ = ["features_verify"]

_SHOWN = 20


@features.command("verify")
def features_verify(
    model: Annotated[
        str | None, typer.Argument(metavar="[MODEL]", help="Default: the only one.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Recompute every logged vector from dataset tables alone: all must be equal, to the bit.

    What differs is named with its feature, entity, time and cause, and the exit code is 1; so it is
    if nothing could be compared, or the log is damaged, which is said on standard error. The result
    is kept, and shown on the pages of the drift and of the features.

    Example: lapwise features verify flight-delay
    """
    from lapwise.loop.describing import product_time
    from lapwise.loop.serve import find_model
    from lapwise.loop.verify import verify_model

    with workshop() as opened:
        name = find_model(opened.store, model)
        at = product_time(opened.store, [name], opened.world.now())
        found = verify_model(opened, name, at=at)
    if found.damaged:
        typer.echo(f"{number(found.damaged)} bytes of the log are damaged", err=True)
    if json:
        print_json(found)
    else:
        _show(found)
    if not found.passed:
        raise typer.Exit(1)


def _show(found: Verification) -> None:
    if found.rows:
        # Rounded down: one vector of ten million that differs must not read as none.
        share = math.floor(found.share * 1_000_000) / 10_000
        show(f"{number(found.equal)} of {number(found.rows)} vectors are equal, {share:.4f}%")
    else:
        show(Text("no vector could be compared", style="yellow"))
    if found.left_out:
        show(
            f"{number(found.left_out)} were given by the caller, or are newer than what is known of"
            " the tables"
        )
    wrong = [(one.feature, one.rows) for one in found.by_feature if one.rows]
    if wrong:
        show("", table(["feature", "differs in rows>"], wrong), "")
    for one in found.differences[:_SHOWN]:
        show(Text.assemble(("differs: ", "red"), visible(_sentence(one))))
    if len(found.differences) > _SHOWN:
        show(Text(f"and {len(found.differences) - _SHOWN} more (--json)", style="dim"))


def _sentence(one: DifferentVector) -> str:
    entity = ", ".join(f"{name} {value}" for name, value in one.entity.items())
    told = f"{one.feature} of {entity} (row {one.row}) at {when(one.at)}"
    cause = f"; {one.cause}" if one.cause else ""
    return f"{told}: {one.logged} was served, {one.offline} is right{cause}"
