"""What the engine knows about itself: traces, metrics, logs, and the Snapshot of them."""
