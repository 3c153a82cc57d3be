# Every target makes the virtual environment it needs: in a fresh clone `make demo` and `make test` work by themselves.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

# pytest's exit status 5 is "no test was run": never a success.
define pytest
	@$(BIN)/python -m pytest $(1) || { status=$$?; \
	  if [ $$status -eq 5 ]; then echo "No test was selected by: pytest $(1). That counts as a failure." >&2; fi; \
	  exit $$status; }
endef

.PHONY: help demo test check test-live test-lab test-formats lab bench clean
.DEFAULT_GOAL := help

help:
	@echo "make demo       both founding incidents: sick, verdict, cured, verdict"
	@echo "make test       the tests that need nothing but Python"
	@echo "make check      ruff and mypy"
	@echo "make test-live  tests that look at real processes"
	@echo "make test-lab   the lab's services, sick and cured, on the Pythons of this machine"
	@echo "make test-formats  other tools' readers, from npm, on the files that record and export write"
	@echo "make lab        all rules on all cases; writes docs/verdicts.md (ARGS='--wide --repeat 3')"
	@echo "make bench      measure beside other readers, half an hour; writes docs/benchmarks.md (ARGS=--quick: four minutes)"
	@echo "make clean      remove what the targets above made in this folder"

$(STAMP): pyproject.toml engine/setup.py $(wildcard engine/src/*)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "spindoctor needs Python 3.11 or newer to run, and $(PYTHON) is older or missing: make PYTHON=/path/to/python3.11" >&2; \
	  exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { \
	  echo "$(PYTHON) has no venv module; on Debian and Ubuntu it comes with: apt-get install python3-venv" >&2; exit 1; }
	@echo "Setting up $(VENV) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check ./engine 2>/dev/null || \
	  echo "The optional engine was not built (it takes a C compiler and Python's headers): pure Python looks instead."
	@rm -rf engine/build engine/*.egg-info
	@touch $@

demo: $(STAMP)
	@$(BIN)/python lab/demo.py

test: $(STAMP)
	$(call pytest,)

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# A program that runs is read at a moment of its own choosing, on a machine that may stall: a test is tried again, and named.
test-live: $(STAMP)
	$(call pytest,-m live --reruns 2 -rR)

test-lab: $(STAMP)
	$(call pytest,-m lab tests/lab)

test-formats: $(STAMP)
	$(call pytest,-m formats tests/formats)

lab: $(STAMP)
	@$(BIN)/python lab/matrix.py $(ARGS)

bench: $(STAMP)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check py-spy || true
	@for version in 4.0.0 3.7.0; do \
	  test -d $(VENV)/bench-peers/austin-$$version || $(BIN)/python -m pip install --quiet --disable-pip-version-check \
	    --no-deps --target $(VENV)/bench-peers/austin-$$version austin-dist==$$version || true; done
	@$(BIN)/python -m compileall -q src # as an installer does; without it every start-up compiles again where bytecode is not written
	@$(BIN)/python bench/run.py $(ARGS)

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
