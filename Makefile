# Needs Python 3.11 or later, pip and make; uv is used where it is there. Everything lives in .venv.
PYTHON ?= python3
BIN := .venv/bin
UV := $(shell command -v uv 2>/dev/null)
SEEDS ?= 20
EVIDENCE ?= docs/evidence

.PHONY: test demo lint format docs prove bench-features bench-models bench-horizons bench-tuning bench-serving notebooks lock clean

# The tests start dozens of processes: what one has compiled the next need not, whatever the environment says.
test prove: export PYTHONDONTWRITEBYTECODE =
test prove: export PYTHONPYCACHEPREFIX = $(CURDIR)/.venv/pycache

test: .venv/installed
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder --durations 25

demo: .venv/installed
	$(BIN)/tenure demo

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: .venv/installed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: .venv/installed
	$(BIN)/python -m features.document > docs/features.part
	mv docs/features.part docs/features.md

prove: .venv/installed
	$(BIN)/python -m benchmarks.prove --seeds $(SEEDS) --out $(EVIDENCE)
	$(BIN)/python -m pytest -n 0 -m prove tests

bench-features: .venv/installed
	$(BIN)/python -m benchmarks.engine --out $(EVIDENCE)

bench-models: .venv/installed
	$(BIN)/python -m benchmarks.models --out $(EVIDENCE)

bench-horizons: .venv/installed
	$(BIN)/python -m benchmarks.horizons --out $(EVIDENCE)

bench-tuning: .venv/installed
	$(BIN)/python -m benchmarks.tuning --out $(EVIDENCE)

bench-serving: .venv/installed
	$(BIN)/python -m benchmarks.serving --out $(EVIDENCE)

# On the company of `make demo`; the outputs are stored in the notebooks.
notebooks: .venv/installed
	$(BIN)/python tests/notebooks/run.py

# The lock holds versions and hashes for Python 3.11 to 3.13 on any system, and no address.
lock: .venv/installed
	$(BIN)/uv pip compile pyproject.toml --extra test --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-header --quiet --output-file requirements.lock

.venv/installed: requirements.lock pyproject.toml
ifdef UV
	uv venv --quiet --allow-existing --python $(PYTHON) .venv
	uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements.lock
	uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
else
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Tenure needs Python 3.11 or later; set PYTHON=")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
endif
	@touch $@

clean:
	rm -rf .venv build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache demo-company
