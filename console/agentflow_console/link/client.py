"""ChildLink: the link to an engine in a process of its own."""

from __future__ import annotations

import asyncio
import time

import msgspec

from agentflow.telemetry.snapshot import Blocked, Cursor, Snapshot
from agentflow_console.host_options import HostOptions
from agentflow_console.link.asking import AskingLink
from agentflow_console.link.engine_connection import EngineConnection
from agentflow_console.link.messages import AnyRequest, CodeChanged, Execute, Stuck
from agentflow_console.link.process import EngineProcess
from agentflow_console.link.protocol import LinkError

_SILENCE = 1.0  # seconds without an answer or a word from the watchdog


class ChildLink(AskingLink):
    """Starts the engine's process, talks to it, and replaces it when handler code changes.

    At most one pull is in flight; commands run beside each other and wait while one
    engine hands over to the next.
    """

    def __init__(self, options: HostOptions, process: EngineProcess | None = None) -> None:
        """``process`` is one that has been started ahead with the same options."""
        super().__init__()
        self._options = options
        self._process = process
        self._engine: EngineConnection | None = None
        self._status = "starting"
        self._started = False
        self._reason = ""
        self._blocked: Blocked | None = None
        self._pulling = asyncio.Lock()
        self._asked = 0.0  # when the pull in flight was asked for; 0 when there is none
        self._commands = asyncio.Event()
        self._commands.set()
        self._replacing: asyncio.Task[None] | None = None
        self._changed_again = False

    async def start(self) -> None:
        """Bring the engine up. Raises LinkError with the reason if it can't start."""
        try:
            process = self._process or EngineProcess(self._options)
        except OSError as error:
            self._fail(f"the engine's process can't be started: {error}")
            raise LinkError(self._reason) from error
        self._process = None
        engine = self._engine = EngineConnection(process, self._take_push, self._take_loss)
        try:
            await engine.ready()
        except LinkError as error:
            self._fail(str(error))
            await engine.stop(drain=False)
            raise
        self._status = "connected"
        self._started = True

    async def pull(self, cursor: Cursor) -> Snapshot:
        """What the engine is now, and what happened since the cursor."""
        async with self._pulling:
            self._asked = time.time()
            try:
                return await super().pull(cursor)
            finally:
                self._asked = 0.0

    async def close(self, *, drain: bool = True) -> None:
        """Stop the engine and wait until it has ended. A second call without drain hastens it."""
        self._status = "closed"
        if self._replacing is not None:
            if not drain:
                self._replacing.cancel()
            await asyncio.gather(self._replacing, return_exceptions=True)
        if self._process is not None:  # started ahead, but never talked to
            process, self._process = self._process, None
            process.kill()
            await asyncio.to_thread(process.wait, 1.0)
            process.clean()
        if self._engine is not None:
            await self._engine.stop(drain=drain)

    @property
    def blocked(self) -> Blocked | None:
        """The code that keeps the engine's loop from going round, while it does."""
        if self._blocked is None and self._asked and time.time() - self._asked > _SILENCE:
            return Blocked("", self._asked, "native code that holds the interpreter", [])
        return self._blocked

    @property
    def status(self) -> str:
        """starting, connected, lost or closed."""
        return self._status

    @property
    def started(self) -> bool:
        """Whether the engine ever came up."""
        return self._started

    @property
    def reason(self) -> str:
        """Why the engine was lost, as a sentence; '' while it is not."""
        return self._reason

    async def _ask(self, request: AnyRequest) -> bytes:
        if isinstance(request, Execute):
            await self._commands.wait()
        if self._status != "connected" or self._engine is None:
            raise LinkError(self._reason or f"the link is {self._status}")
        return await self._engine.ask(request)

    def _take_loss(self, engine: EngineConnection, sentence: str) -> None:
        if engine is self._engine and self._status == "connected":
            self._fail(sentence)
            engine.process.clean()

    def _fail(self, reason: str) -> None:
        self._status, self._reason, self._blocked = "lost", reason, None

    # -- another engine for changed code --------------------------------------------------

    def _take_push(self, engine: EngineConnection, message: Stuck | CodeChanged) -> None:
        if engine is not self._engine:
            return
        if isinstance(message, Stuck):
            self._blocked = message.blocked
        elif self._replacing is None:
            self._replacing = asyncio.get_running_loop().create_task(self._replace(engine))
        else:
            self._changed_again = True

    async def _replace(self, old: EngineConnection) -> None:
        """Bring a new engine up with the new code; it takes over, or the old one stays."""
        try:
            self._changed_again = True
            while self._changed_again and self._status == "connected":
                self._changed_again = False
                old = await self._replace_once(old)
        finally:
            self._replacing = None

    async def _replace_once(self, old: EngineConnection) -> EngineConnection:
        """The engine that works from now on."""
        options = msgspec.structs.replace(self._options, standby=True)
        try:
            new = EngineConnection(EngineProcess(options), self._take_push, self._take_loss)
        except OSError as error:
            await self._refuse(old, str(error))
            return old
        working, other = old, new
        try:
            await new.ready()
            self._commands.clear()
            handover = await old.hand_over()
            try:
                await new.take_over(handover)
            except LinkError:
                await old.take_over(handover)
                raise
            self._engine, self._blocked = new, None
            working, other = new, old
        except LinkError as error:
            await self._refuse(old, str(error))
        finally:
            self._commands.set()
            await other.stop(drain=False)
        return working

    async def _refuse(self, engine: EngineConnection, why: str) -> None:
        try:
            await engine.refuse_code(f"changed code is not used, the old one runs on: {why}")
        except LinkError:
            pass  # it is gone as well, and the loss has been told
