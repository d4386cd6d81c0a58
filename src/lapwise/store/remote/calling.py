"""Makes the calls of a store by sending them."""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec

from lapwise.core.errors import StoreError
from lapwise.core.ids import new_id
from lapwise.store.calls import Call
from lapwise.store.remote.connection import MSGPACK, Connection, refused

__all__ = ["Caller"]

_ENCODE = msgspec.msgpack.Encoder().encode
_HEADERS = {"content-type": MSGPACK, "accept": MSGPACK}

# A call whose answer was lost is asked again. All are idempotent by what they say (ids, digests, whole
# states) but these, which take an id for the act.
_ACTS = {"rollouts/update": "act", "runs/log": "batch"}


class Caller:
    """Sends calls over a connection: an :data:`lapwise.store.calls.Act`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def __call__(self, call: Call, request: msgspec.Struct) -> Any:
        """Make a call and return its answer, or raise what the store raised."""
        act = _ACTS.get(call.name)
        if act is not None and getattr(request, act) is None:
            request = msgspec.structs.replace(request, **{act: new_id()})
        response = self._connection.ask(
            "POST", f"/store/{call.name}", content=_encoded(call, request), headers=_HEADERS
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
