"""scikit-learn models as skops archives, loaded only when every type in them was reviewed.

skops itself trusts by rule (all of scikit-learn, all ufuncs) and imports a type while it builds it.
Here the description is read first, as data, and held against an exact list; nothing on it is
imported, constructed or called before all of it has passed.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from lapwise.core.errors import ModelError, UntrustedTypeError
from lapwise.registry.formats.archive import SCHEMA, canonical, members_of, read_array_header
from lapwise.registry.formats.trees import check_trees
from lapwise.registry.formats.trusted_types import REVIEWED

__all__ = ["dump", "load"]

# What `trusted=` may add to: a class or function of the user's. The other loaders call or make
# things whose name alone says too little (operator.methodcaller, bound methods, raw bytes).
_EXTENSIBLE = frozenset({"FunctionNode", "ObjectNode", "TypeNode"})
_OLDEST_PROTOCOL = 2  # nodes of older ones were never reviewed
_BIT_GENERATORS = frozenset({"MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64"})


def dump(model: object, *, trusted: Sequence[str] = ()) -> bytes:
    """Return a model as a canonical archive: equal models give equal bytes in any process.

    Args:
        model: a fitted scikit-learn estimator.
        trusted: exact names of types beyond the reviewed list that the archive may hold.

    Raises:
        UntrustedTypeError: it holds types that nobody reviewed; loading it would be refused.
        ModelError: skops cannot write it.
    """
    import skops.io

    try:
        content = canonical(skops.io.dumps(model))
    except ModelError:
        raise
    except Exception as error:  # skops raises whatever the state of a type raises
        raise ModelError(
            f"skops cannot write a {type(model).__name__}",
            value=str(error),
            expected="a fitted scikit-learn estimator",
            fix="return the estimator itself from train(), not a wrapper around it",
        ) from error
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        _review(archive, trusted)
    return content


def load(content: bytes, *, trusted: Sequence[str] = ()) -> Any:
    """Return the model of an archive, if every type in it is on the reviewed list.

    Args:
        content: what :func:`dump` wrote.
        trusted: exact names that a person allowed besides, as recorded in the version.

    Raises:
        UntrustedTypeError: the archive names other types; nothing was imported or run.
        ModelError: it is not such an archive, or its numbers point outside its own arrays.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            found = _review(archive, trusted)
    except (zipfile.BadZipFile, EOFError, NotImplementedError, OSError, UnicodeError) as error:
        raise _malformed(error) from error
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise _malformed(error) from error
    import skops.io

    try:
        model = skops.io.loads(content, trusted=sorted(found))
    except Exception as error:  # the states of many types are set here, each with its own errors
        raise _malformed(error) from error
    check_trees(model)
    return model


def _review(archive: zipfile.ZipFile, trusted: Sequence[str]) -> set[str]:
    """Return the types in an archive; raise unless each was reviewed or is trusted."""
    members = members_of(archive)
    schema = json.loads(archive.read(SCHEMA))
    if not isinstance(schema.get("protocol"), int) or schema["protocol"] < _OLDEST_PROTOCOL:
        raise ModelError(
            "the model file is of an old skops protocol",
            value=schema.get("protocol"),
            expected=f"protocol {_OLDEST_PROTOCOL} or later",
            fix="package the model anew",
        )
    found: set[str] = set()
    unknown: set[str] = set()
    for node in _nodes(schema):
        loader, name = _identity(node)
        allowed = name in REVIEWED.get(loader, ()) or (loader in _EXTENSIBLE and name in trusted)
        (found if allowed else unknown).add(name)
    if unknown:
        raise _untrusted(unknown)
    for node in _nodes(schema):
        _check_node(node, archive, members)
    return found


def _nodes(schema: object) -> Iterator[dict[str, Any]]:
    """Yield everything that skops could take for a node: a superset of what it will visit."""
    stack = [schema]
    while stack:
        value = stack.pop()
        if isinstance(value, dict):
            if "__loader__" in value:
                yield value
            stack.extend(value.values())
        elif isinstance(value, list):
            stack.extend(value)


def _identity(node: dict[str, Any]) -> tuple[str, str]:
    loader, module, kind = node["__loader__"], node["__module__"], node["__class__"]
    if not (isinstance(loader, str) and isinstance(module, str) and isinstance(kind, str)):
        raise ModelError(
            "the model file has a node that says nothing of itself",
            value=[type(part).__name__ for part in (loader, module, kind)],
            expected="loader, module and class as text",
        )
    return loader, f"{module}.{kind}"


def _check_node(node: dict[str, Any], archive: zipfile.ZipFile, members: Collection[str]) -> None:
    """Check what a type's name does not say: files, generators, and sizes that C code believes."""
    if "file" in node:
        if node["file"] not in members:
            raise ModelError(
                "the model file misses a member",
                value=node["file"],
                expected=f"one of its {len(members)} arrays",
                fix="take the file from the registry again",
            )
        read_array_header(archive.read(node["file"]))
    if node["__loader__"] == "RandomGeneratorNode":
        name = json.loads(node["content"]["bit_generator"]["content"]["bit_generator"]["content"])
        if name not in _BIT_GENERATORS:
            raise _untrusted({f"numpy.random.{name}"})
    if node["__loader__"] == "TreeNode":
        _, classes, outputs = node["__reduce__"]["args"]["content"]
        shape, _, _ = read_array_header(archive.read(classes["file"]))
        if shape != (json.loads(outputs["content"]),):
            raise ModelError(
                "the model file has a tree whose outputs do not fit",
                value=outputs["content"],
                expected=f"{shape}",
                fix="package the model anew",
            )


def _untrusted(names: set[str]) -> UntrustedTypeError:
    listed = sorted(names)
    return UntrustedTypeError(
        "the model holds types that nobody reviewed",
        value=", ".join(listed),
        expected="types on the reviewed list (registry/formats/trusted_types.py)",
        fix=f"if you know what loading them runs, say so on the page: trusted={listed!r}",
    )


def _malformed(error: Exception) -> ModelError:
    if isinstance(error, ModelError):
        return error
    return ModelError(
        "the file is not a model that Lapwise wrote",
        value=f"{type(error).__name__}: {error}",
        expected="a canonical skops archive",
        fix="take the file from the registry again, or package the model anew",
    )
