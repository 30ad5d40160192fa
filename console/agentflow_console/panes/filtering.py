"""Filtering: what a pane of rows does with the text of the filter line."""

from __future__ import annotations

from typing import Any, Generic, Protocol, TypeVar

from agentflow_console.panes.base import Pane, Piece

R = TypeVar("R")
R_contra = TypeVar("R_contra", contravariant=True)


class RowFilter(Protocol[R_contra]):
    """What says which rows to show."""

    def matches(self, row: R_contra) -> bool:
        """Whether the row is let through."""


class Filtering(Pane, Generic[R]):
    """A pane that shows only the rows that its filter lets through."""

    filterable = False
    filter_id = ""
    """The name that its filter is remembered by."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.filter: Any = None
        self.filter_text = ""

    def cells(self, row: R) -> list[Piece]:
        """Safe text and style for each column."""
        raise NotImplementedError

    def filter_by(self, text: str) -> str:
        """Show only what matches; returns what is wrong with the filter, or ''."""
        text = text.strip()
        chosen, error = self.make_filter(text) if text else (None, "")
        if error:
            return error
        self.filter, self.filter_text = chosen, text
        self._looked = -1.0
        return ""

    def make_filter(self, text: str) -> tuple[RowFilter[R], str]:
        """The filter that ``text`` asks for, and what is wrong with it: of words, unless
        a subclass has a language of its own."""
        from agentflow_console.panes.words import Words

        return Words.parse(text, self.haystack)

    def haystack(self, row: R) -> str:
        """What the words of a filter are looked for in."""
        return " ".join(text for text, _ in self.cells(row))

    def passes(self, row: R) -> bool:
        """Whether the filter lets a row through."""
        return self.filter is None or self.filter.matches(row)
