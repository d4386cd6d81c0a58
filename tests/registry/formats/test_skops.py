"""Attacks on model files, and the promise that equal models are equal bytes."""

from __future__ import annotations

import functools
import importlib
import io
import json
import operator
import os
import pickle
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import skops.io
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from lapwise.core.errors import ModelError, UntrustedTypeError
from lapwise.registry.formats.skops import dump, load
from lapwise.registry.formats.trusted_types import REVIEWED
from tests.registry.examples import small_labels, small_model, small_rows

_SCHEMA = "schema.json"


def archive(schema: dict[str, Any], members: dict[str, bytes] | None = None) -> bytes:
    """Return an archive as an attacker would write it."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as written:
        for name, content in (members or {}).items():
            written.writestr(name, content)
        written.writestr(_SCHEMA, json.dumps({"protocol": 2, "_skops_version": "0.16.0"} | schema))
    return target.getvalue()


def node(loader: str, module: str, name: str, **more: Any) -> dict[str, Any]:
    return {"__loader__": loader, "__module__": module, "__class__": name, **more}


def text(value: Any) -> dict[str, Any]:
    return node("JsonNode", "builtins", "str", content=json.dumps(value), is_json=True)


def items(loader: str, *values: dict[str, Any]) -> dict[str, Any]:
    return node(f"{loader}Node", "builtins", loader.lower(), content=list(values))


def mapping(**values: dict[str, Any]) -> dict[str, Any]:
    keys = items("List", *[node("TypeNode", "builtins", "str") for _ in values])
    return node("DictNode", "builtins", "dict", content=values, key_types=keys)


def estimator(**attributes: dict[str, Any]) -> dict[str, Any]:
    return node(
        "ObjectNode",
        "sklearn.linear_model._logistic",
        "LogisticRegression",
        content=mapping(**attributes),
    )


class TestRefusals:
    """No import, no call: what was not reviewed is refused as data."""

    ATTACKS: ClassVar[dict[str, tuple[dict[str, Any], str]]] = {
        "a function of os": (node("FunctionNode", "os", "system"), "os.system"),
        "eval as a type": (node("TypeNode", "builtins", "eval"), "builtins.eval"),
        "a constructor with arguments": (
            node(
                "ConstructorFromReduceNode", "os", "system", content=items("Tuple", text("touch x"))
            ),
            "os.system",
        ),
        "a module with side effects": (
            node("ObjectNode", "evil_module", "Model"),
            "evil_module.Model",
        ),
        "a caller of methods": (
            node(
                "OperatorFuncNode", "operator", "methodcaller", attrs=items("Tuple", text("system"))
            ),
            "operator.methodcaller",
        ),
        "a bound method": (
            node(
                "MethodNode",
                "sklearn.linear_model._logistic",
                "LogisticRegression",
                content={"func": "fit", "obj": estimator()},
            ),
            "sklearn.linear_model._logistic.LogisticRegression",
        ),
        "a partial of a forbidden function": (
            node(
                "PartialNode",
                "functools",
                "partial",
                content={
                    "func": node("FunctionNode", "os", "system"),
                    "args": items("Tuple", text("touch x")),
                    "kwds": mapping(),
                    "namespace": text(None),
                },
            ),
            "os.system",
        ),
        "hidden in an attribute": (
            estimator(coef_=items("List", node("FunctionNode", "os", "system"))),
            "os.system",
        ),
        "hidden in the types of keys": (
            node(
                "DictNode",
                "builtins",
                "dict",
                content={"a": text(1)},
                key_types=items("List", node("TypeNode", "builtins", "exec")),
            ),
            "builtins.exec",
        ),
        "a reviewed name under another loader": (
            node("ObjectNode", "sklearn.utils.validation", "check_array"),
            "sklearn.utils.validation.check_array",
        ),
        "a list of another class": (
            node("ListNode", "subprocess", "Popen", content=[text("touch x")]),
            "subprocess.Popen",
        ),
        "a loss of another class": (
            node(
                "LossNode", "os", "system", content=mapping(), __reduce__={"args": items("Tuple")}
            ),
            "os.system",
        ),
        "scikit-learn's own, unreviewed": (
            node("ObjectNode", "sklearn.svm._classes", "SVC", content=mapping()),
            "sklearn.svm._classes.SVC",
        ),
        "a generator that is none": (
            node(
                "RandomGeneratorNode",
                "numpy.random._generator",
                "Generator",
                content={
                    "bit_generator": mapping(bit_generator=text("seed")),
                    "seed_seq": mapping(),
                },
            ),
            "numpy.random.seed",
        ),
        "loading NumPy's pickles": (node("FunctionNode", "numpy", "load"), "numpy.load"),
        "raw bytes": (node("BytesNode", "builtins", "bytes", file="x.bin"), "builtins.bytes"),
    }

    @pytest.mark.parametrize("attack", sorted(ATTACKS))
    def test_a_type_that_nobody_reviewed_is_named_and_refused(
        self, attack: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The error names the type; nothing is imported, and skops never sees the file."""
        schema, name = self.ATTACKS[attack]
        content = archive(schema)

        def forbidden(*_: Any, **__: Any) -> None:
            pytest.fail("something was imported or handed on before it was reviewed")

        monkeypatch.setattr(importlib, "import_module", forbidden)
        monkeypatch.setattr(skops.io, "loads", forbidden)
        with pytest.raises(UntrustedTypeError, match="nobody reviewed") as caught:
            load(content)
        assert name in str(caught.value)

    def test_a_user_module_is_not_imported_while_loading(self, tmp_path: Path) -> None:
        """In a fresh process, an importable module with side effects leaves no trace."""
        (tmp_path / "evil_module.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
        (tmp_path / "x.skops").write_bytes(archive(node("ObjectNode", "evil_module", "Model")))
        program = (
            "import sys; from pathlib import Path\n"
            "from lapwise.registry.formats.skops import load\n"
            f"try: load(Path({str(tmp_path / 'x.skops')!r}).read_bytes())\n"
            "except Exception as error: print(type(error).__name__, 'evil_module' in sys.modules)\n"
        )
        environment = os.environ | {"PYTHONPATH": os.pathsep.join([*sys.path, str(tmp_path)])}
        done = subprocess.run(
            [sys.executable, "-c", program],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.split() == ["UntrustedTypeError", "False"]
        assert not (tmp_path / "ran").exists()

    def test_the_error_lists_types_sorted_and_says_how_to_allow_them(self) -> None:
        """Sorted names, and the line of the page that would allow them."""
        schema = items("List", node("ObjectNode", "b", "B"), node("ObjectNode", "a", "A"))
        with pytest.raises(UntrustedTypeError) as caught:
            load(archive(schema))
        assert "'a.A, b.B'" in str(caught.value)
        assert "trusted=['a.A', 'b.B']" in str(caught.value)

    def test_trusting_a_name_does_not_open_loaders_that_call(self) -> None:
        """`trusted=` adds classes and functions, never operator callables or constructors."""
        for loader, extra in (
            ("OperatorFuncNode", {"attrs": items("Tuple", text("x"))}),
            ("ConstructorFromReduceNode", {"content": items("Tuple")}),
        ):
            with pytest.raises(UntrustedTypeError):
                load(
                    archive(node(loader, "operator", "methodcaller", **extra)),
                    trusted=["operator.methodcaller"],
                )

    @pytest.mark.parametrize(
        "content",
        [
            pickle.dumps(LogisticRegression()),
            b"",
            b"PK\x03\x04 cut",
            archive(text(1))[:-30],
            archive({"__loader__": "ObjectNode"}),
            archive({"__loader__": 1, "__module__": 1, "__class__": 1}),
            archive(text(1) | {"protocol": 0}),
            archive(text(1) | {"protocol": "2"}),
            archive(node("NoSuchNode", "builtins", "str")),
            archive(node("NdArrayNode", "numpy", "ndarray", type="numpy", file="0" * 32 + ".npy")),
            archive(items("List", {"no": "loader"})),
        ],
        ids=lambda content: f"{len(content)} bytes",
    )
    def test_what_is_no_model_is_one_clear_error(self, content: bytes) -> None:
        """Pickles, cut files and malformed descriptions raise ModelError, nothing else."""
        with pytest.raises(ModelError):
            load(content)

    def test_deep_nesting_is_refused(self) -> None:
        """A description that would exhaust the stack is an error, not a crash."""
        target = io.BytesIO()
        with zipfile.ZipFile(target, "w") as written:
            written.writestr(_SCHEMA, '{"protocol": 2, "x": ' + "[" * 100_000 + "]" * 100_000 + "}")
        with pytest.raises(ModelError):
            load(target.getvalue())

    def test_a_pickle_inside_an_array_is_refused(self) -> None:
        """An array of Python objects is a pickle, and is refused by its header."""
        buffer = io.BytesIO()
        np.save(buffer, np.array([print], dtype=object), allow_pickle=True)
        name = "0" * 32 + ".npy"
        schema = node("NdArrayNode", "numpy", "ndarray", type="numpy", file=name)
        with pytest.raises(ModelError, match="Python objects, which is a pickle"):
            load(archive(schema, {name: buffer.getvalue()}))

    def test_a_tree_with_more_outputs_than_classes_is_refused(self) -> None:
        """Compiled code would read past an array that is shorter than the file says."""
        forest = RandomForestClassifier(2, random_state=0).fit(
            small_rows()["a", "b"], small_labels()
        )
        content = edit(dump(forest), _more_outputs)
        with pytest.raises(ModelError, match="outputs do not fit"):
            load(content)


def edit(content: bytes, change: Callable[[dict[str, Any]], None]) -> bytes:
    """Return an archive with every node of its description passed through `change`."""
    with zipfile.ZipFile(io.BytesIO(content)) as source:
        members = {name: source.read(name) for name in source.namelist()}

    def visit(value: Any) -> None:
        if isinstance(value, dict):
            change(value)
            for one in value.values():
                visit(one)
        elif isinstance(value, list):
            for one in value:
                visit(one)

    schema = json.loads(members.pop(_SCHEMA))
    visit(schema)
    return archive(schema, members)


def _more_outputs(value: dict[str, Any]) -> None:
    if value.get("__loader__") == "TreeNode":
        value["__reduce__"]["args"]["content"][2]["content"] = "1000000"


class TestRoundTrip:
    def test_what_was_written_is_read_back(self) -> None:
        """The model read back answers to the bit."""
        model = small_model()
        restored = load(dump(model))
        assert np.array_equal(
            model.predict_proba(small_rows()), restored.predict_proba(small_rows())
        )
        assert dump(restored) == dump(model)

    def test_an_unreviewed_type_is_refused_when_written(self) -> None:
        """One learns at packaging, not at loading, that a type was not reviewed."""
        neighbours = KNeighborsClassifier().fit(small_rows()["a", "b"], small_labels())
        with pytest.raises(UntrustedTypeError, match="KNeighborsClassifier"):
            dump(neighbours)

    def test_a_trusted_function_is_read_back(self) -> None:
        """A function that the page trusts by exact name is written and loaded."""
        own = FunctionTransformer(np.nan_to_num)
        model = make_pipeline(own, LogisticRegression()).fit(
            small_rows()["a", "b"].to_numpy(), small_labels()
        )
        with pytest.raises(UntrustedTypeError, match=r"numpy\.nan_to_num"):
            dump(model)
        restored = load(dump(model, trusted=["numpy.nan_to_num"]), trusted=["numpy.nan_to_num"])
        assert restored[0].func is np.nan_to_num

    def test_what_skops_cannot_write_is_one_clear_error(self) -> None:
        """A model that holds what skops cannot write names itself."""
        model = LogisticRegression().fit(small_rows()["a", "b"].to_numpy(), small_labels())
        model.extra = operator.methodcaller("x")
        with pytest.raises(ModelError):
            dump(model)
        model.extra = (lambda: 0).__code__
        with pytest.raises(ModelError, match="skops cannot write a LogisticRegression"):
            dump(model)


def test_every_reviewed_class_exists() -> None:
    """A name on the list that the libraries no longer have is a mistake."""
    for loader, names in REVIEWED.items():
        for name in names - {"numpy.random.mtrand.RandomState"}:
            module, _, attribute = name.rpartition(".")
            assert hasattr(importlib.import_module(module), attribute), (loader, name)


def test_no_reviewed_function_runs_code_by_name() -> None:
    """The callables that a file may name are arithmetic and checks."""
    names = REVIEWED["FunctionNode"] | REVIEWED["TypeNode"] | REVIEWED["PartialNode"]
    assert not {name for name in names if name.startswith(("os.", "subprocess.", "importlib."))}
    assert functools.partial.__name__ in {name.rpartition(".")[2] for name in names}
