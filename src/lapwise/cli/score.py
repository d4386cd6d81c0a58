"""``lapwise score`` and ``lapwise trace``: answers in batch, and where an answer came from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from lapwise.cli.app import app
from lapwise.cli.options import AsJson, AsOf, PageOption, page_and_workshop, workshop
from lapwise.cli.render import number, print_json, show, table
from lapwise.loop.project import find_project

if TYPE_CHECKING:
    from lapwise.registry import TraceLine

__all__ = ["score", "show_trace", "trace"]


@app.command()
def score(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="MODEL (in production), MODEL@vN, or an id.")
    ],
    source: Annotated[Path, typer.Argument(metavar="IN", help="Rows to score: .parquet or .csv.")],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="Where to: .parquet or .csv.")],
    page: PageOption = None,
    as_of: AsOf = None,
    json: AsJson = False,
) -> None:
    """Score a file: the packaged model, on features as of each row's time.

    With a page its tables are brought up to now first; without one they are taken as last seen.

    Example: lapwise score flight-delay april.parquet scored.parquet --as-of 2013-04-08
    """
    from lapwise.loop.score import score_file

    has_page = page or find_project(Path.cwd()).page
    if has_page:
        with page_and_workshop(page, as_of) as (loop, opened):
            version = opened.store.models.get(_answering(model))
            scoring = score_file(opened, version, source, target, loop=loop)
    else:
        with workshop(as_of) as opened:
            version = opened.store.models.get(_answering(model))
            scoring = score_file(opened, version, source, target, loop=None)
    if json:
        print_json(scoring)
        return
    show(
        f"{version.model} v{version.number} ({version.stage}) scored {number(scoring.count)} rows"
        f" into {escape(str(target))}"
    )
    for unseen in scoring.unseen:
        show(
            f"{number(unseen.rows)} rows have a value of '{escape(unseen.column)}' that training never saw"
        )


@app.command()
def trace(
    reference: Annotated[
        str,
        typer.Argument(metavar="ID", help="A prediction_id, or a version such as MODEL@v3."),
    ],
    json: AsJson = False,
) -> None:
    """Walk back from an answer to version, run, features, data, code, environment, seed, approval.

    Example: lapwise trace flight-delay@v1
    """
    from lapwise.loop.trace import trace as walk

    with workshop() as opened:
        lines = walk(opened.store, opened.project.live, reference)
    print_json(lines) if json else show_trace(lines)


def show_trace(lines: tuple[TraceLine, ...]) -> None:
    """Print a walk, a line a step."""
    show(table(["", "", "identity"], [(one.what, one.text, one.identity[:12]) for one in lines]))


def _answering(model: str) -> str:
    """Return the reference of the version in production when only a model is named."""
    return model if "@" in model else f"{model}@production"
