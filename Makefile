# One command per chore. `make run` and `make test` do all their own set-up; `make lock` is the only one that needs `uv`.
PYTHON ?= python3
PORT ?= 8080
JOBS ?= 4
VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip --quiet --disable-pip-version-check
STAMPS := $(VENV)/stamps
export PORT

.PHONY: setup docs run pages test check demo bench bench-documents lock clean
.DELETE_ON_ERROR:

setup: $(STAMPS)/run

# Without the pages (no way to npm's registry) everything else runs, and `/` says how to build them.
run: $(STAMPS)/run
	@$(MAKE) --no-print-directory pages || echo "make: the pages are not built, see above; the rest runs" >&2
	@exec $(PY) -m cli.main dev

# The demo chat and the operator's console, into app/static.
pages: app/static/index.html

demo: $(STAMPS)/run
	@exec $(PY) -m cli.main demo

# Side by side, each of them with servers of its own: tests mostly wait.
test: $(STAMPS)/run $(STAMPS)/test $(STAMPS)/node $(STAMPS)/provider $(STAMPS)/browser pages
	$(PY) -m pytest --numprocesses=$(JOBS) --dist=loadfile

# `make bench` measures everything (25 minutes at most), `make bench QUICK=1` the chief cases once; ARGS="--help" tells more.
bench: $(STAMPS)/run $(STAMPS)/bench
	@exec $(PY) -m bench $(if $(QUICK),--quick) $(ARGS)

# Documents beside their peers, into .bench/ (about 2 minutes); ARGS="--out docs/benchmarks" keeps them.
bench-documents: $(STAMPS)/run $(STAMPS)/bench
	@exec $(PY) -m bench.documents $(ARGS)

# The types of the provider and of the pages are checked where these are built.
check: $(STAMPS)/run $(STAMPS)/test $(STAMPS)/provider pages
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy

# The pages that say what the code says.
docs: $(STAMPS)/run
	$(PY) docs/generate.py

# The virtual environment. A stamp is older than its lock file when that changed: then, and only then, pip runs again.
$(STAMPS)/venv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "make: Roomlog needs Python 3.11 or newer, $(PYTHON) is older or missing: make PYTHON=python3.12 ..." >&2; exit 1; }
	@echo "· making $(VENV) with $(PYTHON)"
	@$(PYTHON) -m venv $(VENV)
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/run: requirements.txt pyproject.toml | $(STAMPS)/venv
	@echo "· installing what Roomlog needs (requirements.txt)"
	@$(PIP) install --require-hashes -r requirements.txt
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(STAMPS)/test: requirements-test.txt | $(STAMPS)/run
	@echo "· installing what the tests need (requirements-test.txt)"
	@$(PIP) install --require-hashes -r requirements-test.txt
	@touch $@

# Node comes as a Python package, so that the official socket.io-client can be tested on a machine without Node.
$(STAMPS)/node: tests/js/package-lock.json | $(STAMPS)/test
	@echo "· installing the official socket.io-client (tests/js/package-lock.json)"
	@cd tests/js && PATH="$(abspath $(VENV)/bin):$$PATH" npm ci --silent --prefer-offline --no-audit --no-fund
	@touch $@

$(STAMPS)/provider-packages: web/provider/package-lock.json | $(STAMPS)/test
	@echo "· installing what the provider is built and tested with (web/provider/package-lock.json)"
	@cd web/provider && PATH="$(abspath $(VENV)/bin):$$PATH" npm ci --silent --prefer-offline --no-audit --no-fund
	@touch $@

$(STAMPS)/provider: $(STAMPS)/provider-packages web/provider/tsconfig.json $(wildcard web/provider/src/*.ts)
	@echo "· building the provider (web/provider/dist)"
	@cd web/provider && PATH="$(abspath $(VENV)/bin):$$PATH" npm run --silent build
	@touch $@

# The pages are built by Node from a Python package too, but without what the tests need.
$(STAMPS)/web: requirements-web.txt | $(STAMPS)/venv
	@echo "· installing what the pages are built with (requirements-web.txt)"
	@$(PIP) install --require-hashes -r requirements-web.txt
	@touch $@

$(STAMPS)/pages-packages: web/pages/package-lock.json | $(STAMPS)/web
	@echo "· installing what the pages are made of (web/pages/package-lock.json)"
	@cd web/pages && PATH="$(abspath $(VENV)/bin):$$PATH" npm ci --silent --prefer-offline --no-audit --no-fund
	@touch $@

PAGES := $(shell find web/pages/src web/pages/public web/provider/src -type f) $(wildcard web/pages/*.html web/pages/*.ts web/pages/*.json)
app/static/index.html: $(STAMPS)/pages-packages $(PAGES)
	@echo "· building the pages (app/static)"
	@cd web/pages && PATH="$(abspath $(VENV)/bin):$$PATH" npm run --silent build -- --logLevel warn

$(STAMPS)/browser: tests/browser/package-lock.json | $(STAMPS)/test
	@echo "· installing what drives a browser, and a browser (tests/browser/package-lock.json)"
	@cd tests/browser && PATH="$(abspath $(VENV)/bin):$$PATH" npm ci --silent --prefer-offline --no-audit --no-fund
	@touch $@

$(STAMPS)/bench: requirements-bench.txt bench/peers/node/package-lock.json | $(STAMPS)/run
	@echo "· installing what the benchmark needs (requirements-bench.txt, bench/peers/node/package-lock.json)"
	@$(PIP) install --require-hashes -r requirements-bench.txt
	@cd bench/peers/node && PATH="$(abspath $(VENV)/bin):$$PATH" npm ci --silent --prefer-offline --no-audit --no-fund
	@touch $@

# New lock files, without the address of any package index in them.
UV ?= uv
LOCK := $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
  --no-emit-find-links --upgrade --custom-compile-command "make lock"
lock:
	$(LOCK) pyproject.toml requirements.in -o requirements.txt
	$(LOCK) pyproject.toml requirements.in --extra test --extra otel -c requirements.txt -o requirements-test.txt
	$(LOCK) pyproject.toml requirements.in --extra bench -c requirements-test.txt -o requirements-bench.txt
	$(LOCK) --group web -c requirements-test.txt -o requirements-web.txt
	for folder in tests/js tests/browser cli/demo/js bench/peers/node web/provider web/pages; do (cd $$folder && npm install --package-lock-only --no-audit --no-fund); done
	@! grep -nE 'https?://|index-url|find-links' requirements.txt requirements-test.txt requirements-bench.txt requirements-web.txt
	@! grep -n '"resolved"' tests/js/package-lock.json tests/browser/package-lock.json cli/demo/js/package-lock.json bench/peers/node/package-lock.json web/provider/package-lock.json web/pages/package-lock.json

clean:
	rm -rf $(VENV) .screenshots tests/js/node_modules tests/browser/node_modules cli/demo/js/node_modules bench/peers/node/node_modules web/provider/node_modules web/provider/dist web/pages/node_modules app/static .bench .mypy_cache .ruff_cache .pytest_cache .hypothesis
