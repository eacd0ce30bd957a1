# make        sets up .venv and compiles the sample matrix
# make test   all tests; with the Docker that is here, or a throwaway engine on Debian as root
PYTHON ?= python3
BIN := .venv/bin

.PHONY: all sample setup test fuzz lint types bench bench-build docs clean

all: sample

sample: setup
	@$(BIN)/compile-matrix

setup: .venv/ready

# Made again when pyproject.toml changes; pip's output is shown only where something is wrong.
# The build hook writes the version of pyproject.toml to compiler/version.py.
.venv/ready: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed: make PYTHON=python3.12")'
	@echo "setting up .venv"
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1' 2> .venv/pip.log || { cat .venv/pip.log; exit 1; }
	@HATCH_BUILD_HOOK_ENABLE_VERSION=true $(BIN)/python -m pip install --quiet --disable-pip-version-check --editable . --group dev 2> .venv/pip.log || { cat .venv/pip.log; exit 1; }
	@$(BIN)/python -m compileall -q compiler
	@touch $@

test: setup
	$(BIN)/python -m pytest

# A long run; FUZZ=1000000 for a longer one.
fuzz: setup
	FUZZ=$${FUZZ:-100000} $(BIN)/python -m pytest tests/fuzz -q

lint: setup
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports

types: setup
	$(BIN)/mypy
	MYPYPATH=tests $(BIN)/mypy --explicit-package-bases tests docs/generate.py
	MYPYPATH=benchmarks $(BIN)/mypy --explicit-package-bases benchmarks

bench: setup
	@$(BIN)/python -m compileall -q compiler
	$(BIN)/python benchmarks/run.py

bench-build: setup
	$(BIN)/python benchmarks/build.py

clean:
	rm -rf .venv

docs: setup
	$(BIN)/python docs/generate.py
