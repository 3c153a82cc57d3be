"""Says why a Python service in production burns a core or answers slowly, without touching it.

from spindoctor import diagnose, look

report = diagnose(look(4711, seconds=3))
print(report.ranking, report.outcomes["undeliverable-cancellation"])
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spindoctor.session import diagnose, find, look, survey

__version__ = "0.1.0"
__all__ = ["__version__", "diagnose", "find", "look", "survey"]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - PEP 562: whatever the attribute is
    """The front door's functions, loaded when they are first asked for: `--version` needs none of them."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib  # noqa: PLC0415

    return getattr(importlib.import_module("spindoctor.session"), name)
