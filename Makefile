# Everything runs in .venv, made at the first use. On a machine with only Python, git and make:
#   make demo    install the base, make sample parts, inspect them
#   make test    install what the tests need, run them
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
TESTS ?=

.PHONY: demo test check bench clean

demo: $(VENV)/base
	rm -rf demo
	$(BIN)/reinspect sample demo/parts
	$(BIN)/reinspect run demo/parts --out demo/run --store demo/reinspect.db

test: $(VENV)/dev
	$(BIN)/python -m pytest $(TESTS)

check: $(VENV)/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy

bench: $(VENV)/dev
	for file in benchmarks/*.py; do $(BIN)/python $$file || exit 1; done

clean:
	rm -rf $(VENV) demo build dist

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/base: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	touch $@

$(VENV)/dev: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@ $(VENV)/base
