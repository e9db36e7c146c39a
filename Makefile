# Everything a developer or a first-time user runs. `make help` lists it.

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
CONFIG ?= configs/quickstart.yaml
IMAGE ?= earthline:0.1.0
BASE_IMAGE ?=
# `steps` or `serving`, to build that image alone.
ONLY ?=
# More options of `docker build`, such as --network host or --build-arg TENSORFLOW=gpu.
BUILD_FLAGS ?=
# Each has a sandbox of its own, and both load TensorFlow for those that they start: about 4 GB of memory.
TEST_PROCESSES ?= 2
SOURCES := cli components earthline pipelines sandbox serving trainer

.DEFAULT_GOAL := help
.PHONY: help run test test-long test-containers check format bench bench-accuracy image schema docs clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

# constraints.txt pins every version that was tested. Without bytecode a cold import of google.cloud.aiplatform takes four
# times as long, and pip makes it on one core, which is half of an installation. A package's own tests need none, and some
# packages bring files that are no Python.
INSTALL = $(BIN)/python -m pip install --quiet --no-compile --constraint constraints.txt
COMPILE = $(BIN)/python -m compileall -qq -j 0 -x '/tests/' $(VENV)/lib || true

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: pyproject.toml sandbox/pyproject.toml constraints.txt | $(VENV)/bin/python
	$(INSTALL) --editable './sandbox[vertex]' --editable .
	$(COMPILE)
	@touch $@

# It holds what `installed` holds, so on a clean clone one call of pip makes both.
$(VENV)/installed-dev: pyproject.toml sandbox/pyproject.toml constraints.txt | $(VENV)/bin/python
	$(INSTALL) --editable './sandbox[vertex]' --editable '.[dev,clients]'
	$(COMPILE)
	@touch $(VENV)/installed $@

$(VENV)/installed-docs: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[docs]'
	@touch $@

run: $(VENV)/installed ## Make a map of North Carolina from CONFIG (default: configs/quickstart.yaml)
	$(BIN)/earthline run $(CONFIG)

# Tests start hundreds of processes: where Python was told to write no bytecode, as in many containers, each would
# compile anew what it imports.
test: $(VENV)/installed-dev ## Run the whole test suite, the end-to-end run included
	@$(BIN)/python -m compileall -qq -j 0 $(SOURCES) || true
	$(BIN)/python -m pytest --numprocesses $(TEST_PROCESSES) --dist loadfile --no-loadscope-reorder

test-long: $(VENV)/installed-dev ## Run the tests that take minutes, such as a schedule that retrains twice
	$(BIN)/python -m pytest -m long

# As root it starts an engine where none runs; it makes a base image of Debian's packages where no registry answers.
test-containers: $(VENV)/installed-dev ## Build the image and run the quickstart in containers of it
	$(BIN)/python -m pytest tests/containers --containers --capture=fd -rP

check: $(VENV)/installed-dev ## Lint, format, types and import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/installed-dev ## Format the code and mend what the linter can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/installed-dev ## Measure speed, as ratios side by side
	$(BIN)/python -m benchmarks

bench-accuracy: $(VENV)/installed-dev ## Measure accuracy on real sets; takes hours, and goes on where it was stopped
	$(BIN)/python -m benchmarks.accuracy --page docs/explanation/accuracy-measured.md

image: ## Build IMAGE, which runs every step, and NAME-serving, which runs endpoints alone, and show their layers
	$(PYTHON) containers/build.py --tag $(IMAGE) --base-image "$(BASE_IMAGE)" $(if $(ONLY),--only $(ONLY)) $(BUILD_FLAGS)

schema: $(VENV)/installed ## Write configs/schema.json anew
	$(BIN)/earthline schema --output configs/schema.json

# --strict: a broken link is an error; with --quiet mkdocs would not count it.
docs: $(VENV)/installed-docs ## Write the generated reference pages anew and build the site into build/site
	$(BIN)/python docs/reference/generate.py
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

clean: ## Remove the virtual environment and caches; runs/ and the sandbox's data stay
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
