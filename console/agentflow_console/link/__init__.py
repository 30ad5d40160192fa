"""The link: one small protocol between an engine and whoever watches it."""

from agentflow_console.link.protocol import Link, LinkError

__all__ = ["Link", "LinkError"]
