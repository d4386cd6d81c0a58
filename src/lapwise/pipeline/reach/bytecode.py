"""What compiled code says and what it looks up, read once per code object.

The live code object is read, not the source file: the file may have been edited since it was
imported, and what runs is the code. Line numbers are left out, so comments and blank lines do not
matter; docstrings are kept, because libraries read them.
"""

from __future__ import annotations

import opcode
import sys
from types import CodeType
from typing import NamedTuple

from lapwise.core.digest import Digest, digest_bytes
from lapwise.pipeline.reach.tokens import SCALARS, text, token

__all__ = ["Chain", "Facts", "Import", "facts"]


class Chain(NamedTuple):
    """A global name and the attributes read from it at once: ``helpers.text.clean``.

    ``argument`` is a text constant loaded right after, as in ``os.environ["TZ"]``.
    """

    name: str
    attributes: tuple[str, ...]
    argument: str | None


class Import(NamedTuple):
    """An import statement inside a function, and the chains read from what it bound.

    ``members`` says whether the chains start at the module (``from a.b import c``) or at its
    first package (``import a.b``). A chain without attributes means that the module itself
    travels further.
    """

    level: int
    module: str
    members: bool
    used: tuple[Chain, ...]


class Facts(NamedTuple):
    """What a code object, with the code nested in it, is and looks up."""

    digest: Digest
    chains: tuple[Chain, ...]
    imports: tuple[Import, ...]
    attributes: frozenset[str]
    literals: tuple[str, ...]


_MEMO: dict[int, tuple[CodeType, Facts]] = {}
"""By ``id``; the code object is held, so that its id is never another's."""

_VERSION = sys.version_info[:2]
_HALVED = {"LOAD_GLOBAL"} if _VERSION < (3, 12) else {"LOAD_GLOBAL", "LOAD_ATTR"}
_QUARTERED = {"LOAD_SUPER_ATTR"}
_ROOTS = {"LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"}
_READS = {"LOAD_ATTR", "LOAD_METHOD"}
_SILENT = {"EXTENDED_ARG", "CACHE", "NOP", "PUSH_NULL", "RESUME", "PRECALL"}
_NAMED = frozenset(opcode.opname[code] for code in opcode.hasname)


def facts(code: CodeType) -> Facts:
    """Return the facts of a code object."""
    known = _MEMO.get(id(code))
    if known is None:
        known = _MEMO[id(code)] = (code, _read(code))
    return known[1]


def _read(code: CodeType) -> Facts:
    operations = _operations(code)
    chains = _chains(code, operations)
    imports = _imports(code, operations)
    attributes = {name for operation, name, _ in operations if operation in _READS and name}
    literals = _texts(code.co_consts)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            inner = facts(constant)
            chains += inner.chains
            imports += inner.imports
            attributes |= inner.attributes
            literals += inner.literals
    return Facts(
        digest=digest_bytes(_encode(code)),
        chains=tuple(dict.fromkeys(chains)),
        imports=tuple(dict.fromkeys(imports)),
        attributes=frozenset(attributes),
        literals=tuple(dict.fromkeys(literals)),
    )


def _operations(code: CodeType) -> list[tuple[str, str | None, int]]:
    """Return (operation, the name it uses, its argument), without what carries no meaning here."""
    raw, names, found, extended = code.co_code, code.co_names, [], 0
    for at in range(0, len(raw), 2):
        operation = opcode.opname[raw[at]]
        argument = raw[at + 1] | extended
        extended = argument << 8 if operation == "EXTENDED_ARG" else 0
        if operation in _SILENT:
            continue
        name = None
        if operation in _NAMED:
            shift = 1 if operation in _HALVED else 2 if operation in _QUARTERED else 0
            index = argument >> shift
            name = names[index] if index < len(names) else None
        found.append((operation, name, argument))
    return found


