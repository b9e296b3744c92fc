# Two commands do everything on a fresh machine: `make demo` and `make test`.
# `make test PYTHON=python3.12` uses that interpreter, in a folder of its own: .venv-3.12.
PYTHON ?= python3
ifeq ($(origin PYTHON),command line)
VENV := .venv-$(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])')
else
VENV := .venv
endif
RUN := $(VENV)/bin/python
PIP := -m pip --quiet --disable-pip-version-check
LOWEST := .venv-lowest
NEWEST := .venv-newest
# Two processes share the tests: most of the time goes by in waiting for other programs.
IN_TWO := --numprocesses 2 --dist worksteal

.DELETE_ON_ERROR:
.PHONY: demo serve dev test about-test unit coverage mutants test-pythons test-lowest test-newest check docs docs-serve picture bench sim sim-long soak clean

demo: $(VENV)/demo
	$(RUN) examples/quickstart.py
	$(VENV)/bin/taskflow-loguru report demo/tasks.log

serve: $(VENV)/demo
	$(RUN) examples/quickstart.py --serve

# Under CI everything has to be there, and nothing is skipped. On a laptop the packages of the group "test" are enough.
GROUP := $(if $(CI),dev,test)

test: about-test $(VENV)/$(GROUP)
	$(RUN) -m pytest $(IN_TWO)

about-test:
	@echo 'This installs the packages of the group "$(GROUP)" into $(VENV) once, and runs about 3,000 tests for some minutes.'
	@echo 'Tests that need root, another program or another package are skipped. The end lists how many, and why.'

# On each Python that pyproject.toml names and this machine has; make test runs the one in .venv.
test-pythons: $(VENV)/dev
	$(RUN) tools/pythons.py

# The packages of all groups.
dev: $(VENV)/dev

# The sinks' unit tests alone: no process, a few seconds.
unit: $(VENV)/$(GROUP)
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
	$(NEWEST)/bin/python $(PIP) install --upgrade 'pip>=25.1'
	$(NEWEST)/bin/python $(PIP) install --pre --editable '.[cli,json,redis]' --group dev
	$(NEWEST)/bin/python $(PIP) install --pre --upgrade fastapi-taskflow loguru
	$(NEWEST)/bin/python $(PIP) install 'httpx<1'  # the test client needs it
	$(NEWEST)/bin/python -m pip list --disable-pip-version-check
	$(NEWEST)/bin/python -m pytest $(IN_TWO)

check: $(VENV)/dev
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy
	$(VENV)/bin/lint-imports
	$(RUN) tools/prose.py

docs: $(VENV)/dev
	NO_MKDOCS_2_WARNING=1 $(RUN) -m mkdocs build

docs-serve: $(VENV)/dev
	NO_MKDOCS_2_WARNING=1 $(RUN) -m mkdocs serve

# The picture in README.md and on the site's first page, anew: it needs Chromium and chromedriver.
picture: $(VENV)/dev
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
	rm -rf .venv .venv-* demo site mutants .coverage

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/demo: pyproject.toml | $(VENV)/bin/python
	$(RUN) $(PIP) install --editable '.[cli]' uvicorn httpx
	touch $@

# What `make test` needs. pip knows dependency groups from 25.1 on.
$(VENV)/test: pyproject.toml | $(VENV)/bin/python
	$(RUN) $(PIP) install --upgrade 'pip>=25.1'
	$(RUN) $(PIP) install --editable '.[cli,json,redis]' --group test
	touch $@ $(VENV)/demo

$(VENV)/dev: $(VENV)/test
	$(RUN) $(PIP) install --group dev
	touch $@

# The lowest versions in pyproject.toml, which uv can choose and pip cannot.
$(LOWEST)/dev: pyproject.toml
	$(PYTHON) -m venv --clear $(LOWEST)
	$(LOWEST)/bin/python $(PIP) install uv
	$(LOWEST)/bin/python -m uv pip install --quiet --python $(LOWEST)/bin/python --resolution lowest-direct \
	    --editable '.[cli,json,redis]' --group dev
	touch $@
