"""Puts rows into one view of the online store: late rows, corrections and duplicates included."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from struct import Struct
from typing import TYPE_CHECKING, Any

import msgspec

from lapwise.features.batch import ViewRows
from lapwise.features.corrections import FOREVER
from lapwise.features.layout import (
    CHUNK_ROWS,
    LEAST_BOUND,
    Kept,
    Space,
    ViewState,
    bound_of,
    packed,
    read_kept,
    row_type,
)

if TYPE_CHECKING:
    import lmdb

__all__ = ["History"]

_TIMES = Struct("<qq").unpack_from
_NUMBER = Struct("<q")
_UNTIL, _ROW = 16, 24
_SIZE = 8
_encode = msgspec.msgpack.Encoder().encode


class _Chunk:
    """Rows of one entity while they are changed."""

    __slots__ = ("bound", "changed", "content", "entity", "inside", "stored")

    def __init__(self, entity: bytes, bound: bytes, content: bytes, stored: bytes | None) -> None:
        self.entity, self.bound, self.stored = entity, bound, stored
        self.content = bytearray(content)
        self.changed = self.inside = False


class History:
    """All rows of one view, for writing, within one transaction."""

    def __init__(self, transaction: lmdb.Transaction, state: ViewState, widest: int) -> None:
        self.state, self.widest = state, widest
        self.space = Space(state.number)
        self.width = row_type(state.columns).itemsize
        self.floor = state.floor
        self.next_row = state.next_row
        self.latest = state.latest
        self._transaction = transaction
        self._cursor = transaction.cursor()
        self._chunks: dict[bytes, _Chunk] = {}
        self._tails: dict[bytes, _Chunk] = {}
        self.entities: set[bytes] = set()

    def add(self, rows: ViewRows) -> int:
        """Add rows in any order; return how many changed something."""
        content = rows.content.tobytes()
        width, added = self.width, 0
        for place, known in enumerate(rows.known):
            kept = Kept(
                rows.key[place], known, rows.event[place], rows.by[place], rows.values[place]
            )
            added += self._add(kept, content[place * width : (place + 1) * width])
        return added

    def _add(self, row: Kept, content: bytes) -> bool:
        self.latest = max(self.latest, row.known)
        key = self.space.keys + packed(row.key)
        number = self.next_row
        fresh = _NUMBER.pack(number)
        # A row that left every window before the floor, and corrects nothing, is not kept.
        gone = row.known < self.floor and not self._in_window(row.event)
        if not gone and self._transaction.put(key, fresh, overwrite=False):
            until = FOREVER
        else:
            versions = self._transaction.get(key)
            if versions is None:
                return False
            later = self._correct(key, bytes(versions), row, fresh, gone=gone)
            if later is None:
                return False
            until = later
        self.next_row += 1
        self._transaction.put(self.space.row(number), _encode(row))
        self._insert(
            row, b"%b%b%b%b" % (content[:_UNTIL], _NUMBER.pack(until), fresh, content[32:])
        )
        return True

    def _in_window(self, event: int | None) -> bool:
        return event is not None and event + self.widest >= self.floor

    def _correct(
        self, key: bytes, versions: bytes, row: Kept, fresh: bytes, *, gone: bool
    ) -> int | None:
        """Put a row among the others of its key; return until when it stands, None if never."""
        numbers = [versions[i : i + _SIZE] for i in range(0, len(versions), _SIZE)]
        chain = [self._kept(_NUMBER.unpack(number)[0]) for number in numbers]
        place = bisect_left(chain, row.known, key=lambda kept: kept.known)
        if place < len(chain) and chain[place].known == row.known:
            if row.standing <= chain[place].standing:
                return None
            self._remove(chain[place], numbers[place])
            del chain[place], numbers[place]
        elif gone and not place:
            return None
        if place:
            self._end(chain[place - 1], numbers[place - 1], row.known)
        numbers.insert(place, fresh)
        self._transaction.put(key, b"".join(numbers))
        return chain[place].known if place < len(chain) else FOREVER

    def _kept(self, row: int) -> Kept:
        content = self._transaction.get(self.space.row(row))
        assert content is not None  # noqa: S101  # every number in a chunk or a key has its record
        return read_kept(content)

    def _insert(self, row: Kept, content: bytes) -> None:
        if not self._in_window(row.event) or None in row.by:
            return
        event = row.event or 0
        chunk = self._chunk(self.space.chunks + packed(row.by), event)
        place = self._place(chunk, event, row)
        if place * self.width < len(chunk.content):
            chunk.inside = True
        chunk.content[place * self.width : place * self.width] = content
        chunk.changed = True

    def _place(self, chunk: _Chunk, event: int, row: Kept) -> int:
        """Return where a row goes in a chunk: rows are in order of (event, known, key)."""
        content, width = chunk.content, self.width
        size, moment = len(content) // width, (event, row.known)
        if not size or _TIMES(content, (size - 1) * width) < moment:
            return size

        def times(place: int) -> Any:
            return _TIMES(content, place * width)

        start = bisect_left(range(size), moment, key=times)
        stop = bisect_right(range(size), moment, lo=start, key=times)
        ties = range(start, stop)
        return start + bisect_left(ties, row.key, key=lambda place: self._key_at(content, place))

    def _key_at(self, content: bytearray, place: int) -> list[Any]:
        return self._kept(_NUMBER.unpack_from(content, place * self.width + _ROW)[0]).key

    def _find(self, row: Kept, number: bytes) -> tuple[_Chunk, int] | None:
        """Return the chunk and the offset of a row that is stored, None if it was pruned."""
        if row.event is None or None in row.by:
            return None
        chunk = self._chunk(self.space.chunks + packed(row.by), row.event)
        width, content = self.width, chunk.content
        size = len(content) // width
        place = bisect_left(range(size), row.event, key=lambda i: _TIMES(content, i * width)[0])
        for offset in range(place * width, size * width, width):
            if _TIMES(content, offset)[0] != row.event:
                break
            if content[offset + _ROW : offset + _ROW + _SIZE] == number:
                return chunk, offset
        return None

    def _end(self, row: Kept, number: bytes, until: int) -> None:
        if found := self._find(row, number):
            chunk, offset = found
            _NUMBER.pack_into(chunk.content, offset + _UNTIL, until)
            chunk.changed = True

    def _remove(self, row: Kept, number: bytes) -> None:
        if found := self._find(row, number):
            chunk, offset = found
            del chunk.content[offset : offset + self.width]
            chunk.changed = True
        self._transaction.delete(self.space.row(_NUMBER.unpack(number)[0]))

    def _chunk(self, entity: bytes, event: int) -> _Chunk:
        """Return the chunk that an event belongs to, an empty one if the entity is new."""
        bound = bound_of(event)
        tail = self._tails.get(entity)
        if tail is not None and bound >= tail.bound:
            return tail
        found, last = self._stored(entity, bound)
        if found is None:
            chunk = _Chunk(entity, LEAST_BOUND, b"", None)
        else:
            key, content = found
            chunk = self._chunks.get(key) or _Chunk(entity, key[len(entity) :], content, key)
            self._chunks[key] = chunk
        if bound < chunk.bound:  # before the first chunk
            chunk.bound = LEAST_BOUND
        if last:
            self._tails[entity] = chunk
        self.entities.add(entity)
        return chunk

    def _stored(self, entity: bytes, bound: bytes) -> tuple[tuple[bytes, bytes] | None, bool]:
        """Return the stored chunk for a bound, and whether it is the entity's last."""
        cursor = self._cursor
        sought = entity + bound
        last = True
        if cursor.set_range(sought):
            key = bytes(cursor.key())
            if key == sought:
                content = bytes(cursor.value())
                return (key, content), not (cursor.next() and self._at(entity))
            last = not key.startswith(entity)
            if not (cursor.prev() and self._at(entity)):
                if last or not cursor.set_range(sought):
                    return None, True
                found = bytes(cursor.key()), bytes(cursor.value())
                return found, not (cursor.next() and self._at(entity))
        elif not (cursor.last() and self._at(entity)):
            return None, True
        return (bytes(cursor.key()), bytes(cursor.value())), last

    def _at(self, entity: bytes) -> bool:
        """Return whether the cursor stands on a chunk of an entity."""
        return bytes(self._cursor.key()).startswith(entity)

    def finish(self, keep: int) -> ViewState:
        """Write what was changed, drop what no window shows any more, and return the new state."""
        changed = {id(chunk): chunk for chunk in (*self._chunks.values(), *self._tails.values())}
        for chunk in changed.values():
            if chunk.changed:
                self._write(chunk)
        self.floor = max(self.floor, self.latest - keep)
        for entity in self.entities:
            self._prune(entity)
        return msgspec.structs.replace(
            self.state, floor=self.floor, latest=self.latest, next_row=self.next_row
        )

    def _write(self, chunk: _Chunk) -> None:
        key = chunk.entity + chunk.bound
        if chunk.stored is not None and chunk.stored != key:
            self._transaction.delete(chunk.stored)
        if not chunk.content:
            self._transaction.delete(key)
            return
        most = CHUNK_ROWS * self.width
        if len(chunk.content) <= most:
            self._transaction.put(key, chunk.content)
            return
        size = max(CHUNK_ROWS // 2, 1) * self.width if chunk.inside else most
        for bound, piece in cut(chunk.content, self.width, size, first=chunk.bound):
            self._transaction.put(chunk.entity + bound, piece)

    def _prune(self, entity: bytes) -> None:
        """Drop the entity's leading chunks whose rows left every window before the floor."""
        while self._cursor.set_range(entity):
            content = bytes(self._cursor.value())
            if not self._at(entity):
                return
            if self._in_window(_TIMES(content, len(content) - self.width)[0]):
                return
            self._cursor.delete()
            for offset in range(_ROW, len(content), self.width):
                self._forget(_NUMBER.unpack_from(content, offset)[0])

    def _forget(self, row: int) -> None:
        """Drop a pruned row's record and key, once nothing that may come could meet them."""
        content = self._transaction.get(self.space.row(row))
        if content is None:
            return
        key = self.space.keys + packed(read_kept(content).key)
        versions = self._transaction.get(key) or b""
        numbers = [number for (number,) in _NUMBER.iter_unpack(versions)]
        chain = [self._kept(number) for number in numbers]
        if chain and chain[-1].known >= self.floor:
            return
        if any(self._in_window(kept.event) for kept in chain):
            return
        self._transaction.delete(key)
        for number in numbers:
            self._transaction.delete(self.space.row(number))


def cut(
    content: bytearray | bytes, width: int, size: int, first: bytes = LEAST_BOUND
) -> Iterator[tuple[bytes, bytes]]:
    """Cut sorted rows into chunks of about ``size`` bytes, never between rows of equal event.

    Args:
        content: the rows.
        width: bytes of a row.
        size: bytes of a chunk, a multiple of ``width``.
        first: the bound of the first chunk.

    Yields:
        Each chunk's bound and rows.
    """
    start, bound = 0, first
    while start < len(content):
        stop = start + size
        while stop < len(content) and _event(content, stop) == _event(content, stop - width):
            stop += width
        yield bound, bytes(content[start:stop])
        start = stop
        if start < len(content):
            bound = bound_of(_event(content, start))


def _event(content: bytearray | bytes, offset: int) -> int:
    event: int = _TIMES(content, offset)[0]
    return event
