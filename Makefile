# Matinee. `make help` lists what there is.
SHELL := /bin/bash
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ENV_READY := $(VENV)/.ready
JARS_READY := .jars/.ready
SOURCE ?=
MINUTES ?= 5
WORKERS ?= 2
RATE ?= 1000
SAMPLE ?= 150
MATINEE_REQUIRE ?=

.PHONY: help env jars kafka demo demo-stream up down lint types quick test verify soak month mutants bench bench-quick protos lock clean

help:  ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-11s %s\n", $$1, $$2}'

env: $(ENV_READY)  ## Make the virtual environment from the lock
$(ENV_READY): requirements.lock pyproject.toml deploy/check_machine.sh
	@bash deploy/check_machine.sh $(PYTHON)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --no-deps --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

jars: $(JARS_READY)  ## Fetch and check the jars of deploy/jars.txt
$(JARS_READY): deploy/jars.txt $(ENV_READY)
	$(BIN)/python deploy/fetch_jars.py deploy/jars.txt .jars
	@touch $@

kafka: .kafka/.ready  ## Fetch and check the jars of a Kafka broker, for the stream's tests and its demonstration
.kafka/.ready: deploy/kafka.txt $(ENV_READY)
	$(BIN)/python deploy/fetch_jars.py deploy/kafka.txt .kafka
	@touch $@

demo: env jars  ## Three simulated days through Airflow, checked against the truth (SOURCE=dir: your own event files)
	@$(BIN)/python -m matinee.demo $(if $(SOURCE),--source "$(SOURCE)")

demo-stream: env jars kafka  ## Simulated events through Kafka into live tables, judged by the batch (RATE=1000 a second)
	@$(BIN)/python -m matinee.demo.stream --rate $(RATE)

up: env jars  ## Start the embedded lakehouse and leave it running: Airflow's UI on 127.0.0.1
	@$(BIN)/python -m matinee.stack up

down:  ## Stop what `make up` started
	@$(BIN)/python -m matinee.stack down

lint: env  ## Style, import layers, declared dependencies, SQL
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	PYTHONPATH=jobs:plugins:. $(BIN)/lint-imports
	$(BIN)/deptry jobs plugins dags
	$(BIN)/sqlfluff lint --disable-progress-bar sql

types: env  ## mypy, strict
	$(BIN)/mypy

# No engine, no server and no other catalog than the embedded one.
quick: env lint types  ## Lint, types, contracts, unit tests and the parse of the DAGs: what a change is tried with first
	$(BIN)/pytest -q tests/unit tests/dags/test_dag_files.py -m "not slow and not postgres and not redis and not aws"

# Files in their order, not the one with most tests first: a few long tests then do not end alone.
test: env jars kafka lint types  ## Everything that fits into 12 minutes, by WORKERS=2 processes
	MATINEE_REQUIRE="$(MATINEE_REQUIRE)" $(BIN)/pytest -m "not slow" -n $(WORKERS) --dist loadfile --no-loadscope-reorder

verify: env jars kafka  ## All catalogs, all real sets, the demo on them, every kill point; resumes where it stopped
	@$(BIN)/python -m tests.verify

soak: env jars  ## Every writer at once, killed now and then, under readers that check: SQLite, then PostgreSQL (MINUTES=5)
	@$(BIN)/python -m tests.soak --minutes $(MINUTES)

bench: env jars kafka  ## Joins and landing beside their peers, cost against size, control plane, growth, heals: figures in .bench/
	$(BIN)/python -m tests.bench join --rows 10M --skew uniform
	$(BIN)/python -m tests.bench join --rows 10M --skew hot
	$(BIN)/python -m tests.bench scale
	$(BIN)/python -m tests.bench control
	$(BIN)/python -m tests.bench modules
	$(BIN)/python -m tests.bench growth
	$(BIN)/python -m tests.bench heal --rows 10M
	$(BIN)/python -m tests.bench stream
	$(BIN)/python -m tests.bench landing
	$(BIN)/python -m tests.bench watch --limit 1200

bench-quick: env jars  ## One round of the join on 1M rows: everything runs and agrees
	$(BIN)/python -m tests.bench join --rows 1M --rounds 1

month: env  ## A simulated month of late data: ours, a fixed threshold and a nightly recompute, as table and plot
	$(BIN)/python -m tests.month

mutants: env  ## Change the code one edit at a time: the share that unit tests notice, and the rest (SAMPLE=150, PACKAGES=)
	$(BIN)/python -m tests.mutants $(PACKAGES) --sample $(SAMPLE)

protos: env  ## Compile the interfaces of the service again, after a change of a .proto file
	cd jobs && for file in matinee/serving/protos/*.proto; do \
	  ../$(BIN)/python -m grpc_tools.protoc -I . --descriptor_set_out="$${file%.proto}.binpb" "$$file" || exit 1; done

lock: $(ENV_READY)  ## Resolve the dependencies again (needs uv)
	uv pip compile pyproject.toml --all-extras --override deploy/lock-overrides.txt --python-version 3.11 \
	  --generate-hashes --no-header --no-emit-index-url --no-emit-find-links --quiet -o requirements.lock

clean:  ## Remove what the targets above made; the lake in .matinee/ stays
	rm -rf $(VENV) .jars .kafka .verify .mutants .pytest_cache .mypy_cache .ruff_cache .hypothesis
