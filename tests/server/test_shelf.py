import pytest

from lapwise.core.errors import StoreError
from lapwise.server.shelf import Shelf
from lapwise.store.model import Store


def test_what_the_shelf_opened_it_closes_and_opens_once(sqlite_store: Store) -> None:
    opened: list[Store] = []

    def open_it() -> Store:
        opened.append(sqlite_store)
        return sqlite_store

    shelf = Shelf(open_it)
    assert shelf.store() is shelf.store()
    assert len(opened) == 1
    shelf.close()
    shelf.store()
    assert len(opened) == 2


def test_a_store_that_could_not_be_opened_is_tried_again(sqlite_store: Store) -> None:
    tries = [StoreError("the disk is gone")]

    def open_it() -> Store:
        if tries:
            raise tries.pop()
        return sqlite_store

    shelf = Shelf(open_it)
    with pytest.raises(StoreError):
        shelf.store()
    assert shelf.store() is sqlite_store


def test_an_open_store_stays_its_owners(sqlite_store: Store) -> None:
    shelf = Shelf(sqlite_store)
    shelf.close()
    assert shelf.store() is sqlite_store
    assert sqlite_store.laps.list() == []
