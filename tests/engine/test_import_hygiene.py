"""What importing the engine costs: nothing of the console's, and nothing slow."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

SCRIPT = """
import json, sys
before = set(sys.modules)
{code}
print(json.dumps(sorted({{name.split(".")[0] for name in set(sys.modules) - before}})))
"""


def loaded(code: str) -> set[str]:
    """The top-level modules that a fresh interpreter has loaded after ``code``."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(code=code)],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize(
    "code",
    [
        "import agentflow; [getattr(agentflow, name) for name in agentflow.__all__]",
        "import agentflow.testing",
        "import agentflow.control",
    ],
)
def test_the_engine_loads_no_terminal_and_no_network(code: str) -> None:
    """All public names together load neither textual, rich, httpx nor the console."""
    found = loaded(code)
    assert not found & {
        "textual", "rich", "httpx", "httpcore", "agentflow_console", "agentflow_themes", "anyio",
    }  # fmt: skip


def test_a_runner_that_runs_needs_none_of_them_either() -> None:
    """Agents in code work without a network library."""
    found = loaded(
        "import asyncio\n"
        "from agentflow import Event, Runner\n"
        "async def work(event, state): return {'y': 1}\n"
        "async def main():\n"
        "    async with Runner() as runner:\n"
        "        runner.register_agent('a', work)\n"
        "        assert (await runner.request(Event('a'))).error is None\n"
        "asyncio.run(main())"
    )
    assert not found & {"textual", "rich", "httpx", "watchfiles", "agentflow_console"}
