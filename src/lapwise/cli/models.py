"""``lapwise models``, ``gates``, ``approve``, ``refuse``, ``archive``, ``audit``: who reached users, and why."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer
from rich.markup import escape

from lapwise.cli.app import app
from lapwise.cli.options import AsJson, By, Limit, Note, workshop
from lapwise.cli.render import number, print_json, show, table, when

if TYPE_CHECKING:
    from lapwise.core.model import ModelVersion

__all__ = ["approve", "archive", "audit", "gates", "models", "refuse"]

Version: TypeAlias = Annotated[
    str,
    typer.Argument(metavar="VERSION", help="MODEL@vN, MODEL@STAGE, MODEL (the newest) or an id."),
]

audit = typer.Typer(help="The chained log of acts.", no_args_is_help=True)
app.add_typer(audit, name="audit")


@app.command()
def models(
    model: Annotated[
        str | None, typer.Argument(metavar="[MODEL]", help="Only this model's versions.")
    ] = None,
    limit: Limit = 20,
    json: AsJson = False,
) -> None:
    """List model versions: stage, run, how they answer, digest.

    Example: lapwise models flight-delay
    """
    with workshop() as opened:
        found = opened.store.models.list(model, limit=limit)
        runs = {
            v.lineage.run: opened.store.runs.get(v.lineage.run).number
            for v in found
            if v.lineage.run
        }
    if json:
        print_json(found)
        return
    if not found:
        show("no versions yet; `lapwise lap` registers one")
        return
    rows = [
        (
            f"{v.model} v{v.number}",
            v.stage + "".join(f" ({mark})" for mark in v.marks),
            f"run {runs[v.lineage.run]:03d}" if v.lineage.run else "",
            v.serving,
            number(v.threshold),
            v.digest[:12],
        )
        for v in found
    ]
    show(table(["version", "stage", "from", "answers by", "threshold>", "digest"], rows))


@app.command()
def gates(
    version: Version,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Print Markdown, for a pull request.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Show what the gates found of a version, when it was last judged.

    Example: lapwise gates flight-delay@v3 --markdown
    """
    from lapwise.gates import to_json, to_markdown, to_table
    from lapwise.loop.ledger import last_verdicts

    with workshop() as opened:
        verdicts = last_verdicts(opened.store, opened.store.models.get(version))
    if json:
        typer.echo(to_json(verdicts))
    elif markdown:
        typer.echo(to_markdown(verdicts))
    elif not verdicts:
        show(f"no gate has judged {version}")
    else:
        show(to_table(verdicts))


def _decide(
    act: Callable[..., ModelVersion], version: str, by: str | None, **more: str
) -> ModelVersion:
    """Do an act of the registry to a version, in the name of ``by`` or of whoever runs this."""
    from lapwise.loop.acting import decide_version

    with workshop() as opened:
        actor = by if by is not None else opened.actor
        return decide_version(opened, act, version, by=actor, **more)


@app.command()
def approve(version: Version, by: By = None, note: Note = "") -> None:
    """Let a version that passed its gates reach users; an explicit, audited act.

    The first version of a model goes to production after a self-test; a later one stands in
    canary until a rollout has compared the two.

    Example: lapwise approve flight-delay --by ada --note "reviewed the slices"
    """
    from lapwise.registry import approve as act

    moved = _decide(act, version, by, note=note)
    show(f"approved: {moved.model} v{moved.number} is in {moved.stage}")


@app.command()
def refuse(version: Version, by: By = None, note: Note = "") -> None:
    """Refuse a version that waits for approval; an explicit, audited act.

    Example: lapwise refuse flight-delay@v2 --note "recall at LGA is too low"
    """
    from lapwise.registry import refuse as act

    moved = _decide(act, version, by, note=note)
    show(f"refused: {moved.model} v{moved.number} is in {moved.stage}")


@app.command()
def archive(version: Version, by: By = None) -> None:
    """Put a version away; it stays readable, and nothing is deleted.

    Example: lapwise archive flight-delay@v1
    """
    from lapwise.registry import archive as act

    moved = _decide(act, version, by)
    show(f"archived: {moved.model} v{moved.number}")


@audit.command("log")
def audit_log(limit: Limit = 50, json: AsJson = False) -> None:
    """Show what was done, by whom, newest last.

    Example: lapwise audit log -n 10
    """
    with workshop() as opened:
        head = opened.store.audit.head()
        after = max(0, head.sequence - limit) if head else 0
        found = opened.store.audit.entries(after=after, limit=limit)
    if json:
        print_json(found)
        return
    rows = [(str(e.sequence), when(e.at), e.actor, e.action, e.subject, e.hash[:12]) for e in found]
    show(table(["#>", "at", "who", "did", "to", "hash"], rows))


@audit.command("verify")
def audit_verify(json: AsJson = False) -> None:
    """Check the whole chain against itself and against its anchors in the blob store.

    Example: lapwise audit verify
    """
    from lapwise.registry import verify

    with workshop() as opened:
        report = verify(opened.store)
    if json:
        print_json(report)
    else:
        show(f"{report.entries} entries, {report.anchors} anchors, {report.versions} versions")
        for problem in report.problems:
            show(f"[red]broken[/red]: {escape(problem)}")
        if report.sound:
            show("[green]sound[/green]: nothing was changed, removed, put in or cut")
    if not report.sound:
        raise typer.Exit(1)
