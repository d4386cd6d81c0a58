"""``lapwise features list`` and ``show``: what there is, and all that is known of one."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from lapwise.cli.features.noun import (
    difference,
    facts,
    features,
    folded,
    now_of,
    page_or_store,
    percent,
    stretch,
)
from lapwise.cli.options import AsJson, AsOf, Page, PageOption
from lapwise.cli.render import number, print_json, show, table, visible, when
from lapwise.core.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lapwise.core.feature import FeatureUse
    from lapwise.features import ViewDefinition
    from lapwise.loop.describing import DescribedView, Proof
    from lapwise.loop.model import Loop
    from lapwise.store.model import Store

__all__ = ["features_list", "features_show"]

_SHOWN = 12


@features.command("list")
def features_list(
    page: Page = None,
    former: Annotated[
        bool, typer.Option("--all", help="Also versions that no page declares any more.")
    ] = False,
    as_of: AsOf = None,
    json: AsJson = False,
) -> None:
    """List views and on-demand features: the page's, or without a page all that the store knows.

    Beside each stand its owner, the first digits of its version, the model versions trained on it,
    how far the online store is behind, the greatest share of missing values among its features in
    training, and what the last `lapwise features verify` found.

    Example: lapwise features list page.py
    """
    from lapwise.loop.describing import describe_all
    from lapwise.loop.listing import describe_page

    with page_or_store(page, as_of) as (loop, opened):
        now = now_of(opened, loop, as_of)
        if loop is None:
            found = describe_all(opened.store, now=now, former=former)
        else:
            found = describe_page(opened, loop, now=now, former=former)
    if json:
        print_json(found)
    elif not found:
        show("no features are declared; a page does: features=[lw.FeatureView(...), ...]")
    else:
        several = len({one.declared.loop for one in found}) > 1
        headings = ["owner", "version", "used by", "online", "nulls>", "verified>"]
        show(table(["name!", *(["loop"] if several else []), *headings], _rows(found, several)))


def _rows(found: Sequence[DescribedView], several: bool) -> list[tuple[object, ...]]:
    return [
        (
            folded(one.declared.name),
            *([", ".join(one.loops) or one.declared.loop] if several else []),
            _person(one.owner),
            _version(one),
            _used_by(one),
            _online(one),
            percent(one.null_share),
            _verified(one.proof),
        )
        for one in found
    ]


@features.command("show")
def features_show(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A view, an on-demand function, or a feature.")
    ],
    page: PageOption = None,
    as_of: AsOf = None,
    json: AsJson = False,
) -> None:
    """Show one definition: in words and as declared, its versions, who uses it, how fresh it is.

    Example: lapwise features show plane
    """
    from lapwise.loop.changed import changed
    from lapwise.loop.describing import definition_of, differences_of, find_described
    from lapwise.loop.listing import find_on_page

    with page_or_store(page, as_of) as (loop, opened):
        now = now_of(opened, loop, as_of)
        if loop is None:
            found = find_described(opened.store, name, now=now)
        else:
            found = find_on_page(opened, loop, name, now=now)
        one = found[0]
        definition = _on_page(loop, one) or definition_of(opened.store, one)
        differences = differences_of(opened.store, one)
        runs = _run_numbers(opened.store, one)
        changes = [changed(opened.store, one, other) for other in found]
    if json:
        print_json(
            {
                "feature": one,
                "definition": definition,
                "versions": found[1:],
                "differences": differences,
            }
        )
        return
    _show_head(one, definition)
    _show_features(one)
    if definition is not None:
        from lapwise.features.words import declared_text

        show("", Text("as declared", style="bold"), Text(visible(declared_text(definition))))
    _show_users(one, runs)
    if len(found) > 1:
        headings = ["version", "last declared", "used by", "differs in"]
        show("", table(headings, _versions(found, changes), title="versions"))
    for different in differences[:_SHOWN]:
        show(difference(different))


def _on_page(loop: Loop | None, one: DescribedView) -> ViewDefinition | None:
    """Return a view as the page declares it, which the store need not know yet."""
    from lapwise.features import view_definition, view_digest

    views = loop.views if loop else ()
    digest = one.declared.digest
    return next((view_definition(view) for view in views if view_digest(view) == digest), None)


def _show_head(one: DescribedView, definition: ViewDefinition | None) -> None:
    said = one.declared
    kind = "a feature view" if said.kind == "view" else "on-demand features"
    lines: list[tuple[str, object]] = [
        ("version", said.digest[:12] + ("" if one.is_current else ", declared no more"))
    ]
    lines.append(("owner", one.owner or "nobody is named: lw.FeatureView(..., owner=...)"))
    if said.kind == "on_demand":
        lines[-1] = ("owner", one.owner or "the page's")
        lines.append(("reads", ", ".join(said.inputs)))
    else:
        lines.append(("for each", ", ".join(said.by)))
        lines.append(("reads", f"table {said.table}" + (_table(definition) if definition else "")))
        if definition is not None:
            lines.append(("windows", _grain(definition)))
        lines.append(("online", _online(one, long=True)))
    lines.append(("verified", _verified(one.proof, long=True)))
    if one.loops:
        lines.append(("declared", f"by {', '.join(one.loops)}"))
    show(
        Text.assemble((visible(said.name), "bold"), f", {kind}"),
        facts(lines),
    )


def _table(definition: ViewDefinition) -> str:
    known = "" if definition.known == definition.event else f", known at {definition.known}"
    return f", a row by {', '.join(definition.key)}, of {definition.event}{known}"


def _grain(definition: ViewDefinition) -> str:
    from lapwise.core.duration import format_duration

    if definition.grain <= 1:
        return "begin at the very microsecond"
    return f"begin on whole multiples of {format_duration(definition.grain)}"


def _show_features(one: DescribedView) -> None:
    rows = [
        (
            folded(each.name),
            each.words,
            each.summary.dtype if each.summary else "",
            percent(each.null_share),
        )
        for each in one.features
    ]
    show("", table(["feature!", "is", "type", "nulls>"], rows))
    if one.frame is None:
        show(Text("type and nulls are known once a lap has trained on it", style="dim"))


def _show_users(one: DescribedView, runs: Mapping[str, int]) -> None:
    if not one.users:
        show("", "no model was trained on this version yet")
        return
    rows = [
        (f"{user.model} v{user.number}", user.stage, when(user.created), _run(user, runs))
        for user in one.users[:_SHOWN]
    ]
    show("", table(["used by", "stage", "registered", "run"], rows))
    if len(one.users) > _SHOWN:
        show(Text(f"and {len(one.users) - _SHOWN} more (--json)", style="dim"))


def _run_numbers(store: Store, one: DescribedView) -> dict[str, int]:
    """Return what people call the runs that trained on a version, by id."""
    numbers = {}
    for user in one.users[:_SHOWN]:
        if user.run:
            with suppress(NotFoundError):
                numbers[user.run] = store.runs.get(user.run).number
    return numbers


def _run(user: FeatureUse, runs: Mapping[str, int]) -> str:
    if user.run is None:
        return ""
    return f"run {runs[user.run]:03d}" if user.run in runs else user.run


def _versions(
    found: Sequence[DescribedView], changes: Sequence[Sequence[str]]
) -> list[tuple[object, ...]]:
    return [
        (_version(one), when(one.declared.said), _used_by(one), "; ".join(differs))
        for one, differs in zip(found, changes, strict=True)
    ]


def _version(one: DescribedView) -> Text:
    return Text(one.declared.digest[:8], style="" if one.is_current else "dim")


def _person(owner: str) -> str:
    """Return an owner without an address, for which a list is too narrow."""
    return owner.partition("<")[0].strip() or owner


def _used_by(one: DescribedView) -> str:
    """Return the versions that meet users first, and how many others there are."""
    named = one.served[:1]
    text = f"{named[0].stage} v{named[0].number}" if named else ""
    rest = len(one.users) - len(named)
    if not rest:
        return text
    return f"{text} +{rest}" if text else f"{rest} version{'' if rest == 1 else 's'}"


def _online(one: DescribedView, *, long: bool = False) -> str:
    if one.declared.kind == "on_demand":
        return "at request"
    if one.freshness is None or one.behind is None:
        return "never materialized: lapwise features materialize" if long else "never"
    late = f"{stretch(one.behind)} behind" if one.behind >= 1_000_000 else "up to date"
    if not long:
        return late
    fresh = one.freshness
    text = f"known until {when(fresh.latest)}, {late}"
    if fresh.entities is not None and fresh.rows is not None:
        text += f"; {number(fresh.entities)} entities, {number(fresh.rows)} rows"
    return text


def _verified(proof: Proof | None, *, long: bool = False) -> Text:
    if proof is None:
        return Text("never: lapwise features verify" if long else "never", style="dim")
    if not proof.rows:
        return Text("nothing was compared", style="yellow")
    wrong = proof.differ > 0
    if not long:
        if not wrong:
            return Text("all equal", style="green")
        return Text(f"{number(proof.differ)} differ", style="red")
    text = "all equal" if not wrong else f"{number(proof.differ)} values differ"
    return Text(f"{when(proof.at)}, {number(proof.rows)} vectors of {proof.model}: {text}")
