"""The journal: what was accepted and what came of it, on disk (SQLite).

What a name needs is imported when it is first used: a system without a journal never
loads SQLite.
"""

from typing import TYPE_CHECKING

from agentflow.lazy import lazy

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

__getattr__, __dir__ = lazy(globals(), _HOMES)
