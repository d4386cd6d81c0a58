# Needs Python 3.11 or newer, and make. Everything else is installed into .venv, from a lock with hashes.
# Another interpreter: make test PYTHON=python3.12

.DEFAULT_GOAL := help
.PHONY: help demo test check prove bench bench-features bench-tracking screenshots format docs lock install clean

export PYTHON
BIN := .venv/bin
CODE := src tests benchmarks peers scripts
JOBS ?= 2

help:  ## Show what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' Makefile

demo: install  ## Live through a year of real flights, in minutes
	@$(BIN)/lapwise demo $(ARGS)

test: install  ## Run all tests but the long proofs (ARGS="-k name" to choose)
	@$(BIN)/python -m pytest -n $(JOBS) -m "not prove" $(ARGS)

check: install  ## Style, types, import contracts, architecture
	@$(BIN)/ruff check $(CODE)
	@$(BIN)/ruff format --check $(CODE)
	@$(BIN)/mypy $(CODE)
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/python -m pytest -q tests/architecture

prove: install  ## Run the long proofs: kills, simulations, large files
	@$(BIN)/python -m pytest -n $(JOBS) -m prove --timeout 1800 $(ARGS)

bench: install  ## Measure, and print the seconds
	@$(BIN)/python -m benchmarks

bench-tracking: install  ## Measure tracking and the server beside MLflow
	@$(BIN)/python -m benchmarks tracking --peers

bench-features: install  ## Measure features beside bare Polars, LMDB, Redis and Feast
	@$(BIN)/python -m benchmarks features --peers $(ARGS)

PROJECT ?= lapwise-demo
screenshots: install  ## Photograph a demo's pages into docs/img (PROJECT=folder)
	@$(BIN)/python scripts/screenshots.py $(PROJECT)

format: install  ## Mend style and formatting in place
	@$(BIN)/ruff check --fix $(CODE)
	@$(BIN)/ruff format $(CODE)

docs: install  ## Write docs/cli.md and the table of docs/mlflow.md anew
	@$(BIN)/python scripts/cli_docs.py
	@$(BIN)/python scripts/mlflow_docs.py

lock: install  ## Resolve the requirements anew (UPGRADE=--upgrade for newer releases)
	@$(BIN)/python scripts/lock.py $(UPGRADE)

install:
	@sh scripts/python.sh scripts/install.py

clean:  ## Remove .venv and every cache
	rm -rf .venv .venv.lock .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis build dist
	find src tests scripts -name __pycache__ -type d -prune -exec rm -rf {} +
