"""Makes the calls of a store by sending them."""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec

from lapwise.core.errors import StoreError
from lapwise.core.ids import new_id
from lapwise.store.calls import REQUEST_ID, Call
from lapwise.store.remote.connection import MSGPACK, Connection, refused

__all__ = ["Caller"]

_ENCODE = msgspec.msgpack.Encoder().encode
_HEADERS = {"content-type": MSGPACK, "accept": MSGPACK}

# What is asked again because no answer came may have been carried out. All other calls are
# idempotent by what they say (ids, digests, batches, whole states); these are by an id of the request.
_NOT_BY_ITSELF = frozenset(
    {
        "audit/append",
        "experiments/create",
        "experiments/update",
        "models/create_name",
        "models/decide",
        "models/move",
        "models/update_name",
        "rollouts/update",
        "tokens/add",
        "tokens/revoke",
        "webhooks/add",
        "webhooks/remove",
    }
)


class Caller:
    """Sends calls over a connection: an :data:`lapwise.store.calls.Act`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def __call__(self, call: Call, request: msgspec.Struct) -> Any:
        """Make a call and return its answer, or raise what the store raised."""
        headers = _HEADERS
        if call.name in _NOT_BY_ITSELF:
            headers = {**_HEADERS, REQUEST_ID: new_id()}
        if call.name == "runs/log" and getattr(request, "batch", None) is None:
            request = msgspec.structs.replace(request, batch=new_id())
        response = self._connection.ask(
            "POST", f"/store/{call.name}", content=_encoded(call, request), headers=headers
        )
        if response.status_code != 200:
            raise refused(response, request)
        try:
            return _decoder(call)(response.content)
        except msgspec.MsgspecError as error:
            raise StoreError(
                f"the answer to {call.name} cannot be read",
                value=str(error),
                expected="a server of the same version",
                fix="let client and server be of one version: pip install lapwise==...",
            ) from error


@cache
def _decoder(call: Call) -> Any:
    return msgspec.msgpack.Decoder(call.answer).decode


def _encoded(call: Call, request: msgspec.Struct) -> bytes:
    try:
        return _ENCODE(request)
    except (TypeError, OverflowError, ValueError) as error:  # of half a character, too
        raise StoreError(
            f"the arguments of {call.name} cannot be sent",
            value=str(error),
            expected="text that is valid Unicode, integers of at most 64 bits",
        ) from error
