"""Fuzzy: which of many names a few typed letters mean."""

from __future__ import annotations

from collections.abc import Iterable


def score(typed: str, name: str) -> float:
    """How well ``typed`` fits ``name``: 0 for not at all, higher is better.

    All letters must occur, in order. Runs of letters and starts of words count more, and
    of two equal matches the shorter name wins.
    """
    typed, low = typed.casefold().replace(" ", ""), name.casefold()
    if not typed:
        return 1.0
    points, position, run = 0.0, 0, 0
    whole = low.find(typed)
    if whole >= 0:
        starts = whole == 0 or not low[whole - 1].isalnum()
        return 100.0 * len(typed) + (50.0 if starts else 0.0) - whole - len(low) / 100
    for letter in typed:
        found = low.find(letter, position)
        if found < 0:
            return 0.0
        starts = found == 0 or not low[found - 1].isalnum()
        run = run + 1 if found == position and position else 0
        points += 1 + (8 if starts else 0) + 4 * run
        position = found + 1
    return max(points - len(low) / 100, 0.01)


def ranked(typed: str, names: Iterable[str]) -> list[str]:
    """The names that fit, best first; names that fit equally well keep their order."""
    scored = [(score(typed, name), name) for name in names]
    return [name for points, name in sorted(scored, key=lambda pair: -pair[0]) if points > 0]
