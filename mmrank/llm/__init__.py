"""Chat models: one protocol, three engines."""
