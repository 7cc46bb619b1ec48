# Needs Python 3.11 or later and make; everything else is installed into .venv.

PYTHON ?= python3
PORT ?= 8501
BIN := .venv/bin
UV := VIRTUAL_ENV=.venv $(BIN)/uv pip install --quiet --compile-bytecode

# What one runs while working: no browser, no Ray cluster, nothing slow. `coverage` takes other tests by TESTS="not browser".
FAST := not browser and not ray and not slow and not long and not faults and not fuzz and not real_data
TESTS ?= $(FAST)

# With this the environment's Python finds hierapp from any folder, in the examples too.
export CHECKOUT := import pathlib, sys, sysconfig; \
	pathlib.Path(sysconfig.get_path("purelib"), "hierapp-checkout.pth").write_text(sys.argv[1] + "\n")

.PHONY: run test test-fast test-long coverage lint hooks docs wheel faults fuzz benchmarks gpu lock clean

run: .venv/.app  ## open the app
	$(BIN)/streamlit run app.py --server.port $(PORT)

test: .venv/.tests lint  ## all tests but the long ones
	$(BIN)/python -m pytest -n 2 --dist loadfile

test-fast: .venv/.tests  ## the quick tests, about two minutes on two cores
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "$(FAST)"

test-long: .venv/.tests  ## the tests that take a minute or more each: some minutes
	$(BIN)/python -m pytest -m long

coverage: .venv/.tests  ## branch coverage of the quick tests, with a report in .cache/coverage/html
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "$(TESTS)" --cov --cov-report=term --cov-report=html
	@$(BIN)/coverage json --quiet -o .cache/coverage/coverage.json
	@$(BIN)/python -m tests.coverage_table .cache/coverage/coverage.json | tee .cache/coverage/summary.md

lint: .venv/.tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo --cache-dir .cache/import-linter

hooks: .venv/.tests  ## lint before each commit
	$(BIN)/pre-commit install

# Material's notice about its successor is no fault of a page. The site needs no network, when it is built and when it is read.
docs: .venv/.docs  ## the documentation as a site, in .cache/docs; open .cache/docs/index.html
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet

wheel: .venv/.tests  ## build the package and try it in fresh environments; PYTHONS="python3.11 python3.12" names them
	sh tests/wheel.sh $(BIN)/python $(PYTHONS)

faults: .venv/.tests  ## kill workers, launchers and the app at random moments during runs; some minutes
	$(BIN)/python -m pytest -m faults

fuzz: .venv/.tests  ## thousands of hostile arguments, addresses, names, archives and pictures; up to an hour
	$(BIN)/python -m pytest -m fuzz -s

benchmarks: .venv/.tests  ## the measurements in docs/performance.md; needs CIFAR-10
	$(BIN)/python -m benchmarks.training
	$(BIN)/python -m benchmarks.losses
	$(BIN)/python -m benchmarks.losses --step
	$(BIN)/python -m benchmarks.losses --loop
	$(BIN)/python -m benchmarks.first_paint
	$(BIN)/python -m benchmarks.studio
	$(BIN)/python -m benchmarks.large_trees
	$(BIN)/python -m benchmarks.store
	$(BIN)/python -m benchmarks.visitors

gpu:  ## test and measure everything on a GPU, within eight minutes; results in gpu-results
	$(if $(wildcard $(BIN)/python),$(BIN)/python,$(PYTHON)) -m benchmarks.gpu --out gpu-results

lock: .venv/.tests  ## write constraints.txt again after a change of the requirements
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-header --no-annotate --no-emit-index-url \
		requirements.txt requirements-dev.txt requirements-docs.txt requirements-text.txt -o constraints.txt --upgrade
	@sed -i '1i # The exact versions of everything that is installed, written by `make lock`.' constraints.txt

clean:
	rm -rf .venv .cache .pytest_cache .mypy_cache .ruff_cache .hypothesis

# uv installs in seconds and links the files of its cache; where it cannot reach its index, pip does it.
.venv/.uv: Makefile
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "hierapp needs Python 3.11 or later, but $(PYTHON) is " + sys.version.split()[0] + "; call make PYTHON=python3.11")'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==0.13.8
	@touch $@

.venv/.app: .venv/.uv requirements.txt constraints.txt
	@echo "Installing the app's dependencies into .venv (about 6 GB the first time, most of it torch with CUDA) ..."
	@$(UV) -r requirements.txt -c constraints.txt || $(BIN)/python -m pip install -r requirements.txt -c constraints.txt
	@$(BIN)/python -c "$$CHECKOUT" "$(CURDIR)"
	@touch $@

.venv/.tests: .venv/.app requirements-dev.txt requirements-docs.txt requirements-ray.txt tests/chromium.sh
	@$(UV) -r requirements-dev.txt -c constraints.txt || \
		$(BIN)/python -m pip install -r requirements-dev.txt -c constraints.txt
	@sh tests/chromium.sh $(BIN)/python
	@touch $@

.venv/.docs: .venv/.app requirements-docs.txt constraints.txt
	@$(UV) -r requirements-docs.txt -c constraints.txt || $(BIN)/python -m pip install -r requirements-docs.txt -c constraints.txt
	@touch $@
