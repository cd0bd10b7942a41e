"""Rerankers: candidates into a ranking, with reasons where the model gives them."""
