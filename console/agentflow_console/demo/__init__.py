"""The bundled demo: an audit of Python's own standard library, with no network."""
