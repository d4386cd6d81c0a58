"""`import lapwise` is light, and declaring a product loads nothing that computes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.source import PACKAGE, shown

BUDGET = 40

# What a page must not pay for: scikit-learn and its kin, SQL, the web.
HEAVY = {
    *("fairlearn", "onnx", "onnxmltools", "onnxruntime", "pandas", "scipy", "skl2onnx", "sklearn"),
    *("skops", "torch"),
    *("alembic", "psycopg", "sqlalchemy", "sqlite3"),
    *("httpcore", "httpx", "litestar", "obstore", "requests", "starlette", "uvicorn"),
}

PAGES = [path for path in PACKAGE.glob("examples/*/*.py") if "lw.Loop(" in path.read_text()]

ADDED = """
import json, sys
before = set(sys.modules)
{work}
print(json.dumps(sorted(set(sys.modules) - before)))
"""

LOAD_PAGE = """
import importlib.util
spec = importlib.util.spec_from_file_location("page", {path!r})
page = importlib.util.module_from_spec(spec)
sys.modules["page"] = page
spec.loader.exec_module(page)
"""


def test_importing_lapwise_adds_few_modules() -> None:
    added = modules_added_by("import lapwise")
    assert len(added) <= BUDGET, (
        f"`import lapwise` adds {len(added)} modules to the bare interpreter, {BUDGET} are "
        f"allowed. Load what is heavy where it works, not at import: {added}"
    )


@pytest.mark.parametrize("page", PAGES, ids=shown)
def test_declaring_a_product_loads_nothing_that_computes(page: Path) -> None:
    added = modules_added_by(LOAD_PAGE.format(path=str(page)), cwd=page.parent)
    heavy = sorted(HEAVY & {name.partition(".")[0] for name in added})
    assert not heavy, f"Loading {shown(page)} imports {heavy}; import them where they work"


def modules_added_by(work: str, cwd: Path | None = None) -> list[str]:
    """Run the statements in a fresh interpreter and return the modules that they loaded."""
    code = ADDED.format(work=work)
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=cwd, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    added: list[str] = json.loads(result.stdout.splitlines()[-1])
    return added
