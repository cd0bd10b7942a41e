"""The sample collection, one document per module."""
