"""Swapping: another configuration runs, for all sessions or for some, without a stop."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from agentflow.config import Config, Problem
from agentflow.config.difference import diff
from agentflow.engine.history import Change, Version
from agentflow.engine.parts import Parts
from agentflow.engine.plan import Plan, PlannedAgent, Vitals, breaker_policy
from agentflow.errors import RunnerNotRunning
from agentflow.resilience.dead_letters import describe


class Swapping(Parts):
    """The side of a runner that goes from one plan to the next."""

    async def apply(self, config: Config, cause: str = "applied") -> Change:
        """Run under another configuration from the next event on.

        What is running finishes under the plan it began with. Raises ConfigError, and
        then changes nothing. ``cause`` is for the history.
        """
        if self._status == "new":
            raise RunnerNotRunning("the runner has not been started")
        async with self._applying:
            plan = self._compiler.compile(config, self.next_number())
            for agent in plan.agents.values():
                await self._get_ready(agent.vitals, agent.code)
            return self._take(config, cause)

    def _take(self, config: Config, cause: str) -> Change:
        """Swap ``config`` in, all at once."""
        changed = [str(difference) for difference in diff(self.config, config)]
        # Compiled again: agents may have been registered while others got ready.
        number = self.next_number()
        self.rollout.replaced(number)
        plan = self._compiler.compile(config, number)
        self.version = number
        self.config = config
        if any(text.startswith("journal") for text in changed):
            self.report("warning", "what changed under [journal] applies at the next start")
        if any(text.startswith("recording") for text in changed):
            self.report("warning", "what changed under [recording] applies at the next start")
        self._take_limits(config)
        self._swap(plan)
        self._note_version(cause, changed)
        return Change(self.version, changed)

    async def undo(self) -> Change:
        """Go back to the configuration before the current one, as a new version.

        While one is being tried out, that is what ends. Raises ValueError when there is none.
        """
        if self.dispatcher.canary is not None:
            return self.rollout.end("undone")
        current = self.history.current
        target = self.history.target_of_undo()
        if current is None or target is None:
            raise ValueError("there is no earlier configuration to go back to")
        return await self.apply(target.config, f"undo of v{current.number}")

    async def adopt(self, config: Config) -> None:
        """Run under ``config`` as the current version, without making a new one."""
        plan = self._compiler.compile(config, self.version)
        for agent in plan.agents.values():
            await self._get_ready(agent.vitals, agent.code)
        self.config = config
        self._swap(plan)

    def refuse(self, problems: Sequence[Problem], text: str) -> None:
        """Note that a configuration was not taken; what runs stays."""
        self.history.refuse(list(problems), text)

    def next_number(self) -> int:
        """The number that the next version will have."""
        return max(self.version, self.history.last_number) + 1

    # -- trying one out ---------------------------------------------------------------------

    async def try_out(self, config: Config, share: float = 100.0, cause: str = "applied") -> Change:
        """Run ``share`` percent of the sessions that are new under another configuration.

        Sessions that something is open of, or that are remembered, stay under the one that
        runs; so does whatever belongs to them. ``promote`` makes the new one that of all,
        ``abort_canary`` ends it; with 100 percent it is that of all as soon as the known
        sessions are done. Limits of the runner change only then.

        Raises ConfigError, and ValueError for a share that is none, without a change in
        meaning, and while another one is tried out; then nothing is changed.
        """
        if self._status == "new":
            raise RunnerNotRunning("the runner has not been started")
        async with self._applying:
            self.rollout.check(config, share)
            plan = self.compile_apart(config, self.next_number())
            for agent in plan.agents.values():
                await self._get_ready(agent.vitals, agent.code)
            # Compiled again: agents may have been registered while others got ready.
            return self.rollout.begin(self.compile_apart(config, plan.version), share, cause)

    def promote(self, who: str = "") -> Change:
        """What is being tried out is for all sessions from now on. Raises ValueError."""
        return self.rollout.promote(f" by {who}" if who else "")

    def abort_canary(self, who: str = "") -> Change:
        """What is being tried out has ended; what runs finishes under it. Raises ValueError."""
        return self.rollout.end(f"ended by {who}" if who else "ended")

    def compile_apart(self, config: Config, version: int) -> Plan:
        """A plan to run beside the other one. Raises ConfigError."""
        return self._compiler.compile(config, version, apart=True)

    def take_promoted(self, plan: Plan) -> None:
        """Run everything under a plan that has been tried out."""
        self._compiler.join()
        self.version = plan.version
        self.config = plan.config
        self._take_limits(plan.config)
        self._swap(plan)

    def drop_apart(self, plan: Plan) -> None:
        """Run nothing more under a plan that has been tried out."""
        self._compiler.part()
        # The breakers are shared by name, and have the policy of what was compiled last.
        for agent in self.plan.agents.values():
            agent.vitals.breaker.policy = breaker_policy(self.config)
        self._retire(plan, self.plan)
        self.dispatcher.look_express()
        self.dispatcher.wake_all()

    # -- from one plan to the next ------------------------------------------------------------

    async def _get_ready(self, vitals: Vitals, code: Any) -> None:
        if not code.started:
            try:
                async with asyncio.timeout(self.config.orchestration.timeout_seconds or None):
                    await code.start()
            except Exception as error:
                # Its runs will try again, and fail where everybody can see it.
                self.report(
                    "error", f"agent {vitals.name!r} failed to initialize: {describe(error)}"
                )
                self.supervisor.not_ready(vitals)
                return
            vitals.ready = True
            vitals.clear = self.dispatcher.is_clear(vitals)

    def _take_limits(self, config: Config) -> None:
        runtime = config.runtime
        self.dispatcher.queue_size = runtime.queue_size
        self.dispatcher.resize(runtime.max_concurrent_events)
        self.dispatcher.look_room()

    def _swap(self, plan: Plan) -> None:
        old, self.dispatcher.plan = self.dispatcher.plan, plan
        self._retire(old, plan)
        self.breakpoints.take(plan.config.breakpoints.at)
        for point in self.breakpoints.left_behind():
            self.notice(
                f"breakpoint {point.number} ({point.where}) stops nothing any more: "
                "no agent is called so",
                60.0,
            )
        self.dispatcher.look_express()
        self.dispatcher.wake_all()

    def _retire(self, old: Plan, plan: Plan) -> None:
        """``old`` has been left for ``plan``: let go of the agents that are in no use now."""
        agents = self.agents
        canary = self.dispatcher.canary
        kept = {agent.code for agent in plan.agents.values()}
        if canary is not None:
            kept |= {agent.code for agent in canary.plan.agents.values()}
        for agent in old.agents.values():
            if agent.code.agent is not None and agent.code not in kept:
                self.subscribers.in_background(self._shut_down(agent))
        for name, vitals in self._compiler.vitals.items():
            if name not in agents and (vitals.paused or vitals.held or vitals.gate):
                # Nobody can resume an agent that is gone: what it held must end.
                self.supervisor.resumed(vitals, "it was taken out of the configuration")
                vitals.paused = False
                self.dispatcher.let_go(vitals)

    async def _shut_down(self, agent: PlannedAgent) -> None:
        """Let a removed agent finish what it runs, then shut it down."""
        await self.dispatcher.finished(agent.name)
        await agent.code.stop()

    def _note_version(self, cause: str, differences: list[str]) -> None:
        now = self.dispatcher.clock.time()
        version = Version(self.version, self.config, now, cause, differences)
        self.history.add(version)
        self.keep_version(version)

    def keep_version(self, version: Version) -> None:
        """Let a version be known after a new start as it is now."""
        if self._keeping is not None:
            self._keeping.keep_version(version)
        if self.dispatcher.recorder is not None:
            from agentflow.engine import recording

            self.dispatcher.recorder.version(recording.record_of(version))
