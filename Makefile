# Every target sees to its Python environment by itself (tools/environment.py).
# PYTHON chooses another interpreter: a version (3.13), a command, a path, or "newest".
PYTHON ?=
ARGS ?=
BOOT := $(shell command -v python3 || command -v python)
IN = $(if $(BOOT),$(BOOT),$(error no python3 on PATH: install Python 3.10 or newer)) \
     tools/environment.py $(if $(PYTHON),--python "$(PYTHON)") --
SOURCES = snnc ir backends templates examples tests tools benchmarks

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help setup demo test lint types unit golden format readme bench wheel clean distclean

help: ## this list
	@sed -n 's/^\([a-z]*\):[^#]*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 20
	@echo '  PYTHON=3.13, PYTHON=/path or PYTHON=newest chooses the interpreter; ARGS="-k name" goes to pytest'

setup: ## make .venv (every other target does so by itself)
	@$(IN)

demo: ## compile the bundled MNIST network and classify images with it
	@$(IN) snnc demo
	@echo 'snnc is in the environment: . .venv$(if $(PYTHON),-3.*)/bin/activate puts it on the path'

test: lint types unit ## all checks: lint, types, unit

lint: ## ruff: rules and format
	@$(IN) ruff check $(SOURCES)
	@$(IN) ruff format --check $(SOURCES)

format: ## let ruff rewrite what it can
	@$(IN) ruff check --fix $(SOURCES)
	@$(IN) ruff format $(SOURCES)

types: ## mypy --strict
	@$(IN) python tools/type_view.py
	@$(IN) mypy

unit: ## pytest, warnings are errors
	@OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(IN) python -m pytest -W error -n auto --maxprocesses 4 $(ARGS)

golden: ## write the golden files anew; look at the diff before you commit it
	@$(IN) python -m pytest -W error --update-golden $(ARGS)

readme: ## put the demo's real output into README.md
	@$(IN) python tools/readme_output.py

bench: ## accuracy of the models in $SNNC_DATA on whole test sets; the other studies are in benchmarks/
	@$(IN) python benchmarks/accuracy.py $(ARGS)

wheel: ## build the wheel into dist/ and check what it holds
	@rm -rf build dist
	@$(IN) python -m build
	@$(IN) python tools/check_wheel.py dist

clean: ## remove caches and built files
	rm -rf .view build dist out .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info
	find $(SOURCES) -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean ## clean, and remove the environments
	rm -rf .venv .venv-3.*
