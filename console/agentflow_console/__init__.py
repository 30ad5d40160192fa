"""A live console for event-driven multi-agent systems.

``Console(runner).run()`` opens it on a runner of your own; ``agentflow-console`` on the
command line opens it on an ``agentflow.toml``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agentflow_console.embedding import Console

__all__ = ["Console"]


def __getattr__(name: str) -> Any:
    # Not imported at once: the command line starts the engine before it imports a screen.
    if name != "Console":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from agentflow_console.embedding import Console

    return Console
