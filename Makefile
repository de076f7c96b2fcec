# Everything here runs in $(VENV), on the installed package and never on the source tree:
# what is tested is what a user gets. An edit of a source file reinstalls the package.
#
# Settings: VENV=dir  PYTHON=path (else scripts/find-python.sh)  ARGS="..." (for demo, bench)  DATA=dir (for speed)
#           PYTEST_ARGS="-n 2 -k name"  ROUNDS=5 (for fuzz)  SECONDS=600 (for torture)
#           DIST=dir (for wheel, release)  SITE=dir (for docs)

VENV ?= .venv
DIST ?= dist
SITE ?= build/site
ROUNDS ?= 5
SECONDS ?= 600
BIN = $(VENV)/bin
PIP = $(BIN)/pip --disable-pip-version-check -qq

PACKAGES = eqchip emulator backends mapping hw_reports
# Folders too: a deleted file changes its folder.
SOURCES := $(shell find $(PACKAGES) -name __pycache__ -prune -o -print)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help venv peers demo test test-long test-nojit lint typecheck format site-tools notebooks docs roles wheel release \
	bench speed fuzz torture clean clean-cache

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile

venv: $(VENV)/.installed ## make $(VENV) and install eqchip there, with its test tools

# SANA-FE is GPL: it is only ever run in a process of its own, and no extra of eqchip names it.
peers: venv ## install SANA-FE, Brian2, Lava and NIR, so that make test compares with them
	@$(PIP) install -c constraints.txt --build-constraint build-constraints.txt \
		sanafe 'eqchip[brian2,lava,nir]'

demo: venv ## train a small network on the emulated chip, and report what it cost
	@$(BIN)/eqchip demo $(ARGS)

test: lint typecheck ## lint, type check and the test suite
	@$(BIN)/pytest $(PYTEST_ARGS)

test-long: venv ## the tests that take minutes
	@$(BIN)/pytest -m long $(PYTEST_ARGS)

# pytest exits with 5 when it finds no test; that is fine only while no test has the marker.
test-nojit: venv ## the kernels as plain Python, without numba's compiler
	@EQCHIP_DISABLE_JIT=1 $(BIN)/pytest -m 'nojit and not long' $(PYTEST_ARGS) || { \
		test $$? -eq 5 && ! grep -rqs 'mark\.nojit' tests && echo "no test is marked nojit yet"; }

lint: venv ## ruff: rules and format
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check . || { \
		$(BIN)/ruff format --check .; echo "make format mends that"; exit 1; }

# From inside $(VENV), where the source folder does not hide the installed package. The
# paths printed are turned into those of the source files, which are the ones to edit.
typecheck: venv ## mypy, on the installed package
	@status=0; config="$(CURDIR)/pyproject.toml"; cd $(VENV) || exit; \
	report=$$(bin/mypy --config-file "$$config" --python-executable bin/python -p eqchip 2>&1) \
		|| status=$$?; \
	printf '%s\n' "$$report" | sed -E \
		-e 's|^lib[^:]*/site-packages/eqchip/((emulator\|backends\|mapping\|hw_reports)/)|\1|' \
		-e 's|^lib[^:]*/site-packages/(eqchip/)|\1|'; \
	exit $$status

format: venv ## mend format and order of imports
	@$(BIN)/ruff check --quiet --select I --fix .
	@$(BIN)/ruff format .

wheel: venv ## source distribution and wheel into $(DIST)
	@rm -rf build
	@$(BIN)/pyproject-build --no-isolation --outdir "$(DIST)" . > $(VENV)/build.log 2>&1 \
		|| { cat $(VENV)/build.log; exit 1; }
	@rm -rf build eqchip.egg-info
	@ls "$(DIST)"/eqchip-*

# Sphinx and its theme, and what runs notebooks: for docs, notebooks and the tests of these.
site-tools: venv
	@$(PIP) install -c constraints.txt 'eqchip[docs]'

notebooks: peers site-tools ## run the notebooks and write what they show into them
	@$(BIN)/python scripts/notebooks.py

# A page for each public name is written into docs/api while the site is built, and removed after.
docs: site-tools ## build the site of the documentation into $(SITE), and check its links
	@rm -rf docs/api "$(SITE)"
	@$(BIN)/sphinx-build -E -W --keep-going -q -j auto -d "$(VENV)/doctrees" -c docs/site . "$(SITE)" \
		|| { rm -rf docs/api; exit 1; }
	@rm -rf docs/api
	@$(BIN)/python scripts/check_site.py "$(SITE)"

