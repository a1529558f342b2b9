# The two commands of the README are `make demo` and `make test`; both set up what they need.
PYTHON ?= python3
BIN := .venv/bin
# Hundreds of processes of the tests import the same libraries: what one has compiled the next one reads.
export PYTHONDONTWRITEBYTECODE =

.PHONY: install demo test check lint docs lanes faults fuzz

install: .venv/installed

.venv/installed: requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --no-compile "$$(grep ^torch== requirements.lock)"
	$(BIN)/python -m pip install --quiet --no-compile -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-compile --no-deps --no-build-isolation -e .
	touch $@

demo: install
	rm -rf lake-demo
	$(BIN)/lake demo lake-demo

test: install lint
	$(BIN)/pytest -n 3 --dist loadfile --no-loadscope-reorder

check: install
	$(BIN)/ruff format
	$(MAKE) test

lint: install
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: install
	$(BIN)/python -m docs.site.build build/site

lanes: install
	$(BIN)/python -m tests.lanes

faults: install
	$(BIN)/python -m tests.faults.campaign
	LAKE_TEST_KILLS=20 $(BIN)/pytest -q tests/jobs/runs/test_driver.py tests/jobs/embedding/test_supervisor.py -k killed

fuzz: install
	$(BIN)/python -m tests.fuzz.campaign
