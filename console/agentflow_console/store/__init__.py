"""What the screens read: rings and tables of plain rows, fed by one call a frame. No Textual."""

from agentflow.filters import Filter
from agentflow_console.store.ring import EventRing
from agentflow_console.store.store import Store
from agentflow_console.store.table import Table

__all__ = ["EventRing", "Filter", "Store", "Table"]
