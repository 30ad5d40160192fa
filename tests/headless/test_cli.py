"""The command line: what it takes, and what it says of what it doesn't."""

from __future__ import annotations

import subprocess
import sys

import pytest

from .conftest import COMMAND, Program, lines


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nowhere.toml"], "there is no file 'nowhere.toml'"),
        (["--events", "nowhere.jsonl"], "the events file 'nowhere.jsonl' can't be read"),
        (["--format", "xml"], "invalid choice: 'xml'"),
        (["--fps", "0"], "'0' is not between 1 and 60"),
        (["--pace", "-1"], "'-1' is not a number of events a second"),
        (["--keymap", "nowhere.keys"], "'nowhere.keys' can't be read"),
        (["--dance"], "unrecognized arguments: --dance"),
        (["validate"], "required: FILE"),
        (["diagram", "nowhere.toml"], "the file does not exist"),
        (["--orchestration-mode", "mixt"], "did you mean 'mixed'"),
        (["--max-iterations", "many"], "max_iterations"),
    ],
)
def test_wrong_use_is_one_sentence_and_exit_code_two(
    program: Program, arguments: list[str], sentence: str
) -> None:
    """Whatever is wrong is said on standard error, without a traceback."""
    done = program.run(*arguments)
    assert done.code == 2
    assert sentence in done.err
    assert done.out == ""


def test_a_broken_configuration_is_exit_code_two(program: Program) -> None:
    """What is wrong in the file is told with its place."""
    program.write("agentflow.toml", '[orchestration]\nmode = "mixt"\n')
    done = program.run("--headless")
    assert done.code == 2
    assert done.err.startswith("agentflow.toml:2:")


def test_validate_tells_all_and_sums_up(program: Program) -> None:
    """Every problem of every file, a summary line each, and 1 if one of them can't run."""
    program.write("bad.toml", '[orchestration]\nmode = "mixt"\nmax_iterations = -1\n')
    done = program.run("validate", "agentflow.toml", "bad.toml")
    assert done.code == 1
    good, *problems, bad = done.out.splitlines()
    assert good == "agentflow.toml: ok, route mode with 3 agents; no errors and no warnings"
    assert [line.split(": ")[0] for line in problems] == ["bad.toml:2:1", "bad.toml:3:1"]
    assert bad == "bad.toml: can't run; 2 errors and no warnings"
    assert program.run("validate", "agentflow.toml").code == 0


def test_diagram_prints_mermaid(program: Program) -> None:
    """The orchestration comes out as a flowchart."""
    done = program.run("diagram", "agentflow.toml")
    assert done.code == 0
    assert "flowchart" in done.out
    assert "picky" in done.out


def test_visualize_writes_the_diagram_beside_the_run(program: Program) -> None:
    """The flags of the run shape the diagram that is written."""
    done = program.run("--visualize-output", "docs/flows", "--orchestration-mode", "sequential")
    assert done.code == 0
    assert "docs/flows/test-flow.mmd" in done.err
    text = (program.folder / "docs/flows/test-flow.mmd").read_text()
    assert text != program.run("diagram").out


def test_flags_win_over_the_file(program: Program) -> None:
    """A mode and its agents from the command line are what runs."""
    flags = ["--orchestration-mode", "sequential", "--sequential-agents", "echo,picky"]
    stdin = lines({"target": "slow"})
    done = program.run(*flags, "--events", "-", "--format", "json", stdin=stdin)
    (event,) = [one for one in done.objects if one.get("type") == "event"]
    assert (event["mode"], event["state"]) == ("sequential", "dead")
    assert "not" in event["error"]


def test_the_provider_flag_holds_for_every_agent(program: Program) -> None:
    """With the mock provider a language-model agent runs without any server."""
    program.write(
        "agentflow.toml",
        '[llm]\nprovider = "openai"\napi_key = "env:NOT_SET_ANYWHERE"\n\n'
        '[agents.writer]\nsystem_prompt = "Write."\n'
        '[agents.writer.llm]\nprovider = "ollama"\nmodel = "gemma3:1b"\n',
    )
    stdin = lines({"target": "writer", "data": {"text": "hello"}})
    done = program.run("--provider", "mock", "--events", "-", "--format", "json", stdin=stdin)
    assert (done.code, done.counts["succeeded"]) == (0, 1)


def test_help_and_version_are_answered(program: Program) -> None:
    """They go to standard output, and are no error."""
    done = program.run("--help")
    assert (done.code, done.err) == (0, "")
    assert "--orchestration-mode" in done.out
    assert max(len(line) for line in done.out.splitlines()) <= 100
    done = program.run("--version")
    assert done.code == 0
    assert done.out.startswith("agentflow-console ")


def test_the_engine_is_started_before_anything_heavy_is_imported() -> None:
    """Reading the command line imports neither the engine nor the screens."""
    program = (
        "import sys\n"
        "import agentflow_console.cli\n"
        "from agentflow_console.host_options import HostOptions\n"
        "import agentflow_console.link.process\n"
        "print([m for m in ('agentflow', 'pydantic', 'textual', 'rich') if m in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


def test_the_screen_is_there_before_the_engine_is_imported() -> None:
    """The first frame waits neither for the engine's modules nor for what checks a file."""
    program = (
        "import sys\n"
        "import agentflow_console.app, agentflow_console.link.client\n"
        "heavy = ('agentflow.engine', 'agentflow.config', 'agentflow.recording', 'pydantic',"
        " 'sqlite3', 'httpx')\n"
        "print([m for m in heavy if m in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


def test_a_dumb_terminal_gets_lines(program: Program) -> None:
    """Without a terminal that can be drawn on, the run is headless by itself."""
    program.environment["TERM"] = "dumb"
    done = program.run("--format", "json", stdin="")
    assert "counts" in done.objects[-1]


def test_the_module_is_the_command() -> None:
    """``python -m agentflow_console`` is the same program."""
    assert COMMAND[-1] == "agentflow_console"
    done = subprocess.run([*COMMAND, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("agentflow-console ")
