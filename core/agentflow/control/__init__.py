"""Control: the operator's commands as data, and everything a screen may ask for.

The only door from people to the engine: in-process, over the link, or recorded.
"""

from agentflow.control.control import Control
from agentflow.control.words import Answer, Command, DeadDetail, EventDetail

__all__ = ["Answer", "Command", "Control", "DeadDetail", "EventDetail"]
