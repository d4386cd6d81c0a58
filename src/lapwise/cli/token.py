"""``lapwise token``: who may use a shared store."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape

from lapwise.cli.app import app
from lapwise.cli.options import AsJson, workshop
from lapwise.cli.render import age, print_json, show, table, when
from lapwise.core.access import ROLES, Grant, Token
from lapwise.core.clock import MachineClock
from lapwise.core.duration import parse_duration
from lapwise.core.errors import DeclarationError
from lapwise.core.ids import new_id

__all__ = ["create", "list_tokens", "revoke", "token"]

token = typer.Typer(help="Who may use a shared store: create, list, revoke.", no_args_is_help=True)
app.add_typer(token, name="token")

_NEVER = "never"


@token.command()
def create(
    name: Annotated[str, typer.Argument(help="Who bears it; the audit log will say so.")],
    role: Annotated[
        str, typer.Option("--role", help="viewer, contributor, approver or admin.")
    ] = "viewer",
    product: Annotated[
        list[str] | None,
        typer.Option("--product", metavar="NAME", help="Only this product; may be repeated."),
    ] = None,
    expires: Annotated[
        str, typer.Option("--expires", metavar="AFTER", help="Such as 90d, or never.")
    ] = "365d",
    json: AsJson = False,
) -> None:
    """Make a token and show its secret, this once: only a hash of it is kept.

    A viewer reads; a contributor also logs runs and registers versions; an approver also brings
    versions to users; an admin also makes tokens and webhooks.

    Example: lapwise token create anna --role contributor --product flight-delay --expires 90d
    """
    from lapwise.server.access.secret import hash_secret, new_secret

    made = _token(name, role, product or ["*"], expires)
    secret = new_secret()
    with workshop(make=True) as opened:
        kept = opened.store.tokens.add(made, hash_secret(secret), opened.actor)
    if json:
        print_json({"id": kept.id, "name": kept.name, "secret": secret, "expires": kept.expires})
        return
    show(
        f"{escape(kept.name)} is {escape(_grants(kept))}{_until(kept)}. "
        "Keep the secret, it is shown only now:"
    )
    typer.echo(secret)  # never wrapped


@token.command(name="list")
def list_tokens(json: AsJson = False) -> None:
    """List tokens, newest first; nothing can show a secret again.

    Example: lapwise token list
    """
    with workshop() as opened:
        found = opened.store.tokens.list()
    if json:
        print_json(found)
        return
    if not found:
        show("no tokens; `lapwise token create NAME --role admin` makes one")
        return
    now = MachineClock().timestamp()
    rows = [
        (
            one.id,
            one.name,
            _grants(one),
            _state(one, now),
            f"{age(one.used)} ago" if one.used else "never",
        )
        for one in found
    ]
    drawn = table(["id", "name", "grants", "state", "used"], rows)
    drawn.columns[0].no_wrap = True  # to be copied whole
    show(drawn)


@token.command()
def revoke(
    id: Annotated[str, typer.Argument(help="The token's id, of `lapwise token list`.")],
) -> None:
    """Let a token open nothing from now on.

    Example: lapwise token revoke 01m9k2v7w8x9y0z1a2b3c4d5e6
    """
    with workshop() as opened:
        gone = opened.store.tokens.revoke(id, opened.machine.timestamp(), opened.actor)
    show(f"the token of {escape(gone.name)} opens nothing any more")


def _token(name: str, role: str, products: list[str], expires: str) -> Token:
    if role not in ROLES:
        raise DeclarationError("not a role", value=role, expected=", ".join(ROLES))
    if not name.strip() or not name.isprintable() or len(name) > 100:
        raise DeclarationError(
            "not a name for the audit log", value=name, expected="1 to 100 characters"
        )
    if not all(one.strip() for one in products):
        raise DeclarationError("a product has no empty name", fix="leave --product out for all")
    now = MachineClock().timestamp()
    ends = None if expires == _NEVER else now + parse_duration(expires)
    grants = tuple(Grant(role=role, product=one) for one in dict.fromkeys(products))
    return Token(id=new_id(), name=name, grants=grants, created=now, expires=ends)


def _grants(one: Token) -> str:
    said = (
        grant.role if grant.product == "*" else f"{grant.role} of {grant.product}"
        for grant in one.grants
    )
    return ", ".join(said)


def _until(one: Token) -> str:
    return "" if one.expires is None else f" until {when(one.expires)}"


def _state(one: Token, now: int) -> str:
    if one.revoked is not None:
        return "revoked"
    if one.expires is None:
        return "good"
    return f"until {when(one.expires)[:10]}" if now < one.expires else "expired"
