"""Announcing: one line about a configuration that changed without anybody here doing it."""

from __future__ import annotations

from collections.abc import Sequence

from agentflow.telemetry.snapshot import AuditRow, Config


class ConfigNews:
    """Compares each configuration with the one seen before."""

    def __init__(self) -> None:
        self._seen: Config | None = None

    def of(self, config: Config | None) -> tuple[str, bool | None] | None:
        """The sentence and whether it went well, or None when there is nothing to say.

        What an operator did is left out: its answer says it.
        """
        seen, self._seen = self._seen, config
        if config is None or seen is None or config is seen:
            return None
        file = config.path.rpartition("/")[2] or "The configuration"
        if config.version > seen.version:
            return _applied(config, file)
        if config.status == "refused" and (config.problems, config.text) != (
            seen.problems,
            seen.text,
        ):
            return _refused(config, file)
        if config.status == "ok" and seen.status == "refused":
            return f"{file} is right again; v{config.version} runs on.", True
        return None


class AuditNews:
    """What other operators did, as it comes in."""

    def __init__(self, me: str) -> None:
        self._me = me
        self._seen = -1

    def of(self, rows: Sequence[AuditRow]) -> str:
        """One sentence about what somebody else did last; '' for nothing."""
        last = rows[-1].seq if rows else 0
        since, self._seen = self._seen, last
        if since < 0:
            return ""  # it was done before this console was there
        news = [
            row for row in rows[-20:]
            if row.seq > since and row.operator != self._me and row.outcome == "done"
        ]  # fmt: skip
        return f"{news[-1].operator or 'somebody'}: {news[-1].detail}" if news else ""


def _applied(config: Config, file: str) -> tuple[str, bool | None] | None:
    row = config.versions[-1] if config.versions else None
    if row is None or row.cause.startswith(("operator", "undo", "rollback")):
        return None
    return f"{file} {row.cause}: {row.summary}, applied as v{row.number} (u: undo)", None


def _refused(config: Config, file: str) -> tuple[str, bool | None]:
    errors = [problem for problem in config.problems if problem.severity == "error"]
    if not errors:
        return f"{file} is refused; v{config.version} runs on.", False
    first = errors[0]
    more = f" (+{len(errors) - 1})" if len(errors) > 1 else ""
    place = f"{first.line}:{first.column}: " if first.line else ""
    return f"{file}:{place}{first.message}{more}; v{config.version} runs on", False
