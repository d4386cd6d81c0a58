"""Write docs/cli.md from the commands themselves: `make docs`."""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path
from typing import Any

PAGE = Path(__file__).resolve().parent.parent / "docs" / "cli.md"

HEAD = """\
# Commands

Written by `make docs` from the code; do not edit. Every command answers `--help`.
"""


def commands() -> dict[str, Any]:
    """Return each command by its full name, as `lapwise audit verify`."""
    typer_main = importlib.import_module("typer.main")
    importlib.import_module("lapwise.cli.commands")  # registers the verbs
    app = importlib.import_module("lapwise.cli.app").app
    found: dict[str, Any] = {}
    _walk(typer_main.get_command(app), "lapwise", found)
    return dict(sorted(found.items()))


def _walk(command: Any, name: str, found: dict[str, Any]) -> None:
    below = getattr(command, "commands", None)
    if below is None:
        found[name] = command
        return
    for word, child in below.items():
        if not child.hidden:
            _walk(child, f"{name} {word}", found)


def render() -> str:
    """Return the whole page."""
    return "\n".join([HEAD, *(_section(name, one) for name, one in commands().items())])


def _section(name: str, command: Any) -> str:
    shown = [one for one in command.params if one.name != "help" and not one.hidden]
    arguments = "".join(f" {_argument(one)}" for one in shown if one.param_type_name == "argument")
    options = " [OPTIONS]" if any(one.param_type_name == "option" for one in shown) else ""
    lines = [f"## {name}", "", f"    {name}{options}{arguments}", "", _text(command.help), ""]
    if shown:
        lines += ["| | |", "| --- | --- |", *(_row(one) for one in shown), ""]
    return "\n".join(lines)


def _argument(parameter: Any) -> str:
    name = (parameter.metavar or parameter.name).upper()
    many = "..." if parameter.nargs == -1 else ""
    return f"{name}{many}" if parameter.required else f"[{name}{many}]"


def _row(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        names = _argument(parameter)
    else:
        names = ", ".join([*parameter.opts, *parameter.secondary_opts])
    said = _text(getattr(parameter, "help", None)).replace("\n", " ").replace("|", "\\|")
    default = parameter.default
    if isinstance(default, str | int | float) and not isinstance(default, bool) and default != "":
        said += f" (default: `{default}`)"
    return f"| `{names}` | {said} |"


def _text(words: str | None) -> str:
    return inspect.cleandoc((words or "").replace("\b", "")).strip()


if __name__ == "__main__":
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(render())
    print(f"docs/{PAGE.name}: {len(commands())} commands")
