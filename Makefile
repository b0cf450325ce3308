# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Everything runs in virtual environments under .venv, which are made when they are first needed.
# A part of the tests:  make units CORES=newest ARGS="-k retry"    make integration CORES=2.16 TARGETS=instance_facts

PYTHON ?= python3
CORES ?=
TARGETS ?=
ARGS ?=
SECONDS ?=
CHECKS := cd tests && PYTHONPATH=system $(PYTHON) -m checks

.DEFAULT_GOAL := help
.PHONY: help demo test test-system lint units integration test-pythons test-package test-matrix test-fleet test-diagnose \
	test-eda test-browser test-peers docs fuzz sanity simulator benchmark benchmark-inventory changelog clean

help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## the main job, shown on simulated virtual machines
	@cd tests && $(PYTHON) -m demo

test: ## lint, unit tests and integration tests
	@$(CHECKS) integration units lint certificates --cores "$(CORES)"

test-system: ## what takes more than Python: networks, SSH, a browser, Java, ansible-test's own checks; needs root
	@$(CHECKS) sanity browser fleet package diagnose eda pythons

test-fleet: ## real SSH to network namespaces, each with its own IMDS; needs root (ARGS="-k redis" for pytest)
	@$(CHECKS) fleet --arguments='$(ARGS)'

test-diagnose: ## broken networks, and what the role diagnose says of them; needs root (ARGS="-k proxy")
	@$(CHECKS) diagnose --cores "$(CORES)" --arguments='$(ARGS)'

lint: ## static checks: style, types, licences, documentation, certificates that end
	@$(CHECKS) lint certificates

docs: ## the documentation site, into .venv/site
	@$(CHECKS) docs

test-browser: ## the site and the map of a fleet in a real browser (ARGS="-k site"); screenshots in .venv/screenshots
	@$(CHECKS) browser --arguments='$(ARGS)'

units: ## unit tests (CORES=newest, ARGS="-k retry" for pytest)
	@$(CHECKS) units --cores "$(CORES)" --arguments='$(ARGS)'

integration: ## integration targets (CORES=2.16, TARGETS="metadata instances")
	@$(CHECKS) integration --cores "$(CORES)" --arguments='$(TARGETS)'

test-pythons: ## the modules on every Python that managed nodes may have (CORES=2.16, ARGS="3.7 3.8")
	@$(CHECKS) pythons --cores "$(CORES)" --arguments='$(ARGS)'

test-package: ## the tarball: its contents, what Galaxy says, and that it works where it is installed
	@$(CHECKS) package

test-matrix: ## the long run: every ansible-core on each of its Pythons (CORES="2.17 2.19-py3.12", TARGETS=metadata)
	@$(CHECKS) $(if $(TARGETS),,units pythons) integration --matrix --cores "$(CORES)" --arguments='$(TARGETS)'
	@$(if $(CORES)$(TARGETS),,$(CHECKS) sanity --cores "2.19 newest")

changelog: ## the release notes of the version in galaxy.yml, from the fragments
	@bin=$$($(PYTHON) tests/environments.py lint) && PATH="$$bin:$$PATH" antsibull-changelog release

test-eda: ## the event source in ansible-rulebook, which needs Java 17
	@$(CHECKS) eda --arguments='$(ARGS)'

test-peers: ## what other programs read from the simulator; needs root and Debian's packages (ARGS="-k ohai")
	@$(CHECKS) peers --cores "$(CORES)" --arguments='$(ARGS)'

fuzz: ## bytes that might break the readers of answers and documents (SECONDS=600 for each)
	@$(CHECKS) fuzz --arguments='$(SECONDS)'

sanity: ## ansible-test's own checks (CORES=2.19)
	@$(CHECKS) sanity --cores "$(CORES)" --arguments='$(ARGS)'

simulator: ## serve the simulator's sample fleet until Ctrl-C (ARGS="--port 9000 --fleet FILE")
	@bin=$$($(PYTHON) tests/environments.py core-newest) && \
	PYTHONPATH=tests/simulator exec "$$bin/python" -m imds_simulator $(ARGS)

benchmark: ## 45 minutes: all of it beside its peers, into docs/benchmarks.md; needs root (ARGS="facts lookups --runs 7")
	@cd tests && PYTHONPATH=system $(PYTHON) -m benchmarks $(ARGS)

benchmark-inventory: ## the inventory alone, up to 100,000 hosts, into the same page (ARGS="--sizes 100000")
	@cd tests && PYTHONPATH=system $(PYTHON) -m benchmarks.inventory $(ARGS)

clean: ## remove all that the other targets made
	rm -rf .venv .ansible dist
