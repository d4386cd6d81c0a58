"""Each room says what it offers, and so does the face. (Ruff's RUF022 holds `__all__` sorted.)"""

import ast
import importlib
import inspect
from pathlib import Path

import pytest

from tests.architecture.source import PACKAGE, parsed, rooms

FACE = PACKAGE / "__init__.py"


@pytest.mark.parametrize("room", [room for room in rooms() if room != "examples"])
def test_a_room_offers_names_that_exist_and_are_documented(room: str) -> None:
    names = literal_all(PACKAGE / room / "__init__.py")
    check_names(f"lapwise.{room}", names)


@pytest.mark.parametrize("room", rooms())
def test_no_room_offers_a_name_that_its_own_file_would_hide(room: str) -> None:
    """Importing a submodule binds its name on the package, over whatever was offered there."""
    offered = PACKAGE / room / "__init__.py"
    names = set(literal_all(offered)) if offered.exists() else set()
    files = {path.stem for path in (PACKAGE / room).iterdir()}
    assert not names & files, f"{room}: rename the files {sorted(names & files)}"


def test_the_face_offers_names_that_exist_and_are_documented() -> None:
    names = literal_all(FACE)
    check_names("lapwise", names)
    unseen = sorted(set(names) - statically_bound(parsed(FACE)))
    assert not unseen, f"Type checkers cannot see {unseen}: import them under TYPE_CHECKING"
    assert set(names) <= set(dir(importlib.import_module("lapwise")))


def test_the_face_refuses_unknown_names() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = importlib.import_module("lapwise").no_such_name


def check_names(module_name: str, names: list[str]) -> None:
    """Fail unless each name is there once, resolves, and is documented where it can be."""
    assert len(names) == len(set(names)), f"{module_name}.__all__ names something twice"
    module = importlib.import_module(module_name)
    for name in names:
        value = getattr(module, name)
        if inspect.isclass(value) or inspect.isroutine(value) or inspect.ismodule(value):
            assert inspect.getdoc(value), f"{module_name}.{name} has no docstring"


def literal_all(path: Path) -> list[str]:
    """Return `__all__` of a file, which must be written out as a list."""
    for node in parsed(path).body:
        match node:
            case ast.Assign(targets=[ast.Name(id="__all__")], value=ast.List() as names):
                return list(ast.literal_eval(names))
            case ast.AnnAssign(target=ast.Name(id="__all__"), value=ast.List() as names):
                return list(ast.literal_eval(names))
    pytest.fail(
        f"{path.relative_to(PACKAGE)} has no `__all__ = [...]`, written out for type checkers"
    )


def statically_bound(tree: ast.Module) -> set[str]:
    """Return the names that a module binds, those under `if TYPE_CHECKING` included."""
    names: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
                names |= {alias.asname or alias.name for alias in aliases}
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                names.add(name)
            case ast.Name(id=name, ctx=ast.Store()):
                names.add(name)
    return names


def test_the_decorator_of_pipelines_works_whatever_was_imported_before() -> None:
    """The room and the decorator share a name on the face."""
    import lapwise as lw

    importlib.import_module("lapwise.pipeline.engine")

    @lw.pipeline
    def double(x: int) -> int:
        return 2 * x

    assert double(3) == 6
