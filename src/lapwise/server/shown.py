"""How a page is made of a template and facts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from litestar import Response

from lapwise.server.access import principal_of
from lapwise.server.catalogue import names

if TYPE_CHECKING:
    from lapwise.server.rendering import Renderer
    from lapwise.store.model import Store

__all__ = ["render_page"]


def render_page(renderer: Renderer, template: str, store: Store, **facts: Any) -> Response[str]:
    """Return a page with the names of all products, and of whoever asks, at its top.

    Args:
        renderer: the templates.
        template: the file's name.
        store: as it was given to whoever asks.
        facts: what the template says; ``product`` and ``here`` are where the page stands.
    """
    whose = principal_of(store)
    who = whose.name if whose else ""
    content = renderer.render(template, products=names(store), who=who, **facts)
    return Response(content, media_type="text/html; charset=utf-8")
