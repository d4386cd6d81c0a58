"""The line of a window that begins within a tile: the tile's own joined with the page's next."""

from __future__ import annotations

from bisect import bisect_left
from operator import add

from lapwise.features.kernel import LEAST
from lapwise.features.online.fields import ColumnFields, Fields, Line
from lapwise.features.online.lines import HEAD, Texts, open_lines, read_texts

__all__ = ["Tail"]


class Tail:
    """The page of an entity some of whose windows begin within tiles.

    Args:
        fields: what numbers are.
        page: the entity's record.
    """

    def __init__(self, fields: Fields, page: bytes) -> None:
        self._fields, self._page = fields, page
        self._texts = _texts(fields, page)

    def line(self, start: int, tile: bytes) -> Line:
        """Return the line of the window that begins at a time, within a tile that has a record."""
        fields = self._fields
        end = (start // fields.tile + 1) * fields.tile
        earlier, later = _line(fields, tile, start), _line(fields, self._page, end)
        own = _texts(fields, tile)
        if earlier is None or later is None:
            only, texts = (earlier, own) if later is None else (later, self._texts)
            return fields.nothing if only is None else (*only, texts.texts)
        line = list(earlier)
        for block, join in ((fields.lesser, min), (fields.greater, max)):
            line[block] = map(join, earlier[block], later[block])
        line[fields.added] = map(add, earlier[fields.added], later[fields.added])
        moved = len(self._texts.texts)
        for column in fields.columns.values():
            _join(line, earlier, later, column, moved if column.is_text else 0)
        counted = [slot.line for slot in fields.slots if not slot.places]
        for at, last, others in zip(counted, own.last, self._texts.last, strict=True):
            line[at] = later[at] + sum(
                seen >= start and others.get(value, LEAST) < end for value, seen in last.items()
            )
        return (*line, [*self._texts.texts, *own.texts])


def _join(line: list[int], earlier: Line, later: Line, column: ColumnFields, moved: int) -> None:
    """Join the latest and the first observations of a column; a tile's texts move by so many."""
    if column.latest >= 0:
        places = slice(column.latest, column.latest + column.places)
        own = [code + moved for code in earlier[places]]
        line[places] = [*later[places][: later[column.observed]], *own][: column.places]
    if column.first >= 0:
        own_first = earlier[column.first] + moved
        line[column.first] = own_first if earlier[column.observed] else later[column.first]


def _line(fields: Fields, record: bytes, start: int) -> Line | None:
    """Return the first line of a record that does not lie before a time."""
    _, begins, _ = open_lines(record, fields)
    index = bisect_left(begins, start)
    there = index < len(begins)
    return fields.unpack(record, HEAD.size + 8 * fields.line * index) if there else None


def _texts(fields: Fields, record: bytes) -> Texts:
    _, _, texts = open_lines(record, fields)
    return read_texts(texts) if texts else Texts([], [])
