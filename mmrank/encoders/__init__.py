"""Encoders: passages and queries into vectors, passages into a document."""
