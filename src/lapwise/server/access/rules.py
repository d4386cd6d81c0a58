"""The rules of access: who may make which call of the store, and what of the answer they see.

Read a line as a sentence: ``"runs/log": may("contributor", run("run"))`` lets whoever is at least a
contributor in the product of the run that is logged to. A call without a line is refused to everybody
who asks through a token, and a server does not start while one is missing.
"""

from __future__ import annotations

from collections.abc import Mapping

from lapwise.core.errors import AccessError
from lapwise.server.access.places import (
    both,
    each,
    experiment,
    given,
    kept_lap,
    leased,
    logged,
    measured,
    named,
    nested,
    run,
    subject,
    version,
)
from lapwise.server.access.ruling import (
    Rule,
    anywhere,
    everywhere,
    identified,
    lists,
    may,
    moving,
    pages,
    registering,
    searches,
    shown,
    telling,
)
from lapwise.server.access.special import (
    anchoring,
    appending,
    deciding,
    outlined,
    reading,
    recorded,
    rolling,
)

__all__ = ["RULES", "check_rules"]

RULES: Mapping[str, Rule | None] = {
    # Experiments and runs: a run's product is its experiment.
    "experiments/create": may("contributor", named("name")),
    "experiments/get": shown("name"),
    "experiments/update": may("contributor", both(experiment("number"), named("name"))),
    "experiments/search": searches("name"),
    "runs/create": identified(
        "run",
        "run.id",
        may("contributor", both(named("run.experiment"), nested), answer="experiment"),
    ),
    "runs/get": shown("experiment"),
    "runs/list": lists("experiment", "experiment", newest="number"),
    "runs/search": pages("experiments", "run.experiment"),
    "runs/finish": may("contributor", run("run")),
    "runs/update": may("contributor", run("run")),
    "runs/beat": may("contributor", run("run")),
    "runs/set_capture": may("contributor", run("run")),
    "runs/log": may("contributor", run("run")),
    "runs/untag": may("contributor", run("run")),
    "runs/params": may("viewer", run("runs[]")),
    "runs/metrics": may("viewer", run("runs[]")),
    "runs/inputs": may("viewer", run("runs[]")),
    "runs/tags": may("viewer", run("runs[]")),
    "runs/history": may("viewer", run("run")),
    "runs/points": may("viewer", run("run")),
    "runs/curve": may("viewer", run("run")),
    "runs/artifacts": may("viewer", run("run")),
    "runs/holders": anywhere("viewer", keeps=""),
    "logged/create": identified(
        "logged",
        "model.id",
        may("contributor", both(named("model.experiment"), run("model.run")), answer="experiment"),
    ),
    "logged/get": shown("experiment"),
    "logged/update": may("contributor", logged("id")),
    "logged/search": pages("experiments", "experiment"),
    "logged/log": may("contributor", both(logged("id"), measured)),
    "logged/metrics": may("viewer", logged("ids[]")),
    "logged/artifacts": may("viewer", logged("id")),
    "logged/holders": anywhere("viewer", keeps=""),
    "logged/of_run": may("viewer", run("run")),
    "logged/of_runs": may("viewer", run("runs[]")),
    "logged/give": may("contributor", both(run("run"), given)),
    "labels/set": may("contributor", each),
    "labels/remove": may("contributor", each),
    "labels/of": may("viewer", each),
    # Models: what brings a version to users, or takes it from them, is an approver's.
    "models/add": identified("record", "version.id", registering()),
    "models/get": shown("model"),
    "models/list": lists("model", "model", newest="id"),
    "models/search": searches("model"),
    "models/describe": may("contributor", version("version")),
    "models/create_name": may("contributor", named("name")),
    "models/get_name": shown("name"),
    "models/update_name": may("contributor", both(named("name"), named("new"))),
    "models/search_names": searches("name"),
    "models/production": may("viewer", named("model")),
    "models/holders": anywhere("viewer", keeps=""),
    "models/move": moving(),
    "models/decide": may(
        "approver",
        both(version("approval.version"), subject("audit.subject")),
        signed=("audit", "approval"),
    ),
    "models/approvals": may("viewer", version("version")),
    "deployments/add": may("approver", named("deployment.model")),
    "deployments/newest": may("viewer", named("model")),
    "deployments/list": lists("model", "model", newest="at"),
    "rollouts/create": identified("record", "rollout.id", rolling(there=False)),
    "rollouts/update": rolling(there=True),
    "rollouts/get": shown("model"),
    "rollouts/open": may("viewer", named("model")),
    "rollouts/list": lists("model", "model", newest="started"),
    # The ledger, and what monitors saw.
    "laps/create": identified("record", "lap.id", deciding(named("lap.loop"))),
    "laps/update": deciding(both(named("lap.loop"), kept_lap)),
    "laps/get": shown("loop"),
    "laps/list": lists("loop", "loop", newest="id"),
    "alarms/add": identified(
        "record", "alarm.id", may("contributor", named("alarm.model"), answer="model")
    ),
    "alarms/list": lists("model", "model", newest="at"),
    "observations/save": may("contributor", both(named("hours[].model"), named("days[].model"))),
    "observations/hours": may("viewer", named("model")),
    "observations/days": may("viewer", named("model")),
    # Features: a definition is of the loops that declare it, a proof of the model that answered.
    "features/declare": may("contributor", named("declared[].loop")),
    "features/list": lists("loop", "loop", newest="turn"),
    "features/users": anywhere("viewer", keeps="model"),
    "features/note": may("contributor", named("seen[].loop")),
    "features/freshness": lists("loop", "loop", newest="noted"),
    "features/prove": identified(
        "record", "verification.id", may("contributor", named("verification.model"), answer="model")
    ),
    "features/proofs": lists("model", "model", newest="at"),
    "leases/take": may("contributor", leased("name")),
    "leases/renew": may("contributor", leased("name")),
    "leases/release": may("contributor", leased("name")),
    # Shared by all products: whoever sees one reads what holds no rows, and writing needs all.
    "datasets/add": everywhere("contributor"),
    "datasets/get": outlined(),
    "datasets/list": outlined(),
    "datasets/stamps": everywhere("contributor"),
    "datasets/remember": everywhere("contributor"),
    "steps/add": everywhere("contributor"),
    "steps/get": everywhere("viewer"),
    "steps/last": everywhere("viewer"),
    "records/keep": everywhere("contributor"),
    "records/text": recorded(),
    "records/digests": everywhere("viewer"),
    # The log of acts, and news.
    "audit/append": appending(),
    "audit/entries": telling("sequence", subject("subject")),
    "audit/head": anywhere("approver"),
    "events/list": telling("number", named("product")),
    # The server itself.
    "tokens/add": everywhere("admin", signed=("actor",)),
    "tokens/list": everywhere("admin"),
    "tokens/revoke": everywhere("admin", signed=("actor",)),
    "tokens/find": None,
    "tokens/touch": None,
    "webhooks/add": everywhere("admin", signed=("actor",)),
    "webhooks/list": everywhere("admin"),
    "webhooks/remove": everywhere("admin", signed=("actor",)),
    "webhooks/deliveries": everywhere("admin"),
    "webhooks/secret": None,
    "webhooks/due": None,
    "webhooks/record": None,
    # Bytes: whoever sees a run, a version or a logged model that names a digest may read its blob.
    "blobs/put": anywhere("contributor"),
    "blobs/put_file": anywhere("contributor"),
    "blobs/uploads": anywhere("contributor"),
    "blobs/get": reading(),
    "blobs/path": reading(),
    "blobs/has": reading(otherwise=False),
    "blobs/size": reading(),
    "blobs/digests": everywhere("admin"),
    "blobs/remove": everywhere("admin"),
    "blobs/anchor": anchoring(),
    "blobs/anchors": everywhere("viewer"),
}
"""A rule for each call; None for those that only the server itself makes."""


def check_rules() -> None:
    """Refuse to go on while a call of the store has no rule, or a rule no call.

    Raises:
        AccessError: names those that are missing or left over.
    """
    from lapwise.store.blobs import Blobs
    from lapwise.store.calls import calls

    bytes_calls = {f"blobs/{verb}" for verb in vars(Blobs) if not verb.startswith("_")}
    there = {call.name for call in calls()} | bytes_calls
    if there != set(RULES):
        raise AccessError(
            "calls of the store and rules of access do not match",
            value=sorted(there ^ set(RULES)),
            expected="one line a call in lapwise/server/access/rules.py",
        )
