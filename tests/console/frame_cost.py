"""What a frame costs the screen's thread. Run it: ``python tests/console/frame_cost.py``.

Milliseconds of CPU, drawing included, by kind of frame and size of screen.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from console import rows
from console.screen import MEDIUM, SMALL, WIDE, console, settled

FRAMES = 60


async def measure(name: str, step: Callable[[int], Awaitable[object]]) -> None:
    """Print what one step costs in the mean."""
    await step(0)
    start = time.process_time()
    for number in range(1, FRAMES + 1):
        await step(number)
    cost = (time.process_time() - start) / FRAMES * 1000
    print(f"{name:44} {cost:6.1f} ms")


async def main() -> None:
    """Measure frames of a stream, a still screen, keys and changes of screen."""
    for size in (WIDE, MEDIUM, SMALL):
        await measure_at(size)


async def measure_at(size: tuple[int, int]) -> None:
    """Measure on a screen of this size."""
    label = f"{size[0]}x{size[1]}"
    link = rows.link()
    app = console(link, fps=20)
    async with app.run_test(size=size) as pilot:
        await settled(pilot)
        last = 1000

        async def stream(number: int) -> None:
            nonlocal last
            new = [rows.event(last + offset) for offset in range(1, 21)]
            last += 20
            link.give(settled=new, settled_cursor=last)
            await asyncio.sleep(0.06)

        async def key(number: int) -> None:
            await pilot.press("j" if number % 8 else "g")

        async def screens(number: int) -> None:
            await pilot.press("3" if number % 2 else "1")

        await measure(f"{label}: 20 more events in the stream", stream)
        await measure(f"{label}: a key that moves the cursor", key)
        await measure(f"{label}: another screen", screens)


if __name__ == "__main__":
    asyncio.run(main())
