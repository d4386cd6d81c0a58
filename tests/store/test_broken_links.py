"""What records name that is not there is found, though the database holds no reference for it."""

from __future__ import annotations

from sqlalchemy import text

from lapwise.core.model import Tag
from lapwise.store.broken_links import broken_links
from lapwise.store.database import connect
from tests.store import making
from tests.store.conftest import Place

SPOILT = {
    "UPDATE label SET value = '7' WHERE kind = 'alias'": "alias 'best' of 'flight-delay' names",
    "UPDATE label SET subject = 'm-' WHERE kind = 'logged'": "label 'a' is of logged m-",
    "UPDATE label SET kind = 'run' WHERE kind = 'logged'": "label 'a' is of run m-",
    "DELETE FROM registered_model": "model 'flight-delay' has a v1 and no name of its own",
    "UPDATE model_version SET governed = 1": "flight-delay v1 and its name disagree",
    "DELETE FROM version_blob": "flight-delay v1 names a blob that is not counted",
    "DELETE FROM experiment WHERE name = 'lonely'": "1 runs are of experiment 'lonely'",
    "UPDATE logged_model SET experiment = 'x'": "1 logged models are of experiment 'x'",
    "UPDATE logged_model SET run = 'gone'": "is of run gone, which is not there",
    "UPDATE webhook SET seen = 99": "has seen events that are not there",
}


def test_each_is_found(place: Place) -> None:
    """One at a time; a whole store has none."""
    with place.open() as store:
        store.models.add(making.version(), making.act())
        store.runs.create(making.run())
        store.runs.create(making.run("lonely"))
        store.logged.create(making.logged(), [Tag(name="a", value="b")])
        store.labels.set("alias", "flight-delay", [Tag(name="best", value="1")])
        store.labels.set("model", "flight-delay", [Tag(name="a", value="b")])
        store.labels.set("experiment", "1", [Tag(name="a", value="b")])
        store.webhooks.add(making.webhook(), making.SECRET, "ada")
    database = connect(place.url)
    for spoilt, said in SPOILT.items():
        with database.write() as connection:
            assert list(broken_links(connection)) == []
            part = connection.begin_nested()
            connection.execute(text(spoilt))
            found = list(broken_links(connection))
            part.rollback()
        assert any(said in clause for clause in found), (spoilt, found)
    database.close()
