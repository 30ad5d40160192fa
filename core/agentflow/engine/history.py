"""History: which configurations ran, since when, and what each one changed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

from agentflow.config import Config, Problem

LIMIT = 200

CANARY, ENDED = "canary", "ended"
"""The states of a version that runs for some sessions, and of one that never ran for all."""


class Change(NamedTuple):
    """What came of applying a configuration: its version, and the differences in words."""

    version: int
    differences: list[str]


@dataclass(frozen=True, slots=True)
class Version:
    """One configuration that ran. ``time`` is seconds since the epoch, ``cause`` who asked.

    ``state`` is '' for one that ran for everybody, canary for one that is being tried out,
    ended for one that was tried out and given up.
    """

    number: int
    config: Config
    time: float
    cause: str
    differences: list[str]
    state: str = ""

    @property
    def summary(self) -> str:
        """What changed, in one line."""
        if not self.differences:
            return "first version" if self.number == 1 else "no change in meaning"
        rest = len(self.differences) - 1
        return self.differences[0] + (f" and {rest} more" if rest else "")


class History:
    """The versions that ran, oldest first, and what is wrong with the file on disk, if anything."""

    def __init__(self) -> None:
        self.versions: list[Version] = []
        self.problems: list[Problem] = []
        self.refused_text: str | None = None
        self.revision = 0

    @property
    def current(self) -> Version | None:
        """The version that runs; a canary runs beside it."""
        return next((version for version in reversed(self.versions) if not version.state), None)

    @property
    def last_number(self) -> int:
        """The highest number that a version has; 0 if there is none."""
        return max((version.number for version in self.versions), default=0)

    def add(self, version: Version) -> None:
        """A configuration has started to run."""
        self.versions.append(version)
        del self.versions[:-LIMIT]
        self.problems = version.config.problems
        self.refused_text = None
        self.revision += 1

    def mark(self, number: int, state: str, cause: str) -> Version | None:
        """Note what has become of a version; it as it is now, None if it isn't known."""
        for place, version in enumerate(self.versions):
            if version.number == number:
                changed = replace(version, state=state, cause=cause)
                if not state:  # what runs for everybody stands last
                    del self.versions[place]
                    self.versions.append(changed)
                else:
                    self.versions[place] = changed
                self.revision += 1
                return changed
        return None

    def refuse(self, problems: list[Problem], text: str) -> None:
        """A configuration was not taken; what runs stays."""
        self.problems = list(problems)
        self.refused_text = text
        self.revision += 1

    def find(self, number: int) -> Version | None:
        """The version of this number."""
        return next((version for version in self.versions if version.number == number), None)

    def target_of_undo(self) -> Version | None:
        """The version to go back to: the one before the last change that no undo has left.

        A version that changed nothing is none to go back from, and a canary is no change yet.
        """
        trail: list[Version] = []
        for version in self.versions:
            if version.state:
                continue
            if version.cause.startswith("undo") and len(trail) > 1:
                trail.pop()
            elif version.differences or not trail:
                trail.append(version)
        return trail[-2] if len(trail) > 1 else None
