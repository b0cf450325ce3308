# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Short names for the sessions of nox, which is installed into .venv when it is missing.
# A part of the tests:  make units CORES=newest ARGS="-k retry"    make integration CORES=2.16 TARGETS=instance_facts

PYTHON ?= python3
CORES ?=
TARGETS ?=
ARGS ?=
SECONDS ?= 20
JOBS ?= 3
NOX := .venv/bin/nox
# What only has to be seen if it fails goes to .venv/logs.
SIDE_BY_SIDE = $(MAKE) --no-print-directory --keep-going --jobs=$(JOBS)
of = $(addprefix $(1)-,$(or $(CORES),$(2)))

.DEFAULT_GOAL := help
.PHONY: help demo test test-system lint units integration test-pythons test-package test-matrix test-fleet test-diagnose \
	test-eda test-browser test-peers docs coverage fuzz sanity simulator benchmark changelog clean

help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(NOX): tests/requirements/nox.txt
	@$(PYTHON) -m venv .venv
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@

demo: $(NOX) ## the main job, shown on simulated virtual machines
	@$(NOX) -s demo

# The longest first.
test: $(NOX) ## lint, types, unit tests and integration tests (CORES="2.16 newest")
	@$(SIDE_BY_SIDE) $(addprefix quiet-,$(call of,integration,newest 2.16 2.19) $(call of,units,newest 2.19) lint types)

test-system: $(NOX) ## what takes more than Python: networks, SSH, a browser, Java, ansible-test's own checks; needs root
	@$(SIDE_BY_SIDE) $(addprefix quiet-,diagnose-newest sanity-newest pythons-2.16 pythons-newest fleet browser smoke eda)

# A session whose output is shown only if it fails.
quiet-%:
	@mkdir -p .venv/logs; start=$$(date +%s); \
	if $(NOX) -s $* > .venv/logs/$*.txt 2>&1 < /dev/null; then \
		echo "$*: ok ($$(($$(date +%s) - start)) s)"; \
	else \
		tail -n 100 .venv/logs/$*.txt; \
		echo "$*: failed ($$(($$(date +%s) - start)) s), see .venv/logs/$*.txt"; \
		exit 1; \
	fi

test-fleet: $(NOX) ## real SSH to network namespaces, each with its own IMDS; needs root (ARGS="-k redis" for pytest)
	@$(NOX) -s fleet -- $(ARGS)

test-diagnose: $(NOX) ## broken networks, and what the role diagnose says of them; needs root (ARGS="-k proxy")
	@$(NOX) -s $(call of,diagnose,newest) -- $(ARGS)

lint: $(NOX) ## static checks: style, types, licences, documentation, certificates that end
	@$(NOX) -s lint types

docs: $(NOX) ## the documentation site, into .venv/site
	@$(NOX) -s docs

test-browser: $(NOX) ## the site and the map of a fleet in a real browser (ARGS="-k site"); screenshots in .venv/screenshots
	@$(NOX) -s browser -- $(ARGS)

units: $(NOX) ## unit tests (CORES=newest, ARGS="-k retry" for pytest)
	@$(NOX) -s $(call of,units,2.19 newest) -- $(ARGS)

coverage: $(NOX) ## which branches of the plugins the unit tests take
	@$(NOX) -s coverage

integration: $(NOX) ## integration targets (CORES=2.16, TARGETS="metadata instances")
	@$(NOX) -s $(call of,integration,2.16 2.19 newest) -- $(TARGETS)

test-pythons: $(NOX) ## the modules on every Python that managed nodes may have (CORES=2.16, ARGS="-k 3.7")
	@$(NOX) -s $(call of,pythons,2.16 newest) -- $(ARGS)

test-package: $(NOX) ## the tarball: its contents, what Galaxy says, and that it works where it is installed
	@$(NOX) -s package smoke

test-matrix: $(NOX) ## the long run: every ansible-core on each of its Pythons that is on this machine
	@IMDS_TARGETS=all $(NOX) --no-error-on-missing-interpreters --tags units integration pythons
	@$(NOX) -s sanity-2.19 sanity-2.20 sanity-newest

test-eda: $(NOX) ## the event source in ansible-rulebook, which needs Java 17
	@$(NOX) -s eda -- $(ARGS)

test-peers: $(NOX) ## what other programs read from the simulator; needs root and Debian's packages (ARGS="-k ohai")
	@$(NOX) -s $(call of,peers,newest) -- $(ARGS)

fuzz: $(NOX) ## bytes that might break the readers of answers and documents (SECONDS=600 for each)
	@$(NOX) -s fuzz -- $(SECONDS)

sanity: $(NOX) ## ansible-test's own checks (CORES=2.19)
	@$(NOX) -s $(call of,sanity,newest) -- $(ARGS)

simulator: $(NOX) ## serve the simulator's sample fleet until Ctrl-C (ARGS="--port 9000 --fleet FILE")
	@$(NOX) -s simulator -- $(ARGS)

benchmark: $(NOX) ## 45 minutes: all of it beside its peers; prints tables; needs root (ARGS="facts lookups --runs 7")
	@$(NOX) -s benchmark -- $(ARGS)

changelog: $(NOX) ## the release notes of the version in galaxy.yml, from the fragments
	@$(NOX) -s changelog

clean: ## remove all that the other targets made
	rm -rf .venv .ansible dist
