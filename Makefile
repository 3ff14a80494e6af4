# The project's two commands are `make demo` and `make test`. CI calls the same recipes.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
# Tests wait more than they compute: for servers, deadlines and killed processes.
JOBS   ?= 3
# Control planes side by side, of 0.6 GB each.
CLUSTERS ?= 2

# What builds the container image, the image's name, and another base for it.
# The semicolon is for make before 4.3, which would look for a program of the name `command`.
ENGINE = $(firstword $(foreach each,podman docker nerdctl buildah,$(shell command -v $(each);)))
IMAGE  ?= envctl:latest
BASE   =

.PHONY: help demo test lint unit controlplane bench bench-agent docs image lock clean

help:  ## list the recipes
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "envctl needs Python 3.11 or newer: make PYTHON=python3.12 ..." >&2; exit 1; }
	@echo "installing the locked dependencies into $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: $(STAMP)  ## the main job, end to end, on a real API server (CONTEXT=name uses a kubeconfig context)
	@$(BIN)/python tools/demo.py $(if $(CONTEXT),--context $(CONTEXT))

test: lint unit controlplane  ## everything: style, types, floors, unit, functional and control-plane tests

lint: $(STAMP)  ## ruff, mypy --strict, import contracts
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo 2>/dev/null || $(BIN)/lint-imports

unit: $(STAMP)  ## all tests that need no cluster
	@$(BIN)/python -m pytest -n $(JOBS) --dist worksteal -m "not controlplane"

controlplane: $(STAMP)  ## the tests that run against a real kube-apiserver
	@$(BIN)/envctl dev-cluster build
	@$(BIN)/python -m pytest -n $(CLUSTERS) --dist loadfile -m controlplane

bench: $(STAMP)  ## the benchmarks behind benchmarks/RESULTS.md that need no fetched repositories
	@$(BIN)/python benchmarks/startup.py
	@$(BIN)/python benchmarks/monorepo.py
	@$(BIN)/python benchmarks/monorepo.py --engine rjsonnet
	@$(BIN)/python benchmarks/growth.py
	@$(BIN)/python benchmarks/promotion.py
	@$(BIN)/python benchmarks/publish.py

bench-agent: $(STAMP)  ## the agent against a real API server: cold, one change, drift, at rest, memory (15 min)
	@$(BIN)/envctl dev-cluster build
	@$(BIN)/python benchmarks/agent_all.py

docs: $(STAMP)  ## write docs/commands.md anew from the help texts
	@$(BIN)/python tools/commands.py

image:  ## build the agent's container image (IMAGE=name, ENGINE=podman, BASE=python@sha256:...)
	@test -n "$(ENGINE)" || { echo "no podman, docker, nerdctl or buildah is on the PATH;" \
		"install one of them, or say: make image ENGINE=..." >&2; exit 1; }
	$(ENGINE) build -f deploy/Containerfile -t $(IMAGE) $(if $(BASE),--build-arg PYTHON=$(BASE) )\
		--label "org.opencontainers.image.revision=$$(git describe --always --abbrev=40 --exclude '*' --dirty)" .

COMPILE := uv pip compile --universal --generate-hashes --no-header --no-annotate --python-version 3.11

lock:  ## write the locks anew: of development, of the image, and of its build (needs uv)
	@command -v uv >/dev/null || { echo "no uv is on the PATH; install it: pip install uv" >&2; exit 1; }
	$(COMPILE) --group dev pyproject.toml -o requirements.lock
	$(COMPILE) -c requirements.lock pyproject.toml -o deploy/requirements.lock
	$(PYTHON) -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"], sep="\n")' | \
		$(COMPILE) -c requirements.lock - -o deploy/build.lock

clean:  ## remove what the recipes made here
	rm -rf $(VENV) .demo .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
