# `make demo` and `make test` set up everything they need in .venv; both are quick the second time.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# The variable silences an advertisement for another generator, which mkdocs-material prints with every build.
MKDOCS := NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs

# Tests wait a lot for processes of their own, so two at a time take little more than half as long. Files are not taken
# apart, since their tests share what they made, and stay in their order. `make test PARALLEL=` runs one after the other.
PARALLEL ?= -n 2 --dist loadfile --no-loadscope-reorder

.PHONY: demo test check docs docs-serve setup clean help

help:
	@echo "make demo   index the sample PDFs, search, rerank, draw the evidence"
	@echo "make test   lint, types, import contracts, documentation, tests and doctests"
	@echo "make docs   build the documentation into site/; make docs-serve shows it at http://127.0.0.1:8000"
	@echo "make clean  remove .venv and everything made by the above"

demo: $(VENV)/.ready-demo
	@$(BIN)/python examples/demo.py

test: $(VENV)/.ready-test
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(MKDOCS) build --strict
	@$(BIN)/python -m pytest $(PARALLEL) $(PYTEST_ARGS)

check: test

docs: $(VENV)/.ready-test
	@$(MKDOCS) build --strict && echo "site/index.html"

docs-serve: $(VENV)/.ready-test
	@$(MKDOCS) serve --strict

setup: $(VENV)/.ready-test

$(VENV)/.ready-%: pyproject.toml tools/constraints.txt tools/setup_env.py
	@$(PYTHON) tools/setup_env.py $*

clean:
	rm -rf $(VENV) demo-output site .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
