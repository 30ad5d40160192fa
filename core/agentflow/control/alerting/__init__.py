"""Alerting: the operator's own rules, looked at once a second: raised once, cleared once, told."""

from agentflow.control.alerting.notify import Notifier
from agentflow.control.alerting.rules import AlertRules

__all__ = ["AlertRules", "Notifier"]
