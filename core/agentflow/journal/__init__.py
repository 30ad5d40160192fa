"""The journal: what was accepted and what came of it, on disk (SQLite)."""
