"""Blocking: which agent is on the loop at this moment, for a watchdog in another thread."""

from __future__ import annotations

import sys

from agentflow.engine.execution import Execution
from agentflow.engine.express import ride


def agent_on(thread: int) -> str:
    """The agent whose handler runs in the thread of this number, or ''. From any thread."""
    frame = sys._current_frames().get(thread)
    while frame is not None:
        if frame.f_code is Execution.run.__code__:
            return str(frame.f_locals.get("name", ""))
        if frame.f_code is ride.__code__:
            guard = frame.f_locals.get("guard")
            return str(guard.agent) if guard is not None else ""
        frame = frame.f_back
    return ""
