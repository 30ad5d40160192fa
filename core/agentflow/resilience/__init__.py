"""What happens when things fail: error classes, retries, circuit breakers, dead letters."""

from agentflow.resilience.breaker import BreakerPolicy, CircuitBreaker
from agentflow.resilience.classifier import ErrorClass, ErrorClassifier
from agentflow.resilience.dead_letters import DeadLetter, DeadLetters
from agentflow.resilience.retry import RetryPolicy

__all__ = [
    "BreakerPolicy",
    "CircuitBreaker",
    "DeadLetter",
    "DeadLetters",
    "ErrorClass",
    "ErrorClassifier",
    "RetryPolicy",
]
