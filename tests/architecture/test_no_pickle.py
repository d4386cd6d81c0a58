"""Nothing that runs code when it is loaded is used, except where it is named here."""

from tests.architecture.source import imports, parsed, python_files, shown

# "path/from/root.py": "why, and who is asked for permission"
ALLOWED: dict[str, str] = {}

RUNS_CODE = {"_pickle", "cloudpickle", "dill", "joblib", "marshal", "pickle", "shelve"}


def test_nothing_is_pickled() -> None:
    found = [
        f"{shown(path)}:{line} {name}"
        for path in python_files("src")
        if shown(path) not in ALLOWED
        for line, name in imports(parsed(path))
        if name.partition(".")[0] in RUNS_CODE
    ]
    assert not found, "Use msgspec, skops, ONNX or Arrow:\n  " + "\n  ".join(found)