roles: peers ## play the three roles of docs/start.md, each from an empty folder, with nothing compiled
	@$(BIN)/python scripts/roles.py --cold

# Fresh environments and newest packages: an hour on a quiet machine. Nothing is tagged.
release: wheel ## build, try the wheel on every Python that is found, write notes into $(DIST)
	@$(BIN)/python scripts/release.py all "$(DIST)"

bench: venv ## measure speed
	@$(BIN)/eqchip bench $(ARGS)

# On a quiet machine, in one sitting: each says what share of a processor it got. Needs peers.
speed: peers ## measure all speed tables again: DATA=dir of MNIST's files; NEST_PYTHON, SNNTORCH_PYTHON
	@test -n "$(DATA)" || { echo "make speed: DATA names no directory of MNIST's files"; exit 2; }
	@$(BIN)/eqchip bench --data "$(DATA)" --epoch --rounds 7 --out benchmarks/results/speed.json
	@$(BIN)/eqchip bench chip loihi1-sanafe --data "$(DATA)" --rounds 9 \
		--out benchmarks/results/chip-speed.json
	@$(BIN)/eqchip bench peers --data "$(DATA)" --batch 12 --rounds 5 \
		$(if $(NEST_PYTHON),--nest-python "$(NEST_PYTHON)") \
		$(if $(SNNTORCH_PYTHON),--snntorch-python "$(SNNTORCH_PYTHON)") \
		--out benchmarks/results/peer-speed.json
	@$(BIN)/eqchip bench asynchronous --data "$(DATA)" --rounds 3 --batch 20 \
		--out benchmarks/results/asynchrony-speed.json
	@$(BIN)/python benchmarks/onchip_speed.py --data "$(DATA)" --samples 5000 --rounds 3 --threads 1
	@OMP_NUM_THREADS=1 $(BIN)/python benchmarks/mapping_size.py --hidden 8,16,32,64,595
	@$(BIN)/python benchmarks/tables.py

fuzz: venv ## the property-based tests with many fresh examples, ROUNDS times over
	@for round in $$(seq $(ROUNDS)); do \
		echo "round $$round of $(ROUNDS)"; \
		$(BIN)/pytest -q -m 'hypothesis and not long' --hypothesis-profile=fuzz $(PYTEST_ARGS) \
			|| exit 1; \
	done

torture: venv ## kill processes, fail writes and damage files at random, for SECONDS=600
	@EQCHIP_TORTURE_SECONDS=$(SECONDS) $(BIN)/pytest -m long -s tests/torture $(PYTEST_ARGS)

clean-cache: ## forget compiled kernels (numba does not notice an edit in another module)
	@find $(PACKAGES) $(wildcard $(VENV)/lib) \( -name '*.nbi' -o -name '*.nbc' \) \
		-exec rm -f {} +

clean: clean-cache ## remove $(VENV) and all that was built; runs/ stays
	@rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find $(PACKAGES) $(wildcard tests benchmarks examples) -name __pycache__ -prune -exec rm -rf {} +

# Our own build uses the pinned setuptools of the environment: quick, and without a network.
$(VENV)/.created:
	@python=$(or $(PYTHON),$$(scripts/find-python.sh)) || exit 1; \
	version=$$("$$python" -c 'import platform; print(platform.python_version())') || exit 1; \
	case $$version in 3.10.*) ;; *) \
		echo "Python 3.10 not $(if $(PYTHON),chosen,found): using $$version;" \
			"the Lava backend needs 3.10 and is left out" ;; \
	esac; \
	echo "making $(VENV) with Python $$version"; \
	"$$python" -m venv $(VENV)
	@$(BIN)/python -m pip --disable-pip-version-check -qq install -c constraints.txt \
		pip setuptools wheel build
	@touch $@

$(VENV)/.package: $(SOURCES) pyproject.toml README.md LICENSE | $(VENV)/.created
	@echo "installing eqchip into $(VENV)"
	@rm -rf build
	@$(PIP) install --no-deps --force-reinstall --no-build-isolation .
	@rm -rf build eqchip.egg-info
	@touch $@

# eqchip is there already, so that this installs what it and its extras require.
$(VENV)/.installed: pyproject.toml constraints.txt | $(VENV)/.package
	@echo "installing what eqchip requires (the first time takes a minute or two)"
	@$(PIP) install -c constraints.txt --build-constraint build-constraints.txt 'eqchip[test,lint]'
	@touch $@
