"""Query understanding: what a question names besides its words."""
