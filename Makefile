# Two commands do everything: `make analyze VIDEO=clip.mp4` and `make test`. Set-up repeats only when a lock file changed.
SHELL := /bin/bash
VENV := .venv
BIN := $(VENV)/bin
OUT ?= out
VIDEO ?=
ARGS ?=
ENGINE_ARGS ?=
TIER ?=
TORCH ?= torch==2.13.0
TORCH_ARGS ?=

# The full tier on a machine without CUDA: torch and transformers in an environment of its own, so that the other one proves that it needs neither.
FULL_VENV := .venv-full

# The first interpreter of a supported version, told from the version that it reports itself.
PYTHON ?= $(shell for p in python3.11 python3.12 python3 python; do \
	$$p -c 'import sys; raise SystemExit(sys.version_info[:2] not in ((3, 11), (3, 12)))' 2>/dev/null && echo $$p && break; done)
PYVER = $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])')

.PHONY: analyze serve soak test test-full setup setup-dev setup-full check accuracy bench bench-long docs lock clean help

help:  ## what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

analyze: setup  ## analyse VIDEO=clip.mp4 (the demo reel without it); OUT=dir says where, TIER=compact|full fetches models first, ARGS passes flags on
	@if [ "$(TIER)" = compact ] || [ "$(TIER)" = full ]; then \
	  for tier in compact $(filter full,$(TIER)); do $(BIN)/reelscope models pull "$$tier" --if-online || exit 1; done && $(BIN)/reelscope models verify || exit 1; fi
	@if [ -n "$(VIDEO)" ]; then clip="$(VIDEO)"; else clip="$(OUT)/demo.mp4"; mkdir -p "$(OUT)" && $(BIN)/reelscope demo "$$clip"; fi && \
	$(BIN)/reelscope analyze "$$clip" --out "$(OUT)" $(if $(TIER),--tier "$(TIER)") $(ARGS)

serve: setup  ## the server with the page on http://127.0.0.1:8003; ARGS passes flags on
	$(BIN)/reelscope serve $(ARGS)

test: setup-dev  ## the tests: no network, no weights; those that want Debian's chromium or ffmpeg are skipped by name without them
	$(BIN)/python -m pytest -q -n 2 $(ARGS)

check: setup-dev  ## what CI runs: style, then the tests
	$(BIN)/ruff check src tests bench examples
	$(BIN)/ruff format --check -q src tests bench examples
	$(MAKE) test

accuracy: setup-dev  ## measure against known truth, a row for each of the nineteen
	$(BIN)/python -m bench.accuracy $(ARGS)

bench: setup-dev  ## measure speed beside what a user would do instead, what the engine costs and saves, models kept loaded (some 12 minutes)
	$(BIN)/python -m bench.speed $(ARGS)
	$(BIN)/python -m bench.engine $(ENGINE_ARGS)
	$(BIN)/python -m bench.cache

bench-long: setup-dev  ## measure 20 clips in one call, and the memory of a clip of 20 minutes (some 25 minutes)
	$(BIN)/python -m bench.engine --only batch,memory --runs 2 $(ENGINE_ARGS)

soak: setup-dev  ## 1,000 jobs with processes killed on the way, 10,000 damaged files, 64 clients for a minute (an hour or more)
	$(BIN)/python -m bench.soak $(ARGS)
	$(BIN)/python -m bench.load $(ARGS)

docs: setup-dev  ## write the generated parts of docs/ again
	$(BIN)/python -m bench.docs

setup: $(VENV)/.embedded-$(PYVER)  ## the environment for running
setup-dev: $(VENV)/.dev-$(PYVER)  ## and what the tests need on top
setup-full:  ## .venv-full: the full tier on the CPU, with torch and transformers; TORCH_ARGS chooses another build of torch
	@$(MAKE) --no-print-directory VENV=$(FULL_VENV) $(FULL_VENV)/.full-$(PYVER)
	@$(FULL_VENV)/bin/python -c 'import torch' 2>/dev/null || $(FULL_VENV)/bin/python -m pip install -q --disable-pip-version-check $(TORCH_ARGS) $(TORCH)

test-full: setup-full  ## the tests that want torch: loaders of the full tier on tiny random checkpoints
	$(FULL_VENV)/bin/python -m pytest -q -n 2 -m torch $(ARGS)

# One stamp per lock file and Python version: a changed lock or another interpreter sets up again, nothing else does.
$(VENV)/.%-$(PYVER): locks/%-$(PYVER).txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "reelscope needs Python 3.11 or 3.12 on the PATH (or: make PYTHON=/path/to/python3.12 ...)"; exit 2; }
	@test ! -e $(BIN)/python || $(BIN)/python -c 'import sys; raise SystemExit("%d.%d" % sys.version_info[:2] != "$(PYVER)")' || rm -rf $(VENV)
	@test -e $(BIN)/pip || $(PYTHON) -m venv $(VENV)
	@echo "setting up $(VENV) from $< ..."
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --require-hashes -r $<
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@ $(VENV)/.embedded-$(PYVER)  # the development set contains the embedded one

lock:  ## compile the lock files again (needs uv)
	for v in 3.11 3.12; do for n in embedded dev; do uv pip compile locks/$$n.in --python-version $$v --override locks/overrides.txt \
	  --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate -o locks/$$n-$$v.txt; done; \
	  uv pip compile locks/full.in --python-version $$v --override locks/overrides-full.txt \
	  --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate -o locks/full-$$v.txt; \
	  uv pip compile locks/gpu.in --python-version $$v --override locks/overrides-gpu.txt \
	  --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate -o locks/gpu-$$v.txt; done

clean:  ## remove the environment and the outputs
	rm -rf $(VENV) out

# A CUDA environment in the same place: the GPU set holds everything of the development set, with onnxruntime-gpu in place of onnxruntime
# (both would write the same files), so `make analyze` and `make test` use it as it is. The registry's torch for Linux is built for CUDA 13,
# as this onnxruntime-gpu is (driver 580 or newer); for another CUDA give pip's flags for its build: make setup-gpu TORCH_ARGS="...".
.PHONY: setup-gpu
setup-gpu:  ## the environment for a machine with an NVIDIA GPU (CUDA 13); TORCH_ARGS chooses another build of torch
	@if $(BIN)/python -m pip show -q onnxruntime >/dev/null 2>&1; then \
	  $(BIN)/python -m pip uninstall -q -y onnxruntime onnxruntime-gpu; rm -f $(VENV)/.*-$(PYVER); fi
	@$(MAKE) --no-print-directory $(VENV)/.gpu-$(PYVER)
	@$(BIN)/python -m pip install -q --disable-pip-version-check $(TORCH_ARGS) $(TORCH)
	@touch $(VENV)/.embedded-$(PYVER) $(VENV)/.dev-$(PYVER)
	@$(BIN)/python -m bench.gpu --check
