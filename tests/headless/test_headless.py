"""Headless: the same run as lines, for pipes and programs."""

from __future__ import annotations

import signal
import subprocess

import pytest

from .conftest import Program, lines


def test_every_event_is_a_line_and_the_last_one_counts(program: Program) -> None:
    """Events from a file run to their end, and the counts add up in the last line."""
    program.write("in.jsonl", lines(*({"target": "echo", "data": {"n": n}} for n in range(3))))
    done = program.run("--headless", "--events", "in.jsonl", "--format", "json")
    assert done.code == 0
    events = [one for one in done.objects if one.get("type") == "event"]
    assert [(one["target"], one["state"]) for one in events] == [("echo", "succeeded")] * 3
    assert done.counts == {
        "accepted": 3, "queued": 0, "held": 0, "running": 0, "succeeded": 3, "dead": 0,
    }  # fmt: skip


def test_a_dead_event_makes_the_exit_code_one(program: Program) -> None:
    """Exit code 1 says that something did not succeed, and the line says what."""
    stdin = lines({"target": "echo"}, {"target": "picky"}, {"target": "nobody"})
    done = program.run("--events", "-", "--format", "json", stdin=stdin)
    assert done.code == 1
    assert (done.counts["succeeded"], done.counts["dead"]) == (1, 2)
    errors = {one["target"]: one["error"] for one in done.objects if one.get("state") == "dead"}
    assert errors["picky"].startswith("ValueError: not ")
    assert errors["nobody"].startswith("AgentNotFound")


def test_a_bad_line_is_told_with_its_number_and_the_rest_goes_on(program: Program) -> None:
    """What is no event costs that line alone."""
    stdin = lines(
        {"target": "echo"},
        "{not json",
        "",
        '["no object"]',
        {"targt": "echo"},
        {"target": "echo", "metadata": {"priority": "urgent"}},
        {"target": "echo"},
    )
    done = program.run("--events", "-", "--format", "json", stdin=stdin)
    assert done.counts["accepted"] == done.counts["succeeded"] == 2
    bad = [one for one in done.objects if one.get("type") == "bad_line"]
    assert [one["line"] for one in bad] == [2, 4, 5, 6]
    assert [line.split(":")[0] for line in done.err.splitlines() if line.startswith("line")] == [
        "line 2", "line 4", "line 5", "line 6",
    ]  # fmt: skip
    assert "not JSON" in bad[0]["error"]
    assert "targt" in bad[2]["error"]
    assert done.objects[-1]["bad_lines"] == 4
    assert done.code == 0


def test_events_that_can_not_be_read_are_exit_code_two(program: Program) -> None:
    """A folder in place of a file is told in a sentence."""
    done = program.run("--headless", "--events", ".")
    assert done.code == 2
    assert "the events can't be read" in done.err


def test_the_last_line_needs_no_end(program: Program) -> None:
    """A file whose last line is not ended is read to its end."""
    done = program.run("--events", "-", "--format", "json", stdin='{"target": "echo"}')
    assert done.counts["succeeded"] == 1


def test_text_is_readable_and_inert(program: Program) -> None:
    """Lines for people have glyph, word, agent and error, and no control characters."""
    stdin = lines({"target": "echo", "data": {"n": 7}}, {"target": "picky"})
    done = program.run("--events", "-", stdin=stdin)
    first, second, last = done.out.splitlines()
    assert "✓ succeeded" in first
    assert '{"n":7}' in first.replace(" ", "")
    assert "✗ dead" in second
    assert "ValueError: not ␛[31mthis␛[0m one" in second
    assert "\x1b" not in done.out + done.err
    assert last.startswith("2 accepted, 1 succeeded, 1 dead in ")


def test_what_handlers_print_stays_out_of_the_report(program: Program) -> None:
    """Standard output has the report alone; prints go to standard error."""
    done = program.run("--events", "-", "--format", "json", stdin=lines({"target": "echo"}))
    assert "printed by the handler" not in done.out
    assert "printed by the handler" in done.err


def test_without_events_there_is_nothing_to_do(program: Program) -> None:
    """A run without input ends at once, and says how to give it some."""
    done = program.run("--format", "json")
    assert done.code == 0
    assert done.counts["accepted"] == 0
    assert "--events" in done.err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_drains(program: Program, number: signal.Signals) -> None:
    """Told to end, it finishes what runs, reads no more, and tells the counts."""
    with program.start("--events", "-", "--format", "json", stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(lines({"target": "echo"}, {"target": "slow"}))
        process.stdin.flush()
        assert '"echo"' in process.stdout.readline()
        while not (program.folder / "started").exists():
            assert process.poll() is None
        process.send_signal(number)
        program.write("go", "")
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert '"succeeded": 2' in out.splitlines()[-1]


def test_a_reader_that_leaves_is_no_error(program: Program) -> None:
    """Piped into ``head`` and the like, it ends quietly."""
    stdin = lines(*({"target": "echo", "data": {"n": n}} for n in range(5000)))
    program.write("in.jsonl", stdin)
    program.write("handlers.py", "async def echo(e, s): pass\npicky = slow = echo\n")
    with program.start("--events", "in.jsonl", "--format", "json") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(timeout=60) == 1
        assert process.stderr.read() == ""


def test_many_events_are_all_told(program: Program) -> None:
    """More events than any ring holds are each a line of the report."""
    program.write("handlers.py", "async def echo(e, s): pass\npicky = slow = echo\n")
    program.write("in.jsonl", lines(*({"target": "echo"} for _ in range(12_000))))
    done = program.run("--events", "in.jsonl", "--format", "json")
    assert done.counts["succeeded"] == 12_000
    told = [one for one in done.objects if one.get("type") == "event"]
    assert len(told) == 12_000  # besides what the log may have to say, of a slow machine
    assert done.objects[-1]["not_shown"] == 0
