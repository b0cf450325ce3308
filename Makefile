# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Everything runs in virtual environments under .venv, which are created when first needed.
# To run a part of the tests:  make units CORES=newest ARGS="-k retry"    make integration CORES=2.16 TARGETS=instance_facts

PYTHON ?= python3
CORES ?=
TARGETS ?=
ARGS ?=
SECONDS ?=
CHECKS := cd tests && PYTHONPATH=system $(PYTHON) -m checks

.DEFAULT_GOAL := help
.PHONY: help demo test test-system lint units integration test-pythons test-package test-matrix test-fleet test-diagnose \
	test-eda test-browser test-peers docs fuzz sanity simulator benchmark benchmark-inventory changelog clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## show the main features on simulated virtual machines
	@cd tests && $(PYTHON) -m demo

test: ## run the linters, the unit tests and the integration tests
	@$(CHECKS) integration units lint certificates --cores "$(CORES)"

test-system: ## run the tests that need networks, SSH, a browser, Java or ansible-test's sanity tests; needs root
	@$(CHECKS) sanity browser fleet package diagnose eda pythons

test-fleet: ## test over SSH to network namespaces, each with its own IMDS; needs root (ARGS="-k redis" for pytest)
	@$(CHECKS) fleet --arguments='$(ARGS)'

test-diagnose: ## test the role diagnose in broken networks; needs root (ARGS="-k proxy")
	@$(CHECKS) diagnose --cores "$(CORES)" --arguments='$(ARGS)'

lint: ## check style, types, licences, documentation and the expiry of certificates
	@$(CHECKS) lint certificates

docs: ## build the documentation site in .venv/site
	@$(CHECKS) docs

test-browser: ## test the site and the map of a fleet in a browser (ARGS="-k site"); screenshots in .venv/screenshots
	@$(CHECKS) browser --arguments='$(ARGS)'

units: ## run the unit tests (CORES=newest, ARGS="-k retry" for pytest)
	@$(CHECKS) units --cores "$(CORES)" --arguments='$(ARGS)'

integration: ## run the integration targets (CORES=2.16, TARGETS="metadata instances")
	@$(CHECKS) integration --cores "$(CORES)" --arguments='$(TARGETS)'

test-pythons: ## test the modules on every Python that managed nodes may have (CORES=2.16, ARGS="3.7 3.8")
	@$(CHECKS) pythons --cores "$(CORES)" --arguments='$(ARGS)'

test-package: ## build the tarball, check it with galaxy-importer, install it and try it
	@$(CHECKS) package

test-matrix: ## test every ansible-core on each of its Pythons; slow (CORES="2.17 2.19-py3.12", TARGETS=metadata)
	@$(CHECKS) $(if $(TARGETS),,units pythons) integration --matrix --cores "$(CORES)" --arguments='$(TARGETS)'
	@$(if $(CORES)$(TARGETS),,$(CHECKS) sanity --cores "2.19 newest")

changelog: ## write the release notes of the version in galaxy.yml from the fragments
	@bin=$$($(PYTHON) tests/environments.py lint) && PATH="$$bin:$$PATH" antsibull-changelog release

test-eda: ## test the event source in ansible-rulebook; needs Java 17
	@$(CHECKS) eda --arguments='$(ARGS)'

test-peers: ## test the simulator with other IMDS clients; needs root and Debian's packages (ARGS="-k ohai")
	@$(CHECKS) peers --cores "$(CORES)" --arguments='$(ARGS)'

fuzz: ## fuzz the parsers of answers and documents (SECONDS=600 for each)
	@$(CHECKS) fuzz --arguments='$(SECONDS)'

sanity: ## run ansible-test sanity (CORES=2.19)
	@$(CHECKS) sanity --cores "$(CORES)" --arguments='$(ARGS)'

simulator: ## serve the simulator's sample fleet until Ctrl-C (ARGS="--port 9000 --fleet FILE")
	@bin=$$($(PYTHON) tests/environments.py core-newest) && \
	PYTHONPATH=tests/simulator exec "$$bin/python" -m imds_simulator $(ARGS)

benchmark: ## measure against similar tools, into docs/benchmarks.md; 45 minutes, needs root (ARGS="facts lookups --runs 7")
	@cd tests && PYTHONPATH=system $(PYTHON) -m benchmarks $(ARGS)

benchmark-inventory: ## measure only the inventory, up to 100,000 hosts, into the same page (ARGS="--sizes 100000")
	@cd tests && PYTHONPATH=system $(PYTHON) -m benchmarks.inventory $(ARGS)

clean: ## remove everything that the other targets created
	rm -rf .venv .ansible dist
