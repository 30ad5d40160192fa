"""WhatIf: recorded sessions run under another configuration, and what comes of that."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

from agentflow.config import Config
from agentflow.recording.records import Story, VersionRecord
from agentflow.whatif.choices import RECORDED, RERUN, Choices
from agentflow.whatif.recorded import Book, chosen, families
from agentflow.whatif.report import SessionReport, compare_sessions
from agentflow.whatif.sandbox import Sandbox
from agentflow.whatif.trace import EventTrace, recorded_trace
from agentflow.whatif.versions import Versions, not_as_recorded

BATCH = 500
"""Events that are run together; more of them when they belong together."""


class WhatIf:
    """Runs ``stories`` under ``config``: iterate over it for one report a session.

    ``versions`` are the configurations that the recording was made under. Everything blocks.
    """

    def __init__(
        self,
        stories: Iterable[Story],
        versions: Iterable[VersionRecord],
        config: Config,
        choices: Choices | None = None,
    ) -> None:
        self.config = config
        self.choices = choices or Choices()
        self.versions = Versions(versions)
        self._families = families(chosen(stories))
        self._stories = [story for family in self._families for story in family]
        self.events = len(self._stories)
        """How many recorded events there are."""
        self.progress: Callable[[int], object] = lambda done: None
        """Told how many of them have been run, from time to time."""
        latest = max((story.version for story in self._stories), default=0)
        self.recorded_config = self.versions.config(latest)
        """The configuration that the latest of them ran under, None if it can't be told."""

    def __iter__(self) -> Iterator[SessionReport]:
        """Raises ConfigError when an agent that is to run again has no code to run."""
        done = 0
        with self.sandbox() as sandbox:
            for batch in self._batches():
                sandbox.progress = partial(self._told, done)
                yield from compare_sessions(self.recorded(batch), sandbox.run(batch))
                done += len(batch)

    def _told(self, before: int, ended: int) -> None:
        self.progress(before + ended)

    def sandbox(self) -> Sandbox:
        """The sandbox that the events are run in."""
        return Sandbox(
            self.config,
            self.choices,
            registered=self.versions.registered(self._stories),
            recorded_config=self.recorded_config,
            choice_of=self.versions.choice,
        )

    def recorded(self, stories: Iterable[Story]) -> list[EventTrace]:
        """What the recording tells of ``stories``, in a form to compare with a new run."""
        book = Book(stories)
        return [recorded_trace(told, self.versions.parallel(told)) for told in book.events.values()]

    def notes(self) -> list[str]:
        """What an operator should know of these choices before trusting the verdict."""
        return [*self._run_for_real(), *self._not_shown()]

    def _run_for_real(self) -> list[str]:
        names = [name for name in self.config.agents if self.choices.of(name) == RERUN]
        if self.choices.missing == RERUN:
            names.append("whatever is not recorded")
        return [f"run again, with all side effects: {', '.join(names)}"] if names else []

    def _not_shown(self) -> list[str]:
        if self.recorded_config is None:
            return ["the configuration of the recording can't be read: the order of agents that "
                    "may have run side by side is not compared"]  # fmt: skip
        names = [name for name in self.config.agents if self.choices.of(name) == RECORDED]
        changed = not_as_recorded(self.recorded_config, self.config, names)
        if not changed:
            return []
        said = "; ".join(changed[:3]) + (f"; {len(changed) - 3} more" if len(changed) > 3 else "")
        return [f"{said}: recorded outputs can't show what that changes, only a rerun can"]

    def _batches(self) -> Iterator[Sequence[Story]]:
        batch: list[Story] = []
        for family in self._families:
            batch += family
            if len(batch) >= BATCH:
                yield batch
                batch = []
        if batch:
            yield batch
