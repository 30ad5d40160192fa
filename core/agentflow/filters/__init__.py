"""Filters: one small language for the filter line, for breakpoints and for rules.

``Filter`` looks at the rows of a screen, ``Predicate`` at an event where it is just now.
"""

from agentflow.filters.filter import Filter
from agentflow.filters.predicate import Moment, Predicate

__all__ = ["Filter", "Moment", "Predicate"]
