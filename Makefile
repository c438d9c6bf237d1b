# Every target sets up what it needs first: nothing but make, a Python >= 3.11 and a network is taken for granted.
#
#   make demo      a real call with the receptionist, on this machine
#   make test      every test, the live ones with their peers included
#   make check     format, lint, types
#   make bench     what a leg, a call and a turn cost on this machine
#   make hostile   scanners, floods and slow peers against a switch with calls, for five minutes
#   make fuzz      break whatever a stranger may send, for FUZZ_SECONDS (60)
#   make test-unit, make test-live, make test-313    parts of it, and the unit suite on Python 3.13
#
# PYTHON names the interpreter of the virtual environment; ARGS is handed on: make test ARGS="-k echo -x".

PYTHON ?=
PYTHON313 ?=
ARGS ?=
VENV := .venv
VENV_313 := .cache/venv-3.13
BIN := $(VENV)/bin
# Newer than pyproject.toml and the set-up script: nothing to do.
READY := $(VENV)/ready
READY_313 := $(VENV_313)/ready

# A name that is not there (or a shim that leads nowhere) does not count as found.
FIND_313 = for python in "$(PYTHON313)" python3.13 "$$HOME"/.pyenv/versions/3.13*/bin/python3.13; do \
	if "$$python" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 13))' 2>/dev/null; then echo "$$python"; break; fi; done

.PHONY: setup peers demo test test-unit test-live test-313 check bench bench-loss bench-media bench-recording bench-calls bench-held bench-turns bench-reload bench-registrar bench-tls hostile leaks fuzz format clean

setup: $(READY)

$(READY): pyproject.toml docker/venv.sh
	@docker/venv.sh "$(PYTHON)" $(VENV)
	@touch $@

peers:
	@docker/setup.sh

demo: $(READY)
	@$(BIN)/softswitch demo $(ARGS)

test: $(READY) peers
	$(BIN)/python -m pytest $(ARGS)

test-unit: $(READY)
	$(BIN)/python -m pytest tests/unit $(ARGS)

test-live: $(READY) peers
	$(BIN)/python -m pytest tests/live $(ARGS)

test-313:
	@python=$$($(FIND_313)); \
	if [ -z "$$python" ]; then \
		echo "Python 3.13 is not on this machine: the unit suite was not run on it (make PYTHON313=/path/to/python3.13 test-313 names one)."; \
	else \
		$(MAKE) --no-print-directory PYTHON="$$python" $(READY_313) && \
		$(VENV_313)/bin/python -m pytest tests/unit -p no:cacheprovider $(ARGS); \
	fi

$(READY_313): pyproject.toml docker/venv.sh
	@mkdir -p $(dir $(VENV_313))
	@docker/venv.sh "$(PYTHON)" $(VENV_313)
	@touch $@

check: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

# On loopback only, bounded, about ten minutes; docs/benchmarks.md says how the figures are taken.
bench: bench-media bench-recording bench-loss bench-calls bench-held bench-turns bench-reload bench-registrar bench-tls
	@$(BIN)/python -W ignore tests/bench/start.py

bench-media: $(READY)
	@$(BIN)/python -W ignore tests/bench/media.py $(ARGS)

bench-recording: $(READY)
	@$(BIN)/python -W ignore tests/bench/recording.py $(ARGS)

bench-calls: $(READY) peers
	@$(BIN)/python -W ignore tests/bench/calls.py $(ARGS)

bench-held: $(READY) peers
	@$(BIN)/python -W ignore tests/bench/held.py $(ARGS)

bench-reload: $(READY)
	@$(BIN)/python -W ignore tests/bench/reload.py $(ARGS)

# What calls leave behind, by the way they end: 2000 of each, a quarter of an hour. ARGS="--calls 50" is shorter.
leaks: $(READY) peers
	@$(BIN)/python -W ignore -m tests.bench.leaks $(ARGS)

bench-registrar: $(READY)
	@PYTHONPATH=. $(BIN)/python -W ignore tests/bench/registrar.py $(ARGS)

# What lost packets cost the ear; in virtual time, half a minute.
bench-loss: $(READY)
	@PYTHONPATH=. $(BIN)/python -W ignore tests/bench/loss.py $(ARGS)

bench-turns: $(READY)
	@$(BIN)/python -W ignore tests/bench/turns.py $(ARGS)

bench-tls: $(READY)
	@PYTHONPATH=. $(BIN)/python -W ignore tests/bench/tls.py $(ARGS)

# What an open port meets, in five minutes: on loopback only, bounded, it stops by itself. ARGS="--seconds 45" is shorter.
hostile: $(READY) peers
	@$(BIN)/python -W ignore tests/bench/hostile.py $(ARGS)

# Straight to the parsers and machines, and over sockets to a switch of its own, in a network namespace: docs/rfc.md.
# Afterwards that switch is given time to forget everything: some minutes more.
FUZZ_SECONDS ?= 60
fuzz: $(READY)
	@$(BIN)/python -m tests.fuzz.fuzz --seconds $(FUZZ_SECONDS) $(ARGS)

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf $(VENV) .cache .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info
