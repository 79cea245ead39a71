# The commands of this project. `make help` lists them.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
AUDIT := .venv-audit
DOCS := .venv-docs
# Two cores are shared best by one thread in each of two processes.
export OMP_NUM_THREADS ?= 1
WORKERS ?= 2
SEEDS ?= 1
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help env demo demo-full test mutants lint format docs audit sbom

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

env: ## create .venv with the tested stack (about 15 minutes once, then seconds)
	@$(PYTHON) tools/make_env.py --venv $(VENV)

demo: env ## the whole chain on synthetic data, half an hour (with error bars: make demo SEEDS=3)
	@env -u OMP_NUM_THREADS $(BIN)/python tools/demo.py --seeds $(SEEDS) $(ARGS)

demo-full: env ## the same, then fusion, frozen LiDAR, and all tasks on few and on all labels
	@env -u OMP_NUM_THREADS $(BIN)/python tools/demo.py --full --seeds $(SEEDS) $(ARGS)

test: env ## run the test suite (a part of it: make test ARGS="tests/engine -k resume")
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(ARGS)

mutants: env ## show that deliberate faults fail their tests (some: make mutants ARGS="--file losses")
	$(BIN)/python tools/mutants.py --workers $(WORKERS) $(ARGS)

lint: env ## check format, style, types and spelling
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/codespell

format: env ## format the code and fix what can be fixed automatically
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

$(DOCS)/done: requirements/docs.txt
	$(PYTHON) -m venv $(DOCS)
	$(DOCS)/bin/pip install --quiet --requirement requirements/docs.txt
	touch $@

docs: $(DOCS)/done ## build the documentation in site/, and check its links
	NO_MKDOCS_2_WARNING=1 $(DOCS)/bin/mkdocs build --strict

$(AUDIT)/done: requirements/audit.txt
	$(PYTHON) -m venv $(AUDIT)
	$(AUDIT)/bin/pip install --quiet --requirement requirements/audit.txt
	touch $@

audit: $(AUDIT)/done ## ask a vulnerability service about the pinned packages
	$(AUDIT)/bin/python tools/audit.py $(ARGS)

sbom: env $(AUDIT)/done ## write work_dirs/sbom.json, a bill of materials with licenses
	mkdir -p work_dirs
	$(AUDIT)/bin/cyclonedx-py environment --output-format JSON --output-file work_dirs/sbom.json $(BIN)/python
