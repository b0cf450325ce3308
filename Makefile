# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Short names for the sessions of nox, which is installed into .venv when it is missing.
# To run a part of the tests:  make units CORES=newest ARGS="-k retry"    make integration CORES=2.16 TARGETS=instance_facts

PYTHON ?= python3
CORES ?=
TARGETS ?=
ARGS ?=
SECONDS ?= 20
JOBS ?= 2
NOX := .venv/bin/nox
# Runs several sessions at once. nox prints the output of each session when it ends, and a summary at the end.
TOGETHER := $(NOX) --parallel $(JOBS) -s
of = $(addprefix $(1)-,$(or $(CORES),$(2)))

.DEFAULT_GOAL := help
.PHONY: help demo test test-system test-cores lint units integration test-pythons test-package test-matrix test-fleet test-diagnose \
	test-eda test-browser test-peers test-simulator docs coverage fuzz sanity simulator benchmark changelog clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(NOX): tests/requirements/nox.txt
	@$(PYTHON) -m venv .venv
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@

demo: $(NOX) ## show the main features on simulated virtual machines
	@$(NOX) -s demo

# The longest sessions come first.
test: $(NOX) ## run the linters, the unit tests and the integration tests
	@$(TOGETHER) $(call of,integration,newest 2.16) $(call of,units,newest) lint types

test-system: $(NOX) ## run the tests that need networks, SSH, a browser, Java or ansible-test's sanity tests; needs root
	@$(TOGETHER) diagnose-newest sanity-newest pythons-2.16 pythons-newest fleet browser smoke-2.16 smoke-newest simulator_guide eda fuzz

# Two sessions at once, because many unit tests wait.
test-cores: $(NOX) ## run the unit tests with older versions of ansible-core
	@$(TOGETHER) $(call of,units,2.16 2.19)

test-fleet: $(NOX) ## test over SSH to network namespaces, each with its own IMDS; needs root (ARGS="-k redis" for pytest)
	@$(NOX) -s fleet -- $(ARGS)

test-diagnose: $(NOX) ## test the role diagnose in broken networks; needs root (ARGS="-k proxy")
	@$(NOX) -s $(call of,diagnose,newest) -- $(ARGS)

lint: $(NOX) ## check style, types, licences and documentation
	@$(NOX) -s lint types

docs: $(NOX) ## build the documentation site in .venv/site
	@$(NOX) -s docs

test-browser: $(NOX) ## test the site and the map of a fleet in a browser (ARGS="-k site"); screenshots in .venv/screenshots
	@$(NOX) -s browser -- $(ARGS)

units: $(NOX) ## run the unit tests (CORES=newest, ARGS="-k retry" for pytest)
	@$(NOX) -s $(call of,units,2.16 newest) -- $(ARGS)

coverage: $(NOX) ## print the branches of the plugins that the unit tests do not cover
	@$(NOX) -s coverage

integration: $(NOX) ## run the integration targets (CORES=2.16, TARGETS="metadata instances")
	@$(NOX) -s $(call of,integration,2.16 newest) -- $(TARGETS)

test-pythons: $(NOX) ## test the modules on every Python that managed nodes may have (CORES=2.16, ARGS="-k 3.7")
	@$(NOX) -s $(call of,pythons,2.16 newest) -- $(ARGS)

test-package: $(NOX) ## build the tarball, check it with galaxy-importer, install it and try it
	@$(NOX) -s package smoke-2.16 smoke-newest

test-matrix: $(NOX) ## test every ansible-core on each of its Pythons; slow
	@IMDS_TARGETS=all $(NOX) --no-error-on-missing-interpreters --tags units integration pythons
	@$(NOX) --tags sanity

test-eda: $(NOX) ## test the event source in ansible-rulebook; needs Java 17
	@$(NOX) -s eda -- $(ARGS)

test-peers: $(NOX) ## test the simulator with other IMDS clients; needs root and Debian's packages (ARGS="-k ohai")
	@$(NOX) -s $(call of,peers,newest) -- $(ARGS)

fuzz: $(NOX) ## fuzz the parsers of answers and documents (SECONDS=600 for each)
	@$(NOX) -s fuzz -- $(SECONDS)

test-simulator: $(NOX) ## run the guide to the simulator as a new user does, with packages from pip
	@$(NOX) -s simulator_guide -- $(ARGS)

sanity: $(NOX) ## run ansible-test sanity (CORES=2.19)
	@$(NOX) -s $(call of,sanity,newest) -- $(ARGS)

simulator: $(NOX) ## serve the simulator's sample fleet until Ctrl-C, with an inventory (ARGS="--port 9000 --fleet FILE")
	@$(NOX) -s simulator -- $(ARGS)

benchmark: $(NOX) ## measure against similar tools and print the tables of docs/benchmarks.md; 45 minutes, needs root (ARGS="facts lookups --runs 7")
	@$(NOX) -s benchmark -- $(ARGS)

changelog: $(NOX) ## write the release notes of the version in galaxy.yml from the fragments
	@$(NOX) -s changelog

clean: ## remove everything that the other targets created
	rm -rf .venv .ansible dist
