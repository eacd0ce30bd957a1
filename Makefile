# `make help` lists the targets.
PYTHON ?= python3
BIN := .venv/bin

# Tests start the compiler and pytest workers many times: compiled byte code is kept.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: all sample setup quick test fuzz search fingerprints dockerfiles lint types bench bench-build comparison references site docs page dist hooks clean help

all: sample ## set up .venv and compile the sample matrix (the default)

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

sample: setup
	@$(BIN)/compile-matrix

setup: .venv/ready ## set up .venv; PYTHON=python3.12 chooses the interpreter

# Made again when pyproject.toml changes; the output of uv and pip is shown only where something is
# wrong. uv takes a tenth of the time. pip installs where it has an index of its own, which uv does
# not know, and where uv fails. The build hook writes the version of pyproject.toml to
# compiler/version.py. Packages are compiled to byte code when they are first imported: most of their
# files never are.
INSTALL := pip install --quiet --editable . --group dev
.venv/ready: export HATCH_BUILD_HOOK_ENABLE_VERSION = true
.venv/ready: export PIP_DISABLE_PIP_VERSION_CHECK = 1
.venv/ready: export PIP_NO_COMPILE = 1
.venv/ready: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed: make PYTHON=python3.12")'
	@echo "setting up .venv"
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1' uv 2> .venv/pip.log || { cat .venv/pip.log; exit 1; }
	@{ ! $(BIN)/python -m pip config list | grep -q '\.index-url=' && $(BIN)/uv $(INSTALL) --python $(BIN)/python 2> .venv/uv.log; } \
	  || $(BIN)/python -m $(INSTALL) 2> .venv/pip.log || { cat .venv/pip.log; exit 1; }
	@$(BIN)/python -m compileall -q -j 0 compiler
	@touch $@

# Workers of pytest: more than two cores need, since some tests also wait.
WORKERS ?= 3

quick: lint ## find most mistakes in about a minute, without an engine
	FUZZ=$${FUZZ:-25} $(BIN)/python -m pytest -q -m "not engine and not slow" -n $(WORKERS) --dist loadfile

test: setup ## run all tests, with the Docker that is here or a throwaway engine (Debian, as root)
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile

fuzz: setup ## run the fuzzer for a long time; FUZZ=1000000 for a longer one
	FUZZ=$${FUZZ:-100000} $(BIN)/python -m pytest tests/fuzz -q

# The order of some requests is that of a set: with a fixed hash seed, SEED names one schedule.
search: setup ## search interleavings of releases; SEARCH=1000000 for more, SEED=N for the first
	PYTHONHASHSEED=0 SEARCH=$${SEARCH:-50000} $(BIN)/python -m pytest tests/search -q -n $(WORKERS)

fingerprints: setup ## compare fingerprints with what an engine builds; FINGERPRINT_SEEDS=10000 for longer
	FINGERPRINT_SEEDS=$${FINGERPRINT_SEEDS:-300} $(BIN)/python -m pytest tests/engine/test_fingerprint_oracle.py -q

dockerfiles: setup ## compare checks of Dockerfiles with an engine; DOCKERFILE_SEEDS=50000 for longer
	DOCKERFILE_SEEDS=$${DOCKERFILE_SEEDS:-5000} $(BIN)/python -m pytest tests/engine/test_dockerfile_checks.py -q

lint: setup ## check style, format and the direction of imports
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports

types: setup ## check types
	$(BIN)/mypy
	MYPYPATH=tests $(BIN)/mypy --explicit-package-bases tests docs/*.py
	MYPYPATH=benchmarks:tests $(BIN)/mypy --explicit-package-bases benchmarks

comparison: setup ## run every other tool of docs/comparison.md; installs posit-bakery into build/
	$(BIN)/python -m venv build/comparison
	$(BIN)/python -m pip --python build/comparison/bin/python install --quiet --group comparison
	PATH=$(CURDIR)/build/comparison/bin:$$PATH $(BIN)/python -m pytest -q tests/docs/test_comparison.py

references: setup ## write the pages and pictures of docs/ that are generated
	$(BIN)/python docs/generate.py
	$(BIN)/python docs/pictures.py

site: setup ## build the documentation site into build/site, and check its links
	$(BIN)/python docs/build_site.py

docs: references site ## write the generated pages, then build the site

bench: setup ## measure how long compiling takes
	@$(BIN)/python -m compileall -q compiler
	$(BIN)/python benchmarks/run.py

bench-build: setup ## measure how long building takes; needs a Docker engine
	$(BIN)/python benchmarks/build.py

page: ## build the front end of `report`; needs Node.js and the npm registry
	cd compiler/reports/page/front && npm ci --no-audit --no-fund --silent && node build.mjs

dist: setup ## build the wheel and the source archive into dist/
	rm -rf dist
	$(BIN)/python -m build --installer uv --outdir dist

hooks: setup ## check each commit, by the hooks of .pre-commit-config.yaml
	$(BIN)/pre-commit install

clean: ## remove .venv, build/ and dist/
	rm -rf .venv build dist
