"""Recorder: notes what a running engine does, so that it can be looked at again.

On the engine's loop it only takes down what nobody changes any more; all else is done by
the writer's thread. It never slows the engine by waiting, and if it fails it says so once
and is gone.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from agentflow.recording.encoding import Ended, KeptOutput, Values, kept, output_of, texts
from agentflow.recording.framing import Framing
from agentflow.recording.opening import open_to_write
from agentflow.recording.records import VersionRecord
from agentflow.recording.retention import Retention
from agentflow.recording.versions import shift_of
from agentflow.recording.writer import Writer
from agentflow.telemetry.snapshot import Cursor, Snapshot

if TYPE_CHECKING:
    from agentflow.engine.execution import Execution
    from agentflow.state import State


class Recorder:
    """Writes the recording at ``path``. One for each runner that has one.

    ``retention`` is in seconds, ``max_bytes`` the size at which the oldest goes,
    ``max_state`` the bytes of a state or an output beyond which only a part is kept.
    All methods but ``open`` and ``close`` are for the loop's thread, cheap, and never block.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        retention: float = 2 * 86_400.0,
        max_bytes: int = 1 << 30,
        max_state: int = 65_536,
    ) -> None:
        self.path = Path(path)
        self.max_state = max_state
        self.damage: list[str] = []
        """What was found at ``path`` and set aside, in sentences."""
        self._retention = Retention(retention, max_bytes)
        self._framing: Framing
        self._writer: Writer | None = None
        self._take: Callable[[Cursor], Snapshot] | None = None
        self._missed = 0

    # -- life ---------------------------------------------------------------------------

    def open(self, now: float, offset: float, versions: list[VersionRecord]) -> None:
        """Take the file over, or begin it. Blocks. Raises RecordingUnusable.

        ``now`` is in seconds since the epoch, ``offset`` turns the engine's times into such;
        ``versions`` are the configurations that have run so far.
        """
        opened = open_to_write(self.path)
        self.damage = opened.damage
        self._framing = Framing(now)
        self._writer = writer = Writer(opened, offset, self._retention)
        writer.shift = shift_of(opened.db, versions)
        for version in versions:
            self.version(version)

    def start(
        self,
        loop: asyncio.AbstractEventLoop,
        take: Callable[[Cursor], Snapshot] | None,
        failed: Callable[[str], None],
    ) -> None:
        """Begin to write. ``failed`` is called on the loop, once, if it can't go on.

        ``take`` takes a snapshot of the engine; without it there are no frames.
        """
        self._take = take

        def on_failure(reason: str) -> None:
            try:
                loop.call_soon_threadsafe(failed, reason)
            except RuntimeError:
                pass  # the loop is closed, and nobody is left to be told

        assert self._writer is not None
        self._writer.start(on_failure)

    def close(self) -> None:
        """Write what is left and let the file go. Blocks."""
        if self._writer is not None:
            self._writer.close()
            self._missed += self._writer.missed
            self._writer = None

    # -- what happens -------------------------------------------------------------------

    def ended(self, execution: Execution, state: State) -> None:
        """An event has ended, in this state."""
        if self._writer is None:
            return
        values: Values
        try:
            if execution.view is execution.event.data:
                values, whole = None, True
            else:
                values, whole = kept(state._values, self.max_state)
            meta = texts(state.meta)
        except Exception:  # a value that refuses to be looked at
            values, meta, whole = {}, None, False
        self._writer.add(Ended(execution, values, meta, whole))

    def output(self, state: State, error: BaseException | None) -> KeptOutput:
        """What a handler's run has ended with, for ``Execution.outputs``."""
        try:
            return output_of(state, error, self.max_state)
        except Exception:  # a value that refuses to be looked at
            return {}, None, "", "", False

    def last_output(self, state: State) -> KeptOutput:
        """The same where ``state``, but for its meta, is what the event ends with."""
        return None, texts(state.meta), "", "", True

    def version(self, version: VersionRecord) -> None:
        """A configuration has begun to run."""
        if self._writer is not None:
            self._writer.tell(version)

    def tick(self, *, last: bool = False) -> None:
        """A second has gone by, or the ``last`` moment has come: time for a frame."""
        if self._writer is None or self._take is None:
            return
        try:
            told = self._framing.look(self._take(self._framing.cursor), last=last)
        except Exception:  # the engine's own beat must go on
            self._missed += 1
            return
        if told is not None:
            self._writer.tell(told)

    @property
    def missed(self) -> int:
        """Events and frames that are not in it: there was no time to write them."""
        return self._missed + (self._writer.missed if self._writer is not None else 0)
