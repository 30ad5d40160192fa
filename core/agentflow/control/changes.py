"""Changes: the commands that change which configuration runs, and the plan of one beforehand."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from agentflow.config import Config
from agentflow.control.words import Answer, Command, Deed
from agentflow.engine import Change, Runner
from agentflow.engine.canary import WHOLE
from agentflow.engine.preview import in_one_line, preview, preview_of_end
from agentflow.telemetry.planned import Preview

_LISTS = ("mode", "collaborative_agents", "sequential_agents", "loop_agent")
SCOPES = ("all", "new_sessions", "share")


class Changes:
    """Does what these commands say; ``plan`` only says what would come of one of them.

    ``mode``, ``apply``, ``rollback`` and ``file`` take ``scope``: all, new_sessions, or share
    with ``share`` in percent of the new sessions.
    """

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._configs: dict[str, Callable[[dict[str, Any]], Config]] = {
            "mode": self._of_mode,
            "apply": self._of_text,
            "rollback": self._of_version,
            "file": self._of_file,
            "undo": self._of_undo,
        }
        self._actions: dict[str, Callable[[Command], Awaitable[Deed]]] = {
            **dict.fromkeys(("mode", "apply", "rollback", "file"), self._change),
            "undo": self._undo,
            "promote": self._promote,
            "abort_canary": self._abort,
        }

    @property
    def names(self) -> list[str]:
        """The commands."""
        return list(self._actions)

    async def execute(self, command: Command) -> Deed:
        """Do it. Raises what Runner.apply does, ValueError, KeyError and TypeError."""
        return await self._actions[command.name](command)

    def plan(self, arguments: dict[str, Any]) -> Preview:
        """What would come of ``of``, the name of a command, with its arguments. Raises as that."""
        name = str(arguments["of"])
        canary = self._runner.dispatcher.canary is not None
        if name in ("promote", "abort_canary") or (name == "undo" and canary):
            return preview_of_end(self._runner, promote=name == "promote")
        if name not in self._configs:
            raise ValueError(f"{name!r} changes no configuration")
        return preview(self._runner, self._configs[name](arguments))

    # -- which configuration is meant ---------------------------------------------------------

    def _of_mode(self, arguments: dict[str, Any]) -> Config:
        values = {
            f"orchestration.{key}": arguments[key]
            for key in _LISTS
            if arguments.get(key) is not None
        }
        return self._runner.config.override(values)

    def _of_text(self, arguments: dict[str, Any]) -> Config:
        return self._runner.config.with_text(str(arguments["text"]))

    def _of_version(self, arguments: dict[str, Any]) -> Config:
        number = int(arguments["version"])
        version = self._runner.history.find(number)
        if version is None:
            raise ValueError(f"there is no version {number} to go back to")
        return version.config

    def _of_file(self, arguments: dict[str, Any]) -> Config:
        """What the file says, without what operators have changed since."""
        current = self._runner.config
        try:
            text = Path(current.path).read_text("utf-8", "replace")
        except OSError as error:
            raise ValueError(f"{current.path} can't be read: {error.strerror}") from error
        return self._runner.given.with_text(text)

    def _of_undo(self, arguments: dict[str, Any]) -> Config:
        target = self._runner.history.target_of_undo()
        if target is None:
            raise ValueError("there is no earlier configuration to go back to")
        return target.config

    # -- doing it -----------------------------------------------------------------------------

    async def _change(self, command: Command) -> Deed:
        runner, arguments = self._runner, command.arguments
        share = _share(arguments)
        config = self._configs[command.name](arguments)
        if share:
            return await self._try_out(config, share, _cause(command))
        before, mode = in_one_line(runner.plan), runner.plan.mode
        undid = f"version:{runner.version}" if command.name == "rollback" else ""
        cause = _cause(command)
        if command.name == "rollback":
            cause = f"rollback to v{int(arguments['version'])}"
        change = await runner.apply(config, cause)
        if command.name == "mode":
            text = f"mode {mode} → {runner.plan.mode}, v{change.version} (u: undo)"
        elif command.name == "rollback":
            text = f"v{int(arguments['version'])} runs again, as v{change.version}{_first(change)}"
        else:
            text = f"applied as v{change.version}{_first(change)}"
        return self._deed(change, text, before, undid)

    async def _try_out(self, config: Config, share: float, cause: str) -> Deed:
        runner = self._runner
        change = await runner.try_out(config, share, cause)
        canary = runner.dispatcher.canary
        assert canary is not None
        who = "new sessions" if share >= WHOLE else f"{share:g}% of the new sessions"
        text = f"v{change.version} is for {who}; v{runner.version} for all others"
        before, after = in_one_line(runner.plan), in_one_line(canary.plan)
        return Deed(Answer(True, text, change.version), _arrow(before, after, change),
                    f"version:{change.version}")  # fmt: skip

    async def _undo(self, command: Command) -> Deed:
        runner = self._runner
        if runner.dispatcher.canary is not None:
            return await self._abort(command)
        undone, before = runner.version, in_one_line(runner.plan)
        change = await runner.undo()
        text = f"undone: v{change.version} runs{_first(change)}"
        return self._deed(change, text, before, f"version:{undone}")

    async def _promote(self, command: Command) -> Deed:
        before = in_one_line(self._runner.plan)
        change = self._runner.promote(command.operator)
        return self._deed(change, f"v{change.version} is for all sessions now", before)

    async def _abort(self, command: Command) -> Deed:
        runner = self._runner
        canary = runner.dispatcher.canary
        number = canary.plan.version if canary is not None else 0
        before = in_one_line(canary.plan) if canary is not None else ""
        change = runner.abort_canary(command.operator)
        text = f"v{number} has ended: v{change.version} is for all sessions again"
        return Deed(
            Answer(True, text, change.version),
            _arrow(before, in_one_line(runner.plan), change),
            f"version:{number}",
            f"version:{number}",
        )

    def _deed(self, change: Change, text: str, before: str, undid: str = "") -> Deed:
        return Deed(
            Answer(True, text, change.version),
            _arrow(before, in_one_line(self._runner.plan), change),
            f"version:{change.version}",
            undid,
        )


def _share(arguments: dict[str, Any]) -> float:
    """Percent of the new sessions; 0 stands for everything. Raises ValueError."""
    scope = str(arguments.get("scope") or "all")
    if scope not in SCOPES:
        raise ValueError(f"{scope!r} is no scope: it is one of {', '.join(SCOPES)}")
    if scope == "all":
        return 0.0
    share = WHOLE if scope == "new_sessions" else float(arguments["share"])
    if not 0 < share <= WHOLE:
        raise ValueError("a share is more than 0 and at most 100 percent of the new sessions")
    return share


def _cause(command: Command) -> str:
    return f"operator {command.operator}".strip()


def _first(change: Change) -> str:
    if not change.differences:
        return ": no change in meaning"
    rest = len(change.differences) - 1
    return f": {change.differences[0]}" + (f" and {rest} more" if rest else "")


def _arrow(before: str, after: str, change: Change) -> str:
    """What changed, in short: the orchestration if that did, else the differences."""
    if before != after:
        return f"{before}  ⇒  {after}"
    return "; ".join(change.differences[:3]) + ("; …" if len(change.differences) > 3 else "")
