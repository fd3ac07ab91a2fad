# sanyi: `make` prints this help. The two commands to know: make demo, make test.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

TAGS    := duckdb_arrow
CACHE   := $(CURDIR)/.cache
BIN     := bin/sanyi
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -X main.version=$(VERSION)
GOTEST  := go test -tags '$(TAGS)'
LINT    := $(CACHE)/bin/golangci-lint
LINT_VERSION := v2.15.0
VENV    := $(CACHE)/venv

export SANYI_VENV_PYTHON := $(VENV)/bin/python

.PHONY: help
help: ## this help
	@awk -F ':.*## ' '/^[a-z][a-z-]*:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## bin/sanyi (first build: about 5 minutes of CPU and 1 GB of downloads, DuckDB included)
	CGO_ENABLED=1 go build -tags '$(TAGS)' -ldflags '$(LDFLAGS)' -o $(BIN) ./cmd/sanyi

.PHONY: demo
demo: build ## a generated region: extracts → lake → figures on the screen
	./$(BIN) demo --lake demo/lake

.PHONY: test
test: test-go test-accept test-plugin ## all tests, the browser's and the acceptance scripts' included

.PHONY: test-go
test-go: build $(VENV)/.done ## Go tests with PyIceberg reading the same catalogue
	go test -tags '$(TAGS) integration' ./...

.PHONY: test-short
test-short: ## quick Go tests for daily work
	$(GOTEST) -short ./...

.PHONY: test-race
test-race: ## the packages where goroutines meet, under the race detector
	go test -race -short -tags '$(TAGS)' ./ingest/reader/... ./ingest/landing ./internal/serve/http ./internal/serve/access ./internal/serve/audit ./internal/grouper/drg ./internal/grouper/dip ./internal/grouper/stream ./plugin/pkg/lakehouse

.PHONY: test-accept
test-accept: build ## the acceptance scripts of ../shared, where they are
	@if [ -d ../shared/accept ]; then \
		python3 ../shared/accept/indicators.py $(BIN); python3 ../shared/accept/night.py $(BIN); python3 ../shared/accept/grouping.py $(BIN); \
	elif [ "$${CI:-}" = true ]; then echo "../shared is not here, and CI promises it" >&2; exit 1; \
	else echo "SKIPPED: acceptance scripts (../shared is not here)"; fi

.PHONY: test-plugin
test-plugin: build ## the plugin: types, lint, unit tests, gRPC protocol, pages in Chromium
	$(MAKE) -C plugin test

.PHONY: lint
lint: $(LINT) ## golangci-lint, gofmt, vet
	$(LINT) run ./...

.PHONY: bench
bench: build ## ingest and queries beside plain DuckDB in the same run; figures into bench/RESULTS.md
	./$(BIN) bench --record bench/RESULTS.md

.PHONY: bench-grouper
bench-grouper: $(CACHE)/venv-bench/.done ## the grouper in memory, beside those of the Python registry; by hand into bench/RESULTS-grouper.md
	go build -o $(CACHE)/bin/bench-grouper ./bench/grouper
	if [ -d ../shared/domain/drg-data/chs_drg_11 ]; then $(CACHE)/bin/bench-grouper -scheme ../shared/domain/drg-data/chs_drg_11 -cases 20000 -rounds 20; else $(CACHE)/bin/bench-grouper -cases 20000 -rounds 20; fi
	$(CACHE)/venv-bench/bin/python bench/grouper/others.py --cases 20000

.PHONY: plugin
plugin: ## the Grafana plugin as a zip in dist/
	$(MAKE) -C plugin zip

.PHONY: dist
dist: plugin ## binary, plugin and docs as one archive for an air-gapped machine
	mkdir -p dist/sanyi
	# No path of the building machine in what is given away. `build` keeps them: with -trimpath it would share no compiled package with the tests.
	CGO_ENABLED=1 go build -tags '$(TAGS)' -trimpath -ldflags '$(LDFLAGS)' -o dist/sanyi/sanyi ./cmd/sanyi
	cp README.md README.zh-CN.md LICENSE CHANGELOG.md dist/sanyi/ && cp dist/sanyi-lakehouse-datasource-*.zip dist/sanyi/ && cp -r docs dist/sanyi/
	tar -C dist -czf dist/sanyi-$(VERSION)-linux-$$(go env GOARCH).tar.gz sanyi && rm -r dist/sanyi

$(LINT):
	GOBIN=$(CACHE)/bin go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT_VERSION)

$(CACHE)/venv-bench/.done: bench/grouper/requirements.txt
	python3 -m venv $(CACHE)/venv-bench
	$(CACHE)/venv-bench/bin/pip install --quiet --disable-pip-version-check -r bench/grouper/requirements.txt
	touch $@

$(VENV)/.done: internal/lake/testdata/requirements.txt
	python3 -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check -r internal/lake/testdata/requirements.txt
	touch $@
