# Three commands: `make run` serves the page, `make demo` one with people on it, `make test` proves everything.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
LOWEST := .venv-lowest
SIDE_BY_SIDE := $(MAKE) --no-print-directory --output-sync=target --jobs 3
APT := DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends

# How many test files run at once: twice as many as there are cores, since tests of real servers spend half of their time
# waiting. The quick tests never wait. The files keep the order that tests/conftest.py gives them.
CORES := $(shell getconf _NPROCESSORS_ONLN)
WORKERS ?= $(shell expr 2 \* $(CORES))
PYTEST := $(BIN)/python -m pytest
TOGETHER = --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder
# Without plugins that only one file needs: they take a second to load.
LEAN := -p no:schemathesis -p no:faker
DESCRIBED := tests/whole/test_openapi.py
QUICK := $(LEAN) --ignore tests/whole --ignore tests/told

# The tests start hundreds of Python processes; without its bytecode each of them would compile all that it imports.
unexport PYTHONDONTWRITEBYTECODE

# The rooms that do no I/O: each of their modules is covered by its own test files alone, without the searches of
# Hypothesis, which would take longer while they are traced.
PURE := tests/wire tests/audience

.PHONY: run demo pictures test quick lowest check lint types imports pure rooms described compiler system node docs bench scale workers torture fuzz soak dist audit clean

run: $(VENV)/run.stamp
	$(BIN)/nannin serve

# A made-up site with people, a year of history, and the dashboard.
demo: $(VENV)/run.stamp
	$(BIN)/nannin demo

# Takes the pictures of the READMEs again: those of the dashboard and of a page with the tag from the demo.
pictures: $(VENV)/test.stamp system
	UPDATE_SCREENSHOTS=1 $(PYTEST) tests/whole/browser/test_pictures.py tests/whole/browser/test_page_looks.py -k "portrait or picture"

# Everything a test needs is installed here; a test that misses its part fails, it is never skipped. Tests of real servers
# wait a third of their time, in which everything else runs; what that says is shown if it fails. Each worker collects every
# test that it might run, so they get none but those of real servers.
CHECKED := .checked.log
test:
	@+$(SIDE_BY_SIDE) $(VENV)/test.stamp system node
	@+$(SIDE_BY_SIDE) rooms described pure check >$(CHECKED) 2>&1 & checks=$$!; \
	$(MAKE) --no-print-directory --silent $(VENV)/compiled.stamp; \
	$(PYTEST) $(TOGETHER) $(LEAN) --ignore $(DESCRIBED) tests/whole tests/told; tests=$$?; \
	wait $$checks || { cat $(CHECKED); exit 1; }; \
	exit $$tests

# All that needs no process, no browser and no Node.js.
quick lowest: WORKERS = $(CORES)
quick: $(VENV)/test.stamp
	$(PYTEST) $(TOGETHER) $(QUICK)

# The quick tests, and those of a running server, with the lowest versions that pyproject.toml allows.
SERVED := tests/whole/test_server.py tests/whole/test_shutdown.py tests/whole/test_hypercorn.py tests/whole/protocol
lowest:
	test -x $(LOWEST)/bin/uv || { $(PYTHON) -m venv $(LOWEST) && $(LOWEST)/bin/python -m pip install --quiet uv; }
	$(LOWEST)/bin/uv pip install --quiet --python $(LOWEST)/bin/python --resolution lowest-direct --editable '.[test]'
	$(LOWEST)/bin/python -m pytest $(TOGETHER) $(QUICK)
	$(LOWEST)/bin/python -m pytest $(TOGETHER) $(LEAN) $(SERVED)

check: lint types imports

lint: $(VENV)/test.stamp
	nice $(BIN)/ruff check .
	nice $(BIN)/ruff format --check .

types: $(VENV)/test.stamp
	nice $(BIN)/mypy

imports: $(VENV)/test.stamp
	$(BIN)/lint-imports

pure: $(VENV)/test.stamp
	PYTHONPATH=tests nice $(PYTEST) $(LEAN) --timeout 400 -p support.own_coverage -m 'not hypothesis' $(PURE)
	nice $(PYTEST) $(LEAN) --timeout 400 -m hypothesis $(PURE)

# The other rooms.
rooms: $(VENV)/test.stamp
	$(PYTEST) $(QUICK) $(PURE:%=--ignore %)

# What the description of our addresses says, against a running server.
described: $(VENV)/test.stamp
	$(PYTEST) $(DESCRIBED)

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "nannin needs Python 3.11 or newer; $(PYTHON) is older. Try: make run PYTHON=python3.11" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

# What decides how the package is built.
BUILT := pyproject.toml setup.py src/nannin/engine/_send_all.c

$(VENV)/run.stamp: $(BUILT) | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

# uv takes a sixth of the time that pip takes. It doesn't read pip's configuration, so where only that knows an index, pip
# does it.
$(VENV)/test.stamp: $(BUILT) | $(BIN)/python compiler
	{ $(BIN)/python -m pip install --quiet --no-compile uv && \
	  $(BIN)/uv pip install --quiet --python $(BIN)/python $${PIP_INDEX_URL:+--index-url "$$PIP_INDEX_URL"} --editable '.[test,docs]'; } || \
	  $(BIN)/python -m pip install --quiet --no-compile --editable '.[test,docs]'
	touch $(VENV)/run.stamp $@

