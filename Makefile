# Everything a newcomer runs: `make demo`, `make test`. Everything CI runs beside them: `make e2e`, `make bench`.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
LAB_NODES ?= 1
STAMP  := $(VENV)/.installed

.PHONY: install check unit test demo lab lab-down e2e bench lock clean
install: $(STAMP)
$(STAMP): pyproject.toml requirements.lock
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps -e .
	$(BIN)/python -m compileall -q kaudit_setup  # as pip does for what it does not leave where it is: a fifth of the start
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

lab:  ## one real control-plane node (LAB_NODES=3 for three); root on Debian bookworm
	tests/lab/build.sh
	tests/lab/klab up $(LAB_NODES)
	@printf 'ssh_config: %s\n' "$$(tests/lab/klab ssh-config)"
	@printf 'use it:     %s\n' "$(BIN)/kaudit-setup status --ssh-config $$(tests/lab/klab ssh-config) --host cp1"

lab-down:
	tests/lab/klab down

e2e: $(STAMP)  ## the tests against real control planes; their lab comes and goes with them (tests/e2e/conftest.py)
	@[ -n "$$KAUDIT_E2E_SSH_CONFIG" ] || tests/lab/build.sh
	$(BIN)/pytest -q --durations=10 tests/e2e

bench: $(STAMP)  ## every measured promise, printed as tables
	@[ -n "$$KAUDIT_E2E_SSH_CONFIG" ] || tests/lab/build.sh
	@for bench in tests/bench/bench_*.py; do echo "== $$bench"; PYTHONPATH=tests/lab $(BIN)/python "$$bench" || exit 1; done

lock:  ## pins the newest releases that pyproject.toml allows
	$(PYTHON) -m venv $(VENV)-lock
	$(VENV)-lock/bin/pip install --quiet --disable-pip-version-check pip-tools
	$(VENV)-lock/bin/pip-compile --quiet --upgrade --extra dev --strip-extras --no-header --no-emit-index-url \
	  --no-emit-trusted-host --no-emit-find-links --no-emit-options --output-file requirements.lock pyproject.toml
	rm -rf $(VENV)-lock

demo: $(STAMP)  ## the main job on a simulated node; no root, no cluster, under 30 s
	$(BIN)/kaudit-setup demo

clean:
	rm -rf $(VENV) $(VENV)-lock build dist .mypy_cache .ruff_cache .pytest_cache
