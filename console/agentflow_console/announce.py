"""Announcing: one line about a configuration that changed without anybody here doing it."""

from __future__ import annotations

from agentflow.telemetry.snapshot import Config


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
