"""InProcessLink: the same link to an engine on this very loop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import msgspec

from agentflow.telemetry.snapshot import Blocked, Cursor
from agentflow_console.link.answering import Answers, execute, look_up
from agentflow_console.link.asking import AskingLink
from agentflow_console.link.cost import Cost
from agentflow_console.link.frames import encode
from agentflow_console.link.messages import AnyRequest, Execute
from agentflow_console.link.protocol import LinkError

_requests = msgspec.msgpack.Decoder(AnyRequest)


class InProcessLink(AskingLink):
    """A link without a process between: for a user's own program, and for tests.

    Everything passes through the same encoding as over a socket, so that only plain
    data crosses. ``start`` and ``stop`` bring the engine up and down, if that is the
    link's business; ``stop`` is told whether to drain, and called again without that to
    hasten a drain. ``drain_timeout`` gives the seconds that a drain may take, ``journal``
    the path of the file that keeps what is accepted, '' for none.

    ``owned`` may be set to False when it turns out that the engine is somebody else's.
    """

    def __init__(
        self,
        control: Answers,
        *,
        start: Callable[[], Awaitable[None]] | None = None,
        stop: Callable[[bool], Awaitable[None]] | None = None,
        drain_timeout: Callable[[], float] = lambda: 0.0,
        journal: Callable[[], str] = lambda: "",
    ) -> None:
        super().__init__()
        self._control = control
        self._start = start
        self._stop = stop
        self._status = "starting"
        self._started = False
        self._reason = ""
        self._drain_timeout = drain_timeout
        self._journal = journal
        self._drain_ends = 0.0
        self._stopping: asyncio.Future[None] | None = None
        self._left: int | None = None
        self._cost = Cost()
        self.owned = stop is not None

    async def start(self) -> None:
        """Bring the engine up, if that is this link's business. Raises LinkError if it can't."""
        if self._start is not None:
            try:
                await self._start()
            except LinkError as error:
                self._status, self._reason = "lost", str(error)
                raise
        self._started = True
        if self._status == "starting":
            self._status = "connected"

    async def close(self, *, drain: bool = True) -> None:
        """Stop the engine, if that is this link's business; a second call hastens a drain."""
        if self._status in ("lost", "closed") or self._stop is None or not self._started:
            self._status = "closed"
            return
        if self._stopping is None:
            self._status = "draining"
            if drain and self.owned:
                self._drain_ends = asyncio.get_running_loop().time() + self._drain_timeout()
            # A task, because a caller that goes away must not leave the engine half stopped.
            self._stopping = asyncio.ensure_future(self._stop(drain))
        elif not drain:
            await self._stop(False)
        await asyncio.shield(self._stopping)
        if self._status == "draining":
            counts = self._control.snapshot(Cursor(tables=False, limit=0)).counts
            self._left = counts.queued + counts.held + counts.running
            self._status = "closed"

    @property
    def blocked(self) -> Blocked | None:
        """None: what blocks this loop blocks the screen as well."""
        return None

    @property
    def status(self) -> str:
        """starting, connected, draining, lost (it could not start) or closed."""
        return self._status

    @property
    def started(self) -> bool:
        """Whether the engine ever came up."""
        return self._started

    @property
    def reason(self) -> str:
        """Why the engine could not start; '' if it did: in this process it can't be lost."""
        return self._reason

    @property
    def deaths(self) -> Sequence[str]:
        """None: with the engine this process would have died."""
        return ()

    @property
    def journal(self) -> str:
        """The path of what keeps accepted events on disk; '' if nothing does."""
        return self._journal()

    @property
    def seconds_left(self) -> float:
        """Until a drain that is under way is given up; 0 when there is none."""
        if self._status != "draining" or not self._drain_ends:
            return 0.0
        return max(self._drain_ends - asyncio.get_running_loop().time(), 0.0)

    @property
    def left(self) -> int | None:
        """Events that were not finished at the end; None before, or if it is not this link's."""
        return self._left if self.owned else None

    @property
    def process(self) -> int:
        """0: it is this one."""
        return 0

    async def _ask(self, request: AnyRequest) -> bytes:
        if self._status in ("lost", "closed"):
            raise LinkError(self._reason or "the link is closed")
        if isinstance(request, Execute) and self._status == "draining":
            raise LinkError("the engine is stopping: nothing is changed any more")
        await asyncio.sleep(0)  # who asks again and again must not keep the engine from working
        request = _requests.decode(encode(request))
        if isinstance(request, Execute):
            return encode(await execute(self._control, request))
        with self._cost:
            return encode(look_up(self._control, request, self._cost.share))
