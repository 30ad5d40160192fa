"""The link: one small protocol between an engine and whoever watches it.

Nothing is imported here: the console starts the engine's process before it imports
what the two say to each other.
"""
