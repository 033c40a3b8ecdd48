# Everything a newcomer runs: `make demo`, `make test`. Everything CI runs beside them: `make e2e`, `make bench`.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed

.PHONY: install check unit test demo lab lab-down e2e bench lock clean
install: $(STAMP)
$(STAMP): pyproject.toml requirements.lock
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@

check: $(STAMP)  ## format, lint, strict types, the import table
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/pytest -q tests/unit/test_house.py

unit: $(STAMP)
	$(BIN)/pytest -q -n 2 tests/unit

test: check  ## check, unit, contract and flow; no root needed
	$(BIN)/pytest -q -n 2 tests/unit tests/contract tests/flow

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache
