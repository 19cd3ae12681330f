# What a developer types. `make test` is the command in README.md and the one that CI runs; everything it needs beyond
# Go, a C compiler (for the race detector), Java 17, Maven, Python 3.11 and apt it fetches itself, pinned, into one folder.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# Where downloads are kept: the folder that package testenv/tools uses too.
TOOLS := $(or $(SINKER_TOOLS),$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/sinker-tools)
LOGS := .cache/test

LINT_VERSION := 2.15.0
LINT := $(TOOLS)/bin/golangci-lint-$(LINT_VERSION)

# A tag if there is one, else the commit. Where there is no git (a tarball, an image), say VERSION=….
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
COMMIT ?= $(shell git rev-parse --short=12 HEAD 2>/dev/null)
LDFLAGS := -s -w -X main.version=$(VERSION) -X main.commitID=$(COMMIT)

# Nothing here needs C, and with one setting for all, whatever was compiled once is compiled. The race detector alone needs it.
export CGO_ENABLED := 0

# HEAVY rooms start processes, open many ports or load the machine: one package at a time. PLAIN ones have no concurrency worth
# compiling every driver a second time for, or compute for minutes. All others, new ones too, run under the race detector.
HEAVY := ./testenv/... ./cmd/...
PLAIN := ./catalog/... ./config/... ./schema/... ./docs/... ./deploy/... ./commit/modelcheck/...
raced = $$(comm -23 <(go list ./... | sort) <(go list $(HEAVY) $(PLAIN) | sort))

.PHONY: help
help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

.PHONY: build
build: ## bin/sinker: one static binary, no C
	go build -ldflags '$(LDFLAGS)' -o bin/sinker ./cmd/sinker
	@bin/sinker version

.PHONY: release
release: ## the same without this machine's paths, for handing out; compiles everything anew
	go build -trimpath -ldflags '$(LDFLAGS)' -o bin/sinker ./cmd/sinker
	@bin/sinker version

.PHONY: quick
quick: ## the inner loop: vet and the light rooms' tests, unchanged ones from the cache
	go vet ./...
	go test -p 2 $(raced) $(filter-out ./commit/modelcheck/...,$(PLAIN))

.PHONY: test
test: needs ## everything CI runs: lint, race, real servers, docs; 45 minutes with nothing cached on two cores
	@rm -rf $(LOGS) && mkdir -p $(LOGS)
	@$(MAKE) --no-print-directory -j2 lint fetch
	@failed=0; for part in plain race whole; do $(MAKE) --no-print-directory $$part || failed=1; done; \
	.ci/count $(LOGS)/*.log || failed=1; exit $$failed

.PHONY: plain
plain: ## the rooms without concurrency of their own
	@mkdir -p $(LOGS)
	go test -v -p 2 -timeout 20m $(PLAIN) 2>&1 | tee $(LOGS)/plain.log

.PHONY: race
race: ## the other light rooms, under the race detector
	@mkdir -p $(LOGS)
	CGO_ENABLED=1 go test -v -race -p 2 -timeout 20m $(raced) 2>&1 | tee $(LOGS)/race.log

.PHONY: whole
whole: ## the heavy rooms: servers, processes, kills; one package at a time
	@mkdir -p $(LOGS)
	go build ./...
	@failed=0; $(MAKE) --no-print-directory deep || failed=1; \
	go test -v -p 1 -count=1 -timeout 60m $(HEAVY) 2>&1 | tee $(LOGS)/whole.log || failed=1; exit $$failed

.PHONY: deep
deep: ## the sink with its real clients under fake time, 1,000 seeds; the tag lets the Kafka client take part
	@mkdir -p $(LOGS)
	go test -v -count=1 -timeout 20m -tags synctests ./testenv/sim/deep/... 2>&1 | tee $(LOGS)/deep.log

.PHONY: lint
lint: $(LINT) ## gofmt, vet, tidiness of go.mod, and the rules of .golangci.yml
	@out=$$(gofmt -l $$(git ls-files '*.go' 2>/dev/null || find . -name '*.go')); if [ -n "$$out" ]; then echo "not gofmt-ed:"; echo "$$out"; exit 1; fi
	go vet ./...
	go mod tidy -diff
	$(LINT) run --allow-parallel-runners ./...

$(LINT):
	@mkdir -p $(@D)
	GOBIN=$(TOOLS)/bin/new go install -p 2 github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v$(LINT_VERSION)
	mv $(TOOLS)/bin/new/golangci-lint $@

.PHONY: fetch
fetch: ## brokers, catalogs, stores and readers for the real world, pinned, once
	go run ./testenv/tools/fetch

.PHONY: proof
proof: needs ## the long runs, for hours; stops and goes on where it was; .cache/proof holds the logs
	.ci/proof

.PHONY: chaos
chaos: needs ## kills, zombies, faults and foreign writers on real servers, from a seed; CHAOS="--seed 7 --kills 300 …" for more
	go run ./testenv/chaos/... $(CHAOS)

.PHONY: mutants
mutants: ## faults put into the code on purpose, and who notices; docs/mutants.md
	go run ./testenv/mutants/run -generated -chosen -write docs/mutants.md

.PHONY: bench
bench: ## speed of decoding, encoding and of the whole, one line each
	go test -run '^$$' -bench . -benchmem -benchtime 2s $(raced)

.PHONY: bench-peer
bench-peer: needs ## sinker, Iceberg's Kafka Connect sink and DuckDB on real servers; commits by number; freshness; writes docs/benchmarks.md
	go run ./testenv/bench/run throughput --shapes events,six,lineitem $(BENCH)
	go run ./testenv/bench/run freshness
	go run ./testenv/bench/run commits --partitions 64
	go run ./testenv/bench/run report

.PHONY: profile
profile: needs ## CPU and allocations of a run at full rate, by stage; .cache/profile holds the profiles, docs/performance.md the tables
	go run ./testenv/bench/run profile $(BENCH)
	go run ./testenv/bench/run report

.PHONY: docs
docs: ## make again what is generated from the code
	go test -count=1 ./config -run Docs -update

.PHONY: needs
needs:
	@.ci/needs

.PHONY: clean
clean: ## what was built and logged here; downloads stay
	rm -rf bin .cache
