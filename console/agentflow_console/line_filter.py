"""LineFilter: the last choke point between the screens and the terminal.

Every strip of every widget passes through it. The panes made their text safe before; what
gets here from a toast, an input field or a widget of someone else is made inert here.
"""

from __future__ import annotations

import re

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

_HOSTILE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]"
)


class InertLines(LineFilter):
    """Takes out every character that could command a terminal or turn the reading direction.

    Nothing moves: what took a cell leaves a replacement character of one cell.
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
            else Segment(_HOSTILE.sub(_inert, segment.text), segment.style, None)
            for segment in segments
        ]


def _inert(found: re.Match[str]) -> str:
    return "\N{REPLACEMENT CHARACTER}" * cell_len(found[0])
