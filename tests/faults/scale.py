"""Sizes: how often the long forms do what they do. AGENTFLOW_FAULTS_SCALE makes them smaller."""

from __future__ import annotations

import os

CORES = os.cpu_count() or 1


def scaled(full: int) -> int:
    """A share of ``full``: all of it, unless AGENTFLOW_FAULTS_SCALE says less (0.01)."""
    return max(1, round(full * _SCALE))


# Read when the tests are collected: for their duration the variable is taken away.
_SCALE = float(os.environ.get("AGENTFLOW_FAULTS_SCALE", "1"))