def _chains(code: CodeType, operations: list[tuple[str, str | None, int]]) -> list[Chain]:
    found: list[Chain] = []
    seen: set[str] = set()
    for at, (operation, name, _) in enumerate(operations):
        if name is not None:
            seen.add(name)
        if name is None or operation not in _ROOTS:
            continue
        attributes, after = _attributes(operations, at + 1)
        found.append(Chain(name, attributes, _constant(code, operations, after)))
    # A name that no known operation used is taken for a global: a newer Python may know more ways.
    found += [Chain(name, (), None) for name in code.co_names if name not in seen]
    return found


def _attributes(
    operations: list[tuple[str, str | None, int]], at: int
) -> tuple[tuple[str, ...], int]:
    start = at
    while at < len(operations) and operations[at][0] in _READS:
        at += 1
    return tuple(name for _, name, _ in operations[start:at] if name), at


def _constant(code: CodeType, operations: list[tuple[str, str | None, int]], at: int) -> str | None:
    if at < len(operations) and operations[at][0] == "LOAD_CONST":
        constant = code.co_consts[operations[at][2]]
        return constant if isinstance(constant, str) else None
    return None


def _imports(code: CodeType, operations: list[tuple[str, str | None, int]]) -> list[Import]:
    found: list[Import] = []
    for at, (operation, name, _) in enumerate(operations):
        if operation != "IMPORT_NAME" or name is None:
            continue
        level_at, from_at = operations[at - 2], operations[at - 1]
        level, members = 0, None
        if level_at[0] == "LOAD_CONST" and from_at[0] == "LOAD_CONST":
            level, members = code.co_consts[level_at[2]], code.co_consts[from_at[2]]
        elif level_at[0] == "LOAD_SMALL_INT":
            level, members = level_at[2], code.co_consts[from_at[2]]
        if members:
            used = tuple(Chain("", (member,), None) for member in members)
            found.append(Import(level, name, True, used))
        else:
            found.append(Import(level, name, False, _aliased(code, operations, at + 1)))
    return found


def _aliased(
    code: CodeType, operations: list[tuple[str, str | None, int]], at: int
) -> tuple[Chain, ...]:
    """Return the chains read from the local variable that ``import x`` bound."""
    whole = (Chain("", (), None),)
    if _VERSION >= (3, 13) or at >= len(operations) or operations[at][0] != "STORE_FAST":
        return whole
    slot, used = operations[at][2], []
    if sum(1 for step in operations if step[0] == "STORE_FAST" and step[2] == slot) != 1:
        return whole
    for index, (operation, _, local) in enumerate(operations):
        if operation.startswith(("LOAD_FAST", "LOAD_CLOSURE")) and local == slot:
            attributes, after = _attributes(operations, index + 1)
            if not attributes:
                return whole
            used.append(Chain("", attributes, _constant(code, operations, after)))
    return tuple(dict.fromkeys(used))


def _texts(constants: object) -> list[str]:
    if isinstance(constants, str):
        return [constants]
    if isinstance(constants, tuple | frozenset):
        return sorted(piece for part in constants for piece in _texts(part))
    return []


def _encode(code: CodeType) -> bytes:
    names = (code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars)
    counts = (
        code.co_argcount,
        code.co_posonlyargcount,
        code.co_kwonlyargcount,
        code.co_flags,
    )
    return token(
        b"code",
        text(code.co_qualname),
        code.co_code,
        code.co_exceptiontable,
        *(token(b"names", *(text(name) for name in part)) for part in names),
        *(b"%d" % count for count in counts),
        *(_encode_constant(constant) for constant in code.co_consts),
    )


def _encode_constant(constant: object) -> bytes:
    if isinstance(constant, CodeType):
        return _encode(constant)
    if isinstance(constant, str):
        return token(b"s", text(constant))
    if isinstance(constant, tuple):
        return token(b"t", *(_encode_constant(part) for part in constant))
    if isinstance(constant, frozenset):
        return token(b"z", *sorted(_encode_constant(part) for part in constant))
    if isinstance(constant, slice):
        parts = (constant.start, constant.stop, constant.step)
        return token(b"l", *(_encode_constant(part) for part in parts))
    return SCALARS[type(constant)](constant)
