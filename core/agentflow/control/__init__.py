"""Control: the operator's commands as data, and everything a screen may ask for.

The only door from people to the engine: in-process, over the link, or recorded. The words
cost nothing to import; the engine behind Control is imported when it is asked for.
"""

from typing import TYPE_CHECKING

from agentflow.control.words import (
    Answer,
    Command,
    DeadDetail,
    EventDetail,
    Related,
    SpanDetail,
    SpanRef,
    StopDetail,
)
from agentflow.lazy import lazy

if TYPE_CHECKING:
    from agentflow.control.control import Control

__all__ = [
    "Answer", "Command", "Control", "DeadDetail", "EventDetail", "Related", "SpanDetail", "SpanRef",
    "StopDetail",
]  # fmt: skip

__getattr__, __dir__ = lazy(globals(), {"Control": "control"})
