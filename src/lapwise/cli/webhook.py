"""``lapwise webhook``: tell other systems when a lap ends, a version is promoted, an alarm is raised."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, get_args

import typer
from rich.markup import escape

from lapwise.cli.app import app
from lapwise.cli.options import AsJson, Limit, workshop
from lapwise.cli.render import print_json, show, table, when

if TYPE_CHECKING:
    from lapwise.core.access import EventKind

__all__ = ["add", "deliveries", "remove", "webhook", "webhooks"]

webhook = typer.Typer(help="Tell other systems what happened.", no_args_is_help=True)
app.add_typer(webhook, name="webhook")


@webhook.command()
def add(
    url: Annotated[str, typer.Argument(metavar="URL", help="Where events are posted to.")],
    event: Annotated[
        list[str] | None,
        typer.Option(
            "--event",
            metavar="KIND",
            help="Only these: lap.ended, version.promoted, alarm.raised; may be repeated.",
        ),
    ] = None,
    product: Annotated[
        str, typer.Option("--product", metavar="NAME", help="Only of this loop; * for all.")
    ] = "*",
    json: AsJson = False,
) -> None:
    """Post events to a URL from now on, signed; the secret is shown this once.

    A running `lapwise server` delivers them. Addresses inside the network are refused unless it was
    started with --allow-webhook-host.

    Example: lapwise webhook add https://example.org/hooks/lapwise --event lap.ended
    """
    from lapwise.core.access import Webhook
    from lapwise.core.ids import new_id
    from lapwise.server.webhooks import new_secret

    kinds = tuple(_kind(one) for one in dict.fromkeys(event or ()))
    secret = new_secret()
    with workshop(make=True) as opened:
        made = opened.store.webhooks.add(
            Webhook(
                id=new_id(),
                url=url,
                created=opened.machine.timestamp(),
                events=kinds,
                product=product,
            ),
            secret,
            opened.actor,
        )
    if json:
        print_json({"webhook": made, "secret": secret})
        return
    show(f"webhook {made.id} posts {', '.join(kinds) or 'every event'} to {escape(made.url)}")
    typer.echo(f"its secret, which is not shown again: {secret}")  # never wrapped


@webhook.command("list")
def webhooks(json: AsJson = False) -> None:
    """List where events are posted to.

    Example: lapwise webhook list
    """
    with workshop() as opened:
        found = opened.store.webhooks.list()
    if json:
        print_json(found)
        return
    if not found:
        show("no webhooks; `lapwise webhook add URL` makes one")
        return
    rows = [
        (one.id, one.url, ", ".join(one.events) or "all", one.product, when(one.created))
        for one in found
    ]
    drawn = table(["id", "url", "events", "product", "since"], rows)
    drawn.columns[0].no_wrap = True  # to be copied whole
    show(drawn)


@webhook.command()
def remove(
    id: Annotated[str, typer.Argument(metavar="ID", help="Of the webhook.")], json: AsJson = False
) -> None:
    """Post nothing there any more, not even what waits.

    Example: lapwise webhook remove 01k0m3qg7e4v8d2s5x9c6b1n0z
    """
    with workshop() as opened:
        at = opened.machine.timestamp()
        opened.store.webhooks.remove(id, at, opened.actor)
    if json:
        print_json({"removed": id, "at": at})
    else:
        show(f"removed webhook {escape(id)}")


@webhook.command()
def deliveries(
    id: Annotated[str, typer.Argument(metavar="ID", help="Of the webhook.")],
    limit: Limit = 20,
    json: AsJson = False,
) -> None:
    """List what was posted to a webhook, newest first: how often tried, and what came back.

    Example: lapwise webhook deliveries 01k0m3qg7e4v8d2s5x9c6b1n0z
    """
    with workshop() as opened:
        found = opened.store.webhooks.deliveries(id, limit=limit)
    if json:
        print_json(found)
        return
    if not found:
        show("nothing yet; events from when it was added are posted while `lapwise server` runs")
        return
    rows = [
        (
            one.event.number,
            one.event.kind,
            one.event.product,
            one.state.replace("_", " "),
            one.attempts,
            one.answer,
            when(one.due) if one.state == "waiting" else "",
        )
        for one in found
    ]
    show(table(["event>", "kind", "product", "state", "tries>", "answer", "next"], rows))


def _kind(text: str) -> EventKind:
    from lapwise.core.access import EventKind
    from lapwise.core.errors import DeclarationError

    for kind in get_args(EventKind):
        if kind == text:
            found: EventKind = kind
            return found
    raise DeclarationError(
        "there is no such event", value=text, expected="one of " + ", ".join(get_args(EventKind))
    )
