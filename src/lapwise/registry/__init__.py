"""Model versions: packaged, signed, traced, approved, audited."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lapwise.registry.audit import anchor, verify
    from lapwise.registry.codec import EstimatorCodec
    from lapwise.registry.inputs import model_inputs
    from lapwise.registry.kept import check_served, keep
    from lapwise.registry.lineage import trace_version
    from lapwise.registry.loading import load, load_native, load_scorer
    from lapwise.registry.mlmodel import read_signature
    from lapwise.registry.model import AuditReport, Packaged, Parity, TraceLine
    from lapwise.registry.packaging import package
    from lapwise.registry.parity import self_test
    from lapwise.registry.registration import register
    from lapwise.registry.stages import approve, archive, refuse, to_staging, withdraw
    from lapwise.registry.succession import promote, roll_back
    from lapwise.registry.ungoverned import delete_versions, rename_model, request_approval, restage

_HOMES = {
    "AuditReport": "model",
    "EstimatorCodec": "codec",
    "Packaged": "model",
    "Parity": "model",
    "TraceLine": "model",
    "anchor": "audit",
    "approve": "stages",
    "archive": "stages",
    "check_served": "kept",
    "delete_versions": "ungoverned",
    "keep": "kept",
    "load": "loading",
    "load_native": "loading",
    "load_scorer": "loading",
    "model_inputs": "inputs",
    "package": "packaging",
    "promote": "succession",
    "read_signature": "mlmodel",
    "refuse": "stages",
    "register": "registration",
    "rename_model": "ungoverned",
    "request_approval": "ungoverned",
    "restage": "ungoverned",
    "roll_back": "succession",
    "self_test": "parity",
    "to_staging": "stages",
    "trace_version": "lineage",
    "verify": "audit",
    "withdraw": "stages",
}

__all__ = [
    "AuditReport",
    "EstimatorCodec",
    "Packaged",
    "Parity",
    "TraceLine",
    "anchor",
    "approve",
    "archive",
    "check_served",
    "delete_versions",
    "keep",
    "load",
    "load_native",
    "load_scorer",
    "model_inputs",
    "package",
    "promote",
    "read_signature",
    "refuse",
    "register",
    "rename_model",
    "request_approval",
    "restage",
    "roll_back",
    "self_test",
    "to_staging",
    "trace_version",
    "verify",
    "withdraw",
]


def __getattr__(name: str) -> Any:
    """Import a public name from its module when it is first asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module 'lapwise.registry' has no attribute {name!r}")
    value = getattr(import_module(f"lapwise.registry.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Return the public names."""
    return list(__all__)
