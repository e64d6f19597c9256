# Two commands matter: `make run DOCS=<folder>` and `make test`. Everything else is for working on
# Semantik itself. Each target is safe to repeat; a failing step fails the target.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

CACHE := $(or $(SEMANTIK_CACHE),$(CURDIR)/.cache)
DATA ?= $(CURDIR)/data
TARGET := $(or $(CARGO_TARGET_DIR),$(CURDIR)/target)
BIN := $(TARGET)/release/semantik
# Markdown that is on every machine that has built Semantik.
BENCH_DOCS ?= $(or $(CARGO_HOME),$(HOME)/.cargo)/registry/src
NEXTEST_PROFILE ?= $(if $(CI),ci,default)
export PATH := $(CACHE)/tools/bin:$(PATH)

.PHONY: help setup build run stop test test-model test-clients check lint deny tidy torture bench clean

help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  %-8s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))
	@echo
	@echo "  make run DOCS=~/Documents              index a folder, search it at http://127.0.0.1:8080"
	@echo "  variables: DATA=./data WEBUI_PORT=8080 BIND_ADDRESS=127.0.0.1 ASSUME_YES=1"

setup: ## Install what building needs and is missing
	@scripts/setup.sh build

build: setup ## Build the release binary
	@echo "build: semantik, optimised (the first time this takes minutes, nearly all of make run)"
	@cargo build --release --package semantik --quiet

run: ## Index DOCS=<folder> and leave the server answering
	@if [ -z "$(DOCS)" ]; then \
	  echo "run: which folder? Say: make run DOCS=/path/to/your/documents" >&2; exit 2; fi
	@if [ ! -d "$(DOCS)" ]; then \
	  echo "run: '$(DOCS)' is not a folder; say: make run DOCS=/path/to/your/documents" >&2; exit 2; fi
	@$(MAKE) build
	@"$(BIN)" --data-dir "$(DATA)" models pull
	@DOCS="$(DOCS)" DATA="$(DATA)" SEMANTIK_BIN="$(BIN)" scripts/run.sh

stop: ## Stop the server that `make run` left running
	@DATA="$(DATA)" scripts/stop.sh

# The tests that compare vectors with the reference need the default model.
test-model: ## Fetch the model the reference tests need
	@cargo build --workspace --all-features --quiet
	@"$(TARGET)/debug/semantik" --quiet --model-cache "$(CACHE)/models" models pull

test: ## Install what testing needs and run every test
	@scripts/setup.sh test
	@echo "test: building the debug binary and fetching the default model"
	@$(MAKE) test-model
	@echo "test: documentation examples"
	@cargo test --workspace --all-features --doc --quiet >"$(TARGET)/doc-tests.log" 2>&1 \
	  || { cat "$(TARGET)/doc-tests.log" >&2; exit 1; }
	@echo "test: everything else"
	@SEMANTIK_TEST_MODEL_DIR="$(CACHE)/models" cargo nextest run --workspace --all-features \
	  --profile $(NEXTEST_PROFILE) --cargo-quiet
	@$(MAKE) test-clients

# Client libraries of other servers, in versions that are pinned; installed once into the cache.
test-clients: test-model ## Talk to `semantik vecpipe` with real clients
	@clients="$(CACHE)/clients"; pins=tests/clients/requirements.txt; \
	if ! cmp --silent $$pins "$$clients/installed.txt"; then \
	  echo "test: fetching the client libraries"; \
	  python3 -m venv --clear "$$clients"; \
	  "$$clients/bin/pip" install --quiet --disable-pip-version-check --requirement $$pins; \
	  cp $$pins "$$clients/installed.txt"; \
	fi; \
	SEMANTIK_BIN="$(TARGET)/debug/semantik" MODEL_CACHE="$(CACHE)/models" "$$clients/bin/python" -B tests/clients/run.py

lint: ## Format, clippy, tidy, and deny when it is installed
	@cargo fmt --all --check
	@cargo clippy --workspace --all-targets --all-features --quiet -- -D warnings
	@$(MAKE) tidy
	@if command -v cargo-deny >/dev/null; then cargo deny --log-level error check bans licenses sources; \
	else echo "lint: cargo-deny is not installed; 'make deny' builds it and checks"; fi

check: setup lint test ## Everything a change must pass

tidy: ## Check walls, limits and forbidden words
	@cargo xtask tidy

deny: ## Check licences, bans and sources of the dependencies
	@scripts/setup.sh deny
	@cargo deny --log-level error check bans licenses sources

torture: build ## Kill, fill and freeze a real server (long, by hand)
	@SEMANTIK_BIN="$(BIN)" tests/torture/run_all.sh

bench: setup test-model ## Run the benchmarks (release, by hand, not in CI)
	@cargo bench -p semantik --bench indexing -- "$(CACHE)/models" "$(BENCH_DOCS)"
	@cargo bench -p semantik-index

clean: ## Remove build output (downloads in .cache and your data stay)
	@cargo clean
