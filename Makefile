# Everything one needs, from a fresh clone. Every target sets up the environment first, once.
#
#   make demo    train the 72 models of the logistic-regression study and write its report
#   make test    run the tests
#   make check   lint, types, tests and doctests, as CI does
#   make selftests   let the grading of each assignment prove itself, as CI does (five minutes)
#   make docs    build the documentation as a site; an error in an example fails it
#   make bench   run the benchmarks and print their ratios
#   make sbom    list everything that is installed, with its licence, in CycloneDX: build/sbom.cdx.json
#   make audit   look for withdrawn releases and known vulnerabilities among the dependencies
#   make clean   remove the environment; records, checkpoints and reports are kept

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
AUDIT  := build/audit-tools
CATALOG := src/retroprop/languages/fr/LC_MESSAGES/retroprop.mo

.DEFAULT_GOAL := help
.PHONY: help demo test selftests check lint types docs bench sbom audit clean

help:
	@sed -n 's/^#   make/make/p' Makefile

# The stamp makes a second run fast: pip is asked again only when what to install has changed.
$(READY): pyproject.toml constraints.txt hatch_build.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "retroprop needs Python 3.11 or newer; name one: make PYTHON=python3.12 …" >&2; exit 1; }
	@echo "Setting up $(VENV) (once, a minute or two)…"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check \
	  --constraint constraints.txt --editable '.[dev,bench,docs,postgres,onnx,ray,s3,search,trackers]'
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

LABS := lyon-tp inf8225-tp1 ift3395-theorie ift3395-devoir3 ift6135-devoir1
selftests: $(CATALOG)
	@for lab in $(LABS); do \
	  echo "$$lab:"; OMP_NUM_THREADS=1 $(BIN)/retroprop grade selftest $$lab --confine best || exit; \
	done

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

# The tools of both have an environment of their own, so that they are no part of what they list.
$(AUDIT)/.ready: constraints.txt
	@$(PYTHON) -m venv $(AUDIT)
	@$(AUDIT)/bin/python -m pip install --quiet --disable-pip-version-check \
	  --constraint constraints.txt pip pip-audit cyclonedx-bom
	@touch $@

sbom: $(READY) $(AUDIT)/.ready
	@$(AUDIT)/bin/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible \
	  --output-format JSON --output-file build/sbom.cdx.json $(BIN)/python
	@echo "The list is $(CURDIR)/build/sbom.cdx.json"

audit: $(READY) $(AUDIT)/.ready
	@$(AUDIT)/bin/python scripts/audit.py constraints.txt $(BIN)/python

clean:
	@rm -rf $(VENV) .pytest_cache .ruff_cache build docs/api docs/project
