# Everything a developer or a first-time user runs. `make help` lists it.

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
CONFIG ?= configs/quickstart.yaml
# Each has a sandbox of its own and loads TensorFlow: about 2 GB of memory.
TEST_PROCESSES ?= 2

.DEFAULT_GOAL := help
.PHONY: help run test check format bench schema clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

# constraints.txt pins every version that was tested; pip compiles bytecode as it installs, without which a cold
# import of google.cloud.aiplatform takes four times as long.
$(VENV)/installed: pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable .
	@touch $@

$(VENV)/installed-dev: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@

run: $(VENV)/installed ## Make a map of North Carolina from CONFIG (default: configs/quickstart.yaml)
	$(BIN)/earthline run $(CONFIG)

test: $(VENV)/installed-dev ## Run the whole test suite, the end-to-end run included
	$(BIN)/python -m pytest --numprocesses $(TEST_PROCESSES) --dist loadfile

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

schema: $(VENV)/installed ## Write configs/schema.json anew
	$(BIN)/earthline schema --output configs/schema.json

clean: ## Remove the virtual environment and caches; runs/ and the sandbox's data stay
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
