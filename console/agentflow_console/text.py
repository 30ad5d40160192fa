"""Text: what came from events, made harmless and cut to the cells there are for it.

Widths are terminal cells. Everything shown goes through ``safe`` first; nothing here knows
of markup, so ``[/INST]`` is seven characters and nothing more.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

from rich.cells import cell_len

LIMIT = 4_000
"""Most characters of one value that a pane looks at."""

_VARIATION = "\ufe0f"
_ELLIPSIS = "…"


def safe(text: str, limit: int = LIMIT) -> str:
    """``text`` on one line, with everything that is not plain text made visible.

    Line ends become ``⏎``, control characters their Unicode pictures (ESC is ``␛``), the
    marks that turn the reading direction ``‹U+202E›``. Joiners and variation selectors go,
    because terminals disagree about their width. More than ``limit`` characters are cut.
    """
    if len(text) > limit:
        text = text[: limit - 1] + _ELLIPSIS
    if text.isprintable():
        return text.replace(_VARIATION, "") if _VARIATION in text else text
    return "".join([char if char.isprintable() else _shown(char) for char in text]).replace(
        _VARIATION, ""
    )


@lru_cache(1024)
def _shown(char: str) -> str:
    if char in "\n\u2028\u2029\x85":
        return "⏎"
    code = ord(char)
    if char == "\t":
        return " "
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "␡"
    category = unicodedata.category(char)
    if category == "Zs":
        return " "
    if code in _BIDI:
        return f"‹U+{code:04X}›"
    if category == "Cf":
        return ""
    if category == "Co":
        return char
    return "\N{REPLACEMENT CHARACTER}"


_BIDI = frozenset((0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)))


def width(text: str) -> int:
    """The cells that ``text`` takes."""
    return len(text) if text.isascii() else cell_len(text)


def fit(text: str, cells: int, align: str = "<") -> str:
    """``text`` in exactly ``cells`` cells: padded, or cut with an ellipsis.

    ``align`` is ``<`` or ``>``. A wide character never straddles the edge.
    """
    if cells <= 0:
        return ""
    have = width(text)
    if have > cells:
        text = crop(text, cells)
        have = width(text)
    space = " " * (cells - have)
    return space + text if align == ">" else text + space


def crop(text: str, cells: int) -> str:
    """``text`` in at most ``cells`` cells, with an ellipsis where something is missing."""
    if cells <= 0:
        return ""
    if width(text) <= cells:
        return text
    if text.isascii():
        return text[: cells - 1] + _ELLIPSIS
    kept: list[str] = []
    left = cells - 1
    for char in text[: cells * 4]:
        left -= cell_len(char)
        if left < 0:
            break
        kept.append(char)
    return "".join(kept) + _ELLIPSIS


def crop_left(text: str, cells: int) -> str:
    """Like ``crop``, but keeps the end: for paths and names that differ at the end."""
    if width(text) <= cells:
        return text
    if cells <= 0:
        return ""
    kept: list[str] = []
    left = cells - 1
    for char in reversed(text[-cells * 4 :]):
        left -= cell_len(char)
        if left < 0:
            break
        kept.append(char)
    return _ELLIPSIS + "".join(reversed(kept))


def wrap(text: str, cells: int) -> list[str]:
    """``text`` in lines of at most ``cells`` cells, broken at spaces where there are any."""
    cells = max(cells, 2)
    lines: list[str] = []
    while (cut := _break(text, cells)) < len(text):
        lines.append(text[:cut])
        text = text[cut:]
    lines.append(text)
    return lines


def _break(text: str, cells: int) -> int:
    """How much of a text goes on a line: up to a space, if there is one that is near."""
    used, space = 0, -1
    for index, char in enumerate(text):
        used += 1 if char.isascii() else cell_len(char)
        if used > cells:
            return space + 1 if space > cells // 2 else index
        if char == " ":
            space = index
    return len(text)
