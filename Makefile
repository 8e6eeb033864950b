# The two commands of the README are `run` and `test`; each installs what it needs by itself.

SHELL := bash
.DEFAULT_GOAL := help
.PHONY: help run test e2e check bench fmt icons bindings windows setup

help: ## What can be made
	@sed -n 's/^\([a-z0-9]*\):.*## /\1\t/p' Makefile | expand -t 12

run: ## Build the app and open it (RELEASE=1: optimised; ARGS="…": for the program)
	@scripts/run.sh $(ARGS)

test: ## Every check and every test (ONLY="clippy nextest": just these steps)
	@scripts/test.sh $(ONLY)

e2e: ## The app in a browser, real processes on whole hosts, the real window: minutes each
	@scripts/test.sh setup ui-build ui-e2e e2e

check: ## The fast inner loop: format, lints, unit tests, types
	@scripts/test.sh --check

bench: ## Measure, in a release build, and write target/bench/*.json
	@scripts/setup.sh run
	@cd ui && npm run --silent build
	@cargo xtask bench lan

fmt: ## Format Rust and the app's pages
	@cargo fmt --all
	@cd ui && npm run --silent format

icons: ## Render icons/*.svg to every size that is needed
	@cargo xtask icons

bindings: ## Write the TypeScript types and the OpenRPC document of the API
	@cargo xtask bindings

windows: ## Cross-build anser.exe and let it chat with a native node under Wine
	@scripts/setup.sh windows
	@scripts/windows.sh

setup: ## Install what run and test need, and nothing else
	@scripts/setup.sh test
