"""agentflow-console audit: what operators did, from the command line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from agentflow_console.arguments import UsageError
from agentflow_console.cli import main
from agentflow_console.managing.audit import moment

from .conftest import Program, lines


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the program has run, and left two dead letters behind."""
    program = Program(tmp_path_factory.mktemp("left"))
    program.run(
        "--events", "-", "--format", "json",
        stdin=lines({"target": "picky", "data": {"n": 1}}, {"target": "nobody", "data": {"n": 2}}),
    )  # fmt: skip
    return program.folder


def test_it_lists_filters_and_exports(
    left: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Who, why and what, of this operator or that, since a moment; JSON is one object a line."""
    shutil.copytree(left, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    (file,) = [path.name for path in tmp_path.glob("*.toml")]
    assert main(["dead", "drop", "1", "--file", file, "--why", "it \x1b hurts",
                 "--operator", "grace"]) == 0  # fmt: skip
    assert main(["dead", "replay", "2", "--file", file, "--operator", "ada"]) == 0
    capsys.readouterr()
    assert main(["audit", file]) == 0
    text = capsys.readouterr().out
    assert all(words in text for words in ("grace", "drop 1", "why: it ␛ hurts"))
    assert main(["audit", file, "--format", "json", "--operator", "ada", "--since", "1h"]) == 0
    (row,) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (row["number"], row["operator"], row["action"]) == (2, "ada", "replay")
    assert row["about"].startswith("event:")
    assert main(["audit", file, "--format", "json", "--since", "2999-01-01"]) == 0
    assert capsys.readouterr().out == ""
    assert main(["audit", file, "--since", "soon"]) == 2
    assert "neither a duration" in capsys.readouterr().err
    assert main(["dead", "drop", "2", "--file", file, "--operator", " "]) == 2


@pytest.mark.parametrize("text", ["", "soon", "12", "\x00", "9" * 400])
def test_what_is_no_moment_is_refused_or_read(text: str) -> None:
    """A plain number is seconds; nothing else is taken for a time."""
    if text == "12":
        assert moment(text) > 0
        return
    with pytest.raises(UsageError, match="neither"):
        moment(text)
