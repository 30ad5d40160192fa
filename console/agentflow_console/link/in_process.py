"""InProcessLink: the same link to an engine on this very loop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import msgspec

from agentflow.telemetry.snapshot import Blocked
from agentflow_console.link.answering import Answers, execute, look_up
from agentflow_console.link.asking import AskingLink
from agentflow_console.link.frames import encode
from agentflow_console.link.messages import AnyRequest, Execute
from agentflow_console.link.protocol import LinkError

_requests = msgspec.msgpack.Decoder(AnyRequest)


class InProcessLink(AskingLink):
    """A link without a process between: for a user's own program, and for tests.

    Everything passes through the same encoding as over a socket, so that only plain
    data crosses. ``start`` and ``stop`` bring the engine up and down, if that is the
    link's business; ``stop`` is told whether to drain.
    """

    def __init__(
        self,
        control: Answers,
        *,
        start: Callable[[], Awaitable[None]] | None = None,
        stop: Callable[[bool], Awaitable[None]] | None = None,
    ) -> None:
        super().__init__()
        self._control = control
        self._start = start
        self._stop = stop
        self._status = "starting"
        self._started = False
        self._reason = ""

    async def start(self) -> None:
        """Bring the engine up, if that is this link's business. Raises LinkError if it can't."""
        if self._start is not None:
            try:
                await self._start()
            except LinkError as error:
                self._status, self._reason = "lost", str(error)
                raise
        self._status = "connected"
        self._started = True

    async def close(self, *, drain: bool = True) -> None:
        """Stop the engine, if that is this link's business."""
        if self._status == "closed":
            return
        self._status = "closed"
        if self._stop is not None:
            await self._stop(drain)

    @property
    def blocked(self) -> Blocked | None:
        """None: what blocks this loop blocks the screen as well."""
        return None

    @property
    def status(self) -> str:
        """starting, connected, lost (it could not start) or closed."""
        return self._status

    @property
    def started(self) -> bool:
        """Whether the engine ever came up."""
        return self._started

    @property
    def reason(self) -> str:
        """Why the engine could not start; '' if it did: in this process it can't be lost."""
        return self._reason

    async def _ask(self, request: AnyRequest) -> bytes:
        if self._status in ("lost", "closed"):
            raise LinkError(self._reason or "the link is closed")
        await asyncio.sleep(0)  # who asks again and again must not keep the engine from working
        request = _requests.decode(encode(request))
        if isinstance(request, Execute):
            return encode(await execute(self._control, request))
        return encode(look_up(self._control, request))
