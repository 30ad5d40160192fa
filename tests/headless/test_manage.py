"""dead, health and journal: looking after a system from the command line."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest

from agentflow_console.cli import main

from .conftest import Done, Program, lines

HOSTILE = "\x1b]0;owned\x07 \x9b31m [/INST] \u202egnp \ud800"


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the program has run, and left three dead letters behind."""
    program = Program(tmp_path_factory.mktemp("left"))
    stdin = lines(
        {"target": "picky", "data": {"n": 1}},
        {"target": "nobody", "data": {"n": 2}, "session_id": "s-1"},
        {"target": "picky", "data": {"n": 3}},
        {"target": "echo", "data": {"n": 4}},
    )
    done = program.run("--events", "-", "--format", "json", stdin=stdin)
    assert (done.counts["succeeded"], done.counts["dead"]) == (1, 3)
    return program.folder


@pytest.fixture
def failed(left: Path, tmp_path: Path) -> Program:
    """The program in a copy of that folder."""
    shutil.copytree(left, tmp_path, dirs_exist_ok=True)
    return Program(tmp_path)


class Ask(Protocol):
    """A command of the program's, in the folder of the test, in this process: that is quicker."""

    def __call__(self, *arguments: str) -> Done: ...


@pytest.fixture
def ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Ask:
    """Runs dead, health and journal."""
    monkeypatch.chdir(tmp_path)

    def ask(*arguments: str) -> Done:
        try:
            code = main(list(arguments))
        except SystemExit as end:  # from --help
            code = int(end.code or 0)
        return Done(code, *capsys.readouterr())

    return ask


class Running:
    """The program with its engine running and its events coming from here."""

    def __init__(self, program: Program, *flags: str) -> None:
        self.program = program
        self.process = program.start(
            "--events", "-", "--format", "json", *flags, stdin=subprocess.PIPE
        )

    def emit(self, *events: Any) -> None:
        """Have it take events."""
        assert self.process.stdin is not None
        self.process.stdin.write(lines(*events))
        self.process.stdin.flush()

    def until(self, *words: str) -> dict[str, Any]:
        """Read its lines up to one that has all the words, and give that."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if all(word in line for word in words):
                found: dict[str, Any] = json.loads(line)
                return found
        raise AssertionError(f"it ended without {words}")

    def end(self) -> str:
        """Let it come to its end; the rest of standard output."""
        out, err = self.process.communicate(timeout=60)
        assert "Traceback" not in err, err
        return out


@pytest.fixture
def running(program: Program) -> Iterator[Running]:
    """An engine with a dead letter, that goes on running."""
    running = Running(program)
    running.emit({"target": "picky", "data": {"n": 1}})
    running.until('"dead"', '"picky"')
    yield running
    running.process.kill()
    running.process.communicate()


# -- looking


def test_dead_letters_are_listed_and_shown(failed: Program, ask: Ask) -> None:
    """A line for each, in the order of their numbers; one of them with everything it has."""
    done = ask("dead", "list")
    assert done.code == 0
    title, *rows, summary = done.out.splitlines()
    assert title.split() == ["NO", "WHEN", "AGENT", "STATUS", "TRIES", "ERROR"]
    assert [row.split()[0] for row in rows] == ["1", "2", "3"]
    assert "AgentNotFound" in rows[1]
    assert summary == "3 dead letters in .agentflow/agentflow.db, 3 not handled"
    done = ask("dead", "show", "2")
    assert "session   s-1" in done.out
    assert '"n": 2' in done.out
    assert ask("dead", "show", "9").code == 1


def test_programs_get_json(failed: Program, ask: Ask) -> None:
    """The list is one list, a letter one object, with the event as it can be emitted again."""
    letters = json.loads(ask("dead", "list", "--format", "json").out)
    assert [letter["event"]["data"]["n"] for letter in letters] == [1, 2, 3]
    letter = json.loads(ask("dead", "show", "3", "--format", "json").out)
    assert letter["agent"] == "picky"
    assert "ValueError" in letter["trace"]


def test_dead_letters_are_exported(failed: Program, ask: Ask) -> None:
    """To standard output or a file, as lines or as one list; never over another file unasked."""
    found = [json.loads(line) for line in ask("dead", "export").out.splitlines()]
    assert [letter["number"] for letter in found] == [1, 2, 3]
    done = ask("dead", "export", "out.json", "--format", "json")
    assert done.code == 0
    file = failed.folder / "out.json"
    assert json.loads(file.read_text("utf-8")) == found
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    done = ask("dead", "export", "agentflow.toml")
    assert done.code == 2
    assert "agentflow.toml is there already" in done.err
    assert ask("dead", "export", "out.json", "--yes").code == 0
    assert len(file.read_text("utf-8").splitlines()) == 3


def test_what_was_exported_can_be_emitted_again(failed: Program, ask: Ask) -> None:
    """The event of each line is one that the program takes."""
    exported = ask("dead", "export").out.splitlines()
    events = []
    for line in exported:
        event = json.loads(line)["event"]
        events.append({key: event[key] for key in ("target", "data", "metadata", "session_id")})
    failed.write("handlers.py", "async def echo(e, s): pass\npicky = slow = echo\n")
    done = failed.run("--events", "-", "--format", "json", stdin=lines(*events))
    assert (done.counts["succeeded"], done.counts["dead"]) == (2, 1)


def test_everything_printed_is_inert(program: Program, ask: Ask) -> None:
    """Escape sequences and the like are written out, whatever field they were in."""
    event = {
        "target": f"nobody {HOSTILE}",
        "session_id": HOSTILE,
        "source": HOSTILE,
        "data": {HOSTILE: HOSTILE},
    }
    text = json.dumps(event).replace("\\ud800", "")
    program.run("--events", "-", stdin=lines(text, {"target": "picky"}))
    for arguments in (
        ["dead", "list"],
        ["dead", "list", "--format", "json"],
        ["dead", "show", "1"],
        ["dead", "show", "1", "--format", "json"],
        ["dead", "export"],
        ["journal"],
        ["journal", "--format", "json"],
        ["health"],
    ):
        done = ask(*arguments)
        said = done.out + done.err
        assert said
        assert all(char == "\n" or char.isprintable() for char in said), (arguments, said)


def test_a_terminal_that_knows_no_unicode_is_no_error(failed: Program) -> None:
    """What it can't show is written out."""
    failed.environment["PYTHONIOENCODING"] = "ascii"
    for arguments in (["dead", "show", "1"], ["health"]):
        assert "Error" not in failed.run(*arguments).err


