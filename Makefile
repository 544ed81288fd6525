# `make` alone lists the commands. Everything that they write lies in .devmlops/.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help install install-dev project image demo examples up down status labelling logs clean test unit integration lint format lock docs benchmarks

VENV := .devmlops/venv
PYTHON := $(VENV)/bin/python

# Byte code makes every import three to five times faster.
unexport PYTHONDONTWRITEBYTECODE

# Tests that join Ray clusters of other processes: Ray keeps how it logs in to one for as long as a process lives, so they
# have a process of their own.
OWN := tests/include/jobs tests/operators/runtimes

PYTEST := $(PYTHON) -m pytest
UNIT := $(PYTEST) -m "not integration and not loop and not browser" $(ARGS)
OWN_PROCESS := $(PYTEST) -m "integration and not loop" --durations=5 $(OWN) $(ARGS)
SERVERS := $(PYTEST) -m "(integration or browser) and not loop" -n 2 --dist loadfile --no-loadscope-reorder --durations=15 \
	$(OWN:%=--ignore=%) $(ARGS)
# The loop mostly waits, so other tests run beside it; what it says comes after what they say. More than one beside it would
# take its processors.
INTEGRATION = said=$$(mktemp); rest=0; $(PYTEST) -m loop --durations=5 tests/loop $(ARGS) >$$said 2>&1 & loop=$$!; \
	$(OWN_PROCESS) || rest=$$?; wait $$loop || rest=$$?; cat $$said; rm -f $$said; $(SERVERS) || rest=$$?; exit $$rest

# Wheels that torch itself asks for in its CUDA build, with their exact versions; its CPU build asks for none.
OF_TORCH := cuda-bindings cuda-pathfinder cuda-toolkit nvidia-cublas nvidia-cuda-cupti nvidia-cuda-nvrtc nvidia-cuda-runtime \
	nvidia-cudnn-cu13 nvidia-cufft nvidia-cufile nvidia-curand nvidia-cusolver nvidia-cusparse nvidia-cusparselt-cu13 \
	nvidia-nccl-cu13 nvidia-nvjitlink nvidia-nvshmem-cu13 nvidia-nvtx triton
COMPILE := env -u UV_FIND_LINKS $(PYTHON) -m uv pip compile --quiet --universal --python-version 3.11 --no-annotate \
	--custom-compile-command "make lock" $(UPGRADE)

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: ## install what the product needs, where that has changed
	@.ci/bootstrap requirements.txt

install-dev:
	@.ci/bootstrap requirements-dev.txt
	-@$(PYTHON) -m include.local.triton install --root .devmlops/triton & \
	$(PYTHON) -m include.local.labelling install --root .devmlops/labelling; wait $$!

project: install ## a new project that runs: NAME=... KIND=vision|language|tabular|timeseries (TITLE=... OWNER=... INTO=...)
	@$(PYTHON) -m include.scaffold --kind "$$KIND" $${TITLE:+--title "$$TITLE"} $${OWNER:+--owner "$$OWNER"} $${INTO:+--into "$$INTO"} -- "$$NAME"

# PROJECTS, or DEVMLOPS_PROJECTS_DIR, lies over the projects of the checkout. What PIP_* says beside the indexes names files of
# this machine, which the build does not see: ARGS="--build-arg PIP_CERT=..." gives what the base image has.
image: ## the image that jobs in containers run: TAG=devmlops:local (PROJECTS=... adds a folder of projects) (ARGS=...)
	@tag=$${TAG:-devmlops:local}; projects=$${PROJECTS:-$$DEVMLOPS_PROJECTS_DIR}; \
	docker build -t "$$tag" --build-arg PIP_INDEX_URL --build-arg PIP_EXTRA_INDEX_URL --build-arg PIP_DEFAULT_TIMEOUT $(ARGS) . && \
	if [ -n "$$projects" ]; then docker build -t "$$tag" --build-arg BASE="$$tag" -f deploy/projects.Dockerfile "$$projects"; fi

demo: install ## set up, start, run the whole loop, show the result (HUMAN=1 waits for real approvers)
	@HUMAN=$(HUMAN) $(PYTHON) -m include.local.demo

examples: install ## fill the sources of the example projects, and make a data version of each
	@$(PYTHON) -m include.local.demo.examples

up: install ## start what does not run, and wait until all is healthy
	@$(PYTHON) -m include.local up

down: install ## stop everything
	@$(PYTHON) -m include.local down

status: install ## services, addresses, log-ins
	@$(PYTHON) -m include.local status

labelling: install ## start Label Studio, where people label (make down stops it too)
	@$(PYTHON) -m include.local labelling

logs: install ## the end of the services' logs
	@$(PYTHON) -m include.local logs

clean: ## stop everything, and remove .devmlops/ with all data
	@if [ -x $(PYTHON) ]; then $(PYTHON) -m include.local --home .devmlops down; fi
	@rm -rf .devmlops

test: lint ## install what tests need, lint, and run all tests
	@$(UNIT) -n auto --deselect tests/repo/test_repository.py::test_lint
	@$(INTEGRATION)

unit: install-dev ## tests without servers
	@$(UNIT) -n auto

integration: install-dev ## tests against the real servers, which they start
	@$(INTEGRATION)

lint: install-dev ## style, types, and the layers
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/mypy & types=$$!; $(VENV)/bin/lint-imports; layers=$$?; wait $$types && exit $$layers

format: install-dev ## put the code into its form
	@$(VENV)/bin/ruff check --fix .
	@$(VENV)/bin/ruff format .

lock: install-dev ## new pins of requirements*.txt (UPGRADE=--upgrade takes the newest)
	@$(COMPILE) $(OF_TORCH:%=--no-emit-package %) requirements.in -o requirements.txt
	@$(COMPILE) $(OF_TORCH:%=--no-emit-package %) -c requirements.txt requirements-dev.in -o requirements-dev.txt
	@$(COMPILE) requirements-serving.in -o requirements-serving.txt
	@$(COMPILE) requirements-labelling.in -o requirements-labelling.txt

docs: install-dev ## write the reference pages in docs/ anew
	@$(PYTHON) -m include.projects.reference

benchmarks: install-dev ## speed beside peers
	@for file in benchmarks/[a-z]*.py; do echo "== $$file"; $(PYTHON) $$file || exit 1; done
