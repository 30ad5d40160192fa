"""A runner whose fsync fails: ``python -m faults.failing FOLDER``, under the shim.

Ends with an AssertionError for every promise that is broken. Prints the ids of what was
accepted, one a line.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from agentflow import Event, JournalFailed

from .crowded import Crowd, Disk, _bad, _true, until


async def refused(crowd: Crowd) -> None:
    """Every way in is shut."""
    for way in (crowd.emit(), crowd.runner.request(Event("a")), crowd.runner.emit(Event("a"))):
        try:
            await asyncio.wait_for(way, 5)
        except JournalFailed as error:
            assert str(crowd.journal.path) in str(error)  # noqa: PT017
            continue
        raise AssertionError("accepted after a failed fsync")
    try:
        crowd.runner.try_emit(Event("a"))
    except JournalFailed:
        return
    raise AssertionError("accepted after a failed fsync")


async def main() -> None:
    """Accept some, fail, refuse for ever, end."""
    crowd = Crowd(Disk(Path(sys.argv[1]), "shim"), "failing")
    runner = crowd.runner
    await runner.start()
    await crowd.emit()
    await runner.join()
    runner.pause()
    for _ in range(100):
        await crowd.emit()
    trigger = Path(os.environ["FAULTS_SYNC_FAILS"])
    trigger.touch()  # noqa: ASYNC240
    count = len(crowd.accepted)
    await refused(crowd)
    await until(lambda: _true(crowd.journal.stats().state == "failed"), "the state is not failed")
    await until(lambda: _true("journal" in _bad(runner)), "health does not say it")
    assert "journal" in crowd.alerts().lower(), crowd.alerts()
    # It works again, as far as anybody can see: what was lost in between nobody knows.
    trigger.unlink()  # noqa: ASYNC240
    await refused(crowd)
    assert len(crowd.accepted) == count
    assert crowd.journal.stats().state == "failed"
    await runner.stop(timeout=1)
    print("\n".join(crowd.accepted))
    print("ran", *crowd.ran)


if __name__ == "__main__":
    asyncio.run(main())
