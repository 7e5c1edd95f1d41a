# Recipes only call scripts; what they do is written there.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help demo demo-down test test-all test-versions lint format sanity docs site pictures release unit integration tarball molecule bench bed bed-down env clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' Makefile

demo: ## a running private LLM service on this machine, and one answer from it
	@tests/env runtime && demo/demo up

demo-down: ## remove what the demo made (asks before it removes data; FORCE=1 does not ask)
	@tests/env runtime && demo/demo down

test: ## everything below that checks something, cheap first; ends with one line of counts
	@tests/run

test-all: env ## for the night: the same with all states of the fuzz tests, then every version of both servers
	@SELFHOSTED_LLM_FUZZ=100 tests/run && tests/versions

test-versions: env ## every supported version of Open WebUI, and the newer Ollama or its double, one at a time
	@tests/prepare && tests/versions

lint: env ## ruff, mypy, yamllint, ansible-lint
	@tests/run lint

format: env ## put Python into the house's form
	@.cache/venv/bin/ruff check --fix . ; .cache/venv/bin/ruff format .

sanity: env ## ansible-test sanity, without an ignore file
	@tests/run sanity

docs: env ## write the generated parts of the documentation anew
	@PYTHONPATH=tests/unit/house .cache/venv/bin/python -m house_checks.option_table

site: env ## build the documentation site with search, in .cache/site/html
	@tests/site/build

pictures: env ## make docs/images again, from real runs: the demo (which stays), a school, the doctor
	@tests/prepare && tests/pictures/build

unit: env ## unit tests and the checks of the house (examples, argument specs)
	@tests/run unit

integration: env ## modules and roles against a real Ollama, a real Open WebUI and real hosts
	@tests/run ollama workspace webui service egress roles toolkits

tarball: env ## build the collection, check what is in it, run from it
	@tests/run tarball

molecule: env ## site.yml on a systemd host: check, converge, idempotence, check, verify
	@tests/run molecule

release: env ## check tree, changelog and version; build dist/*.tar.gz and its SHA-256
	@.cache/venv/bin/python tests/release

bench: env ## measure, and write the figures as JSON and Markdown
	@tests/bench/bench

bed: ## start the test servers on loopback
	@tests/prepare && tests/bed/bed images && tests/bed/bed up

bed-down: ## stop the test servers, and only these
	@tests/bed/bed down

env: ## the private environment in .cache
	@tests/env

clean: ## remove .cache (the environment and all results)
	@rm -rf .cache dist
