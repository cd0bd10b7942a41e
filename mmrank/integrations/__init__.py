"""Small adapters, so that mmrank takes a place in pipelines built with other frameworks.

Each is a module of its own, imported when you name it, and comes with an extra of its name: `langchain`,
`llama_index` (extra "llama-index"), `haystack` and `mteb`.
"""
