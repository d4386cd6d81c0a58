"""Templates to HTML. Everything is escaped, and what a page lacks is an error, never a blank."""

from __future__ import annotations

from typing import Any

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined
from litestar.di import NamedDependency
from litestar.params import SkipValidation
from markupsafe import Markup

from lapwise.server.assets import Assets
from lapwise.server.wording import FILTERS

__all__ = ["Rendered", "Renderer", "data_block"]

_BREAKING = {
    "<": "\\u003c",
    ">": "\\u003e",
    "&": "\\u0026",
    "\u2028": "\\u2028",
    "\u2029": "\\u2029",
}


class Renderer:
    """Renders the templates of this package.

    Args:
        assets: where pages find their style and scripts.
    """

    def __init__(self, assets: Assets) -> None:
        self._environment = Environment(
            loader=PackageLoader("lapwise.server"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._environment.filters |= FILTERS | {"data_block": data_block}
        self._environment.globals |= {"asset": assets.address, "map_style": assets.map_style}

    def render(self, template: str, **facts: Any) -> str:
        """Return a page."""
        return self._environment.get_template(template).render(**facts)


Rendered = NamedDependency[SkipValidation[Renderer]]
"""The templates, as a handler is given them."""


def data_block(value: object) -> Markup:
    r"""Return JSON that may stand in a ``<script type="application/json">``: no tag can end it.

    >>> data_block({"a": "</script>"})
    Markup('{"a":"\\u003c/script\\u003e"}')
    """
    text = msgspec.json.encode(value).decode()
    for character, escaped in _BREAKING.items():
        text = text.replace(character, escaped)
    return Markup(text)  # noqa: S704 - what could end the block has just been replaced
