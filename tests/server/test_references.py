from lapwise.monitoring import Bins, Counted, Reference
from lapwise.server.references import read_reference
from lapwise.store.model import Store


def test_bins_are_named_and_blocks_summed(sqlite_store: Store) -> None:
    number = Bins(name="hour", kind="number", edges=(0.0, 12.5, 24.0))
    text = Bins(name="origin", kind="text", categories=("JFK", "LGA"))
    kept = Reference(
        features=(
            Counted(bins=number, blocks=(0, 1), counts=((1, 0, 5, 6, 0), (0, 1, 1, 1, 1))),
            Counted(bins=text, blocks=(0,), counts=((0, 3, 4, 1),)),
        ),
        version="one",
    )
    sqlite_store.records.add("reference", "one", kept)
    found = read_reference(sqlite_store, "one")
    assert found["hour"].counts == (1, 1, 6, 7, 1)
    assert found["hour"].labels == ("missing", "< 0", "0 – 12.5", "12.5 – 24", "≥ 24")
    assert found["origin"].labels == ("missing", "JFK", "LGA", "others")
    assert all(len(one.counts) == len(one.labels) for one in found.values())


def test_no_reference_is_no_bins(sqlite_store: Store) -> None:
    assert read_reference(sqlite_store, "unknown") == {}
