"""Query → candidates: documents first, passages inside them, pages from passages."""
