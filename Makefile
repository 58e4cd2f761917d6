# Vernix. Every target sets up what it needs first: .venv from wheels, and as root the Debian packages of .ci/programs.
#   PYTHON=...  interpreter that makes .venv (3.11 or newer)
#   BUDGET=...  seconds of make fuzz, all decoders together
#   ARGS=...    handed on: make demo ARGS=--json, make test ARGS="tests/hw -k codec", make test ARGS=--cov
PYTHON ?= python3
# Half of the suite waits - for starts, brokers, pages - so three share two cores. Files are taken in their order, the long
# ones first (tests/conftest.py): xdist's own begins with those of many tests, and six minutes of screens, six tests, would
# be left for one worker at the end.
WORKERS ?= 3
ARGS ?=
BUDGET ?= 300
BIN := .venv/bin
READY := .venv/.ready
OLDER := .venv-tflite
# What depends on what a network answers.
NETWORKS := $(addprefix tests/models/,$(addsuffix .py,$(addprefix test_models_,detector embedding manifest passive selfcheck)) \
	liveness/test_liveness_mesh.py)

export PYTHON

.DEFAULT_GOAL := help
.PHONY: help demo run test test-tflite check bench fuzz wheels clean programs

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1|/p' $(MAKEFILE_LIST) | while IFS='|' read -r name text; do printf '  make %-11s %s\n' "$$name" "$$text"; done

demo: $(READY) ## scripted people at a simulated unit, from card to the hospital's receipt
	$(BIN)/vernix demo $(ARGS)

run: $(READY) ## the simulated unit, kept running
	$(BIN)/vernix run --simulated $(ARGS)

test: $(READY) programs ## everything CI tests
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

test-tflite: $(OLDER)/.ready ## the networks on the older interpreter, tflite-runtime, in an environment of its own
	@$(OLDER)/bin/python -c 'from models.interpreter import installed_runtime as found; assert found()[0] == "tflite_runtime"'
	$(OLDER)/bin/python -m pytest $(NETWORKS) $(ARGS)

check: $(READY) ## ruff, mypy --strict, import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict
	$(BIN)/lint-imports

bench: $(READY) ## the numbers of the README, measured here
	$(BIN)/python -m tests.bench $(ARGS)

fuzz: $(READY) ## bad bytes for every decoder: examples, seconds and findings of each
	$(BIN)/python -m tests.fuzz --budget $(BUDGET) $(ARGS)

wheels: $(READY) ## do wheels of all run-time dependencies exist for every supported Python and machine?
	$(BIN)/python .ci/wheels.py $(ARGS)

clean: ## remove everything make made, .venv included
	rm -rf .venv $(OLDER) build dist *.egg-info .coverage .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

programs:
	@.ci/setup programs

$(READY): setup.cfg pyproject.toml constraints.txt .ci/setup
	@.ci/setup venv
	@touch $@

$(OLDER)/.ready: constraints-tflite.txt .ci/setup
	@.ci/setup tflite
	@touch $@
