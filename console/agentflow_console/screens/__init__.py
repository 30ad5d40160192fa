"""Screens: what the keys 1 to 9 and 0 lead to."""
