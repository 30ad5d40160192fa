"""Rollout: a new configuration for new sessions, or for a share of them, before it is for all.

One at a time. It ends when somebody promotes it or gives it up, when another configuration
is applied to everything, and with its engine: it may be what killed that.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from agentflow.config import Config
from agentflow.config.difference import diff
from agentflow.engine.canary import WHOLE, Canary
from agentflow.engine.history import CANARY, ENDED, Change, Version
from agentflow.errors import ConfigError

if TYPE_CHECKING:
    from agentflow.engine.plan import Plan
    from agentflow.engine.runner import Runner

MOST_HANDED_OVER = 200_000
"""A canary with more known sessions than that ends with its engine's code."""

NOTICED = 15.0
"""Seconds for which an end that nobody asked for is worth a line."""


class Rollout:
    """Starts, promotes and ends the canary of one runner."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    @property
    def canary(self) -> Canary | None:
        """What is being tried out."""
        return self._runner.dispatcher.canary

    def check(self, config: Config, share: float) -> list[str]:
        """The differences that would be tried out. Raises ValueError if that makes no sense."""
        if not 0 < share <= WHOLE:
            raise ValueError("a share is more than 0 and at most 100 percent of the new sessions")
        if self.canary is not None:
            raise ValueError(
                f"v{self.canary.plan.version} is being tried out: promote it or end it first"
            )
        if self._runner.dispatcher.backlog.unread is not None:
            raise ValueError(
                "the journal is still being read, and with it which sessions there are: "
                "try it again in a moment"
            )
        differences = [str(difference) for difference in diff(self._runner.config, config)]
        if not differences:
            raise ValueError("there is no change in meaning to try out")
        return differences

    def begin(self, plan: Plan, share: float, cause: str) -> Change:
        """Let ``plan`` have its share of the sessions that nobody knows yet."""
        runner = self._runner
        differences = self.check(plan.config, share)
        words = "new sessions" if share >= WHOLE else f"canary {share:g}%"
        cause = f"{cause}, {words}"
        now = runner.dispatcher.clock.time()
        self._set(Canary(plan, runner.version, share, self.known_sessions(), now, cause))
        version = Version(plan.version, plan.config, now, cause, differences, CANARY)
        runner.history.add(version)
        runner.keep_version(version)
        return Change(plan.version, differences)

    def known_sessions(self) -> set[str]:
        """The sessions that something is open of, or that are remembered."""
        dispatcher, telemetry = self._runner.dispatcher, self._runner.telemetry
        known = {execution.event.session_id for execution in telemetry.settled.items}
        if dispatcher.backlog.ordered:
            known.update(dispatcher.backlog.sessions)
        else:
            known.update(execution.event.session_id for execution in dispatcher.live())
        return known

    def promote(self, who: str) -> Change:
        """The new plan is for everything from now on. Raises ValueError without a canary."""
        canary = self._there()
        self._set(None)
        runner = self._runner
        version = runner.history.find(canary.plan.version)
        self._mark(canary, "", f"{canary.cause}, promoted{who}")
        runner.take_promoted(canary.plan)
        return Change(canary.plan.version, version.differences if version else [])

    def end(self, why: str) -> Change:
        """The old plan is for everything again. Raises ValueError without a canary.

        What runs under the new one finishes under it.
        """
        canary = self._there()
        self._set(None)
        self._mark(canary, ENDED, f"{canary.cause}, {why}")
        self._runner.drop_apart(canary.plan)
        return Change(canary.old, [])

    def replaced(self, by: int) -> None:
        """Another configuration is for everything now: that ends it, and is said."""
        if self.canary is not None:
            number = self.canary.plan.version
            self.end(f"replaced by v{by}")
            self._say(f"the canary v{number} has ended: v{by} is for all sessions now")

    def tick(self) -> None:
        """Once a second: when every session has the new plan, it is the only one."""
        canary = self.canary
        if canary is None or canary.share < WHOLE:
            return
        settled = self._runner.telemetry.settled
        if canary.patience is None:
            # By then the engine before would have forgotten what was ended when it stopped.
            canary.patience = settled.total + (settled.items.maxlen or 0)
        if settled.total < canary.patience:
            return
        alive: set[str] | None = None

        def is_alive(session: str) -> bool:
            nonlocal alive
            if session in self._runner.dispatcher.backlog.sessions:
                return True
            if alive is None:
                alive = self.known_sessions()
            return session in alive

        if canary.over(is_alive):
            old = canary.old
            self.promote("")
            self._say(f"all sessions of v{old} are done: v{canary.plan.version} is for all now")

    # -- from one engine to the next ----------------------------------------------------------

    def pack(self) -> dict[str, Any] | None:
        """What another engine needs to go on with it; None if there is nothing to."""
        canary = self.canary
        if canary is None or len(canary.known) > MOST_HANDED_OVER:
            return None
        return {
            "number": canary.plan.version,
            "share": canary.share,
            "known": list(canary.known),
            "since": canary.since,
            "cause": canary.cause,
        }

    def resume(self, left: Mapping[str, Any] | None) -> None:
        """Go on with the canary of the engine before; its figures begin anew.

        One that can't go on, with that engine's code or without its sessions, has ended.
        """
        runner = self._runner
        version = runner.history.find(left["number"]) if left is not None else None
        if left is not None and version is not None and version.state == CANARY:
            try:
                plan = runner.compile_apart(version.config, version.number)
            except ConfigError as error:
                self._say(f"the canary v{version.number} can't go on: {error.problems[0]}")
            else:
                known = set(left["known"])
                canary = Canary(
                    plan, runner.version, left["share"], known, left["since"], left["cause"]
                )
                canary.patience = None
                self._set(canary)
        self.forget()

    def forget(self) -> None:
        """Versions that were being tried out when another engine ended are given up."""
        runner = self._runner
        going_on = self.canary.plan.version if self.canary is not None else 0
        for version in [*runner.history.versions]:
            if version.state == CANARY and version.number != going_on:
                cause = f"{version.cause}, ended with its engine"
                marked = runner.history.mark(version.number, ENDED, cause)
                if marked is not None:
                    runner.keep_version(marked)
                self._say(
                    f"the canary v{version.number} has ended with its engine: "
                    f"v{runner.version} is for all sessions"
                )

    def _there(self) -> Canary:
        if self.canary is None:
            raise ValueError("nothing is being tried out")
        return self.canary

    def _set(self, canary: Canary | None) -> None:
        dispatcher = self._runner.dispatcher
        dispatcher.canary = canary
        dispatcher.look_express()

    def _mark(self, canary: Canary, state: str, cause: str) -> None:
        marked = self._runner.history.mark(canary.plan.version, state, cause)
        if marked is not None:
            self._runner.keep_version(marked)

    def _say(self, text: str) -> None:
        self._runner.report("warning", text)
        self._runner.notice(text, NOTICED)
