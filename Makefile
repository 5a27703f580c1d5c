# What one types here: `make help` lists it. Everything is installed into .venv and nothing outside this folder.

PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do command -v $$p >/dev/null && echo $$p && break; done)
BIN := .venv/bin
TEST_FLAGS ?= -n 2 --dist loadscope

.PHONY: help setup setup-dev run test test-postgres check lint types contracts messages bench
.DEFAULT_GOAL := help

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 16

setup: .venv/.installed ## make .venv and install what NLP Studio runs on; nothing when up to date

setup-dev: .venv/.installed-dev ## likewise, with what tests and checks need

run: setup ## start everything on this machine; Ctrl-C ends it
	@exec $(BIN)/python manage.py studio $(ARGS)

test: setup-dev ## the whole suite
	$(BIN)/python -m pytest $(TEST_FLAGS) $(ARGS)

test-postgres: setup-dev ## what touches the database, on PostgreSQL (left out when there is none)
	$(BIN)/python -m tests.postgres $(BIN)/python -m pytest $(TEST_FLAGS) -m "not browser and not weights" \
		--ignore tests/engine --ignore tests/samples --ignore tests/flows \
		--ignore tests/core/test_look.py $(ARGS)

check: lint types contracts test test-postgres ## everything CI runs

lint: setup-dev ## ruff, djlint, djade
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/djlint --lint --quiet templates
	git ls-files -z 'templates/*.html' | xargs -0 -r $(BIN)/djade --target-version 5.2 --check

types: setup-dev ## mypy, strict
	$(BIN)/mypy nlpstudio

contracts: setup-dev ## layers, migrations, Django's own checks
	$(BIN)/lint-imports
	$(BIN)/python manage.py makemigrations --check --dry-run --settings nlpstudio.config.settings.test
	$(BIN)/python manage.py check --settings nlpstudio.config.settings.test

messages: setup-dev ## bring new strings into the Chinese catalogue and compile it; needs gettext
	$(BIN)/python manage.py makemessages --locale zh_Hans --settings nlpstudio.config.settings.test \
		--ignore .venv --ignore var --ignore tests --ignore bench --no-obsolete --no-location --no-wrap
	$(BIN)/python manage.py compilemessages --locale zh_Hans --settings nlpstudio.config.settings.test --ignore .venv

bench: setup-dev ## the benchmarks, side by side with the peers they name; writes bench/results.md
	$(BIN)/python -m bench $(ARGS)

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
		|| { echo "NLP Studio needs Python 3.11 or newer; say where it is: make PYTHON=/path/to/python3 $(MAKECMDGOALS)" >&2; exit 1; }
	$(PYTHON) -m venv .venv

.venv/.installed: requirements.txt constraints.txt | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt -c constraints.txt
	@touch $@

.venv/.installed-dev: requirements.txt requirements-dev.txt constraints.txt | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt -c constraints.txt
	@touch .venv/.installed $@
