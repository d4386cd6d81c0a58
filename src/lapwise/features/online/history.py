"""Puts rows into one view of the online store: late rows, corrections and duplicates included."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from struct import Struct

import msgspec
from msgspec import Raw

from lapwise.features.corrections import FOREVER
from lapwise.features.grain import last_sight_of_one
from lapwise.features.kernel import LEAST
from lapwise.features.model import FeatureView
from lapwise.features.online.backend import Writer
from lapwise.features.online.batch import ViewRows
from lapwise.features.online.fields import Fields, Side
from lapwise.features.online.layout import (
    Kept,
    Space,
    ViewState,
    encode_row,
    packed,
    read_chain,
    read_row,
    write_chain,
)
from lapwise.features.online.page import Page, Place, Stored, encode
from lapwise.features.online.tile import fold

__all__ = ["History"]

_NUMBER = Struct("<q").pack
_UNTIL = 16


class _Entity:
    """An entity's page while it is changed; ``unfolded`` are tiles whose own pages may go."""

    __slots__ = ("changed", "name", "page", "unfolded")

    def __init__(self, name: bytes, page: Page) -> None:
        self.name, self.page = name, page
        self.unfolded: set[int] = set()
        self.changed = False


class History:
    """All rows of one view, for writing, within one write."""

    def __init__(self, writer: Writer, state: ViewState, view: FeatureView, fields: Fields) -> None:
        self.state, self.view, self.fields = state, view, fields
        self.space = Space(state.number)
        self.floor, self.latest = state.floor, state.latest
        self._widest = view.widest
        self._writer = writer
        self._chains: dict[bytes, list[Kept]] = {}
        self._entities: dict[bytes, _Entity] = {}
        self._dirty: set[bytes] = set()

    @property
    def entities(self) -> int:
        """How many entities were changed."""
        return sum(entity.changed for entity in self._entities.values())

    def add(self, rows: ViewRows) -> int:
        """Add rows in any order; return how many changed something."""
        self._fetch(rows.kept)
        content, width, added = rows.items.tobytes(), self.fields.bytes, 0
        for place, (row, side) in enumerate(zip(rows.kept, rows.sides, strict=True)):
            added += self._add(row, content[place * width : (place + 1) * width], side)
        return added

    def _fetch(self, rows: list[Kept]) -> None:
        """Read all that the rows may touch in two round trips: their keys, then their entities."""
        keys = list(dict.fromkeys(packed(row.key) for row in rows))
        found = self._writer.get([self.space.keys + key for key in keys])
        self._chains |= {key: read_chain(one) for key, one in zip(keys, found, strict=True)}
        corrected = (row for key in keys for row in self._chains[key])
        self._open(packed(row.by) for row in (*rows, *corrected) if None not in row.by)

    def _open(self, entities: Iterable[bytes]) -> None:
        wanted = [name for name in dict.fromkeys(entities) if name not in self._entities]
        pages = self._read([self.space.page(name) for name in wanted])
        for name, stored in zip(wanted, pages, strict=True):
            self._entities[name] = _Entity(name, Page.decode(stored, self.fields))

    def _read(self, keys: Sequence[tuple[bytes, bytes]]) -> list[Stored]:
        """Return what is kept of some pages, in one round trip."""
        found = iter(self._writer.get([key for both in keys for key in both]))
        return [Stored(record, history) for record, history in zip(found, found, strict=True)]

    def _add(self, row: Kept, item: bytes, side: Side) -> bool:
        self.latest = max(self.latest, row.known)
        key = packed(row.key)
        chain = self._chains[key]
        place = bisect_left(chain, row.known, key=lambda kept: kept.known)
        if place < len(chain) and chain[place].known == row.known:
            if row.standing <= chain[place].standing:
                return False
            self._remove(chain.pop(place))
        elif row.known < self.floor and not self._in_window(row.event) and not place:
            return False  # it left every window before the floor, and corrects nothing
        if place:
            self._end(chain[place - 1], row.known)
        until = chain[place].known if place < len(chain) else FOREVER
        chain.insert(place, row)
        self._dirty.add(key)
        if self._in_window(row.event) and None not in row.by:
            self._insert(row, b"%b%b%b" % (item[:_UNTIL], _NUMBER(until), item[_UNTIL + 8 :]), side)
        return True

    def _in_window(self, event: int | None) -> bool:
        return event is not None and self._last_seen(event) >= self.floor

    def _last_seen(self, event: int) -> int:
        """Return the last time that sees a row of some event in the widest window."""
        return last_sight_of_one(event, self._widest, self.view.grain)

    def _insert(self, row: Kept, item: bytes, side: Side) -> None:
        entity, place = self._at(row)
        entity.page.put(entity.page.find(place), item, side, Raw(encode_row(row)))
        entity.changed = True

    def _end(self, row: Kept, until: int) -> None:
        """Let a row stand only until a time; one that was pruned stays so."""
        if row.event is None or None in row.by:
            return
        entity, place = self._at(row)
        index = entity.page.index(place)
        if index is not None:
            entity.page.end(index, until)
            entity.changed = True

    def _remove(self, row: Kept) -> None:
        if row.event is None or None in row.by:
            return
        entity, place = self._at(row)
        index = entity.page.index(place)
        if index is not None:
            entity.page.drop(index, index + 1)
            entity.changed = True

    def _at(self, row: Kept) -> tuple[_Entity, Place]:
        """Return a row's entity, the row's tile unfolded, and the row's place in the page."""
        entity = self._entities[packed(row.by)]
        event = row.event or 0
        tile = event // self.fields.tile
        index = entity.page.folded(tile * self.fields.tile)
        if index is not None:
            self._unfold(entity, index, tile)
        return entity, (event, row.known, row.key)

    def _unfold(self, entity: _Entity, index: int, tile: int) -> None:
        (stored,) = self._read([self.space.tile(entity.name, tile)])
        entity.page.splice(index, index + 1, Page.decode(stored, self.fields))
        entity.unfolded.add(tile)
        entity.changed = True

    def latest_row(self, entity: bytes) -> Kept | None:
        """Return an entity's last row, None if it has none."""
        self._open([entity])
        page = self._entities[entity].page
        while page.rows:
            last = len(page) - 1
            row = page.row(last)
            if row is not None:
                return row
            self._unfold(self._entities[entity], last, page.times(last)[0] // self.fields.tile)
        return None

    def move(self, row: Kept, event: int) -> None:
        """Let a row of a page have happened at another time, against what its key says."""
        entity, place = self._at(row)
        index = entity.page.find(place)
        moving = entity.page.cut(index, index + 1)
        entity.page.drop(index, index + 1)
        times = _NUMBER(event) + _NUMBER(max(event, row.known + 1))
        moved = msgspec.structs.replace(row, event=event)
        self._insert(moved, times + bytes(moving.items[_UNTIL:]), moving.sides[0])

    def finish(self, keep: int) -> ViewState:
        """Write what was changed, drop what no window shows any more, and return the new state."""
        self.floor = max(self.floor, self.latest - keep)
        changed = [entity for entity in self._entities.values() if entity.changed]
        self._forget([row for entity in changed for row in self._prune(entity)])
        self._write(changed)
        for key in self._dirty:
            chain = self._chains[key]
            if chain:
                self._writer.put(self.space.keys + key, write_chain(chain))
            else:
                self._writer.delete(self.space.keys + key)
        return msgspec.structs.replace(self.state, floor=self.floor, latest=self.latest)

    def _write(self, entities: list[_Entity]) -> None:
        """Fold and write entities' pages; the lines of all of them are made together."""
        pages: dict[tuple[bytes, bytes], Page] = {}
        for number, tile, rows in fold([one.page for one in entities], self.fields, self.floor):
            pages[self.space.tile(entities[number].name, tile)] = rows
        for entity in entities:
            for tile in entity.unfolded:
                keys = self.space.tile(entity.name, tile)
                if keys not in pages:
                    self._delete(keys)
            if entity.page.rows:
                pages[self.space.page(entity.name)] = entity.page
            else:
                self._delete(self.space.page(entity.name))
        for keys, stored in zip(pages, encode(list(pages.values()), self.fields), strict=True):
            for key, content in zip(keys, stored, strict=True):
                if content is None:
                    self._writer.delete(key)
                else:
                    self._writer.put(key, content)

    def _delete(self, keys: tuple[bytes, bytes]) -> None:
        for key in keys:
            self._writer.delete(key)

    def _prune(self, entity: _Entity) -> list[Kept]:
        """Drop the leading items that left every window before the floor; return their rows."""
        page = entity.page
        gone: list[Kept] = []
        number = 0
        while number < len(page):
            position, visible, _ = page.times(number)
            tile = visible == LEAST
            if self._last_seen(position + self.fields.tile - 1 if tile else position) >= self.floor:
                break
            if tile:
                keys = self.space.tile(entity.name, position // self.fields.tile)
                (stored,) = self._read([keys])
                gone += map(read_row, Page.decode(stored, self.fields).rows)
                self._delete(keys)
            else:
                gone.append(read_row(page.rows[number]))
            number += 1
        page.drop(0, number)
        return gone

    def _forget(self, rows: list[Kept]) -> None:
        """Drop the keys of pruned rows, once nothing that may come could meet them."""
        keys = [key for key in map(packed, (row.key for row in rows)) if key not in self._chains]
        found = self._writer.get([self.space.keys + key for key in keys])
        self._chains |= {key: read_chain(one) for key, one in zip(keys, found, strict=True)}
        for key in map(packed, (row.key for row in rows)):
            chain = self._chains[key]
            if not chain or chain[-1].known >= self.floor:
                continue
            if not any(self._in_window(kept.event) for kept in chain):
                chain.clear()
                self._dirty.add(key)
