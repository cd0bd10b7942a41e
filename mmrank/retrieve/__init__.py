"""From a question to hits: documents are ranked, then their pages."""
