"""The report file of the demo."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from agentflow_console.demo.report import Entry, Report, report_path
from agentflow_console.demo.unwritten import Unwritten


def entry(module: str, score: int | None = 80, lines: int = 100) -> Entry:
    return Entry(module, module.partition(".")[0], f"### {module}\n\nFacts.\n", score, lines)


def test_the_report_has_totals_packages_failures_and_modules() -> None:
    """Everything that was added is in it, in the order of the names."""
    report = Report()
    report.add(entry("json.decoder", 60, 350))
    report.add(entry("json", 90, 50))
    report.add(entry("abc", None, 10))
    report.add_unreadable("bad", "SyntaxError: no\n way")
    title, _, rest = report.render().partition("\n")
    assert title.startswith("# Audit of the standard library of Python 3.")
    assert rest == (
        "\n3 modules audited, 410 lines, mean score 75; 1 could not be audited.\n"
        "\n"
        "| package | modules | lines | score |\n"
        "|---|---:|---:|---:|\n"
        "| abc | 1 | 10 | – |\n"
        "| json | 2 | 400 | 75 |\n"
        "\n"
        "## Could not be audited\n"
        "\n"
        "- `bad`: SyntaxError: no way\n"
        "\n"
        "## Modules\n"
        "\n"
        '<!-- ["abc", "abc", null, 10] -->\n'
        "### abc\n\nFacts.\n"
        "\n"
        '<!-- ["json", "json", 90, 50] -->\n'
        "### json\n\nFacts.\n"
        "\n"
        '<!-- ["json.decoder", "json", 60, 350] -->\n'
        "### json.decoder\n\nFacts.\n"
    )


def test_a_module_is_in_the_report_once() -> None:
    """The same event again replaces the entry, and a success takes a failure back."""
    report = Report()
    report.add_unreadable("json", "SyntaxError: no")
    report.add(entry("json", 10))
    once = report.render()
    report.add(entry("json", 10))
    assert report.render() == once
    assert "1 module audited" in once
    assert "0 could not be audited" in once


def test_writing_replaces_the_file_and_leaves_nothing_behind(tmp_path: Path) -> None:
    """The new report stands where the old one stood, and no temporary file stays."""
    path = tmp_path / "report.md"
    report = Report()
    report.open(path)
    report.add(entry("json"))
    report.write()
    first = path.read_text(encoding="utf-8")
    report.add(entry("abc"))
    report.write()
    assert first != path.read_text(encoding="utf-8") == report.render()
    report.close()
    assert list(tmp_path.iterdir()) == [path]


def test_what_was_added_survives_a_kill_before_it_is_written(tmp_path: Path) -> None:
    """A process that is killed between two writes loses nothing that it has taken in."""
    path = tmp_path / "report.md"
    killed = (
        "import os, pathlib, signal, sys\n"
        "from agentflow_console.demo.report import Entry, Report\n"
        "report = Report()\n"
        "report.open(pathlib.Path(sys.argv[1]))\n"
        "report.add(Entry('json', 'json', '### json\\n', 10))\n"
        "report.write()\n"
        "report.add(Entry('abc', 'abc', '### abc\\n', 20))\n"
        "report.add_unreadable('bad', 'no')\n"
        "report.add(Entry('json', 'json', '### json\\n', 90))\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-P", "-c", killed, str(path)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert "1 module audited, 0 lines, mean score 10" in path.read_text("utf-8")
    report = Report()
    report.open(path)
    assert report.modules == {"json", "abc", "bad"}
    assert "2 modules audited, 0 lines, mean score 55; 1 could not" in path.read_text("utf-8")
    report.close()
    assert list(tmp_path.iterdir()) == [path]


def test_a_line_that_was_torn_costs_that_line_alone(tmp_path: Path) -> None:
    """What came before it is kept, and what is added after it is whole."""
    path = tmp_path / "report.md.unwritten"
    first = Unwritten(path, "title")
    first.add(["json"])
    first.add(["abc"])
    path.write_bytes(path.read_bytes()[:-4])
    second = Unwritten(path, "title")
    assert second.read() == [["json"]]
    second.add(["zlib"])
    assert second.read() == [["json"], ["zlib"]]


def test_lines_that_nobody_wrote_yet_are_not_removed(tmp_path: Path) -> None:
    """What is added while the report is being written stays until the next time."""
    unwritten = Unwritten(tmp_path / "report.md.unwritten", "title")
    unwritten.add(["json"])
    seen = unwritten.lines
    unwritten.add(["abc"])
    unwritten.remove(seen)
    assert unwritten.read() == [["json"], ["abc"]]
    unwritten.remove(unwritten.lines)
    assert unwritten.read() == []


def test_lines_of_another_report_are_not_taken_in(tmp_path: Path) -> None:
    """Another Python's report may have been cut short at the same place."""
    path, lines = tmp_path / "report.md", tmp_path / "report.md.unwritten"
    lines.write_text('"# Something else"\n["json", "no"]\n')
    report = Report()
    report.open(path)
    assert report.modules == set()
    assert not lines.exists()


def test_a_deleted_report_is_written_again(tmp_path: Path) -> None:
    """Nothing new to say is no reason to leave the file missing."""
    path = tmp_path / "report.md"
    report = Report()
    report.open(path)
    report.add(entry("json"))
    report.write()
    path.unlink()
    report.write()
    assert path.exists()


def test_a_new_process_goes_on_with_the_report(tmp_path: Path) -> None:
    """What one engine wrote, the next one reads back and adds to."""
    path = tmp_path / "report.md"
    first, second = Report(), Report()
    first.open(path)
    first.add(entry("json", 90, 50))
    first.add(entry("abc", None))
    first.add_unreadable("bad", "SyntaxError: `no` way")
    first.write()
    second.open(path)
    assert second.render() == path.read_text(encoding="utf-8")
    second.add(entry("zlib"))
    second.open(path)  # opened already: nothing is read again
    second.write()
    assert "3 modules audited" in path.read_text(encoding="utf-8")


def test_what_came_before_the_first_opening_is_kept(tmp_path: Path) -> None:
    """A module may fail before the first one is published."""
    report = Report()
    report.add_unreadable("bad", "SyntaxError: no")
    report.open(tmp_path / "report.md")
    assert "1 could not be audited" in report.render()


def test_a_report_of_something_else_is_begun_anew(tmp_path: Path) -> None:
    """Another Python's report, or no report at all, is not added to."""
    path = tmp_path / "report.md"
    path.write_text('# Something else\n<!-- ["json", "json", 1, 1] -->\n### json\n')
    report = Report()
    report.open(path)
    assert "0 modules audited" in report.render()


def test_the_report_goes_where_the_variable_says_else_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """$STDLIB_AUDIT_REPORT wins over the current folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("STDLIB_AUDIT_REPORT", raising=False)
    assert report_path() == tmp_path / "stdlib-audit-report.md"
    monkeypatch.setenv("STDLIB_AUDIT_REPORT", str(tmp_path / "elsewhere.md"))
    assert report_path() == tmp_path / "elsewhere.md"
