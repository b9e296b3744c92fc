# Two commands do everything on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
LOWEST := .venv-lowest

.DELETE_ON_ERROR:
.PHONY: demo serve test test-lowest check bench soak clean

demo: $(VENV)/demo
	$(RUN) examples/quickstart.py

serve: $(VENV)/demo
	$(RUN) examples/quickstart.py --serve

test: $(VENV)/dev
	$(RUN) -m pytest

test-lowest: $(LOWEST)/dev
	$(LOWEST)/bin/python -m pytest

check: $(VENV)/dev
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy

bench: $(VENV)/dev
	$(RUN) -m benchmarks

soak: $(VENV)/dev
	$(RUN) -m pytest -m soak -s --timeout=0

clean:
	rm -rf $(VENV) $(LOWEST) demo

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/demo: pyproject.toml | $(VENV)/bin/python
	$(RUN) -m pip install --quiet --disable-pip-version-check --editable . uvicorn httpx
	touch $@

$(VENV)/dev: pyproject.toml | $(VENV)/bin/python
	$(RUN) -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@ $(VENV)/demo

# The lowest versions that pyproject.toml names, which uv knows how to choose and pip does not.
$(LOWEST)/dev: pyproject.toml
	$(PYTHON) -m venv --clear $(LOWEST)
	$(LOWEST)/bin/python -m pip install --quiet --disable-pip-version-check uv
	$(LOWEST)/bin/python -m uv pip install --quiet --python $(LOWEST)/bin/python --resolution lowest-direct --editable '.[dev]'
	touch $@
