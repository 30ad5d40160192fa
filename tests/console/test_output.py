"""The way to the terminal: who sends never waits, and knows what the terminal has taken."""

from __future__ import annotations

import os
import threading

from agentflow_console.output import Output


class Slow:
    """A file that takes nothing until it is let."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.kept: list[str] = []

    def write(self, text: str) -> None:
        self.kept.append(text)

    def flush(self) -> None:
        assert self.open.wait(5)

    def fileno(self) -> int:
        return 2


class Gone(Slow):
    """A terminal that nobody has any more."""

    def flush(self) -> None:
        raise OSError(5, "Input/output error")


def test_it_is_busy_until_the_terminal_has_taken_everything() -> None:
    """What was sent counts as on its way until the flush behind it has come back."""
    file, freed = Slow(), threading.Event()
    output = Output(file, lambda: None)  # type: ignore[arg-type]
    assert not output.busy
    assert not output.when_free(freed.set)
    for _ in range(2):
        output.sent()
    writing = threading.Thread(
        target=lambda: (output.write("ä"), output.write("b"), output.flush())
    )
    writing.start()
    assert output.busy
    assert output.when_free(freed.set)
    file.open.set()
    assert freed.wait(5)
    writing.join()
    assert not output.busy
    assert output.size == 3
    ((_, took),) = output.taken
    assert took > 0
    assert file.kept == ["ä", "b"]


def test_a_flush_before_the_last_piece_does_not_make_it_free() -> None:
    """A piece that was sent meanwhile is still on its way."""
    with open(os.devnull, "w") as file:  # noqa: PTH123
        output = Output(file, lambda: None)
        output.sent()
        output.write("a")
        output.sent()
        output.flush()
        assert output.busy
        output.write("b")
        output.flush()
        assert not output.busy


def test_a_terminal_that_is_gone_is_said_once_and_keeps_nobody_waiting() -> None:
    """After it has gone everything is taken at once."""
    told: list[int] = []
    output = Output(Gone(), lambda: told.append(1))  # type: ignore[arg-type]
    for _ in range(3):
        output.sent()
        output.write("x")
        output.flush()
    assert told == [1]
    assert not output.busy
