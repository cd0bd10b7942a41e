# `make demo` and `make test` set up everything they need in .venv; both are quick the second time.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test check lint types setup clean help

help:
	@echo "make demo   index the sample PDFs, search, rerank, draw the evidence"
	@echo "make test   lint, types, import contracts, tests and doctests"
	@echo "make clean  remove .venv and everything made by the above"

demo: $(VENV)/.ready-demo
	@$(BIN)/python examples/demo.py

test: $(VENV)/.ready-test
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m pytest $(PYTEST_ARGS)

check: test

setup: $(VENV)/.ready-test

$(VENV)/.ready-%: pyproject.toml tools/constraints.txt tools/setup_env.py
	@$(PYTHON) tools/setup_env.py $*

clean:
	rm -rf $(VENV) demo-output .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
