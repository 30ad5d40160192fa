"""Loading: theme files to themes, and what is wrong with a file as a sentence.

A broken file costs that theme alone. A user's theme may say ``extends = "night"`` and name
only what differs; one with the name of a shipped theme replaces it.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agentflow_themes.theme import COLORS, STATES, Theme

SHIPPED = Path(__file__).parent / "shipped"
DEFAULT = "night"

_ANSI = re.compile(r"ansi_(default|(bright_)?(black|red|green|yellow|blue|magenta|cyan|white))\Z")
_HEX = re.compile(r"#[0-9a-fA-F]{6}\Z")
_TOP = ("name", "title", "dark", "ansi", "extends", "colors", "states", "variables")


class _Refused(Exception):
    """What is wrong with a theme file."""


def load_themes(user_folder: Path | None = None) -> tuple[list[Theme], list[str]]:
    """All themes, shipped ones first, and a sentence for each file that is not a theme."""
    themes: dict[str, Theme] = {}
    problems: list[str] = []
    for folder in (SHIPPED, user_folder):
        if folder is None or not folder.is_dir():
            continue
        for path in sorted(folder.glob("*.toml"), key=lambda path: (path.stem != DEFAULT, path)):
            try:
                theme = _read(path, themes)
            except _Refused as refused:
                problems.append(f"Theme {path.name}: {refused}.")
            else:
                themes[theme.name] = theme
    return list(themes.values()), problems


def _read(path: Path, known: Mapping[str, Theme]) -> Theme:
    try:
        raw = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise _Refused(f"it can't be read ({error})") from error
    except tomllib.TOMLDecodeError as error:
        raise _Refused(f"it isn't TOML: {error}") from error
    _refuse_unknown("key", raw, _TOP)
    base = _base(raw.get("extends"), known)
    ansi = _flag(raw, "ansi", base.ansi if base else False)
    return Theme(
        name=_text(raw, "name", path.stem),
        title=_text(raw, "title", _text(raw, "name", path.stem)),
        dark=_flag(raw, "dark", base.dark if base else True),
        ansi=ansi,
        colors=_colors("colors", raw, COLORS, base.colors if base else {}, ansi),
        states=_colors("states", raw, STATES, base.states if base else {}, ansi),
        variables={**(base.variables if base else {}), **_strings(raw, "variables")},
        path=path,
    )


def _base(name: object, known: Mapping[str, Theme]) -> Theme | None:
    if name is None:
        return None
    if not isinstance(name, str) or name not in known:
        raise _Refused(f"it extends {name!r}, which is none of {', '.join(known)}")
    return known[name]


def _colors(
    section: str,
    raw: Mapping[str, Any],
    wanted: Mapping[str, str],
    base: Mapping[str, str],
    ansi: bool,
) -> dict[str, str]:
    given = _strings(raw, section)
    _refuse_unknown(f"colour in [{section}]", given, wanted)
    for key, value in given.items():
        if not (_ANSI if ansi else _HEX).match(value):
            form = "ansi_red, ansi_bright_blue, ansi_default" if ansi else "#1a2b3c"
            raise _Refused(f"{section}.{key} is {value!r}, not a colour like {form}")
    colors = {**base, **given}
    if missing := [key for key in wanted if key not in colors]:
        raise _Refused(f"[{section}] lacks {', '.join(missing)} (or extend another theme)")
    return {key: colors[key] for key in wanted}


def _refuse_unknown(
    what: str, given: Mapping[str, Any], known: Mapping[str, str] | tuple[str, ...]
) -> None:
    for key in given:
        if key not in known:
            near = difflib.get_close_matches(key, known, 1)
            hint = f"; did you mean {near[0]}?" if near else f"; known are {', '.join(known)}"
            raise _Refused(f"there is no {what} named {key!r}{hint}".rstrip("."))


def _strings(raw: Mapping[str, Any], key: str) -> dict[str, str]:
    table = raw.get(key, {})
    if not isinstance(table, dict) or not all(isinstance(value, str) for value in table.values()):
        raise _Refused(f"[{key}] must be a table of strings")
    return table


def _text(raw: Mapping[str, Any], key: str, default: str) -> str:
    value = raw.get(key, default)
    if not isinstance(value, str) or not value.strip() or not value.isprintable():
        raise _Refused(f"{key} must be a line of text")
    return value


def _flag(raw: Mapping[str, Any], key: str, default: bool) -> bool:
    value = raw.get(key, default)
    if not isinstance(value, bool):
        raise _Refused(f"{key} must be true or false")
    return value