# Compiles the tests and what they import: else each of the processes that run them would do that by itself. What is wrong
# with a test, it says when it is run.
$(VENV)/compiled.stamp: $(VENV)/test.stamp
	-$(PYTEST) $(LEAN) --ignore $(DESCRIBED) --collect-only --quiet tests/whole tests/told >/dev/null 2>&1
	touch $@

$(VENV)/docs.stamp: $(VENV)/run.stamp
	$(BIN)/python -m pip install --quiet --editable '.[docs]'
	touch $@

# The browser, a font that can show Japanese, and the proxies of the docs: from the system's packages where we may
# install them. The browser's headless shell saves time, and not every system has it.
SYSTEM := chromium fonts-ipafont-gothic fontconfig nginx-light caddy haproxy redis-server postgresql
system: compiler
	@PATH=$$PATH:/usr/sbin; if ! command -v chromium >/dev/null || ! fc-list :lang=ja 2>/dev/null | grep -q . || \
	    ! command -v nginx >/dev/null || ! command -v caddy >/dev/null || ! command -v haproxy >/dev/null || \
	    ! command -v redis-server >/dev/null || \
	    ! { command -v postgres || ls /usr/lib/postgresql/*/bin/postgres; } >/dev/null 2>&1; then \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    apt-get update -qq && $(APT) $(SYSTEM) && { $(APT) chromium-headless-shell || true; }; \
	  else \
	    echo "make test needs chromium, a Japanese font, nginx, caddy, haproxy, redis-server and PostgreSQL (Debian: $(SYSTEM))" >&2; \
	    exit 1; \
	  fi; \
	fi
	@command -v node >/dev/null && command -v npm >/dev/null || { \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    apt-get update -qq && $(APT) nodejs npm; \
	  else echo "make test needs Node.js 18 or newer with npm" >&2; exit 1; fi; }

# The tests try both ways of sending to many, so they need the one in C; a server does without.
compiler:
	@command -v cc >/dev/null && $(PYTHON) -c 'import os, sysconfig, sys; \
	    sys.exit(not os.path.exists(sysconfig.get_path("include") + "/Python.h"))' || { \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    apt-get update -qq && $(APT) gcc libc6-dev python3-dev; \
	  else echo "make test needs a C compiler and Python's headers (Debian: gcc libc6-dev python3-dev)" >&2; exit 1; fi; }

node: tests/support/node/node_modules/.package-lock.json

tests/support/node/node_modules/.package-lock.json: tests/support/node/package-lock.json | system
	cd tests/support/node && npm ci --no-audit --no-fund
	touch $@

# Into site/. The page of settings is written from the settings, the diagram of the states from their table.
docs: $(VENV)/docs.stamp
	$(BIN)/python docs/hooks/settings_page.py
	$(BIN)/python docs/hooks/state_diagram.py
	$(BIN)/python docs/hooks/state_picture.py
	$(BIN)/zensical build --strict --clean

# Attacks running servers, item by item, and says which held; `make torture SHORT=1` takes a minute.
torture: $(VENV)/test.stamp
	PYTHONPATH=tests $(BIN)/python -m torture $(if $(SHORT),--short --at-once 6)

# Bytes that the parsers take badly, looked for by atheris, which there is for Linux and Python 3.11 to 3.13.
SECONDS ?= 30
fuzz: $(VENV)/test.stamp
	$(BIN)/python -m pip install --quiet 'atheris>=3'
	PYTHONPATH=tests $(BIN)/python -m torture.fuzz $(SECONDS)

# An hour of everything at once, held to an oracle; its report is bench/SOAK.md. `make soak MINUTES=5` for a look.
MINUTES ?= 60
soak: $(VENV)/test.stamp
	PYTHONPATH=tests $(BIN)/python -m torture.soak $(MINUTES)

# Takes some 25 minutes; `make bench SHORT=1` less than 4, and it writes nothing. `.venv/bin/python bench/run.py --help`
# says how to choose.
bench: $(VENV)/test.stamp bench/contenders/node_modules/.package-lock.json
	$(BIN)/python bench/run.py $(if $(SHORT),--short,--write)

# Bun's program is in a package for each platform, so no package has to run anything to be installed. Only the compiler of
# TypeScript is a peer that they ask for and don't need.
bench/contenders/node_modules/.package-lock.json: bench/contenders/package-lock.json | system
	cd bench/contenders && npm ci --omit=peer --ignore-scripts --no-audit --no-fund
	touch $@

# What the census costs, with simulated nodes: `make scale REDIS=redis://...` asks a real Redis, too, which it fills and
# empties under a prefix of its own.
scale: $(VENV)/test.stamp
	$(BIN)/python bench/scale.py $(if $(REDIS),--redis $(REDIS))

# One site on several processes, alone and over Redis, beside a cluster of Node.js; writes bench/WORKERS.md. It takes some
# 10 minutes.
workers: $(VENV)/test.stamp bench/contenders/node_modules/.package-lock.json
	$(BIN)/python bench/workers.py --write

# The sdist, the wheel, and the list of what they need, into dist/: the same bytes for whoever builds this commit.
dist: $(VENV)/release.stamp
	$(BIN)/python release/build.py

# Whether what nannin needs has known vulnerabilities. It asks PyPI.
audit: $(VENV)/release.stamp
	$(BIN)/python -m pip_audit .

$(VENV)/release.stamp: $(VENV)/run.stamp
	$(BIN)/python -m pip install --quiet --editable '.[release]'
	touch $@

clean:
	rm -rf $(VENV) $(LOWEST) site .cache tests/support/node/node_modules bench/contenders/node_modules tests/artifacts $(CHECKED) .coverage* .mypy_cache .ruff_cache
