"""Lives in which operators set breakpoints, and do everything that can be done at a stop."""

from __future__ import annotations

from agentflow.engine.stops import VERDICTS, Stop

from .journaled_lives import JournaledLife
from .lives import AGENTS, DEEDS, Life

HOOKS = ("", "BeforeEventHandling", "BeforeAgentRun", "AfterAgentRun", "AgentError",
         "AfterEventHandling")  # fmt: skip
STOPPING = ("break",) * 3 + ("unbreak",) + ("go",) * 8


class Stopping(Life):
    """What happens at breakpoints is drawn from the same seed as all the rest."""

    deeds = (*DEEDS, *STOPPING)

    async def do(self, deed: str) -> None:
        rng, breakpoints = self.rng, self.runner.breakpoints
        if deed == "break":
            breakpoints.set(
                rng.choice(HOOKS),
                rng.choice(["", *AGENTS, "[ab]"]),
                when=rng.choice(["", "", "data.n>10", "-state.what:text", "attempt>1"]),
                stop_at=rng.choice([1, 1, 2, 5]),
            )
        elif deed == "unbreak" and len(breakpoints):
            breakpoints.remove(rng.choice([point.number for point in breakpoints]))
        elif deed == "go":
            for stop in list(breakpoints.stops.values())[: rng.choice([1, 1, 9])]:
                if not (stop.verdict or stop.execution.ended):  # dropped or given up beside it
                    self.go(stop)
        await super().do(deed)

    def go(self, stop: Stop) -> None:
        """Edit it perhaps, then let it go on somehow."""
        rng = self.rng
        if rng.random() < 0.4:
            event = stop.execution.event
            stop.edit(data={**event.data, "edited": rng.randrange(3)})
        if rng.random() < 0.3:
            stop.edit(state={**stop.state, "put": rng.randrange(3)}, meta={"by": "hand"})
        stop.skip = rng.random() < 0.2
        stop.go(rng.choice([*VERDICTS, "continue", "continue"]))

    async def finish(self) -> None:
        """Nothing is stopped any more, and all that was goes on."""
        breakpoints = self.runner.breakpoints
        for point in breakpoints:
            breakpoints.remove(point.number)
        breakpoints.stepping.clear()
        for stop in list(breakpoints.stops.values()):
            if not stop.execution.ended:
                stop.go("continue")
        await super().finish()
        assert not breakpoints.stops
        assert not breakpoints.clock._roots


class MortalStopping(Stopping, JournaledLife):
    """The same, with a journal and with deaths of the process."""

    deeds = (*JournaledLife.deeds, *STOPPING)
