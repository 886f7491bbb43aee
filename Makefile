# `make test` runs every check there is, on a machine with make and Python >= 3.11 and nothing else.
# PYTHON=/path/to/python3 chooses the Python; otherwise the newest on PATH is taken.

VENV := .venv
PY := $(VENV)/bin/python
READY := $(VENV)/.ready
# What serving needs, without the tools of those who change it: a first run is not to wait for them.
RUNNABLE := $(VENV)/.runnable
# What draws the pictures of the benchmarks.
DRAWABLE := $(VENV)/.drawable
# The package as a user has it: an editable install of the root is a finder that mypy and import-linter cannot follow.
INSTALLED := build/installed

.NOTPARALLEL:
.PHONY: help run install test lint pytest installed types layers coverage bench bench-quick format clean
.DEFAULT_GOAL := help

help:  ## say what there is to make
	@sed -n 's/^\([a-z-]*\):.*  ## /\1\t/p' Makefile | expand -t 12

run: $(RUNNABLE)  ## serve the example shop on http://127.0.0.1:8080 (ARGS="--data /tmp/shop" passes on)
	@exec $(VENV)/bin/twofold run $(ARGS)

install: $(READY)  ## everything in .venv, `twofold` included

test: lint pytest types layers  ## every check: style, tests, types and layers

$(READY): pyproject.toml
	@PYTHON="$(PYTHON)" .ci/virtualenv $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	@touch $@ $(RUNNABLE)

$(RUNNABLE): pyproject.toml
	@PYTHON="$(PYTHON)" .ci/virtualenv $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

lint: $(READY)  ## style and format
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .

pytest: $(READY)  ## the tests alone (ARGS="-k torn" passes on to pytest)
	$(PY) -m pytest tests -q $(ARGS)

coverage: $(READY)  ## the tests, with the branches that none of them took; apart, since it costs half as much again
	$(PY) -m pytest tests -q --cov --cov-config=pyproject.toml --cov-report=term $(ARGS)

$(DRAWABLE): $(READY)
	$(PY) -m pip install --quiet --disable-pip-version-check --editable '.[test,bench]'
	@touch $@

bench: $(DRAWABLE)  ## measure all, with tables and pictures in docs/benchmarks: hours (ARGS="--only queries" passes on)
	$(PY) -m benchmarks.suite $(ARGS)

bench-quick: $(DRAWABLE)  ## measure all in three minutes, into build/bench-quick: whether it works, not how fast
	$(PY) -m benchmarks.suite --quick --out build/bench-quick $(ARGS)

# What an older build left in build/lib would go along into the new one.
installed: $(READY)
	@rm -rf build
	$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --target $(INSTALLED) .

types: installed  ## mypy, strict, on the installed package and on all that uses it
	MYPYPATH=$(INSTALLED) $(PY) -m mypy -p twofold
	MYPYPATH=$(INSTALLED) $(PY) -m mypy --explicit-package-bases examples benchmarks tests

layers: installed  ## the imports between the folders
	PYTHONPATH=$(INSTALLED) $(VENV)/bin/lint-imports

format: $(READY)  ## write the code the way `make lint` wants it
	$(PY) -m ruff check --fix-only --quiet .
	$(PY) -m ruff format .

clean:  ## remove all that make and the tools made
	rm -rf build dist twofold.egg-info $(VENV) .coverage .*_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
