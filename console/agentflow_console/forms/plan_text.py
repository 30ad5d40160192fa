"""Plan text: what a change would do, in the lines of the form that asks whether to do it."""

from __future__ import annotations

from textual.content import Content

from agentflow.telemetry.planned import DIES, FINISHES, RELEASED, Preview, Touch
from agentflow_console.text import safe

_STYLES = {DIES: "$error", FINISHES: "$af-running", RELEASED: "$warning"}
_SIGNS = {DIES: "✗", FINISHES: "●", RELEASED: "↻"}
_LINE = 300  # characters of one line that came from elsewhere


def plan_content(preview: Preview, most: int, *, brief: bool = False) -> Content:
    """Everything that the preview says, at most ``most`` lines of differences and of events.

    ``brief`` leaves it at what happens to the events.
    """
    lines = [] if brief else _orchestration(preview)
    if preview.canary:
        lines.append(_line("◐", preview.canary, "$warning"))
    if brief:
        pass
    elif preview.differences:
        lines += _some([_difference(text) for text in preview.differences], most)
    elif not preview.canary:
        lines.append(_line("=", "nothing changes in meaning", "$af-muted"))
    lines += [] if brief else _agents(preview)
    touches = [_touch(touch) for touch in preview.touches]
    if preview.untouched:
        rest = f"{preview.untouched:,} that wait run as they would have"
        touches.append(_line("○", rest, "$af-muted"))
    if not touches:
        touches = [_line("○", "no event is open", "$af-muted")]
    lines += _some(touches, most)
    lines += [_line("!", f"loaded only then: {text}", "$warning") for text in preview.loads[:3]]
    warnings = [f"line {row.line}: {row.message}" for row in preview.problems]
    lines += _some([_line("!", text, "$warning") for text in warnings], 3)
    return Content("\n").join(lines)


def _orchestration(preview: Preview) -> list[Content]:
    if preview.before == preview.after:
        return [_named(f"v{preview.version}, v{preview.next}", preview.after)]
    return [
        _named(f"v{preview.version} now", preview.before),
        _named(f"v{preview.next} then", preview.after, "$primary"),
    ]


def _agents(preview: Preview) -> list[Content]:
    found: list[Content] = []
    for sign, names, words, style in (
        ("+", preview.appear, "appears", "$success"),
        ("-", preview.disappear, "disappears", "$error"),
    ):
        if names:
            verb = words if len(names) == 1 else words[:-1]
            found.append(_line(sign, f"{_names(names)} {verb}", style))
    return found


def _names(names: list[str]) -> str:
    shown = ", ".join(safe(name, 40) for name in names[:8])
    return shown + (f" and {len(names) - 8} more" if len(names) > 8 else "")


def _difference(text: str) -> Content:
    if text.endswith("added"):
        return _line("+", text, "$success")
    if text.endswith("removed"):
        return _line("-", text, "$error")
    return _line("~", text, "$foreground")


def _touch(touch: Touch) -> Content:
    about = "" if touch.exact else "about "
    examples = f" ({', '.join(touch.examples)})" if touch.examples and touch.kind == DIES else ""
    text = f"{about}{touch.count:,} {touch.state} {touch.words}{examples}"
    return _line(_SIGNS.get(touch.kind, "~"), text, _STYLES.get(touch.kind, "$foreground"))


def _some(lines: list[Content], most: int) -> list[Content]:
    if len(lines) <= most:
        return lines
    return [*lines[: most - 1], _line("…", f"and {len(lines) - most + 1} more", "$af-muted")]


def _line(sign: str, text: str, style: str) -> Content:
    return Content.assemble((f"{sign} {safe(text, _LINE)}", style))


def _named(name: str, text: str, style: str = "$foreground") -> Content:
    return Content.assemble((f"{name:<9} ", "$af-muted"), (safe(text, _LINE), style))
