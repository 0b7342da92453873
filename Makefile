# The commands of this repository; `make` lists them. PYTHON=python3.12 chooses the interpreter of the virtual environment.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
CODE := wf tasks reaper api tests examples

.DEFAULT_GOAL := help
.PHONY: help install demo pictures test check crash-matrix simulate chaos hostile bench bench-sleepers clean

help:  ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(STAMP)  ## make .venv and install everything into it; again only when the dependencies change

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt -e '.[test]'
	@touch $@

demo: install  ## 20 reports through two workers, one of which is killed, and a broker that loses everything; ARGS=--stay
	$(BIN)/python examples/report/demo.py $(ARGS)

pictures: install  ## the pictures of the dashboard in examples/report/pictures, taken of that pipeline at work; needs Chromium
	$(BIN)/python examples/report/photographer.py $(ARGS)

test: install  ## all tests, on embedded Postgres and Valkey; ARGS='-k sleep' chooses some
	$(BIN)/python -m pytest -n 4 --dist worksteal $(ARGS)

check: install  ## style, types, and which package may import which
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/mypy $(CODE)
	$(BIN)/lint-imports

crash-matrix: install  ## every primitive, killed at every point, as a table in crash-matrix.md
	$(BIN)/python -m tests.crashmatrix $(ARGS)

simulate: install  ## thousands of seeds of several workers, killed and cut off at any statement; ARGS='--seeds 500'
	$(BIN)/python -m tests.simulation $(ARGS)

chaos: install  ## ten minutes of real processes under load while everything breaks: chaos.json and chaos.svg; ARGS='--seconds 60'
	$(BIN)/python -m tests.chaos $(ARGS)

hostile: install  ## the acceptance tests under hostile settings, one after the other, as a table
	$(BIN)/python -m tests.hostile $(ARGS)

bench: install  ## speed against a bare Celery chain, as a table and bench.json
	$(BIN)/python -m tests.bench $(ARGS)

bench-sleepers: install  ## 100,000 sleepers due at once, a million that are not, and how soon what is lost goes on
	$(BIN)/python -m tests.bench --only sleepers --only million --only recovery --json bench-sleepers.json $(ARGS)

clean:  ## remove the virtual environment, the data of `wf dev`, and all caches
	rm -rf $(VENV) .wf build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find $(CODE) -name __pycache__ -prune -exec rm -rf {} +
