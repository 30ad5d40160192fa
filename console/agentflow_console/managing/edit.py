"""Edit: data as JSON in the person's own editor."""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agentflow_console.arguments import UsageError
from agentflow_console.forms.json_text import Fault, read_object, write_object
from agentflow_console.text import safe


def edited(number: int, data: Mapping[str, Any]) -> dict[str, Any]:
    """``data`` as the person left it in $VISUAL or $EDITOR (or vi).

    Raises UsageError with line and column if it is no JSON object any more; the text is
    kept then.
    """
    command = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    handle, name = tempfile.mkstemp(prefix=f"dead-letter-{number}-", suffix=".json")
    path = Path(name)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(f"{write_object(data)}\n")
    try:
        code = subprocess.run([*shlex.split(command), name], check=False).returncode
        text = path.read_text("utf-8")
    except (OSError, ValueError) as error:
        path.unlink(missing_ok=True)
        raise UsageError(f"{safe(command)} can't edit it: {safe(str(error))}") from error
    if code != 0 or not text.strip():
        path.unlink(missing_ok=True)
        why = f"{safe(command)} ended with {code}" if code else "the text is empty"
        raise UsageError(f"nothing was replayed: {why}")
    found = read_object(text)
    if isinstance(found, Fault):
        raise UsageError(f"nothing was replayed: {found} (the text is in {name})")
    path.unlink(missing_ok=True)
    return found
