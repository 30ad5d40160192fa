"""Hostile text, made up from a seed: what somebody would send who wants the terminal."""

from __future__ import annotations

import random
from collections.abc import Callable

BIDI = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
INVISIBLE = "\u00ad\u034f\u115f\u180e\u200b\u200c\u200d\u2060\u2061\u3164\ufeff\ufff9\ufffb"
LINES = "\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029\t"
JOINED = [
    "👨\u200d👩\u200d👧\u200d👦",
    "🏳\ufe0f\u200d🌈",
    "❤\ufe0f",
    "👍🏿",
    "🇩🇪",
    "🇩",
    "e\u0301\u0302",
    "각",
    "ก็็",
]

FIXED = [
    "\x1b]52;c;cm0gLXJmIH4=\x07",  # the clipboard
    "\x9d52;c;cm0gLXJmIH4=\x9c",
    "\x1b]0;owned\x07",  # the title, and asking for it back as if it were typed
    "\x1b[21t",
    "\x1b]8;;http://evil.example/\x1b\\click\x1b]8;;\x1b\\",
    "\x1b]4;1;?\x07",
    "\x1b]10;#000000\x07\x1b]11;#000000\x07",
    "\x1b]1337;File=inline=1:AAAA\x07",
    "\x1b]777;notify;you;owned\x07",
    "\x1bP$q\"p\x1b\\",
    "\x1bPq#0;2;0;0;0#0~~\x1b\\",  # sixel
    "\x1b_Ga=T,f=24;AAAA\x1b\\",  # kitty's pictures
    "\x1b^private\x1b\\",
    "\x1bX start of string\x1b\\",
    "\x1bc",
    "\x1b#8",
    "\x1b(0lqqk",
    "\x1b[2J\x1b[H",
    "\x1b[3J",
    "\x1b[?1049l",
    "\x1b[?25h",
    "\x1b[?2026h",
    "\x1b[200~q\r\x1b[201~",
    "\x1b[6n\x1b[c\x1b[>c\x1b[=c",
    "\x1b[1;1r\x1b[9999;9999H",
    "\x1b[8;1;1t",
    "\x1b[5i",
    "\x1b[41;5m\x1b[8m",
    "\x9b31m\x9b2J",
    "\x90q\x9c",
    "\x0e\x0f",
    "\x07" * 8,
    "\x08" * 8,
    "\x7f" * 8,
    "\x05",
    "\x18\x1a",
    "\x00",
    "\x00" * 40,
    "[/INST]",
    "[/]",
    "[@click=app.quit]x[/]",
    "[@click=app.bell()]",
    "[link=file:///etc/passwd]x[/link]",
    "[bold red on blue",
    "[[[[",
    "]]]]",
    "\\[",
    "\\\\[red]",
    "[$error]x",
    "[#ff0000]x",
    ":smile:",
    ":pile_of_poo:",
    "%s%n%(x)s",
    "{0}{x!r:>{y}}",
    "${HOME}",
    "<script>",
    "\ufdd0\ufffe\U0010ffff\ue000",
    "\U000e0041\U000e0042\U000e007f",  # tags
    "\ud800",
    "\udc9b",
    "\ud83d lone \ude00",
    "\udfff\ud800",
    "日本語のモジュール",
    "ﷺ" * 3,
    "𒐫𒐫",
]  # fmt: skip


def _sequence(chance: random.Random) -> str:
    """A control sequence of any kind, right or wrong."""
    start = chance.choice(["\x1b[", "\x9b", "\x1b]", "\x9d", "\x1bP", "\x90", "\x1b_", "\x1b"])
    middle = "".join(chance.choices("0123456789;:?<=>!\"#$%&'()*+,-./ ", k=chance.randint(0, 9)))
    end = chr(chance.randint(0x40, 0x7E)) + chance.choice(["", "\x07", "\x1b\\", "\x9c"])
    return start + middle + end


def _zalgo(chance: random.Random) -> str:
    marks = "".join(chr(chance.randint(0x300, 0x36F)) for _ in range(chance.randint(1, 60)))
    return chance.choice("Zaß日") + marks


def _markup(chance: random.Random) -> str:
    tag = chance.choice(["bold", "red", "@click=app.quit", "link=x", "on red", "/", "/x", "$text"])
    return f"[{tag}]" + chance.choice(["", "x", "[/]", "[/x]", "["])


def _noise(chance: random.Random) -> str:
    top = chance.choice((0x20, 0xA0, 0x250, 0x3000, 0x10FFFF))
    return "".join(chr(chance.randint(0, top)) for _ in range(chance.randint(1, 12)))


_KINDS: list[Callable[[random.Random], str]] = [
    lambda chance: chance.choice(FIXED),
    lambda chance: chance.choice(FIXED),
    _sequence,
    _sequence,
    _zalgo,
    _markup,
    _noise,
    lambda chance: chr(chance.choice([*range(32), *range(0x7F, 0xA0)])),
    lambda chance: "".join(chance.choices(BIDI + INVISIBLE, k=chance.randint(1, 5))),
    lambda chance: chance.choice(LINES),
    lambda chance: chance.choice(JOINED) * chance.randint(1, 8),
    lambda chance: "plain text "[: chance.randint(1, 11)],
]


def payload(chance: random.Random) -> str:
    """A text of a few pieces; one in thousands is huge."""
    pieces = [chance.choice(_KINDS)(chance) for _ in range(chance.randint(1, 4))]
    if chance.random() < 0.0002:
        pieces.append(chance.choice(["x", "\x1b", "日", "\u0301", "["]) * 200_000)
    return "".join(pieces)
