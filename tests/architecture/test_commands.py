"""Every command says what it does, with an example, and docs/cli.md shows it."""

import pytest

from scripts import cli_docs
from tests.architecture.source import ROOT

HAS_CLI = (ROOT / "src" / "lapwise" / "cli" / "commands.py").exists()
COMMANDS = cli_docs.commands() if HAS_CLI else {}


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_a_command_has_help_with_an_example(name: str) -> None:
    text = COMMANDS[name].help or ""
    assert text.strip(), f"`{name}` has no docstring, so --help says nothing"
    assert f"{name} " in f"{text} ".replace("\n", " ").replace("`", " "), (
        f"The help of `{name}` shows no example: a line that starts with `{name}`"
    )


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_option_has_help(name: str) -> None:
    silent = [
        parameter.name
        for parameter in COMMANDS[name].params
        if not getattr(parameter, "help", None) and parameter.name != "help"
    ]
    assert not silent, f"`{name}`: no help for {silent}"


def test_docs_show_every_command_as_it_is() -> None:
    written = cli_docs.PAGE.read_text() if cli_docs.PAGE.exists() else ""
    assert written == cli_docs.render(), "docs/cli.md is not what the code says: make docs"
