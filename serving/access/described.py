"""Keys as OpenAPI describes them."""

from __future__ import annotations

from typing import Any, Final

from features.settings import Settings
from serving.access.gate import asks_for_keys

__all__ = ["SECURITY_SCHEMES", "security"]

_BEARER: Final = "bearerKey"
_HEADER: Final = "headerKey"
_TOLD: Final = "An API key, `msl_...`, made with `muslin keys add`."

SECURITY_SCHEMES: Final[dict[str, Any]] = {
    _BEARER: {"type": "http", "scheme": "bearer", "description": _TOLD},
    _HEADER: {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": _TOLD},
}
"""The two ways to send a key."""


def security(scope: str, settings: Settings) -> list[dict[str, list[str]]]:
    """Write the ``security`` of an operation.

    Parameters
    ----------
    scope
        What the key must be for.
    settings
        Whether a key is needed at all.
    """
    ways: list[dict[str, list[str]]] = [{_BEARER: [scope]}, {_HEADER: [scope]}]
    return ways if asks_for_keys(settings) else [*ways, {}]
