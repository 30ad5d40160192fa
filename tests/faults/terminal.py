"""A strict reader of what goes to a terminal: only what the screens may say gets through."""

from __future__ import annotations

import codecs
import re
import unicodedata

_MODES = "25|1000|1003|1004|1006|1015|1016|1049|2004|2026|2048|7"

ALLOWED = re.compile(
    rf"""
    \x1b\[[0-9;]*m                    # colours
  | \x1b\[[0-9]+;[0-9]+H              # where to write
  | \x1b\[H | \x1b\[2J                # home, and clear: at the start
  | \x1b\[\?(?:{_MODES})[hl]          # mouse, focus, paste, whole frames, the other screen
  | \x1b\[\?(?:2026|2048)\$p          # what the terminal can do
  | \x1b\[>[0-9]+u | \x1b\[<u         # the keyboard protocol
  | \x1b\]22;[a-z-]+\x07              # the shape of the mouse pointer
    """,
    re.VERBOSE,
)
"""Every sequence that Textual writes of its own. No OSC but the pointer, no DCS, no APC."""

_NEXT = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_HIDDEN = re.compile("[\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]")
_CUT = re.compile(r"\x1b(?:\[[^@-~]{0,40}|\][^\x07]{0,40})?$")
"""A sequence that may go on in the next piece."""


class Hostile(AssertionError):
    """Something got to the terminal that has no business there."""


class StrictReader:
    """Reads output piece by piece. ``lines`` allows line ends and nothing else but text.

    Raises Hostile with what was wrong and what was around it.
    """

    def __init__(self, *, lines: bool = False) -> None:
        self._lines = lines
        self._decoder = codecs.getincrementaldecoder("utf-8")("strict")
        self._rest = ""
        self.characters = 0

    def read(self, data: bytes) -> str:
        """Check a piece; its text without the sequences."""
        try:
            text = self._rest + self._decoder.decode(data)
        except UnicodeDecodeError as error:
            raise Hostile(
                f"not UTF-8: {data[max(0, error.start - 40) : error.end + 40]!r}"
            ) from None
        self._rest = ""
        kept: list[str] = []
        at = 0
        while found := _NEXT.search(text, at):
            kept.append(text[at : found.start()])
            char = found[0]
            if char == "\n" or char == "\r":
                kept.append(char)
                at = found.end()
                continue
            sequence = None if self._lines else ALLOWED.match(text, found.start())
            if sequence is None:
                if not self._lines and _CUT.match(text, found.start()):
                    self._rest = text[found.start() :]
                    text = text[: found.start()]
                    at = len(text)
                    break
                raise Hostile(_around(text, found.start()))
            at = sequence.end()
        kept.append(text[at:])
        plain = "".join(kept)
        if hidden := _HIDDEN.search(plain):
            raise Hostile(_around(plain, hidden.start()))
        self.characters += len(plain)
        return plain

    def end(self) -> None:
        """Nothing more comes: nothing may be left open."""
        if self._rest:
            raise Hostile(f"ends in the middle of {self._rest!r}")


def _around(text: str, at: int) -> str:
    name = unicodedata.name(text[at], f"U+{ord(text[at]):04X}")
    return f"{name} in {text[max(0, at - 60) : at + 60]!r}"
