# Everything happens in .venv, which the first target that needs it makes.

PYTHON ?= python3
SECONDS ?= 900
BIN := .venv/bin
RUST := $(wildcard rust/*/src/*.rs rust/*/src/*/*.rs) $(wildcard rust/*/Cargo.toml) Cargo.toml Cargo.lock

.PHONY: help demo test test-long test-lowest test-processors test-races fuzz docs lint format bench wheel \
    wheel-twice clean

help: ## Say what each target does
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 17

demo: .venv/built ## Run the example on the built-in map and write its figures to figures/
	@echo "Drawing five figures: about ten seconds."
	@$(BIN)/python examples/plot_threshold_image.py figures
	@echo "Try next:"
	@echo "  $(BIN)/nithresh demo     the command: figures, tables and a page with a live threshold"
	@echo "  $(BIN)/nithresh --help   what it can do with your own maps"
	@echo "  make docs               the manual and a gallery of examples (four minutes)"

test: .venv/tested ## Run all Rust and Python tests
	cargo test --package nithresh-core
	$(BIN)/pytest -n 2

test-long: .venv/tested ## Run the tests that use chance on many more cases (an hour)
	NITHRESH_TEST_DATASETS=10000 $(BIN)/pytest -n 2 --hypothesis-profile=thorough

test-lowest: .venv/built ## Run the Python tests with the lowest versions that pyproject.toml allows
	rm -rf .venv/lowest
	$(PYTHON) -m venv .venv/lowest
	$(PYTHON) tools/lowest_versions.py > .venv/lowest/constraints
	.venv/lowest/bin/pip install --quiet --constraint .venv/lowest/constraints --editable '.[test]'
	# Old versions use what newer versions of others deprecate.
	.venv/lowest/bin/pytest -n 2 -W ignore::DeprecationWarning -W ignore::PendingDeprecationWarning

test-races: ## Run the tests of the threads under ThreadSanitizer (needs nightly Rust and rust-src)
	RUSTFLAGS=-Zsanitizer=thread cargo +nightly test -Zbuild-std --target-dir target/tsan \
	    --target "$$(rustc -vV | sed -n 's/^host: //p')" --package nithresh-core --test pool

fuzz: .venv/tested ## Look for crashes of readers and kernels (half an hour; SECONDS=60 is short)
	$(BIN)/python fuzz/files.py --seconds $(SECONDS)
	PROPTEST_CASES=$$(($(SECONDS) * 10)) cargo test --release --package nithresh-core --tests

test-processors: ## Run the Rust tests without AVX, and on aarch64, in an emulator
	tools/test-on-processors.sh

docs: .venv/tested ## Build the documentation site in docs/_build, with every example run anew
	rm -rf docs/api docs/auto_examples docs/_build
	$(BIN)/sphinx-build --quiet --fail-on-warning --keep-going docs docs/_build

lint: .venv/tested ## Check formatting, lints, types and the stub of the built module
	cargo fmt --check
	cargo clippy --workspace --all-targets -- --deny warnings
	RUSTDOCFLAGS="--deny warnings" cargo doc --workspace --no-deps --quiet
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/biome ci --error-on-warnings .
	$(BIN)/mypy
	$(BIN)/stubtest nithresh._core
	$(BIN)/zizmor --offline --no-progress --quiet .github
	$(BIN)/python tools/linked_crates.py --check

format: .venv/tested ## Format all code
	cargo fmt
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix --select I .
	$(BIN)/biome format --write .

bench: .venv/tested ## Measure the stages of the core, and all of it against its peers
	cargo bench --package nithresh-core
	$(BIN)/python benches/python/compare.py

wheel: .venv/tested ## Build the wheel and the source distribution in dist/, and try the wheel
	rm -rf dist .venv/clean
	PATH="$(CURDIR)/$(BIN):$$PATH" tools/build-wheel.sh
	$(PYTHON) -m venv .venv/clean
	.venv/clean/bin/pip install --quiet --constraint requirements.lock dist/*.whl
	cd dist && ../.venv/clean/bin/python ../examples/plot_threshold_image.py figures

wheel-twice: .venv/tested ## Build the wheel in two folders, and compare them byte for byte
	rm -rf target/twice
	for copy in one two; do \
	    git clone --quiet . target/twice/$$copy && \
	    PATH="$(CURDIR)/$(BIN):$$PATH" target/twice/$$copy/tools/build-wheel.sh || exit 1; \
	done
	cmp target/twice/one/dist/*.whl target/twice/two/dist/*.whl
	cmp target/twice/one/dist/*.tar.gz target/twice/two/dist/*.tar.gz

clean: ## Remove what the other targets made
	rm -rf .venv dist figures target docs/api docs/auto_examples docs/_build

# Ends in one sentence, before anything is built, if the machine lacks something.
check = $(if $(lacking),$(error $(lacking)))
lacking = $(shell tools/check-machine.sh $(PYTHON))

.venv/bin/pip:
	$(check)@echo "Making a Python environment in .venv: a few seconds."
	@$(PYTHON) -m venv .venv

# The package alone, built for speed, its Python files used where they lie.
.venv/built: .venv/bin/pip $(RUST) pyproject.toml requirements.lock
	$(check)@echo "Installing what nithresh needs and compiling it: one to three minutes."
	@$(BIN)/pip install --constraint requirements.lock --editable .
	@touch $@

# The same with what its tests and checks need; not built twice if this is first.
.venv/tested: .venv/bin/pip $(RUST) pyproject.toml requirements.lock
	$(check)@echo "Installing what the tests need and compiling nithresh: one to three minutes."
	@$(BIN)/pip install --quiet --constraint requirements.lock --editable '.[dev]'
	@touch .venv/built $@
