# Everything sets up its own .venv first. PYTHON names the interpreter (3.11 or newer). On Linux without an NVIDIA
# GPU, TORCH_INDEX=https://download.pytorch.org/whl/cpu saves some gigabytes of `make demo`.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
TORCH_INDEX ?=
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt \
	$(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX))

.PHONY: demo chat test slow soak check clean

demo: $(VENV)/.train
	$(BIN)/enactor demo

chat: $(VENV)/.core
	$(BIN)/enactor chat

test: $(VENV)/.dev
	$(BIN)/python -m pytest -m "not slow"

slow: $(VENV)/.dev
	$(BIN)/python -m pytest -m slow

MINUTES ?= 15
soak: $(VENV)/.dev
	$(BIN)/python benchmarks/soak.py --minutes $(MINUTES)

check: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy src/enactor

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed: make PYTHON=python3.12 ..."; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

# A larger install holds the smaller ones, so that `make chat` after `make demo` installs nothing.
$(VENV)/.core: $(VENV)/.made pyproject.toml constraints.txt
	$(PIP) -e .
	@touch $@

$(VENV)/.train: $(VENV)/.made pyproject.toml constraints.txt
	$(PIP) -e '.[train]'
	@touch $@ $(VENV)/.core

$(VENV)/.dev: $(VENV)/.made pyproject.toml constraints.txt
	$(PIP) -e '.[train,mcp,serve,discord,dev]'
	@touch $@ $(VENV)/.train $(VENV)/.core
