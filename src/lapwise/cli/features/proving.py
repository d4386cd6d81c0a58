"""``lapwise features verify``: was what was served what training would have computed?"""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape

from lapwise.cli.features.noun import features
from lapwise.cli.options import AsJson, workshop
from lapwise.cli.render import number, print_json, show

__all__ = ["features_verify"]


@features.command("verify")
def features_verify(
    model: Annotated[
        str | None, typer.Argument(metavar="[MODEL]", help="Default: the only one.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Recompute every logged vector from dataset tables alone: all must be equal, to the bit.

    Damage in the log is said on standard error, and is a failure too.

    Example: lapwise features verify flight-delay
    """
    from lapwise.loop.serve import find_model
    from lapwise.loop.verify import damaged_bytes, read_predictions, verify_features

    with workshop() as opened:
        name = find_model(opened.store, model)
        damaged = damaged_bytes(opened.project.live, name)
        if damaged:
            typer.echo(f"{number(damaged)} bytes of the log are damaged", err=True)
        logged = read_predictions(opened.project.live, name)
        parity = verify_features(opened.store, logged)
    if json:
        print_json(parity)
    else:
        show(
            f"{number(parity.equal)} of {number(parity.rows)} vectors are equal, {parity.share:.4%}"
        )
        if parity.rows < logged.height:
            show(
                f"{number(logged.height - parity.rows)} were given by the caller, or are newer than"
                " what is known of the tables"
            )
        for one in parity.differences:
            show(f"[red]differs[/red]: {escape(str(one))}")
    if damaged or parity.equal < parity.rows:
        raise typer.Exit(1)
