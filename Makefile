# Every target sets itself up: a virtual environment in .venv with the versions of constraints.txt, made again only when these change.
PYTHON ?= python3
FASTA ?= scripts/examples/ubiquitin.fa
PARAMS ?=
OUT ?= predictions
ARGS ?=
# processes that share the test files among them; 0: one after the other
WORKERS ?= 2

BIN := .venv/bin
INSTALLED := .venv/installed
PYTEST = $(BIN)/pytest -n $(WORKERS) --dist loadfile
# once more the tests of the layers where tensors and arrays meet, with the shapes of their annotations checked at run time
SHAPES = $(PYTEST) -q -m "not gpu and not slow and not weights" \
	--jaxtyping-packages=data_pipeline,alphafold_lite,beartype.beartype \
	tests/data_pipeline $(addprefix tests/alphafold_lite/,common geometry kernels model inference)
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1

.PHONY: help predict test check lint venv format clean

help:
	@echo "make predict FASTA=FILE [PARAMS=model_1_ptm] [OUT=predictions] [ARGS='--num-recycles 1']"
	@echo "make test     all checks and tests that need no GPU and no official parameters"
	@echo "make check    the same without the slow tests"
	@echo "make format   make venv   make clean"

predict: $(INSTALLED)
	$(BIN)/predict --fasta "$(FASTA)" $(if $(PARAMS),--params "$(PARAMS)") --out-dir "$(OUT)" $(ARGS)

test: lint
	$(PYTEST) -m "not gpu and not weights"
	$(SHAPES)

check: lint
	$(PYTEST) -m "not gpu and not slow and not weights"
	$(SHAPES)

lint: $(INSTALLED)
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/pyright --project pyproject.toml
	$(BIN)/lint-imports

format: $(INSTALLED)
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

venv: $(INSTALLED)

$(INSTALLED): pyproject.toml constraints.txt
	@$(BIN)/python -m pip --version > /dev/null 2>&1 \
	|| $(PYTHON) -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2> /dev/null \
	|| { echo "error: expected python3 3.11 or newer with venv, found $$($(PYTHON) --version 2>&1);" \
	"install it, or name another: make PYTHON=python3.12 ..." >&2; exit 4; }
	@$(BIN)/python -m pip --version > /dev/null 2>&1 || $(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install --constraint constraints.txt --editable '.[relax,dev]'
	@touch $@

clean:
	rm -rf .venv build dist *.egg-info .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find alphafold_lite data_pipeline scripts tests -name __pycache__ -type d -prune -exec rm -rf {} +
