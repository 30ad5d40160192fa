"""Rings: the latest of something, numbered, so that a reader can ask for what is new."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from itertools import islice
from typing import Generic, TypeVar

T = TypeVar("T")


class Ring(Generic[T]):
    """The last ``capacity`` items. ``total`` counts every item there ever was.

    For one thread; SharedRing is for several.
    """

    def __init__(self, capacity: int) -> None:
        self.items: deque[T] = deque(maxlen=capacity)
        self.total = 0

    def append(self, item: T) -> None:
        """Add an item; its number, counted from 1, is the new ``total``."""
        self.items.append(item)
        self.total += 1

    def since(self, number: int, limit: int) -> tuple[list[T], int]:
        """The items after ``number``, oldest first, and how many of them are left out.

        Left out are those that the ring has let go and, over ``limit``, the older ones.
        """
        fresh = max(0, self.total - number)
        found = list(islice(reversed(self.items), min(fresh, limit)))
        found.reverse()
        return found, fresh - len(found)

    def __len__(self) -> int:
        return len(self.items)


class SharedRing(Ring[T]):
    """A Ring that any thread may append to and read."""

    def __init__(self, capacity: int) -> None:
        super().__init__(capacity)
        self._lock = threading.Lock()

    def append(self, item: T) -> None:
        """Add an item; its number, counted from 1, is the new ``total``."""
        with self._lock:
            super().append(item)

    def number(self, make: Callable[[int], T]) -> T:
        """Add the item that ``make`` makes of its number, and return it."""
        with self._lock:
            item = make(self.total + 1)
            super().append(item)
        return item

    def since(self, number: int, limit: int) -> tuple[list[T], int]:
        """The items after ``number``, oldest first, and how many of them are left out."""
        with self._lock:
            return super().since(number, limit)
