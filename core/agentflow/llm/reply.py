"""What a model can tell the engine at the end of its answer."""

from __future__ import annotations

import re

import msgspec

_ROUTE = re.compile(r"ROUTE:\s*([\w.-]+)")
_COMPLETE = "LOOP_COMPLETE"


class Reply(msgspec.Struct, frozen=True):
    """An answer with its marks taken off.

    ``route`` is the agent that shall go on, or ''. ``complete`` says that a loop is done.
    """

    text: str
    route: str = ""
    complete: bool = False


def read_reply(answer: str) -> Reply:
    """Read the marks at the end of ``answer``.

    A last line ``ROUTE: agent_name`` names the next agent; a last line ``LOOP_COMPLETE``
    ends a loop; both may stand there, in either order, and are taken off the text. A
    JSON object with ``"loop_complete": true``, as the last line or as the whole answer,
    ends a loop too and stays, since it is content.
    """
    text = answer.strip()
    route = ""
    complete = False
    while True:
        before, _, last = text.rpartition("\n")
        last = last.strip()
        match = _ROUTE.fullmatch(last)
        if match and not route:
            route = match[1]
        elif last == _COMPLETE and not complete:
            complete = True
        else:
            break
        text = before.rstrip()
    complete = complete or _says_complete(last) or _says_complete(text)
    return Reply(text, route, complete)


def _says_complete(text: str) -> bool:
    if not (text.startswith("{") and "loop_complete" in text):
        return False
    try:
        parsed = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError):
        return False
    return isinstance(parsed, dict) and parsed.get("loop_complete") is True
