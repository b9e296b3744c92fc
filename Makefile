# Two commands do everything on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
LOWEST := .venv-lowest
NEWEST := .venv-newest
# Two processes share the tests: most of the time goes by in waiting for other programs.
IN_TWO := --numprocesses 2 --dist worksteal

.DELETE_ON_ERROR:
.PHONY: demo serve test unit coverage mutants test-lowest test-newest check docs docs-serve picture bench sim sim-long soak clean

demo: $(VENV)/demo
	$(RUN) examples/quickstart.py
	$(VENV)/bin/taskflow-loguru report demo/tasks.log

serve: $(VENV)/demo
	$(RUN) examples/quickstart.py --serve

test: $(VENV)/dev
	$(RUN) -m pytest $(IN_TWO)

# The sinks' unit tests alone: no process, a few seconds.
unit: $(VENV)/dev
	$(RUN) -m pytest $(IN_TWO) tests/unit

coverage: $(VENV)/dev
	$(RUN) -m coverage run -m pytest
	$(RUN) -m coverage report --include='taskflow_loguru/sinks/*' --fail-under=95

# Takes some minutes. A surviving mutant needs a new test, or an explanation in tests/unit/mutants.md.
mutants: $(VENV)/dev
	PATH="$(CURDIR)/$(VENV)/bin:$$PATH" $(RUN) -m mutmut run
	$(RUN) -m tests.unit.mutants

test-lowest: $(LOWEST)/dev
	$(LOWEST)/bin/python -m pytest $(IN_TWO)

# The newest versions of everything, even pre-releases and versions beyond the limits in pyproject.toml.
test-newest:
	$(PYTHON) -m venv --clear $(NEWEST)
	$(NEWEST)/bin/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	$(NEWEST)/bin/python -m pip install --quiet --disable-pip-version-check --pre --editable '.[cli,json,redis]' --group dev
	$(NEWEST)/bin/python -m pip install --quiet --disable-pip-version-check --pre --upgrade fastapi-taskflow loguru
	$(NEWEST)/bin/python -m pip install --quiet --disable-pip-version-check 'httpx<1'  # the test client needs it
	$(NEWEST)/bin/python -m pip list --disable-pip-version-check
	$(NEWEST)/bin/python -m pytest $(IN_TWO)

check: $(VENV)/docs
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy
	$(VENV)/bin/lint-imports
	$(RUN) tools/prose.py

docs: $(VENV)/docs
	NO_MKDOCS_2_WARNING=1 $(RUN) -m mkdocs build

docs-serve: $(VENV)/docs
	NO_MKDOCS_2_WARNING=1 $(RUN) -m mkdocs serve

# The picture in README.md and on the site's first page, anew: it needs Chromium and chromedriver.
picture: $(VENV)/docs
	$(RUN) -m tools.picture

bench: $(VENV)/dev
	$(RUN) -m benchmarks

sim: $(VENV)/dev
	$(RUN) -m tests.sim

sim-long: $(VENV)/dev
	$(RUN) -m tests.sim --long

soak: $(VENV)/dev
	$(RUN) -m pytest -m soak -s --timeout=0

clean:
	rm -rf $(VENV) $(LOWEST) $(NEWEST) demo site mutants .coverage

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/demo: pyproject.toml | $(VENV)/bin/python
	$(RUN) -m pip install --quiet --disable-pip-version-check --editable '.[cli]' uvicorn httpx
	touch $@

$(VENV)/dev: pyproject.toml | $(VENV)/bin/python
	$(RUN) -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'  # it knows dependency groups
	$(RUN) -m pip install --quiet --disable-pip-version-check --editable '.[cli,json,redis]' --group dev
	touch $@ $(VENV)/demo

$(VENV)/docs: $(VENV)/dev
	$(RUN) -m pip install --quiet --disable-pip-version-check --group docs
	touch $@

# The lowest versions in pyproject.toml, which uv can choose and pip cannot.
$(LOWEST)/dev: pyproject.toml
	$(PYTHON) -m venv --clear $(LOWEST)
	$(LOWEST)/bin/python -m pip install --quiet --disable-pip-version-check uv
	$(LOWEST)/bin/python -m uv pip install --quiet --python $(LOWEST)/bin/python --resolution lowest-direct \
	    --editable '.[cli,json,redis]' --group dev
	touch $@
