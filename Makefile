# What a person does with this tree. `make` alone lists it.
#
# On a new machine `make test` is all it takes: it installs the Debian packages
# that are missing when it may (as root), and says the command when it may not.
# With CI set, whatever is missing is an error; without it, the tests that need
# it skip themselves with a line that says so.

GOLANGCI_VERSION := v2.15.0
GOLANGCI := .bin/golangci-lint-$(GOLANGCI_VERSION)/golangci-lint

# The generator has the version of the runtime in go.mod.
TEMPL = go run github.com/a-h/templ/cmd/templ@$(shell go list -m -f '{{.Version}}' github.com/a-h/templ)

# npm writes this file last, so it is as new as the installed packages.
NODE_MODULES := assets/client/node_modules/.package-lock.json
BUF := assets/client/node_modules/.bin/buf

# Files that a command writes and that are committed, as git pathspecs, for
# `make check-generated`.
GENERATED := '*_templ.go' '*.pb.go' 'assets/dist/*'

# Every package, or PKG=./core/cable/... for some.
PKG ?= ./...

# How long `make fuzz` spends on each target.
FUZZTIME ?= 10s

# Which benchmarks `make bench` runs, and how often: benchstat wants COUNT=6.
BENCH ?= .
COUNT ?= 1

# What a module for WebAssembly is built with: no symbols, and no paths of this machine,
# so that the same source is the same module everywhere.
WASM := GOOS=wasip1 GOARCH=wasm go build -trimpath -buildmode=c-shared -ldflags='-s -w'

# A process with the race detector waits a second at its end, for reports of others; the
# tests start hundreds of processes.
RACE := GORACE=atexit_sleep_ms=0

# How many packages are tested at once, and how many tests of one.
PARALLEL := 3

.DEFAULT_GOAL := help
.NOTPARALLEL: # the order of prerequisites counts, and go test uses all cores anyway

.PHONY: help
help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.PHONY: run
run: ## start one region on this machine
	go run .

.PHONY: test
test: deps test-client test-go test-seeds test-wasm ## install what is missing, build, run every test with -race

# Most of what tests do is wait, so more of them run at once than there are cores. What
# several of them need is compiled first: two that compile the same at once do it twice.
# What vet says, `make lint` says too.
.PHONY: test-go
test-go: ## the Go part of `make test`: PKG=./core/... for some packages
	go build $(PKG)
	$(WASM) -o /dev/null ./features/hello/plugin
	$(RACE) go test -race -vet=off -shuffle=on -p=$(PARALLEL) -parallel=$(PARALLEL) -timeout=14m $(PKG)

# With the race detector a seed takes ten times as long, so `make test-go` runs a tenth.
.PHONY: test-seeds
test-seeds: ## all seeds of the simulated planet, without the race detector
	go test -vet=off ./core/engine/wan -run='^TestConvergence'

# What a carrier can change: every feature, and processes that end. The rest of the suite
# is the same server again; `go test ./core/e2e -carrier=wasm` runs it all.
WASM_TESTS := Feature_added|Board|Direct|Globe|Resting|Restart|ScriptOff|Together

.PHONY: test-wasm
test-wasm: ## the part of `make test` with every feature as a WebAssembly module
	$(RACE) go test -race -vet=off -parallel=$(PARALLEL) -timeout=10m ./core/e2e -carrier=wasm -run='^Test($(WASM_TESTS))$$'

.PHONY: test-client
test-client: ## the browser client's part of `make test`, where there is Node
	@if command -v npm >/dev/null; then \
		$(MAKE) -s $(NODE_MODULES) && cd assets/client && NODE_OPTIONS=--test-reporter=spec npm test; \
	elif [ -n "$$CI" ]; then \
		echo 'npm is missing: install Node 20 or newer' >&2; exit 1; \
	else \
		echo 'skipping the browser client tests: npm is missing (install Node 20 or newer)'; \
	fi