# -- without an engine


def test_what_is_replayed_without_an_engine_runs_at_the_next_start(
    failed: Program, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is queued in the journal; the letter is marked, and the operator is on record."""
    monkeypatch.setenv("LOGNAME", "grace")
    done = ask("dead", "replay", "1", "--data", '{"n": 10}')
    assert (done.code, done.err) == (0, "")
    assert "dead letter 1 queued with other data: it runs at the next start" in done.out
    failed.write("handlers.py", "async def echo(e, s): pass\npicky = slow = echo\n")
    done = failed.run("--format", "json")
    (event,) = [one for one in done.objects if one.get("type") == "event"]
    assert (event["target"], event["state"], event["data"]) == ("picky", "succeeded", '{"n":10}')
    assert "recovered 1 event from .agentflow/agentflow.db: 1 queued" in done.out + done.err
    letters = json.loads(ask("dead", "list", "--format", "json").out)
    assert [letter["status"] for letter in letters] == ["replayed", "dead", "dead"]
    journal = json.loads(ask("journal", "--format", "json").out)
    (row,) = journal["audit"]
    assert (row["operator"], row["action"], row["target"]) == ("grace", "replay", "1")


def test_all_are_replayed_or_dropped_only_if_that_is_meant(failed: Program, ask: Ask) -> None:
    """Without a person to ask, --yes must say so."""
    done = ask("dead", "replay", "all")
    assert done.code == 2
    assert "replay all means 3 dead letters: say --yes if that is meant" in done.err
    assert "3 dead letters queued" in ask("dead", "replay", "all", "--yes").out
    done = failed.run("--format", "json")
    assert done.objects[-1]["counts"]["dead"] == 3
    assert ask("dead", "drop", "2").code == 0
    assert ask("dead", "drop", "2").code == 1
    assert ask("dead", "drop", "all", "--yes").code == 0
    done = ask("dead", "list")
    assert done.out == "0 dead letters in .agentflow/agentflow.db, 0 not handled\n"


EDITOR = """\
#!/bin/sh
cp "$1" seen.json
cat > "$1" <<'END'
{text}
END
"""


@pytest.fixture
def editor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Lets $EDITOR write what it is told."""
    path = tmp_path / "editor"
    monkeypatch.setenv("EDITOR", str(path))
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def editor(text: str) -> None:
        path.write_text(EDITOR.format(text=text))
        path.chmod(0o700)

    return editor


def test_data_is_edited_in_the_persons_editor(
    failed: Program, ask: Ask, editor: Callable[[str], None]
) -> None:
    """The editor gets the data as JSON, and what it leaves is what is queued."""
    editor('{\n  "n": 11\n}')
    done = ask("dead", "replay", "3", "--edit")
    assert (done.code, done.err) == (0, "")
    assert json.loads((failed.folder / "seen.json").read_text()) == {"n": 3}
    failed.write("handlers.py", "async def echo(e, s): pass\npicky = slow = echo\n")
    assert '{\\"n\\":11}' in failed.run("--format", "json").out


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('{\n  "n": 1,\n}', "line 3, column 1: the comma before this bracket is one too many"),
        ("[1]", "line 1, column 1: an object in { } is expected"),
        ("", "the text is empty"),
    ],
)
def test_json_that_is_broken_is_refused_with_its_place(
    failed: Program, ask: Ask, editor: Callable[[str], None], text: str, sentence: str
) -> None:
    """Nothing is replayed then."""
    editor(text)
    done = ask("dead", "replay", "3", "--edit")
    assert done.code == 2
    assert sentence in done.err
    assert "3 not handled" in ask("dead", "list").out
    if text:
        done = ask("dead", "replay", "3", "--data", text)
        assert (done.code, sentence in done.err) == (2, True)


