"""Open a store of our own: its database, made or checked, and its blobs."""

from __future__ import annotations

from lapwise.store.alarms import SqlAlarms
from lapwise.store.audit import SqlAudit
from lapwise.store.blobs import open_blobs
from lapwise.store.database import Database, connect, sqlite_path
from lapwise.store.datasets import SqlDatasets
from lapwise.store.deployments import SqlDeployments
from lapwise.store.events import SqlEvents
from lapwise.store.experiments import SqlExperiments
from lapwise.store.features import SqlFeatures
from lapwise.store.labels import SqlLabels
from lapwise.store.laps import SqlLaps
from lapwise.store.leases import SqlLeases
from lapwise.store.logged_models import SqlLoggedModels
from lapwise.store.migrate import bring_to_head, check_revision, create, revision
from lapwise.store.model import Store
from lapwise.store.models import SqlModels
from lapwise.store.observations import SqlObservations
from lapwise.store.records import SqlRecords
from lapwise.store.rollouts import SqlRollouts
from lapwise.store.runs import SqlRuns
from lapwise.store.steps import SqlSteps
from lapwise.store.tokens import SqlTokens
from lapwise.store.webhooks import SqlWebhooks

__all__ = ["open_database", "open_local"]


def open_local(url: str, blobs: str) -> Store:
    """Open a store, making what is not there yet.

    Args:
        url: ``sqlite:///path/lapwise.db`` or ``postgresql://host/database``.
        blobs: a folder, or ``s3://bucket/prefix`` with credentials from the ``AWS_*`` environment.

    Raises:
        SchemaError: the database is of a newer or an older version of Lapwise.
        StoreError: the database or the blobs cannot be used.
        DeclarationError: a URL is not of a kind that is known.
    """
    kept = open_blobs(blobs)
    database = open_database(url)
    return Store(
        url=url,
        blobs=kept,
        datasets=SqlDatasets(database),
        experiments=SqlExperiments(database),
        runs=SqlRuns(database),
        logged=SqlLoggedModels(database),
        labels=SqlLabels(database),
        steps=SqlSteps(database),
        records=SqlRecords(database),
        models=SqlModels(database),
        audit=SqlAudit(database),
        laps=SqlLaps(database),
        leases=SqlLeases(database),
        deployments=SqlDeployments(database),
        rollouts=SqlRollouts(database),
        alarms=SqlAlarms(database),
        observations=SqlObservations(database),
        features=SqlFeatures(database),
        tokens=SqlTokens(database),
        events=SqlEvents(database),
        webhooks=SqlWebhooks(database),
        close=database.close,
    )


def open_database(url: str) -> Database:
    """Open a database at this version's schema, making it if there is none."""
    path = sqlite_path(url)
    if path is not None and not (path.exists() and path.stat().st_size):
        create(path)
    database = connect(url)
    try:
        found = revision(database)
        if found is None:
            bring_to_head(database)
        else:
            check_revision(found, url)
    except BaseException:
        database.close()
        raise
    return database
