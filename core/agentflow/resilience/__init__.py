"""What happens when things fail: error classes, retries, circuit breakers, dead letters."""

from agentflow.resilience.breaker import BreakerPolicy, CircuitBreaker
from agentflow.resilience.classifier import ErrorClass, ErrorClassifier
from agentflow.resilience.dead_letters import DeadLetter, DeadLetters
from agentflow.resilience.retry import RetryPolicy
from agentflow.resilience.supervisor import RestartIntensity, Restarts

__all__ = [
    "BreakerPolicy",
    "CircuitBreaker",
    "DeadLetter",
    "DeadLetters",
    "ErrorClass",
    "ErrorClassifier",
    "RestartIntensity",
    "Restarts",
    "RetryPolicy",
]
