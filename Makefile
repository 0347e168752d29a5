# The verbs of the house; developers and CI use the same ones. `make` alone lists them.
#
# Everything is installed into .venv, made on first use. PYTHON names another interpreter,
# ARGS adds flags to `make run`, ONCE=1 makes the demo stop by itself.

PYTHON ?= python3
ARGS ?=
ONCE ?=
BIN := .venv/bin
INSTALLED := .venv/installed

.DEFAULT_GOAL := help
.PHONY: help run demo test check bench constraints page wheel peers databases senders clients browser \
	page-tools tools audit

help:
	@sed -n 's/^#: //p' Makefile

#: make run     serve on http://127.0.0.1:9009 with data in ./data (ARGS="--flag=value ...")
run: $(INSTALLED)
	exec $(BIN)/cupola serve $(ARGS)

#: make demo    Cupola, real agents, an alert; prints queries, runs till Ctrl-C (ONCE=1: one round)
demo: $(INSTALLED) peers
	$(BIN)/python -m compose.demo $(if $(ONCE),--once)

#: make test    check, then all tests, by two workers
# In the order of their names: the share with real agents, the longest, has to be begun first.
test: check peers databases senders clients browser page-tools tools
	$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder

#: make check   style, types and the import law
check: $(INSTALLED)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

#: make bench   Cupola beside VictoriaMetrics and Prometheus on the same data
bench: $(INSTALLED)
	$(BIN)/python load-tests/bench.py $(ARGS)

#: make constraints   the newest versions of all dependencies into constraints.txt; then `make test`
constraints:
	@rm -rf .venv-newest && $(PYTHON) -m venv .venv-newest
	@.venv-newest/bin/pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	@.venv-newest/bin/pip install --quiet --editable . --group dev
	@{ sed -n '/^#/p' constraints.txt; .venv-newest/bin/pip freeze --exclude-editable; } >constraints.new
	@mv constraints.new constraints.txt && rm -rf .venv-newest

#: make page    build the page for people anew: api/page/built from api/page/source
page: $(INSTALLED) page-tools
	@cd .venv/page && rm -rf src tests public built && cp -R ../../api/page/source/. . && npm run --silent build
	@rm -rf api/page/built && cp -R .venv/page/built api/page/built

#: make wheel   a wheel with kernels for any processor of this kind, a plain one and an sdist, in dist
wheel: $(INSTALLED)
	@rm -rf dist build/kernels
	@$(BIN)/cupola compile --processor=any --directory=build/kernels
	@$(BIN)/pip wheel --quiet --no-deps --wheel-dir dist .
	@CUPOLA_KERNELS=build/kernels $(BIN)/pip wheel --quiet --no-deps --wheel-dir dist .
	@$(PYTHON) -m venv build/hatch && build/hatch/bin/pip install --quiet hatchling PyYAML
	@build/hatch/bin/hatchling build -t sdist

# Real agents for the demo and the tests. Without them the demo stops and those tests are skipped.
peers:
	@{ command -v prometheus && command -v prometheus-node-exporter; } >/dev/null \
	    || .ci/packages prometheus prometheus-node-exporter \
	    || echo "prometheus and prometheus-node-exporter cannot be installed from here:" \
	            "tests with real agents will be skipped" >&2
	@command -v prometheus-alertmanager >/dev/null || .ci/packages prometheus-alertmanager \
	    || echo "prometheus-alertmanager cannot be installed from here:" \
	            "tests with a real Alertmanager will be skipped" >&2

# What tests of a catalog on a server begin one with.
databases:
	@{ command -v initdb || ls /usr/lib/postgresql/*/bin/initdb; } >/dev/null 2>&1 || .ci/packages postgresql \
	    || echo "postgresql cannot be installed from here: no tests of a catalog on a server" >&2

# Another real sender, which only tests need.
senders:
	@command -v vmagent >/dev/null || .ci/packages victoria-metrics \
	    || echo "victoria-metrics cannot be installed from here: no tests with vmagent" >&2

# A client library of JavaScript, in the versions of its lock file; only tests need it.
clients: $(INSTALLED)
	@mkdir -p .venv/javascript && cp tests/agents/javascript/package*.json .venv/javascript/ \
	    && cd .venv/javascript && { test -d node_modules/prometheus-query \
	    || timeout 120 npm ci --silent --no-audit --no-fund --ignore-scripts; } >/dev/null 2>&1 \
	    || echo "npm or its registry cannot be reached from here: no tests with prometheus-query" >&2

# A browser that the tests of the page drive.
browser:
	@command -v chromium >/dev/null || .ci/packages chromium \
	    || echo "chromium cannot be installed from here: no tests of the page in a browser" >&2

# What the page is built and tested with, in the versions of its lock file. Only developers need it. Not by `npm ci`,
# which refuses the lock file where an optional package for another system cannot be had.
page-tools: $(INSTALLED)
	@mkdir -p .venv/page && cd .venv/page && { cmp -s package-lock.json ../../api/page/source/package-lock.json \
	    && test -d node_modules/vite || { cp ../../api/page/source/package*.json ../../api/page/source/.npmrc . \
	    && timeout 300 npm install --silent --no-audit --no-fund --ignore-scripts; }; } >/dev/null 2>&1 \
	    || { rm -f package-lock.json; echo "npm or its registry cannot be reached from here:" \
	            "the page can be neither built nor tested with Node" >&2; }

# What checks packages, the image and the chart.
tools: $(INSTALLED)
	@cmp -s deploy/tools.txt .venv/tools/installed || { rm -rf .venv/tools && $(PYTHON) -m venv .venv/tools \
	    && timeout 600 .venv/tools/bin/pip install --quiet --disable-pip-version-check -r deploy/tools.txt \
	    && cp deploy/tools.txt .venv/tools/installed; } >/dev/null 2>&1 \
	    || echo "the tools of deploy/tools.txt cannot be installed from here: the image and the chart" \
	            "are checked less" >&2
	@mkdir -p .venv/operator && cd .venv/operator && { cmp -s package-lock.json ../../deploy/operator/package-lock.json \
	    && test -d node_modules/typescript || { cp ../../deploy/operator/package*.json ../../deploy/operator/.npmrc . \
	    && timeout 120 npm install --silent --no-audit --no-fund --ignore-scripts; }; } >/dev/null 2>&1 \
	    || { rm -f package-lock.json; echo "npm or its registry cannot be reached from here:" \
	            "objects of Prometheus' operator are not checked" >&2; }

#: make audit   known weaknesses and licences of the libraries, as far as that can be asked from here
audit: $(INSTALLED) tools
	@$(BIN)/python -m deploy.audit

# The versions that tests are known to pass with; `make constraints` takes the newest ones there are.
$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	    || { echo "Python 3.11 or newer is needed; name one: make PYTHON=python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || .ci/packages python3-venv \
	    || { echo "Python cannot make virtual environments: install python3-venv" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "installing Python packages into .venv"
	@$(BIN)/pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	@$(BIN)/pip install --quiet --editable . --group dev --constraint constraints.txt
	@echo "compiling kernels, once: about a minute"
	@$(BIN)/cupola compile
	@touch $@
