"""Virtual: the time that a sandbox runs in."""

from __future__ import annotations

from math import inf

from agentflow.testing import VirtualClock, VirtualLoop


class SandboxLoop(VirtualLoop):
    """A loop whose time jumps, and stands still while ``waiting`` real handlers are at work."""

    def __init__(self) -> None:
        self.waiting = 0
        super().__init__(patience=inf)

    def waits_for_thread(self) -> bool:
        """Whether something real is at work."""
        return self.waiting > 0


class SandboxClock(VirtualClock):
    """The clock of a sandbox, which shows the time of the recording."""

    def set_wall(self, seconds: float) -> None:
        """Let it be ``seconds`` since the epoch now."""
        self.jump_wall(seconds - self.time())
