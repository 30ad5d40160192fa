"""LineFilter: the last choke point between the screens and the terminal.

Every strip of every widget passes through it. The panes made their text safe before; what
gets here from a toast, an input field or a widget of someone else is made inert here.
"""

from __future__ import annotations

import re

from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

_HOSTILE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]"
)


class InertLines(LineFilter):
    """Drops every character that could command a terminal or turn the reading direction.

    All of them take no cells, so dropping them moves nothing.
    """

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The segments, harmless; the same list when there was nothing to do."""
        search = _HOSTILE.search
        for segment in segments:
            if not segment.text.isprintable() and search(segment.text):
                break
        else:
            return segments
        return [
            segment
            if segment.control
            else Segment(_HOSTILE.sub("", segment.text), segment.style, None)
            for segment in segments
        ]
