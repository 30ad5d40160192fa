"""Filters: one small language for the filter line, for breakpoints and for rules.

``Filter`` looks at the rows of a screen, ``Predicate`` at an event where it is just now.
"""

from agentflow.filters.filter import Filter
from agentflow.filters.predicate import Moment, Predicate
from agentflow.filters.vocabulary import SESSIONS

__all__ = ["SESSIONS", "Filter", "Moment", "Predicate"]
