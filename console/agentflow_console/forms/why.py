"""Why: the field for an operator's own reason, which the audit keeps."""

from __future__ import annotations

from typing import Any

from textual.dom import DOMNode
from textual.widget import Widget
from textual.widgets import Input

from agentflow_console.forms.form import named

_LIMIT = 500  # characters: so much does the engine keep


def why_field() -> Widget:
    """A line for the reason, which may be left empty."""
    return named(
        "Why", Input(placeholder="for the audit", compact=True, max_length=_LIMIT, id="why")
    )


def why_of(form: DOMNode) -> dict[str, Any]:
    """What was typed there, as an argument of a command; nothing if nothing was."""
    why = form.query_one("#why", Input).value.strip()
    return {"why": why} if why else {}
