"""What the measures add up to."""

from __future__ import annotations

from agentflow_console.demo import verdict

MEASURES = {
    "size": {"lines": 1200, "code": 900, "comment": 100, "blank": 200},
    "complexity": {
        "functions": 4,
        "mean": 5.5,
        "complex": [["parse", 27]],
        "long": [["parse", 249], ["Box.fit", 61]],
    },
    "docstrings": {"public": 10, "documented": 7, "missing": ["Box", "Box.fit", "main"]},
    "imports": {"modules": ["os", "sys"], "deferred": 1},
    "types": {"places": 20, "annotated": 5},
}


def test_the_score_is_the_mean_of_three_shares() -> None:
    """0.7 documented, 3 of 4 functions simple, 2 of 4 short."""
    assert verdict.score(MEASURES) == 65


def test_a_missing_measure_is_left_out_of_the_score() -> None:
    """What was not measured neither helps nor hurts."""
    assert verdict.score({"docstrings": MEASURES["docstrings"]}) == 70
    assert verdict.score({"size": MEASURES["size"]}) is None


def test_findings_name_the_worst() -> None:
    """One sentence for each kind, with a number and a name."""
    assert verdict.findings(MEASURES) == [
        "1 function with more than 10 paths; `parse` has 27",
        "2 functions of more than 60 lines; `parse` has 249",
        "3 public names without a docstring; `Box` is one",
        "1 import inside a function",
    ]
    assert verdict.findings({}) == []


def test_a_section_is_markdown() -> None:
    """Heading with the score, one line of facts, the findings as a list."""
    assert verdict.section("json.decoder", 65, ["one finding"], MEASURES) == (
        "### json.decoder: 65 of 100\n"
        "\n"
        "1,200 lines (900 of code), 4 functions of 5.5 paths each, 70% documented, "
        "25% annotated, imports 2 modules.\n"
        "\n"
        "- one finding\n"
    )


def test_a_section_without_measures_says_so() -> None:
    """No measure, no score, and still a section."""
    assert verdict.section("sys", None, [], {}) == ("### sys: not rated\n\nNothing was measured.\n")