# -- with a running engine


def test_a_running_engine_does_it_at_once(
    running: Running, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A letter is replayed in it, under the name of who asked, and others can look meanwhile."""
    monkeypatch.setenv("LOGNAME", "grace")
    assert "1 dead letter in" in ask("dead", "list").out
    done = ask("dead", "replay", "1", "--data", '{"n": 5}')
    assert (done.code, done.out) == (0, "dead letter 1 replayed with other data\n")
    assert running.until('"dead"')["data"] == '{"n":5}'
    assert ask("dead", "drop", "1").out == "dead letter 1 dropped\n"
    done = ask("dead", "drop", "1")
    assert (done.code, done.out, done.err) == (1, "", "there is no dead letter 1\n")
    running.end()
    journal = json.loads(ask("journal", "--format", "json").out)
    assert [(row["operator"], row["action"], row["outcome"]) for row in journal["audit"]] == [
        ("grace", "replay", "done"),
        ("grace", "drop", "done"),
        ("grace", "drop", "refused"),
    ]


def test_a_read_only_engine_changes_nothing(program: Program, ask: Ask) -> None:
    """The engine itself refuses."""
    running = Running(program, "--read-only")
    running.emit({"target": "picky"})
    running.until('"dead"')
    done = ask("dead", "replay", "1")
    assert done.code == 1
    assert "read-only" in done.err
    running.end()


def test_health_is_asked_of_the_engine_or_of_the_journal(running: Running, ask: Ask) -> None:
    """Live while it runs; what was known last when it was killed, and that it was."""
    done = ask("health", "--format", "json")
    assert done.code in (0, 1), done.err
    report = json.loads(done.out)
    assert report["status"] in ("ok", "degraded", "critical")
    assert done.code == (report["status"] != "ok")
    running.process.kill()
    running.process.wait()
    done = ask("health")
    assert done.code == 1
    assert "no engine runs: it did not end in good order" in done.out
    found = json.loads(ask("health", "--format", "json").out)
    assert (found["running"], found["clean"], found["dead"]) == (False, False, 1)


def test_the_journal_tells_what_it_holds(running: Running, ask: Ask) -> None:
    """Who uses it, how many events, which versions ran; and nobody, after a good end."""
    done = ask("journal")
    assert f"process {running.process.pid} since" in done.out
    assert "0 open, 1 settled, 1 dead" in done.out
    assert "v1 " in done.out
    running.end()
    assert "used by   nobody\n" in ask("journal").out


def test_the_journal_is_checked(failed: Program, ask: Ask) -> None:
    """A whole one is whole; a flipped byte in an event is found, and said."""
    done = ask("journal", "check")
    assert (done.code, done.err) == (0, "")
    assert ".agentflow/agentflow.db is whole: 0 open, 4 settled, 3 dead letters" in done.out
    path = failed.folder / ".agentflow/agentflow.db"
    data = bytearray(path.read_bytes())
    place = data.rindex(b"picky")
    data[place] ^= 1
    path.write_bytes(data)
    done = ask("journal", "check")
    assert done.code == 1
    assert "is damaged" in done.out


# -- which journal


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["dead"], "required: COMMAND"),
        (["dead", "dance"], "invalid choice: 'dance'"),
        (["dead", "show"], "required: N"),
        (["dead", "show", "one"], "'one' is not the number of a dead letter"),
        (["dead", "show", "0"], "'0' is not the number of a dead letter"),
        (["dead", "replay", "all", "--edit"], "--data and --edit are for one letter"),
        (["dead", "replay", "1", "--data", "{"], "--data: line 1, column 2"),
        (["dead", "list", "--file", "nowhere.toml"], "there is no file 'nowhere.toml'"),
        (["dead", "list", "--journal", "nowhere.db"], "there is no journal nowhere.db"),
        (["health", "nowhere.toml"], "there is no file 'nowhere.toml'"),
        (["journal", "check", "a.toml", "b.toml"], "one configuration at a time"),
        (["journal", "--journal", "agentflow.toml"], "journal"),
    ],
)
def test_wrong_use_is_one_sentence(
    failed: Program, ask: Ask, arguments: list[str], sentence: str
) -> None:
    """Exit code 2, and nothing on standard output."""
    done = ask(*arguments)
    assert (done.code, done.out) == (2, "")
    assert sentence in done.err


def test_without_a_run_there_is_no_journal(program: Program, ask: Ask) -> None:
    """The path that was looked at is told."""
    for arguments in (["dead", "list"], ["health"], ["journal"]):
        done = ask(*arguments)
        assert done.code == 2
        assert "there is no journal .agentflow/agentflow.db" in done.err


def test_the_configuration_says_which_journal(program: Program, ask: Ask) -> None:
    """Its path is seen from the file; a switched-off journal is told."""
    folder = program.folder / "sub"
    folder.mkdir()
    text = (program.folder / "agentflow.toml").read_text()
    (folder / "own.toml").write_text(f'{text}\n[journal]\npath = "data/kept.db"\n')
    (folder / "handlers.py").write_text((program.folder / "handlers.py").read_text())
    program.run("sub/own.toml", "--events", "-", stdin=lines({"target": "picky"}))
    assert (folder / "data/kept.db").is_file()
    done = ask("dead", "list", "--file", "sub/own.toml")
    assert "1 dead letter in sub/data/kept.db" in done.out
    (folder / "own.toml").write_text(f"{text}\n[journal]\nenabled = false\n")
    done = ask("journal", "sub/own.toml")
    assert (done.code, "is switched off" in done.err) == (2, True)


def test_a_broken_configuration_keeps_nobody_from_looking(failed: Program, ask: Ask) -> None:
    """What it left is where it is by default."""
    failed.write("agentflow.toml", '[orchestration]\nmode = "mixt"\n')
    done = ask("dead", "list")
    assert done.code == 0
    assert "3 dead letters" in done.out
    assert "agentflow.toml can't be used" in done.err


@pytest.mark.parametrize("command", [["dead"], ["dead", "replay"], ["health"], ["journal"]])
def test_help_is_short_and_says_it_all(program: Program, ask: Ask, command: list[str]) -> None:
    """To standard output, in lines that a terminal has."""
    done = ask(*command, "--help")
    assert (done.code, done.err) == (0, "")
    assert max(len(line) for line in done.out.splitlines()) <= 100


def test_a_second_process_is_told_who_has_the_journal(running: Running) -> None:
    """Exit code 2, the owner's pid, and what to do; without a journal it may run."""
    program = running.program
    done = program.run("--format", "json")
    assert done.code == 2
    assert f"process {running.process.pid} is using the journal" in done.err
    assert "--no-journal" in done.err
    assert program.run("--format", "json", "--no-journal").code == 0
    assert program.run("--format", "json", "--journal", "other.db").code == 0
    assert os.kill(running.process.pid, 0) is None
    running.end()


def test_a_killed_engines_socket_is_in_nobodys_way(running: Running) -> None:
    """The next engine removes it and has one of its own; a good end leaves none behind."""
    program = running.program
    folder = program.folder / ".agentflow"
    (socket,) = folder.glob("*.sock")
    running.process.send_signal(signal.SIGKILL)
    running.process.wait()
    assert socket.exists()
    again = Running(program)
    again.emit({"target": "echo"})
    again.until('"succeeded"')
    assert [path != socket for path in folder.glob("*.sock")] == [True]
    again.end()
    assert list(folder.glob("*.sock")) == []
