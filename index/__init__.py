"""The store: catalog, vectors, words, and atomic commits over all three."""
