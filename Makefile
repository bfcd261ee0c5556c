# The two commands are `make demo` and `make test`; each sets up .venv from the hash-pinned lock.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
AUDIT := $(VENV)/audit

.DEFAULT_GOAL := help
.PHONY: help setup demo test bench bench-serving kills lint audit lock

help:
	@echo "make demo              simulate a shop, train, promote and serve the three models, ask them"
	@echo "make demo DATA=FILE    the same on rent_the_runway.parquet, fashion_returns.parquet, or a folder of tables"
	@echo "make test              run all tests"
	@echo "make bench             measure tables, service, models and histories (two or three hours; nothing else should run)"
	@echo "make kills             kill the service a hundred times while events come in (two minutes)"
	@echo "make bench-serving     measure the service alone, beside MLflow's and BentoML's own (half an hour)"
	@echo "make lint              ruff and mypy --strict"
	@echo "make audit             look for known vulnerabilities of the locked dependencies (asks PyPI, else OSV)"
	@echo "make lock              write requirements.lock anew (needs uv)"

setup: $(READY)

$(READY): requirements.lock pyproject.toml
	@echo "setting up $(VENV) from requirements.lock (a few minutes the first time)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock 2> $(VENV)/install.log; \
		status=$$?; cat $(VENV)/install.log >&2; exit $$status
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(READY)

demo: $(READY)
	@$(BIN)/muslin demo $(if $(DATA),--data "$(DATA)")

test: $(READY)
	@$(BIN)/python -m pytest

bench: $(READY) bench-serving
	@$(BIN)/python -m tests.benchmarks.bench_tables
	@$(BIN)/python -m tests.benchmarks.bench_labels
	@$(BIN)/python -m tests.benchmarks.bench_size_fit
	@$(BIN)/python -m tests.benchmarks.bench_people --variants usual
	@$(BIN)/python -m tests.benchmarks.bench_return_risk
	@$(BIN)/python -m tests.benchmarks.bench_abuse
	@$(BIN)/python -m tests.benchmarks.bench_histories
	@$(BIN)/python -m tests.benchmarks.bench_engines
	@$(BIN)/python -m tests.benchmarks.bench_live

bench-serving: $(READY)
	@$(BIN)/python -m tests.benchmarks.bench_serving
	@$(BIN)/python -m tests.benchmarks.bench_service
	@$(BIN)/python -m tests.benchmarks.bench_overload
	@$(BIN)/python -m tests.benchmarks.bench_observe

kills: $(READY)
	@$(BIN)/python -m tests.benchmarks.bench_kills

lint: $(READY)
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

# pip-audit has a lock and an environment of its own: none of it is needed to run or test Muslin.
$(AUDIT)/.ready: .ci/audit.lock
	@test -x $(AUDIT)/bin/python || $(PYTHON) -m venv $(AUDIT)
	@$(AUDIT)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r .ci/audit.lock
	@touch $(AUDIT)/.ready

# Exit code of .ci/audit.py: 1 for a vulnerable package, 3 where no source could be asked.
audit: $(AUDIT)/.ready
	@$(AUDIT)/bin/python .ci/audit.py $(AUDIT)/bin/pip-audit requirements.lock

lock:
	echo "pip-audit>=2.10" | uv pip compile - --universal --python-version 3.11 --generate-hashes --no-annotate --custom-compile-command "make lock" -o .ci/audit.lock
	uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes --no-annotate --custom-compile-command "make lock" -o requirements.lock
