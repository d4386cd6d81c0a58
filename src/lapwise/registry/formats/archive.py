"""The outer form of a skops archive: a ZIP file of one description and plain arrays.

:func:`canonical` makes equal models equal bytes. skops names members and nodes by ``id()``, which
differs from process to process and tells who shares memory with whom (interned strings, cached
arrays), never what the model is; so node ids go, and members are named by what they hold.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from typing import Any

from lapwise.core.digest import digest_bytes
from lapwise.core.errors import ModelError

__all__ = ["SCHEMA", "canonical", "members_of", "read_array_header"]

SCHEMA = "schema.json"

_MEMBER = re.compile(r"[0-9a-f]{32}\.npy")
_WHEN = (1980, 1, 1, 0, 0, 0)  # the earliest moment that a ZIP file can say
_MAX_MEMBERS = 200_000
_MAX_SCHEMA = 256 << 20


def canonical(raw: bytes) -> bytes:
    """Return the canonical form of what ``skops.io.dumps`` wrote.

    Uncompressed members in the order of their names, dated 1980, named by the digest of their
    bytes; node ids removed; sets sorted; bytes between the fields of records zeroed (compiled code
    leaves them unset).
    """
    with zipfile.ZipFile(io.BytesIO(raw)) as source:
        schema = json.loads(source.read(SCHEMA))
        arrays: dict[str, bytes] = {}
        names: dict[str, str] = {}
        for name in source.namelist():
            if name != SCHEMA:
                content = _zero_padding(source.read(name))
                names[name] = digest_bytes(content)[:32] + ".npy"
                arrays[names[name]] = content
    schema = _plain(schema, names)
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for name, content in sorted(arrays.items()):
            archive.writestr(_dated(name), content)
        archive.writestr(_dated(SCHEMA), json.dumps(schema, separators=(",", ":")).encode())
    return target.getvalue()


def members_of(archive: zipfile.ZipFile) -> frozenset[str]:
    """Return the names of the arrays in an archive, once its outer form was found harmless.

    Raises:
        ModelError: a name is not one that :func:`canonical` gives (no folders, no ``..``, nothing
            absolute), a member stands there twice, is compressed, encrypted, a link, larger than
            the file, or there are too many.
    """
    infos = archive.infolist()
    if len(infos) > _MAX_MEMBERS:
        raise _refused("has too many members", len(infos), f"at most {_MAX_MEMBERS}")
    size = archive.fp.seek(0, io.SEEK_END) if archive.fp else 0
    seen: set[str] = set()
    for info in infos:
        # orig_filename: Python cuts `filename` at a NUL byte and turns separators.
        name = info.orig_filename
        if name != SCHEMA and not _MEMBER.fullmatch(name):
            raise _refused(
                "has a member with a strange name", name, "names by content: <digest>.npy"
            )
        if name in seen:
            raise _refused("has a member twice", name, "each name once")
        if info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size:
            raise _refused("has a compressed member", name, "members stored as they are")
        if info.flag_bits & 0x1 or info.external_attr >> 28 == 0xA:
            raise _refused("has a member that is encrypted or a link", name, "plain members")
        if info.file_size > min(size, _MAX_SCHEMA if name == SCHEMA else size):
            raise _refused("says a size that cannot be", info.file_size, f"at most {size} bytes")
        seen.add(name)
    if SCHEMA not in seen:
        raise _refused("has no description", sorted(seen)[:3], SCHEMA)
    return frozenset(seen - {SCHEMA})


def read_array_header(content: bytes) -> tuple[tuple[int, ...], Any, int]:
    """Return shape, dtype and offset of a NumPy member without making the array.

    Raises:
        ModelError: it is not a NumPy file, would hold Python objects (a pickle), or promises more
            or less than its bytes.
    """
    import numpy as np

    stream = io.BytesIO(content)
    try:
        version = np.lib.format.read_magic(stream)
        read = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }[version]
        shape, _, dtype = read(stream)
    except Exception as error:  # Python's own tokenizer reads the header, and raises as it likes
        raise _refused("has a member that is no array", str(error)[:80], "NumPy files") from error
    if dtype.hasobject:
        raise _refused("has an array of Python objects, which is a pickle", str(dtype), "numbers")
    promised = dtype.itemsize
    for length in shape:
        promised *= length
    if any(length < 0 for length in shape) or promised != len(content) - stream.tell():
        raise _refused("has an array whose header lies about its size", shape, "the size it has")
    return shape, dtype, stream.tell()


def _zero_padding(content: bytes) -> bytes:
    """Return an array file with every byte zeroed that belongs to no field of its records.

    On the bytes themselves, since NumPy's own copies leave such bytes as it finds them.
    """
    import numpy as np

    _, dtype, offset = read_array_header(content)
    if dtype.fields is None:
        return content
    used = np.zeros(dtype.itemsize, dtype=bool)
    for kind, start, *_ in dtype.fields.values():
        used[start : start + kind.itemsize] = True
    records = np.frombuffer(content, np.uint8, offset=offset).reshape(-1, dtype.itemsize) * used
    return content[:offset] + records.tobytes()


def _plain(value: Any, names: dict[str, str]) -> Any:
    if isinstance(value, list):
        return [_plain(item, names) for item in value]
    if not isinstance(value, dict):
        return value
    if "__loader__" not in value:
        return {key: _plain(item, names) for key, item in value.items()}
    node = {key: _plain(item, names) for key, item in value.items() if key != "__id__"}
    if "file" in node:
        node["file"] = names[node["file"]]
    if node["__loader__"] == "SetNode":
        node["content"].sort(key=lambda item: json.dumps(item, sort_keys=True))
    return node


def _dated(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, _WHEN)
    info.external_attr = 0o644 << 16
    info.create_system = 3
    return info


def _refused(what: str, value: object, expected: str) -> ModelError:
    return ModelError(
        f"the model file {what}",
        value=value,
        expected=expected,
        fix="take the file from the registry again, or package the model anew",
    )
