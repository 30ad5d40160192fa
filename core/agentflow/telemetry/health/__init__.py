"""Health: a report once a second of how the system is, and what to do about it.

``Probe`` reads plain facts off the engine, ``checks`` and ``anomalies`` judge them without
knowing the engine, ``HealthMonitor`` puts the ``Health`` together. Reading it costs nothing.
"""

from agentflow.telemetry.health.report import Anomaly, Check, Health, JournalFigures

__all__ = ["Anomaly", "Check", "Health", "JournalFigures"]
