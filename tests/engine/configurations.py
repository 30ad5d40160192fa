"""Configurations made up from a seed, of any mode, with limits narrow enough to matter."""

from __future__ import annotations

import random

MODES = ("route", "collaborative", "sequential", "loop", "mixed")

MOST_TRIALS = 2
"""The most that ``half_open_calls`` is ever set to."""


def settings(rng: random.Random) -> str:
    """The text of one."""
    pipelines = (["b", "c"], ["c", "a"], ["a", "c", "a"], ["d"])
    return f"""
        [runtime]
        max_concurrent_events = {rng.choice([1, 2, 5])}
        queue_size = {rng.choice([4, 1000, 1000])}
        max_hops = {rng.choice([3, 10])}
        [orchestration]
        mode = "{rng.choice(MODES)}"
        collaborative_agents = {rng.choice([["a", "b", "c"], ["c", "d"], ["d", "a"]])}
        sequential_agents = {rng.choice(pipelines)}
        loop_agent = "{rng.choice(["a", "b"])}"
        max_iterations = {rng.choice([1, 3])}
        on_max_iterations = "{rng.choice(["finish", "fail"])}"
        timeout_seconds = {rng.choice([2, 20, 100])}
        max_concurrency = {rng.choice([1, 2, 10])}
        failure_threshold = {rng.choice([0.3, 1.0])}
        [error_routing]
        default_error_handler = "{rng.choice(["errors", "a"])}"
        [error_routing.retry]
        max_retries = {rng.choice([0, 2, 3])}
        initial_delay = {rng.choice([0.2, 1.5])}
        jitter = {rng.choice(["true", "true", "false"])}
        [error_routing.circuit_breaker]
        failure_threshold = {rng.choice([1, 3, 50])}
        timeout = {rng.choice([0.5, 4])}
        half_open_calls = {rng.choice([1, MOST_TRIALS])}
        success_threshold = {rng.choice([1, 2])}
        [agents.a]
        [agents.b]
        [agents.d]
        [agents.errors]
        [agents.c]
        timeout = {rng.choice([1, 20])}
    """
