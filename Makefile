# Everything one needs, from a fresh clone. Every target sets up the environment first, once.
#
#   make demo    train the 72 models of the logistic-regression study and write its report
#   make test    run the tests
#   make check   lint, types, tests and doctests, as CI does
#   make docs    build the documentation as a site; an error in an example fails it
#   make bench   run the benchmarks and print their ratios
#   make clean   remove the environment; records, checkpoints and reports are kept

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
CATALOG := src/retroprop/languages/fr/LC_MESSAGES/retroprop.mo

.DEFAULT_GOAL := help
.PHONY: help demo test check lint types docs bench clean

help:
	@sed -n 's/^#   make/make/p' Makefile

# The stamp makes a second run fast: pip is asked again only when what to install has changed.
$(READY): pyproject.toml constraints.txt hatch_build.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "retroprop needs Python 3.11 or newer; name one: make PYTHON=python3.12 …" >&2; exit 1; }
	@echo "Setting up $(VENV) (once, a minute or two)…"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check \
	  --constraint constraints.txt --editable '.[dev,bench,docs,postgres,onnx]'
	@touch $(READY)

# Installing compiles the French texts; this does it again when a text has changed.
$(CATALOG): $(READY) $(wildcard src/retroprop/languages/fr/*.po)
	@$(BIN)/python scripts/compile_messages.py

demo: $(CATALOG)
	@$(BIN)/retroprop run inf8225-logistic
	@$(BIN)/retroprop report inf8225-logistic
	@echo "The report lies in $(CURDIR)/reports/"

test: $(CATALOG)
	@$(BIN)/python -m pytest -n 2 --dist loadfile

lint: $(READY)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(READY)
	@$(BIN)/basedpyright

check: lint types test

docs: $(CATALOG)
	@$(BIN)/python -m sphinx --builder html --quiet --fail-on-warning --keep-going \
	  --doctree-dir build/doctrees docs build/site
	@echo "The site begins at $(CURDIR)/build/site/index.html"

bench: $(CATALOG)
	@$(BIN)/python -m benchmarks

clean:
	@rm -rf $(VENV) .pytest_cache .ruff_cache build docs/api docs/project
