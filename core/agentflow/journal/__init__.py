"""The journal: what was accepted and what came of it, on disk (SQLite).

What a name needs is imported when it is first used: a system without a journal never
loads SQLite.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agentflow.journal.journal import Journal
    from agentflow.journal.leases import Leases
    from agentflow.journal.records import DeadRecord, JournalStats, Recovery, Stored

__all__ = ["DeadRecord", "Journal", "JournalStats", "Leases", "Recovery", "Stored"]

_HOMES = {
    "DeadRecord": "records",
    "Journal": "journal",
    "JournalStats": "records",
    "Leases": "leases",
    "Recovery": "records",
    "Stored": "records",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
