"""``lapwise features verify``: was what was served what training would have computed?"""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from lapwise.cli.features.noun import difference, features
from lapwise.cli.options import AsJson, workshop
from lapwise.cli.render import number, print_json, show, table

if TYPE_CHECKING:
    from lapwise.core.feature import Verification

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
            f"{number(found.left_out)} left out: their features were given by the caller, or nothing"
            " in the tables is newer than they are. Once the tables' files are newer: lapwise features"
            " materialize, and verify again"
        )
    wrong = [(one.feature, one.rows) for one in found.by_feature if one.rows]
    if wrong:
        show("", table(["feature", "differs in rows>"], wrong), "")
    shown = list({one.feature: one for one in reversed(found.differences)}.values())[::-1][:_SHOWN]
    for one in shown:
        show(difference(one))
    if len(found.differences) > len(shown):
        rest = len(found.differences) - len(shown)
        show(Text(f"the first of each feature; {rest} more with --json", style="dim"))
        kinds = Counter(one.kind.replace("_", " ") for one in found.differences)
        show("", table(["cause", "of these>"], kinds.most_common()))
