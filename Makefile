# `make help` says what there is. What CI runs: `make test`, `make test-slow`, `make e2e`.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
LAB_NODES ?= 1
FUZZ_SECONDS ?= 60
STAMP  := $(VENV)/.installed
PACKAGING := contrib/packaging
COMPILE = $(VENV)-lock/bin/pip-compile --quiet --strip-extras --generate-hashes --no-header --no-emit-index-url \
  --no-emit-trusted-host --no-emit-find-links --no-emit-options
# tests that wait for simulated nodes: more of them at a time than there are cores
WAITING := -n 4 --dist loadgroup

# what was compiled once is not compiled again by each process of a test
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help install check complexity unit nodes test test-slow fuzz demo lab lab-down e2e bench lock schemas docs pictures release image clean

help:  ## this list
	@awk -F ':.*##' '/^[a-z0-9-]+:.*##/ { printf "%-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(STAMP)  ## .venv with the versions of requirements.lock
$(STAMP): pyproject.toml requirements.lock
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps -e .
	$(BIN)/python -m compileall -q kaudit_setup  # as pip does for what it does not leave where it is: a fifth of the start
	@touch $@

check: complexity  ## format, lint, strict types, the table of rooms, complexity
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/pytest -q tests/unit/test_house.py

complexity: $(STAMP)  ## no function too complex, every module easy to read on average
	$(BIN)/ruff check --select C901 --config 'lint.mccabe.max-complexity=12' kaudit_setup
	$(BIN)/xenon --max-absolute C --max-modules A kaudit_setup

unit: $(STAMP)  ## the unit tests, and every parser fuzzed for a moment
	$(BIN)/pytest -q -n 2 --dist worksteal -m 'not slow' tests/unit tests/fuzz

nodes: $(STAMP)  ## contract and flow: what needs a simulated node
	$(BIN)/pytest -q $(WAITING) -m 'not slow' tests/contract tests/flow

test: $(STAMP)  ## check, unit, nodes, side by side: each is shown when it has ended; no root needed
	@$(MAKE) --no-print-directory --jobs 2 --keep-going --output-sync=target check nodes unit

test-slow: $(STAMP)  ## what waits in real time (watchdogs, dead nodes, Ctrl-C) or asks every store
	$(BIN)/pytest -q $(WAITING) -m slow tests/unit tests/contract tests/flow

fuzz: $(STAMP)  ## every parser, FUZZ_SECONDS (60) each, with inputs that nobody wrote; what fails is kept in .fuzz/
	PYTHONPATH=tests/kits $(BIN)/python tests/fuzz/fuzzer.py --seconds $(FUZZ_SECONDS)

lab:  ## one real control-plane node (LAB_NODES=3 for three); root on Debian bookworm
	tests/lab/build.sh
	tests/lab/klab up $(LAB_NODES)
	@printf 'ssh_config: %s\n' "$$(tests/lab/klab ssh-config)"
	@printf 'use it:     %s\n' "$(BIN)/kaudit-setup status --ssh-config $$(tests/lab/klab ssh-config) --host cp1"

lab-down:  ## removes them
	tests/lab/klab down

e2e: $(STAMP)  ## the tests against real control planes; their lab comes and goes with them (tests/e2e/conftest.py)
	@[ -n "$$KAUDIT_E2E_SSH_CONFIG" ] || tests/lab/build.sh
	$(BIN)/pytest -q -n 2 --dist loadfile --durations=10 tests/e2e  # they wait most of the time: two labs at once

bench: $(STAMP)  ## every measured promise, printed as tables
	@[ -n "$$KAUDIT_E2E_SSH_CONFIG" ] || tests/lab/build.sh
	@for bench in tests/bench/bench_*.py; do echo "== $$bench"; PYTHONPATH=tests/lab $(BIN)/python "$$bench" || exit 1; done

lock:  ## pins the newest releases that pyproject.toml allows, each with its hashes
	$(PYTHON) -m venv $(VENV)-lock
	$(VENV)-lock/bin/pip install --quiet --disable-pip-version-check pip-tools
	$(COMPILE) --upgrade --allow-unsafe --extra dev --extra archive --output-file requirements.lock pyproject.toml
	$(COMPILE) --constraint requirements.lock --output-file $(PACKAGING)/requirements.lock pyproject.toml
	for part in build release; do \
	  $(COMPILE) --upgrade --allow-unsafe --output-file $(PACKAGING)/requirements-$$part.lock $(PACKAGING)/requirements-$$part.in || exit 1; done
	rm -rf $(VENV)-lock

schemas: $(STAMP)  ## makes the JSON Schemas of templates/schemas/answers anew, after a change of what commands answer
	$(BIN)/python -c 'from kaudit_setup.report.documents.kinds import write_all; write_all()'

docs: $(STAMP)  ## the documentation site, into build/site; a dead link is an error
	$(BIN)/python contrib/docs.py build/docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs --quiet build --strict --config-file .mkdocs.yml

pictures: $(STAMP)  ## docs/pictures/, from real runs; needs chromium and chromium-driver
	$(BIN)/python contrib/pictures.py

release: $(STAMP)  ## every step of a release up to the upload; dist/ holds what is uploaded (test it before)
	$(PACKAGING)/release.sh

image:  ## the container image without a registry, and a look at it (contrib/packaging/image.sh); root, buildah, debootstrap
	$(PACKAGING)/image.sh

demo: $(STAMP)  ## the main job on a simulated node; no root, no cluster, under 30 s
	$(BIN)/kaudit-setup demo

clean:  ## removes what was installed and built
	rm -rf $(VENV) $(VENV)-lock $(VENV)-release build dist .mypy_cache .ruff_cache .pytest_cache
