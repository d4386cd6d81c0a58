"""The walk over everything that a function and its arguments reach."""

from __future__ import annotations

import os
import re
import stat
import sys
import uuid
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

from lapwise.core.clock import MachineClock
from lapwise.core.digest import Digest, digest_bytes, digest_file
from lapwise.core.model import KeyPart
from lapwise.pipeline.reach.bytecode import facts
from lapwise.pipeline.reach.classes import encode_class
from lapwise.pipeline.reach.effects import edited_since_import, effects
from lapwise.pipeline.reach.functions import CALLABLES
from lapwise.pipeline.reach.instances import CONTAINERS, encode_instance
from lapwise.pipeline.reach.lookups import lookups, whole_module
from lapwise.pipeline.reach.packages import PYTHON, version_of
from lapwise.pipeline.reach.places import Places
from lapwise.pipeline.reach.tokens import SCALARS, text, token
from lapwise.pipeline.reach.visitor import OpaqueError

__all__ = ["Walk"]

_SETTLED_NS = 2_000_000_000
_SESSION = uuid.uuid4().hex
_LONGEST_NAME = 1024
# `data/*.csv`: a pattern below a folder that is named. An absolute one is left to `files=`.
_PATTERN = re.compile(r"[\w.-]+/[^*?\[]*[*?\[]")


class _Node:
    """A part of the key that others refer to by name."""

    def __init__(
        self,
        name: str,
        key: object,
        encode: Callable[[], bytes],
        trail: tuple[str, ...],
        is_strict: bool,
    ) -> None:
        self.name = name
        self.reference = token(b"part", text(name))
        self.key = key  # held, so that its id stays its own
        self.encode = encode
        self.trail = trail
        self.is_strict = is_strict


def _opaque(value: object) -> bytes:
    return token(b"opaque", text(f"{type(value).__module__}.{type(value).__qualname__}"))


