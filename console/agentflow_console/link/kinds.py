"""Kinds: telling a recording's link from others, without importing what it is made of."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agentflow_console.link.protocol import Link
    from agentflow_console.link.recorded import RecordedLink


def as_recorded(link: Link) -> RecordedLink | None:
    """The link, if it is one to a recording.

    While nothing is replayed nobody has imported that, with half of the engine behind it.
    """
    if "agentflow_console.link.recorded" not in sys.modules:
        return None
    from agentflow_console.link.recorded import RecordedLink

    return link if isinstance(link, RecordedLink) else None
