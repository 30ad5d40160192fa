"""``agentflow-console whatif``: what it prints, and how it exits."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from agentflow import Event, Runner, load_config
from agentflow.whatif import Outcomes, Pair, SessionReport, as_data
from agentflow_console.cli import main

TOML = """
[orchestration]
mode = "mixed"
collaborative_agents = ["size", "shape"]
sequential_agents = ["writer"]
retry_attempts = 0
[recording]
enabled = true
path = "run.rec"
"""
HANDLERS = """
from pathlib import Path
def noted(name, event):
    with (Path(__file__).parent / "calls").open("a") as calls:
        calls.write(name)
async def size(event, state):
    noted("s", event)
    return {"size": len(event.data["text"])}
async def shape(event, state):
    noted("h", event)
    if event.data["text"] == "bad":
        raise ValueError("[/INST] \\x1b[31m no shape")
    return {"shape": "round"}
async def writer(event, state):
    noted("w", event)
    return {"line": f"{state.get('size')} {state.get('shape')}"}
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a configuration, its handlers and a recording of three sessions."""
    folder = tmp_path_factory.mktemp("whatif")
    agents = "".join(
        f'[agents.{name}]\nhandler = "whatif_handlers:{name}"\n'
        for name in ("size", "shape", "writer")
    )
    (folder / "agentflow.toml").write_text(TOML + agents)
    (folder / "whatif_handlers.py").write_text(HANDLERS)

    async def live() -> None:
        async with Runner(load_config(folder / "agentflow.toml")) as runner:
            for number, text in enumerate(("one", "bad", "three")):
                await runner.emit(Event("size", {"text": text}, session_id=f"s{number}"))
            await runner.join()

    asyncio.run(live())
    return folder


def calls(place: Path) -> str:
    return (place / "calls").read_text()


def test_the_same_configuration_exits_with_0(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing parts, and no handler has run for it."""
    before = calls(place)
    toml = str(place / "agentflow.toml")
    assert main(["whatif", str(place / "run.rec"), toml]) == 0
    out = capsys.readouterr().out
    assert "3 sessions: 3 the same" in out
    assert "no divergence" in out
    assert main(["whatif", toml]) == 0  # its own recording, its own configuration
    assert calls(place) == before


def test_another_mode_exits_with_1_and_shows_where(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first divergence stands side by side, in the width that there is."""
    for cells in (140, 80):
        monkeypatch.setenv("COLUMNS", str(cells))
        code = main(["whatif", str(place / "run.rec"), "--orchestration-mode", "sequential"])
        out = capsys.readouterr().out
        assert code == 1
        assert "shape and size side by side" in out
        assert max(map(len, out.splitlines())) <= cells
        assert "\x1b" not in out
        assert any("▶" in line and "shape" in line for line in out.splitlines())
        assert any("▶" in line and line.endswith("recorded") for line in out.splitlines())


def test_json_is_a_session_a_line_and_a_summary(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same bytes twice; the last line has the totals and the exit code."""
    arguments = ["whatif", str(place / "run.rec"), "--orchestration-mode", "route"]
    arguments += ["--format", "json", "--session", "s0", "--session", "s1"]
    outs = []
    for _ in range(2):
        assert main(arguments) == 1
        outs.append(capsys.readouterr().out)
    assert outs[0] == outs[1]
    *sessions, summary = map(json.loads, outs[0].splitlines())
    assert [session["session"] for session in sessions] == ["s0", "s1"]
    assert sessions[0]["first"]["kind"] == "agents"
    assert summary["summary"]["sessions"] == 2
    assert summary["summary"]["exit_code"] == 1


def test_of_large_sessions_only_what_parts_is_told_in_full(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """--most-events leaves the rest out and says how much that is; progress is on stderr."""
    arguments = ["whatif", str(place / "run.rec"), "--format", "json", "--most-events", "1"]
    assert main([*arguments, "--progress"]) == 0
    sessions = [json.loads(line) for line in capsys.readouterr().out.splitlines()[:-1]]
    assert [(len(session["events"]), session["left_out"]) for session in sessions] == [(1, 0)] * 3
    report = SessionReport(
        session="s", verdict="same", first=None, parts=0, recorded=Outcomes(), new=Outcomes(),
        pairs=[Pair(path=str(number), recorded=None, new=None) for number in range(5)],
    )  # fmt: skip
    data = as_data(report, 2)
    assert [pair["path"] for pair in data["events"]] == ["0", "1"]
    assert data["left_out"] == 3


def test_what_is_not_recorded_is_said(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A changed handler whose outputs are the recorded ones is named: only a rerun shows it."""
    other = place / "other.toml"
    text = (place / "agentflow.toml").read_text()
    other.write_text(text.replace("whatif_handlers:writer", "whatif_handlers:size"))
    assert main(["whatif", str(place / "run.rec"), str(other)]) == 0
    assert "agent writer: handler" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere.rec"], "no recording"),
        (["{place}/agentflow.toml", "nowhere.toml"], "does not exist"),
        (["{place}/run.rec", "--session", "nobody"], "no events"),
        (["{place}/run.rec", "--agent", "size=live"], "live"),
        (["{place}/run.rec", "--from", "soon"], "no time"),
        (["{place}/whatif_handlers.py"], "recording"),
        (["{place}/run.rec", "--orchestration-mode", "fast"], "fast"),
    ],
)
def test_wrong_use_is_a_sentence_and_exits_with_2(
    place: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    """No traceback reaches an operator."""
    assert main(["whatif", *(text.replace("{place}", str(place)) for text in arguments)]) == 2
    err = capsys.readouterr().err
    assert words in err
    assert "Traceback" not in err


def test_a_stretch_of_time_can_be_chosen(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A window that ends before the first event has nothing to compare."""
    assert main(["whatif", str(place / "run.rec"), "--from", "+0s", "--to", "+1h"]) == 0
    assert "3 sessions" in capsys.readouterr().out
    assert main(["whatif", str(place / "run.rec"), "--to", "-1h"]) == 2
