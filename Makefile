# Sluicegate. `make demo` shows it, `make test` proves it; both do all the set-up by themselves.
PYTHON ?= python3
BIN := .venv/bin
PYTEST := $(BIN)/python -X dev -m pytest
# The contracts may not break against this commit: what has landed, else the commit before.
BASE ?= $(shell git rev-parse -q --verify origin/main 2>/dev/null | grep -vx "$$(git rev-parse HEAD)" \
          || git rev-parse -q --verify HEAD~1 || git rev-parse HEAD)

.PHONY: demo test setup oracle engine lint proto contracts bench image lock clean

demo: setup oracle
	@PYTHONPATH=tests $(BIN)/python -m bench.demo

test: setup oracle engine lint
	$(PYTEST) tests --durations=10

# Compiled ahead: every session is a process of its own, and would compile anew where Python is
# told to write no bytecode.
setup: .venv/ready
	@$(BIN)/python -m compileall -q services

.venv/ready: requirements.lock pyproject.toml $(shell find protos -name '*.proto' -o -name '*.py')
	@sh .ci/python.sh $(PYTHON)
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

# restic is the program, not ours, that proves every backup.
oracle:
	@sh .ci/oracle.sh

# The container tests start engines of their own, each in a network of its own; that takes root.
engine:
	@if [ "$$(id -u)" = 0 ]; then sh .ci/docker.sh; fi

lint: setup contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

proto: setup
	$(BIN)/python protos/generate.py

contracts: setup
	@mkdir -p build/base
	$(BIN)/python protos/generate.py build/contracts.binpb
	$(BIN)/buf lint build/contracts.binpb --config buf.yaml --path sluicegate/v1
	git archive $(BASE) protos | tar -x -C build/base
	$(BIN)/python protos/generate.py build/base.binpb build/base/protos
	$(BIN)/buf breaking build/contracts.binpb --against build/base.binpb --config buf.yaml --path sluicegate/v1
	@rm -r build/base

# What a user sees beside the programs of today; what the methods are worth, simulated; what the
# control plane can do beside dask. `python -m bench.scale` (ten million slices) takes longer and is a command apart.
bench: setup oracle
	@sh .ci/peers.sh
	@$(BIN)/python -m bench
	@$(BIN)/python -m bench.simulated
	@$(BIN)/python -m bench.control

# What deploy/compose.yaml runs.
image:
	docker build -f deploy/Dockerfile -t sluicegate .

LOCK := $(BIN)/pip-compile --quiet --generate-hashes --strip-extras --allow-unsafe \
  --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-header --no-annotate

lock:
	$(LOCK) --extra dev --output-file requirements.lock pyproject.toml
	$(LOCK) --constraint requirements.lock --output-file deploy/requirements.lock pyproject.toml
	$(LOCK) --constraint requirements.lock --only-build-deps --build-deps-for wheel \
	  --output-file deploy/build.lock pyproject.toml

clean:
	rm -rf .venv build services/sluicegate/v1 services/buf