class Walk:
    """Collects the parts of one key; implements :class:`~.visitor.Visitor`.

    Functions, classes, modules and globals become parts of their own, named as in the source, so
    that :func:`lapwise.pipeline.why` can say which of them changed. An encoding refers to a part
    by its name, which ends loops; two parts of one name are numbered in the order they are met.
    """

    def __init__(self, places: Places, files: dict[str, tuple[tuple[int, ...], Digest]]) -> None:
        self.places = places
        self._files = files
        self._nodes: dict[object, _Node] = {}
        self._waiting: deque[_Node] = deque()
        self._lenient = 0
        self._names: dict[str, int] = {}
        self._parts: dict[str, bytes] = {}
        self._modules: dict[str, ModuleType] = {}
        self._packages: set[str] = set()
        self._open: dict[int, int] = {}
        self._trail: list[str] = []
        self._is_dynamic = False
        self._in_import = False
        self._in_arguments = False
        self.seen_files: dict[tuple[Path, bool], bytes] = {}

    # ── Visitor ──────────────────────────────────────────────────────────────────────────────

    def value(self, value: Any) -> bytes:
        """Return an encoding of any object; raises OpaqueError."""
        cls = type(value)
        if cls is str:
            self.literal(value)
            return token(b"s", text(value))
        scalar = SCALARS.get(cls)
        if scalar is not None:
            return scalar(value)
        if isinstance(value, type):
            return encode_class(self, value)
        callable_ = CALLABLES.get(cls)
        if callable_ is not None:
            encoded: bytes = callable_(self, value)
            return encoded
        if isinstance(value, ModuleType):
            if self.places.is_library_module(value):
                self.package(value.__name__)
                return token(b"library", text(value.__name__))
            self.module(value)
            return whole_module(self, value)
        if id(value) in self._open:
            return token(b"loop", b"%d" % self._open[id(value)])
        self._open[id(value)] = len(self._open)
        try:
            return CONTAINERS.get(cls, encode_instance)(self, value)
        finally:
            del self._open[id(value)]

    def lenient(self, value: Any, encode: Callable[[], bytes] | None = None) -> bytes:
        """Return an encoding of an object, or of no more than its type."""
        self._lenient += 1
        try:
            return encode() if encode is not None else self.value(value)
        except OpaqueError:
            return _opaque(value)
        finally:
            self._lenient -= 1

    def node(self, kind: str, name: str, key: object, encode: Callable[[], bytes]) -> bytes:
        """Return a reference to a part of the key, to be encoded later: code may go deep."""
        identity = key[:3] if isinstance(key, tuple) else (kind, id(key))
        node = self._nodes.get(identity)
        is_strict = not self._lenient
        if node is None:
            full = f"{kind} {name}"
            count = self._names[full] = self._names.get(full, 0) + 1
            full += "" if count == 1 else f" #{count}"
            node = _Node(full, key, encode, (*self._trail, full), is_strict)
            self._nodes[identity] = node
            self._waiting.append(node)
        elif is_strict and not node.is_strict:
            node.is_strict = True
            self._waiting.append(node)  # again, so that what it reaches is held strictly too
        return node.reference

    def _encode_waiting(self) -> None:
        while self._waiting:
            node = self._waiting.popleft()
            self._trail[:] = node.trail
            self._lenient = 0 if node.is_strict else 1
            try:
                self._parts[node.name] = node.encode()
            except OpaqueError:
                if node.is_strict:
                    raise
                self._parts[node.name] = _opaque(node.key)
        self._trail.clear()
        self._lenient = 0

    @contextmanager
    def within(self, name: str) -> Iterator[None]:
        """Name what is being encoded, for errors."""
        self._trail.append(name)
        try:
            yield
        finally:
            self._trail.pop()

    def package(self, module: str) -> None:
        """Add the version of the distribution of a library module."""
        first = module.partition(".")[0]
        if first not in self._packages:
            self._packages.add(first)
            for name, version in version_of(first):
                self._parts[f"package {name}"] = text(version)

    def module(self, module: ModuleType) -> None:
        """Note that code of a project module is reached, so that what its import does counts."""
        if not self.places.is_library_module(module):
            self._modules.setdefault(module.__name__, module)

    def literal(self, text: str, folder: Path | None = None) -> None:
        """Add the content of the files that a text names, if it names any: a path or a pattern.

        Looked for where ``open`` would, then beside the page and beside the module. A folder
        counts when it is an argument, unless the project itself is in it.
        """
        if not text or len(text) > _LONGEST_NAME or "\n" in text or "\0" in text:
            return
        if _PATTERN.match(text):
            for place in {Path(), self.places.root, folder or Path()}:
                with suppress(ValueError, OSError):  # no pattern after all
                    for path in place.glob(text):
                        self.literal(str(path))
            return
        for base in {None, self.places.root, folder}:
            name = text if base is None else os.path.join(base, text)  # noqa: PTH118
            try:
                mode = os.stat(name).st_mode  # noqa: PTH116 - five times faster than Path
            except (OSError, ValueError):
                continue
            if stat.S_ISREG(mode) or (stat.S_ISDIR(mode) and self._counts(name)):
                self.file(Path(name))

    def _counts(self, folder: str) -> bool:
        return self._in_arguments and not self.places.root.is_relative_to(os.path.realpath(folder))

    def file(self, path: Path, *, whole: bool = False) -> bytes:
        """Add a file's content and return a reference; ``whole``: of all files in a folder."""
        path = Path(os.path.realpath(path))
        whole = whole or self._in_arguments
        inside = path.is_relative_to(self.places.root)
        shown = path.relative_to(self.places.root) if inside else path
        name = f"{'files in' if whole and path.is_dir() else 'file'} {shown}"
        if name not in self._parts:
            self._parts[name] = self.content(path, whole=whole)
            self.seen_files[path, whole] = self._parts[name]
        return token(b"part", text(name))

    def argument(self, name: str, value: Any) -> None:
        """Add an argument; a folder among arguments counts with all its files."""
        self._in_arguments = True
        try:
            with self.within(f"argument {name}"):
                self._parts[f"argument {name}"] = self.value(value)
        finally:
            self._in_arguments = False

    def variable(self, name: str | None) -> None:
        """Add the value of an environment variable; None is one whose name cannot be seen."""
        if name is not None:
            self._parts[f"environment {name}"] = self.value(os.environ.get(name))
        elif "environment" not in self._parts:
            pairs = sorted(os.environ.items())
            self._parts["environment"] = token(b"all", *(text(f"{k}={v}") for k, v in pairs))

    def dynamic(self, module: ModuleType | None, why: str) -> None:
        """Add all project sources: the code looks things up in a way that cannot be followed."""
        if self._in_import and why == "it uses sys.path":
            return  # what is found there is imported by then, and followed as it is
        self._is_dynamic = True
        if module is not None and not self.places.is_library_module(module):
            self.module(module)
            whole_module(self, module)

    def refuse(self, value: object, why: str) -> OpaqueError:
        """Return the error that names what is being encoded."""
        trail = " > ".join(self._trail) or "an argument"
        return OpaqueError(
            f"{trail}: nothing can tell whether a {type(value).__qualname__} has changed, so no "
            f"result that uses it can be kept: {why}",
            expected="plain values, records, frames, arrays, functions, classes, paths",
            fix="make it inside the function that uses it, or pass what it is made from",
        )

    # ── What the key is made of ──────────────────────────────────────────────────────────────

    def content(self, path: Path, *, whole: bool = False) -> bytes:
        """Return what a path holds; of a folder its files if ``whole``, or only that it is one."""
        try:
            status = path.stat()
        except OSError:
            return b"absent"
        if stat.S_ISREG(status.st_mode):
            return self._digest(path, status).encode()
        if stat.S_ISDIR(status.st_mode):
            files = sorted(each for each in path.rglob("*") if each.is_file()) if whole else []
            pairs = ((str(each.relative_to(path)), self.content(each)) for each in files)
            return token(b"folder", *(token(b"file", text(name), held) for name, held in pairs))
        return b"other"

    def parts(self) -> tuple[KeyPart, ...]:
        """Return every part by name, after following what imports do."""
        self._follow_effects()
        if self._is_dynamic:
            self._parts["all project sources"] = self._sources()
        self._parts["python"] = text(PYTHON)
        return tuple(
            KeyPart(name=name, digest=digest_bytes(content))
            for name, content in sorted(self._parts.items())
        )

    def _follow_effects(self) -> None:
        done: set[str] = set()
        self._encode_waiting()
        while todo := [name for name in self._modules if name not in done]:
            for name in todo:
                done.add(name)
                self._effects(self._modules[name])
            self._encode_waiting()

    def _effects(self, module: ModuleType) -> None:
        filename = getattr(module, "__file__", None)
        if not filename or not filename.endswith(".py"):
            if filename:
                self.file(Path(filename))
            return
        package = getattr(module, "__package__", None) or ""
        try:
            known = effects(filename, package)
        except (OSError, SyntaxError):
            known = None
        if known is None or edited_since_import(module):
            # What was imported is no longer on disk: a result of this process stays in it.
            self._parts[f"edited since its import {module.__name__}"] = text(_SESSION)
        if known is None:
            return
        found = []
        with self.within(f"the import of {module.__name__}"):
            for code in known.statements:
                found += [facts(code).digest.encode(), self._loosely(code, module)]
            for name in known.decorated:
                found += [text(name), self.lenient(vars(module).get(name))]
        if found:
            self._parts[f"import of {module.__name__}"] = token(b"import", *found)
        for name in known.imports:
            imported = sys.modules.get(name)
            if imported is not None:
                self.module(imported)

    def _loosely(self, code: CodeType, module: ModuleType) -> bytes:
        """Follow what a statement calls; objects it acts on count by the statement's text."""
        kinds = (FunctionType, ModuleType, type, str, int, float)
        namespace = {
            name: value for name, value in vars(module).items() if isinstance(value, kinds)
        }
        self._in_import = True
        try:
            return self.lenient(code, lambda: lookups(self, facts(code), namespace))
        finally:
            self._in_import = False

    def _sources(self) -> bytes:
        found = []
        for folder, folders, files in os.walk(self.places.root):
            folders[:] = sorted(
                name for name in folders if name[0] != "." and name != "__pycache__"
            )
            if "pyvenv.cfg" in files:
                folders.clear()
                continue
            for name in sorted(files):
                path = Path(folder, name)
                if name.endswith(".py") and not self.places.is_library(str(path)):
                    found.append(text(str(path.relative_to(self.places.root))))
                    found.append(self.content(path))
        return token(b"sources", *found)

    def _digest(self, path: Path, status: os.stat_result) -> Digest:
        """Return a file's digest, from memory if the file has certainly not changed since."""
        stamp = (
            status.st_size,
            status.st_mtime_ns,
            status.st_ctime_ns,
            status.st_ino,
            status.st_dev,
        )
        known = self._files.get(str(path))
        if known is not None and known[0] == stamp:
            return known[1]
        digest = digest_file(path)
        now = MachineClock().timestamp() * 1000
        # A file written this very moment may be written again within one tick of its time stamp.
        if now - max(status.st_mtime_ns, status.st_ctime_ns) > _SETTLED_NS:
            self._files[str(path)] = stamp, digest
        return digest
