# `make verify` and `make test` do everything on a machine that has Python 3.11 and nothing else.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WORKERS ?= 2
PIP := $(BIN)/python -m pip --disable-pip-version-check install -q -c constraints.txt

.PHONY: verify test test-long mutants soundness lint benchmarks clean

verify: $(VENV)/installed
	$(BIN)/lmo verify

test: $(VENV)/installed-dev
	$(BIN)/python -m pytest -m "not long" -n $(WORKERS) --dist loadfile --no-loadscope-reorder

test-long: $(VENV)/installed-dev
	$(BIN)/python -m pytest -m long

mutants: $(VENV)/installed-dev
	$(BIN)/python -m experiments.mutation

soundness: $(VENV)/installed
	$(BIN)/python -m experiments.soundness --seconds $(or $(SECONDS_EACH),600)

lint: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

benchmarks: $(VENV)/installed
	for script in benchmarks/*.py; do $(BIN)/python $$script || exit 1; done

$(VENV)/installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) torch
	$(PIP) -e .
	touch $@

$(VENV)/installed-dev: $(VENV)/installed
	$(PIP) -e '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) out
