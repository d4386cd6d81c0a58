"""What is the project's own code is followed; what is a library's counts by its version."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import lapwise.core.digest
from lapwise.pipeline.reach.packages import version_of
from lapwise.pipeline.reach.places import Places


def test_a_library_is_what_is_installed_or_lapwise_itself(tmp_path: Path) -> None:
    places = Places(tmp_path)
    assert places.is_library(json_file())
    assert places.is_library("/env/lib/python3/site-packages/polars/frame.py")
    assert places.is_library(lapwise.core.digest.__file__)
    assert places.is_library("<frozen importlib._bootstrap>")


def test_everything_else_is_followed(tmp_path: Path) -> None:
    places = Places(tmp_path)
    for path in (
        tmp_path / "page.py",
        "/elsewhere/other.py",
        "<string>",
        "<ipython-input-1>",
    ):
        assert not places.is_library(str(path))


def test_a_project_inside_lapwise_is_a_project_and_its_environment_is_not() -> None:
    root = Path(lapwise.core.digest.__file__).parents[1] / "examples" / "flights"
    places = Places(root)
    assert not places.is_library(str(root / "page.py"))
    assert places.is_library(str(root / ".venv/lib/python3.11/site-packages/x.py"))
    assert places.is_library(lapwise.core.digest.__file__)


def test_a_version_covers_what_a_library_requires() -> None:
    assert {"scikit-learn", "numpy", "scipy", "joblib"} <= dict(version_of("sklearn")).keys()
    assert version_of("json") == ()
    assert {"lapwise", "polars", "scikit-learn"} <= dict(version_of("lapwise.loop")).keys()
    assert len(dict(version_of("lapwise"))["lapwise"]) == 64


def test_a_module_edited_after_its_import_keeps_results_to_this_process(tmp_path: Path) -> None:
    page = tmp_path / "page.py"
    page.write_text("def train():\n    return 1\n")
    script = (
        "import sys, page\n"
        "from pathlib import Path\n"
        "from lapwise.pipeline import explain\n"
        "if len(sys.argv) > 1: Path('page.py').write_text('def train():\\n    return 2\\n')\n"
        "print(*[p.digest for p in explain(page.train, Path())])\n"
    )

    def digests(*arguments: str) -> str:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([*sys.path, "."])}
        command = [sys.executable, "-B", "-c", script, *arguments]
        return subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
        ).stdout

    first = digests()
    assert digests() == first
    edited = digests("edit")
    assert len(edited.split()) == len(first.split()) + 1
    assert digests("edit") not in {first, edited}


def json_file() -> str:
    return str(Path(sysconfig.get_path("stdlib"), "json", "decoder.py"))