# The programs that tests start, and a C compiler for -race. Chromium may also be
# there under another name. KeyDB is in no Debian: where keydb-server is on PATH, the
# tests of a mesh run too.
.PHONY: deps
deps: ## install the Debian packages that the tests use
	@missing=; \
	command -v cc >/dev/null || missing="$$missing gcc libc6-dev"; \
	command -v redis-server >/dev/null || missing="$$missing redis-server"; \
	command -v faketime >/dev/null || missing="$$missing faketime"; \
	command -v chromium >/dev/null || command -v chromium-browser >/dev/null || \
		command -v google-chrome >/dev/null || missing="$$missing chromium"; \
	if [ -z "$$missing" ]; then exit 0; fi; \
	echo "missing Debian packages:$$missing"; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		apt-get update -q && \
		DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends $$missing; \
	else \
		echo "install them with: sudo apt-get install --no-install-recommends$$missing"; \
		[ -z "$$CI" ]; \
	fi

.PHONY: bench
bench: ## benchmarks, one package at a time: BENCH=Broadcast COUNT=6
	go test -run='^$$' -bench='$(BENCH)' -benchmem -count=$(COUNT) -p=1 $(PKG)

# One build at a time: all programs of features have the same name, and the first one
# compiles what all have in common.
.PHONY: wasm
wasm: DIR ?= wasm
wasm: ## every feature as a module for WebAssembly, in DIR (default wasm/)
	@mkdir -p $(DIR)
	@for program in features/*/plugin; do \
		name=$${program#features/}; name=$${name%/plugin}; \
		$(WASM) -o $(DIR)/$$name.wasm ./$$program || exit 1; \
	done

.PHONY: screenshots
screenshots: DIR ?= /tmp/screenshots
screenshots: ## the page in many states, as PNGs in DIR (default /tmp/screenshots)
	mkdir -p $(DIR)
	go test ./core/e2e -run TestScreenshots -count=1 -screenshots=$(DIR)

.PHONY: fuzz
fuzz: ## each fuzz target for FUZZTIME (default 10s)
	@grep -rEo --include='*_test.go' --exclude-dir=node_modules '^func Fuzz[A-Za-z0-9_]+' . | \
	sort | while IFS=: read -r file func; do \
		echo "==> $${func#func } in $${file%/*}"; \
		go test -run='^$$' -fuzz="^$${func#func }\$$" -fuzztime=$(FUZZTIME) "$${file%/*}" || exit 1; \
	done

.PHONY: lint
lint: $(GOLANGCI) ## formatting, linters and a tidy go.mod
	$(GOLANGCI) run
	go mod tidy -diff

$(GOLANGCI):
	GOBIN=$(CURDIR)/$(@D) go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION)

.PHONY: assets
assets: $(NODE_MODULES) ## bundle the browser client into assets/dist (needs Node)
	cd assets/client && npm run build

$(NODE_MODULES): assets/client/package.json assets/client/package-lock.json
	cd assets/client && npm ci --no-audit --no-fund

.PHONY: generate
generate: ## write the *_templ.go files
	$(TEMPL) generate

.PHONY: proto
proto: $(NODE_MODULES) ## check feature.proto and write the *.pb.go files (needs Node)
	cd plugins/process/proto && ../../../$(BUF) lint && ../../../$(BUF) generate

# Compares what is there before and after, and not with the last commit, so that
# it answers the same in a tree with uncommitted work. Each pathspec has to find
# something, or nothing would be compared.
.PHONY: check-generated
check-generated: ## fail when a generated file is not what its source gives
	@dir=$$(mktemp -d) && trap 'rm -rf "$$dir"' EXIT && \
	sums() { \
		for files in $(GENERATED); do \
			git ls-files -z --cached --others --exclude-standard -- "$$files" >"$$dir/list" || return 1; \
			if [ ! -s "$$dir/list" ]; then echo "git knows no generated files $$files" >&2; return 1; fi; \
			sort -zu "$$dir/list" >"$$dir/sorted" || return 1; \
			xargs -0 sh -c 'for f; do [ ! -e "$$f" ] || cksum "$$f" || exit 1; done' sums <"$$dir/sorted" || return 1; \
		done; \
	} && \
	sums >"$$dir/before" && \
	$(MAKE) --no-print-directory assets generate proto && \
	sums >"$$dir/after" && \
	if ! diff "$$dir/before" "$$dir/after"; then \
		echo 'generated files are not up to date (< as they were, > as they must be): commit what "make assets generate proto" wrote' >&2; \
		exit 1; \
	fi && \
	echo "$$(wc -l <"$$dir/after") generated files are up to date"

.PHONY: clean
clean: ## remove what the other targets installed and left
	rm -rf .bin presence wasm assets/client/node_modules coverage
	find . -name '*.test' -type f -delete -o -name '*.prof' -type f -delete
