"""Read a page: import the user's file and find the loop in it."""

from __future__ import annotations

import importlib.util
import sys
import traceback
from dataclasses import replace
from pathlib import Path
from types import ModuleType

from lapwise.core.errors import DeclarationError, LapwiseError
from lapwise.loop.model import Loop

__all__ = ["load_page"]

_EXAMPLE = 'lapwise lap page.py, or in pyproject.toml: [tool.lapwise] loop = "page.py"'


def load_page(reference: str, root: Path) -> Loop:
    """Return the loop that ``FILE[:NAME]`` declares; NAME may be left out if there is only one.

    The file's folder is put on the import path, so a page may import its neighbours.

    Raises:
        DeclarationError: no such file, not Python, it raised, or it declares no or several loops.
    """
    file, _, name = reference.partition(":")
    path = (root / file).resolve()
    if not path.is_file():
        raise DeclarationError("there is no page", value=str(path), fix=_EXAMPLE)
    module = _import(path)
    loops = {key: value for key, value in vars(module).items() if isinstance(value, Loop)}
    if name:
        if name not in loops:
            raise DeclarationError(
                f"{file} declares no loop of that name",
                value=name,
                expected=", ".join(sorted(loops)) or 'loop = lw.Loop("name", ...)',
            )
        return replace(loops[name], origin=f"{path}:{name}")
    distinct = list({id(loop): loop for loop in loops.values()}.values())
    if len(distinct) != 1:
        raise DeclarationError(
            f"{file} declares {len(distinct)} loops",
            value=sorted(loops) or None,
            expected="one, or say which: " + f"{file}:NAME",
            fix="" if distinct else 'add loop = lw.Loop("name", ...) to the page',
        )
    return replace(distinct[0], origin=f"{path}:{min(loops)}")


def _import(path: Path) -> ModuleType:
    if str(path.parent) not in sys.path:
        sys.path.insert(0, str(path.parent))
    already = sys.modules.get(path.stem)
    if already is not None and getattr(already, "__file__", None) == str(path):
        return already
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise DeclarationError("not a Python file", value=str(path), fix=_EXAMPLE)
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    try:
        spec.loader.exec_module(module)
    except LapwiseError:
        sys.modules.pop(path.stem, None)
        raise
    except SyntaxError as error:
        sys.modules.pop(path.stem, None)
        raise DeclarationError(
            f"{error.filename}, line {error.lineno}: {error.msg}",
            value=(error.text or "").strip() or None,
            expected="Python",
        ) from error
    except (Exception, SystemExit) as error:
        sys.modules.pop(path.stem, None)
        raise DeclarationError(
            f"the page raised {type(error).__name__} at {_where(error, path)}: {error}"
        ) from error
    return module


def _where(error: BaseException, path: Path) -> str:
    """Return file and line of the deepest frame that lies beside the page."""
    here = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename).parent == path.parent
    ]
    return f"{Path(here[-1].filename).name}, line {here[-1].lineno}" if here else path.name
