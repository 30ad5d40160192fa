"""ChildLink: the link to an engine in a process of its own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import msgspec

from agentflow.telemetry.snapshot import Blocked, Cursor, EventRow, Snapshot
from agentflow_console.host_options import HostOptions
from agentflow_console.journals import shown
from agentflow_console.link.asking import AskingLink
from agentflow_console.link.continuity import Continuity
from agentflow_console.link.engine_connection import EngineConnection
from agentflow_console.link.intensity import RestartIntensity
from agentflow_console.link.messages import AnyRequest, CodeChanged, Draining, Execute, Push, Stuck
from agentflow_console.link.process import EngineProcess
from agentflow_console.link.protocol import LinkError

_SILENCE = 1.0  # seconds without an answer or a word from the watchdog
_STARTING = "; it is being started again"
_ANSWERING = ("connected", "draining")


class ChildLink(AskingLink):
    """Starts the engine's process, talks to it, and supervises it.

    An engine that dies and has a journal is started again, and goes on with what the
    journal has kept, unless it dies too often. When handler code changes another engine
    takes over. Whoever watches sees one stream of snapshots all the time.

    At most one pull is in flight; commands run beside each other and wait while one
    engine hands over to the next.
    """

    def __init__(
        self,
        options: HostOptions,
        process: EngineProcess | None = None,
        intensity: RestartIntensity | None = None,
    ) -> None:
        """``process`` is one that has been started ahead with the same options."""
        super().__init__()
        self._options = options
        self._process = process
        self._intensity = intensity or RestartIntensity()
        self._engine: EngineConnection | None = None
        self._status = "starting"
        self._started = False
        self._reason = ""
        self._journal = ""
        self._hastened = False
        self._deaths: list[str] = []
        self._blocked: Blocked | None = None
        self._continuity = Continuity()
        self._pulling = asyncio.Lock()
        self._asked = 0.0  # when the pull in flight was asked for; 0 when there is none
        self._commands = asyncio.Event()
        self._commands.set()
        self._restarting: asyncio.Task[None] | None = None
        self._replacing: asyncio.Task[None] | None = None
        self._changed_again = False
        self._retired: EngineConnection | None = None  # it has handed over, and may go

    async def start(self) -> None:
        """Bring the engine up. Raises LinkError with the reason if it can't start."""
        try:
            process = self._process or EngineProcess(self._options)
        except OSError as error:
            self._lose(f"the engine's process can't be started: {error}")
            raise LinkError(self._reason) from error
        self._process = None
        engine = self._engine = self._connect(process)
        try:
            await engine.ready()
        except LinkError as error:
            self._lose(str(error))
            await engine.stop(drain=False)
            raise
        self._journal = engine.journal
        if self._status == "starting":
            self._status = "connected"
        self._started = True

    async def pull(self, cursor: Cursor) -> Snapshot:
        """What the engine is now, and what happened since the cursor."""
        async with self._pulling:
            self._asked = time.time()
            try:
                snapshot = await super().pull(self._continuity.to_engine(cursor))
                return self._continuity.to_screen(snapshot)
            finally:
                self._asked = 0.0

    async def page(self, before: int, limit: int) -> list[EventRow]:
        """Settled events older than the settle order ``before``, at most ``limit``."""
        before -= self._continuity.event_base
        return await super().page(before, limit) if before > 0 else []

    async def close(self, *, drain: bool = True) -> None:
        """Stop the engine and wait until it has ended. A second call without drain hastens it."""
        self._hastened = self._hastened or not drain
        # What is not up has nothing to finish, or has it in the journal.
        drain = drain and self._status in _ANSWERING
        if self._status == "connected":
            self._status = "draining"
        if self._restarting is not None:
            self._restarting.cancel()
            await asyncio.gather(self._restarting, return_exceptions=True)
            self._reason = self._reason.removesuffix(_STARTING)
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
            where = self._blocked.where if self._blocked else ""
            await self._engine.stop(drain=drain)
            if drain and not self._hastened and self._engine.left is None:
                self._reason = self._why_no_end(self._engine, where)
        self._status, self._blocked = "closed", None

    def _why_no_end(self, engine: EngineConnection, where: str) -> str:
        if engine.overran:
            place = f"; it was at {where}" if where else ""
            return f"the engine did not end in its time and was killed{place}"
        return engine.process.how_it_ended()

    # -- how it is ------------------------------------------------------------------------

    @property
    def blocked(self) -> Blocked | None:
        """The code that keeps the engine's loop from going round, while it does."""
        if self._blocked is None and self._asked and time.time() - self._asked > _SILENCE:
            return Blocked("", self._asked, "native code that holds the interpreter", [])
        return self._blocked

    @property
    def status(self) -> str:
        """starting, connected, restarting, draining, lost or closed."""
        return self._status

    @property
    def started(self) -> bool:
        """Whether the engine ever came up."""
        return self._started

    @property
    def reason(self) -> str:
        """Why the engine was lost, or died and is started again; '' while it is there."""
        return self._reason

    @property
    def deaths(self) -> Sequence[str]:
        """For each time that the engine was started again after a death: how it had died."""
        return self._deaths

    @property
    def journal(self) -> str:
        """The path of what keeps accepted events on disk; '' if nothing does."""
        return self._journal

    @property
    def seconds_left(self) -> float:
        """Until a drain that is under way is given up; 0 when there is none."""
        if self._status != "draining" or self._engine is None or not self._engine.drain_ends:
            return 0.0
        return max(self._engine.drain_ends - asyncio.get_running_loop().time(), 0.0)

    @property
    def left(self) -> int | None:
        """Events that were not finished at the end; None before, or if nobody can know."""
        counts = self._engine.left if self._engine is not None else None
        return counts.queued + counts.held + counts.running if counts is not None else None

    @property
    def owned(self) -> bool:
        """True: the engine is there for this link alone."""
        return True

    @property
    def process(self) -> int:
        """Id of the engine's process."""
        return self._engine.process.pid if self._engine is not None else 0

    # -- talking to it --------------------------------------------------------------------

    async def _ask(self, request: AnyRequest) -> bytes:
        if isinstance(request, Execute):
            if self._status == "draining":
                raise LinkError("the engine is stopping: nothing is changed any more")
            await self._commands.wait()
        if self._status not in _ANSWERING or self._engine is None:
            raise LinkError(self._reason or f"the link is {self._status}")
        return await self._engine.ask(request)

    def _connect(self, process: EngineProcess) -> EngineConnection:
        return EngineConnection(process, self._take_push, self._take_loss)

    def _take_push(self, engine: EngineConnection, message: Push) -> None:
        if engine is not self._engine:
            return
        if isinstance(message, Stuck):
            self._blocked = message.blocked
        elif isinstance(message, Draining):
            if self._status == "connected":  # somebody else wants it to end
                self._status = "draining"
        elif isinstance(message, CodeChanged):
            if self._status != "connected":
                return
            if self._replacing is None:
                self._replacing = asyncio.get_running_loop().create_task(self._replace())
            else:
                self._changed_again = True

    # -- supervision ----------------------------------------------------------------------

    def _take_loss(self, engine: EngineConnection, sentence: str) -> None:
        if engine is not self._engine or engine is self._retired or self._status not in _ANSWERING:
            return
        engine.process.clean()
        if self._status == "connected":
            self._start_again(sentence)
        else:
            self._lose(sentence)

    def _start_again(self, sentence: str) -> None:
        """The engine is gone, and ``sentence`` says how: the journal knows what it had to do."""
        if not self._journal:
            self._lose(sentence)
            return
        self._status, self._blocked = "restarting", None
        self._reason = sentence + _STARTING
        self._restarting = asyncio.get_running_loop().create_task(self._restart(sentence))

    def _lose(self, reason: str) -> None:
        self._status, self._reason, self._blocked = "lost", reason, None

    async def _restart(self, sentence: str) -> None:
        """Start an engine that goes on from the journal; and another, should that die too."""
        kept = f"the rest is in {shown(self._journal)}"
        while self._intensity.allows(time.monotonic()):
            self._reason = sentence + _STARTING
            try:
                engine = self._engine = self._connect(EngineProcess(self._options))
            except OSError as error:
                self._lose(f"{sentence}; it can't be started again: {error}; {kept}")
                return
            try:
                await engine.ready()
            except LinkError as error:
                await engine.stop(drain=False)
                if engine.refused:
                    self._lose(f"{sentence}; it can't be started again: {error}; {kept}")
                    return
                self._deaths.append(f"{sentence}; started again")
                sentence = str(error)
                continue
            await self._is_back(engine, f"{sentence}; started again")
            return
        often = f"{self._intensity.most + 1} deaths within {self._intensity.within:g} s"
        self._lose(f"{sentence}; not started again after {often}; {kept}")

    async def _is_back(self, engine: EngineConnection, sentence: str) -> None:
        self._continuity.begin()
        self._journal = engine.journal
        self._deaths.append(sentence)
        self._status, self._reason = "connected", ""
        try:
            await engine.report("error", sentence)
        except LinkError:
            pass  # it has died again, and that will be told

    # -- another engine for changed code --------------------------------------------------

    async def _replace(self) -> None:
        """Bring a new engine up with the new code; it takes over, or the old one stays."""
        try:
            self._changed_again = True
            while self._changed_again and self._status == "connected" and self._engine:
                self._changed_again = False
                await self._replace_once(self._engine)
        finally:
            self._replacing = None

    async def _replace_once(self, old: EngineConnection) -> None:
        options = msgspec.structs.replace(self._options, standby=True)
        try:
            new = self._connect(EngineProcess(options))
        except OSError as error:
            await self._refuse(old, str(error))
            return
        other = new
        try:
            await new.ready()
            self._commands.clear()
            handover = await old.hand_over()
            self._retired = old
            await self._take_over(new, old, handover)
            self._engine, self._blocked, self._journal = new, None, new.journal
            other = old
        except LinkError as error:
            await self._refuse(old, str(error))
        finally:
            self._retired = None
            self._commands.set()
            await other.stop(drain=False)

    async def _take_over(
        self, new: EngineConnection, old: EngineConnection, handover: dict[str, object]
    ) -> None:
        """Have the new engine go on; or the old one again. Raises LinkError if it is not the new.

        Whoever goes on opens the journal, so the other one must have let go of it.
        """
        try:
            await new.take_over(handover)
        except LinkError:
            await new.stop(drain=False)
            try:
                await old.take_over(handover)
            except LinkError as error:
                await old.stop(drain=False)
                self._start_again(f"neither the old code nor the new could go on: {error}")
            raise

    async def _refuse(self, engine: EngineConnection, why: str) -> None:
        try:
            await engine.refuse_code(f"changed code is not used, the old one runs on: {why}")
        except LinkError:
            pass  # it is gone as well, and the loss has been told
