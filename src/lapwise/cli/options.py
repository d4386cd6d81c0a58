"""Arguments and options that several commands share, and how a command gets its workshop."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from lapwise.cli.progress import bars
from lapwise.core.clock import parse_time
from lapwise.core.errors import DeclarationError, NotFoundError

if TYPE_CHECKING:
    from lapwise.loop.bootstrap import Workshop
    from lapwise.loop.model import Loop

__all__ = [
    "AsJson",
    "AsOf",
    "By",
    "Limit",
    "Note",
    "Page",
    "PageOption",
    "page_and_workshop",
    "workshop",
]

AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON instead.")]
AsOf: TypeAlias = Annotated[
    str | None,
    typer.Option("--as-of", metavar="TIME", help="See the world as it was known at TIME (UTC)."),
]
By: TypeAlias = Annotated[
    str | None, typer.Option("--by", metavar="NAME", help="Who decides; default: you.")
]
Limit: TypeAlias = Annotated[int, typer.Option("--limit", "-n", min=1, help="Show at most N.")]
Note: TypeAlias = Annotated[str, typer.Option("--note", help="Why; kept in the audit log.")]
Page: TypeAlias = Annotated[
    str | None,
    typer.Argument(
        metavar="[FILE[:NAME]]",
        show_default=False,
        help="The page; default: `loop` of [tool.lapwise] in pyproject.toml.",
    ),
]
PageOption: TypeAlias = Annotated[
    str | None,
    typer.Option("--page", metavar="FILE[:NAME]", help="The page; default as for `lapwise lap`."),
]


@contextmanager
def workshop(
    as_of: str | None = None,
    *,
    trusted: Sequence[str] = (),
    start: Path | None = None,
    make: bool = False,
) -> Iterator[Workshop]:
    """Open the project around ``start`` (default: the working directory), with progress bars.

    A command that only looks leaves no store behind where there is none; ``make`` allows it.
    """
    from lapwise.loop.bootstrap import open_workshop
    from lapwise.loop.project import find_project

    project = find_project(start or Path.cwd())
    if project.is_new and not make:
        raise NotFoundError(
            "nothing has been kept here yet", value=str(project.root), fix="lapwise lap page.py"
        )
    instant = None if as_of is None else parse_time(as_of)
    with (
        bars() as progress,
        open_workshop(start, as_of=instant, progress=progress, trusted=trusted) as opened,
    ):
        yield opened


@contextmanager
def page_and_workshop(
    page: str | None, as_of: str | None = None
) -> Iterator[tuple[Loop, Workshop]]:
    """Read the page first, so that a mistake in it leaves no store behind; then open the project."""
    from lapwise.loop.page import load_page
    from lapwise.loop.project import find_project

    here = Path.cwd()
    project = find_project(here)
    reference, root = (page, here) if page else (project.page, project.root)
    if reference is None:
        raise DeclarationError(
            "no page was named",
            expected='lapwise lap page.py, or [tool.lapwise] loop = "page.py" in pyproject.toml',
            fix="lapwise init",
        )
    loop = load_page(reference, root)
    # A page may change the working directory when it is read; the project stays where it was.
    with workshop(as_of, trusted=loop.trusted, start=here, make=True) as opened:
        yield loop, opened
