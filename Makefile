# demur. `make help` lists what there is to make; CONTRIBUTING.md says how it hangs together.
#
# One object tree per variant, build/VARIANT/: release, debug (address and
# undefined-behaviour sanitizers), wasm, fuzz, coverage. Sources are found by
# folder; nothing here needs a new line when a file is added.
SHELL := /bin/bash
.DEFAULT_GOAL := build
.DELETE_ON_ERROR:
.SECONDARY:
MAKEFLAGS += --no-builtin-rules
ifeq ($(MAKELEVEL),0)
MAKEFLAGS += -j$(shell nproc)
endif

VARIANT ?= release
OUT := build/$(VARIANT)
PREFIX ?= /usr/local
ZSH_FUNCTIONS ?= site-functions
# What README.md links to, and what that links to.
INSTALLED_DOCS = README.md SECURITY.md CONTRIBUTING.md LICENSE $(shell find docs -type f | sort)
DATA := vectors ../shared/vectors build/vectors policies

# --- compilers, one line a variant ---------------------------------------------------------
CC_release = gcc
CC_debug = gcc
CC_coverage = clang
CC_fuzz = clang
CC_wasm = clang --target=wasm32-wasi
CC := $(CC_$(VARIANT))
$(if $(CC),,$(error VARIANT=$(VARIANT): there is release, debug, coverage, fuzz and wasm))
WARN := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla
SAN := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
CFLAGS_release = -O2 -g -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fPIE
CFLAGS_debug = -O1 -g $(SAN)
CFLAGS_coverage = -O0 -g -fprofile-instr-generate -fcoverage-mapping
CFLAGS_fuzz = -O1 -gline-tables-only $(SAN) -fsanitize=fuzzer-no-link -DFUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
CFLAGS_wasm = -O2 -D_WASI_EMULATED_SIGNAL -Ibuild/libsodium/src/src/libsodium/include
LDFLAGS_release = -pie -Wl,-z,relro,-z,now
LDFLAGS_debug = $(SAN)
LDFLAGS_coverage = -fprofile-instr-generate
LDFLAGS_fuzz = $(SAN)
LDFLAGS_wasm = -mexec-model=reactor -Wl,--no-entry,--stack-first,-z,stack-size=1048576
CFLAGS := -std=gnu11 $(WARN) $(CFLAGS_$(VARIANT)) -MMD -MP
LDFLAGS := $(LDFLAGS_$(VARIANT))
LIBS_ALL := -lsqlite3 -lmicrohttpd -lcurl -lseccomp -lpthread -lsodium

# --- sources, by folder --------------------------------------------------------------------
# Each folder is an archive. needs_X: the archives that X's tests link, outermost
# first; tools/law checks that the #includes keep to the same order.
LAYERS := core store server client cli embedded
needs_core := core
needs_store := store core
needs_server := server store embedded core
needs_client := client server store embedded core
also_client := tests/server/fixture.c # a client is tested against the real server
needs_cli := cli client server store embedded core
EMBED := $(sort $(wildcard policies/*.policy policies/*.calendar docs/api/openapi.yaml demo/*) \
           $(shell find web -type f 2>/dev/null))
obj = $(patsubst %.c,$(OUT)/%.o,$(1))
archives = $(patsubst %,$(OUT)/lib%.a,$(1))
sources = $(sort $(filter-out cli/main.c,$(wildcard $(1)/*.c)))
tests = $(sort tests/harness.c $(also_$(1)) $(wildcard tests/support/*.c tests/$(1)/*.c))
tested = $(foreach l,core store server client cli,$(if $(wildcard tests/$l/*_test.c),$l))
fuzz_targets = $(patsubst fuzz/%_fuzz.c,%,$(sort $(wildcard fuzz/*_fuzz.c)))
ctime_targets = $(patsubst tests/ctime/%.c,%,$(sort $(wildcard tests/ctime/*.c)))
bench_targets = $(patsubst bench/%_bench.c,%,$(sort $(wildcard bench/*_bench.c)))

# --- how things are made -------------------------------------------------------------------
say = @printf '  %-7s %s\n' $(1) $@
link = $(CC) $(LDFLAGS) $(WRAP) -o $@ $(filter %.o %.a,$^) $(LIBS)
LIBS = -lsodium
.PHONY: FORCE
FORCE:

# A .list file holds the names of what goes into the archive or program of that
# name, and changes when they do, so that removing a source relinks.
$(OUT)/%.list: FORCE
	@mkdir -p $(@D); echo '$(inputs)' | cmp -s - $@ || echo '$(inputs)' > $@

$(OUT)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(call say,$(firstword $(CC)))
	@$(CC) $(CFLAGS) -c $< -o $@

define layer_rules
$(OUT)/lib$(1).list: inputs = $(call sources,$(1))
$(OUT)/lib$(1).a: $(call obj,$(call sources,$(1))) $(OUT)/lib$(1).list
	$$(call say,ar)
	@rm -f $$@; $(if $(filter wasm,$(VARIANT)),llvm-ar,ar) rcs $$@ $$(filter %.o,$$^)
endef
$(foreach l,$(LAYERS),$(eval $(call layer_rules,$l)))

define unit_rules
$(OUT)/unit-$(1).list: inputs = $(call tests,$(1))
$(OUT)/unit-$(1): LIBS = $(if $(filter core,$(1)),-lsodium,$(LIBS_ALL))
$(OUT)/unit-$(1): $(call obj,$(call tests,$(1)) tests/native_main.c) $(OUT)/unit-$(1).list \
                  $(call archives,$(needs_$(1)))
	$$(call say,link)
	@$$(link)
endef
$(foreach l,$(tested),$(eval $(call unit_rules,$l)))

# tests/core/memory_test.c makes allocations of core's fail.
$(OUT)/unit-core build/wasm/unit.wasm: WRAP = -Wl,--wrap=malloc -Wl,--wrap=calloc -Wl,--wrap=realloc

$(OUT)/demur: LIBS = $(LIBS_ALL)
$(OUT)/demur: $(call obj,cli/main.c) $(call archives,$(needs_cli))
	$(call say,link)
	@$(link)

build/tools/embed: tools/embed.c
	@mkdir -p $(@D)
	@gcc -std=gnu11 $(WARN) -O1 -o $@ $<
$(OUT)/embedded/files.list: inputs = $(EMBED)
$(OUT)/embedded/files.c: build/tools/embed $(EMBED) $(OUT)/embedded/files.list
	$(call say,embed)
	@build/tools/embed $(EMBED) > $@
$(OUT)/embedded/files.o: $(OUT)/embedded/files.c
	@$(CC) $(CFLAGS) -I. -c $< -o $@
$(OUT)/libembedded.a: $(OUT)/embedded/files.o

$(OUT)/fuzz-%: LIBS = $(LIBS_ALL)
$(OUT)/fuzz-%: $(OUT)/fuzz/%_fuzz.o $(call obj,$(wildcard tests/support/*.c) tests/harness.c) \
               $(call archives,client server store core)
	$(call say,link)
	@$(link) -fsanitize=fuzzer
$(OUT)/ctime-%: $(OUT)/tests/ctime/%.o $(OUT)/libcore.a
	$(call say,link)
	@$(link)
$(OUT)/golden: $(call obj,$(wildcard tests/support/*.c tests/tools/golden.c) tests/harness.c) $(OUT)/libcore.a
	$(call say,link)
	@$(link)
$(OUT)/bench/%.o: CFLAGS += -O3
$(OUT)/bench-%: LIBS = $(LIBS_ALL) -lm
$(OUT)/bench-%: $(OUT)/bench/%_bench.o $(call obj,$(filter-out %_bench.c,$(wildcard bench/*.c))) \
                $(call archives,$(needs_client))
	$(call say,link)
	@$(link)

$(OUT)/group_soak: $(call obj,tests/tools/group_soak.c fuzz/group_fuzz.c) $(OUT)/libcore.a
	$(call say,link)
	@$(link)
$(OUT)/spoil_soak: $(call obj,tests/tools/spoil_soak.c tests/native_main.c tests/harness.c \
                     $(wildcard tests/support/*.c)) $(OUT)/libcore.a
	$(call say,link)
	@$(link)

# wasm modules: with no_imports.c in place of a host, none imports anything.
WASM_PARTS := $(call obj,tools/wasm/no_imports.c) $(OUT)/libcore.a $(OUT)/libsodium.a
build/libsodium/src/.complete: tools/fetch-libsodium tools/libsodium.sha256
	@tools/fetch-libsodium && touch $@
build/wasm/libsodium.a: build/libsodium/src/.complete tools/wasm-libsodium
	$(call say,sodium)
	@tools/wasm-libsodium build/libsodium/src build/wasm
ifeq ($(VARIANT),wasm)
$(call obj,$(foreach l,core tests/core tests/support,$(wildcard $l/*.c)) tests/harness.c \
           tools/wasm/no_imports.c): | build/libsodium/src/.complete
endif
exports = $(addprefix -Wl$(comma)--export=,$(shell sed 's/#.*//' $(1)))
comma := ,
build/wasm/core.wasm: tools/wasm-exports.txt $(WASM_PARTS)
	$(call say,link)
	@$(CC) $(LDFLAGS) $(call exports,$<) -o $@ $(WASM_PARTS)
build/wasm/unit.wasm: $(OUT)/unit-core.list $(call obj,$(call tests,core)) $(WASM_PARTS)
	$(call say,link)
	@$(CC) $(LDFLAGS) $(WRAP) $(call exports,tests/wasm_exports.txt) -o $@ $(filter %.o %.a,$^)
# whole.wasm exports every function of core/, so that none of them is dropped
# before the purity check has seen what it would import.
build/wasm/whole.wasm: $(WASM_PARTS)
	$(call say,link)
	@llvm-nm --defined-only --extern-only --format=just-symbols $(OUT)/libcore.a 2>/dev/null \
	    | sed -n 's/^\([A-Za-z_].*[^:]\)$$/--export=\1/p' > $@.exports
	@$(CC) $(LDFLAGS) -Wl,@$@.exports -o $@ $(WASM_PARTS)

build/vectors.complete: node_modules/.package-lock.json tools/unpack-vectors.mjs
	@node tools/unpack-vectors.mjs build/vectors && touch $@
node_modules/.package-lock.json: package.json package-lock.json
	@echo "Installing the tests' npm packages into node_modules/"
	@npm ci --ignore-scripts --no-audit --no-fund --loglevel=error && touch $@

# --- what to ask for -----------------------------------------------------------------------
.PHONY: help build demo check unit unit-programs modules valgrind abuse bench fuzz fuzz-programs faults coverage ctime \
        ctime-programs pages install install-files deb machine format tidy clean
help: ## show this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1|\2/p' Makefile | sed "s,|,\t,"

build: $(call archives,$(LAYERS)) $(if $(wildcard cli/main.c),$(OUT)/demur) ## compile build/release/demur (VARIANT=debug for sanitizers)

demo: ## install what is missing, build, and play a whole dissent from filing to audit
	@tools/install-deps demo
	@$(MAKE) --no-print-directory build
	build/release/demur demo

check: ## install what is missing and run every check (S=unit-wasm: only suites of that name)
	@tools/install-deps check
	@$(MAKE) -s build/vectors.complete
	@tools/check $(S)

unit-programs: $(patsubst %,$(OUT)/unit-%,$(tested))
unit: $(if $(filter wasm,$(VARIANT)),build/wasm/unit.wasm,unit-programs) ## run the unit tests (T=part of a name, VARIANT=debug|wasm|coverage)
	@VARIANT=$(VARIANT) tools/unit $(if $(T),-t $(T)) -- $(DATA)
modules: $(addprefix build/wasm/,core.wasm unit.wasm whole.wasm)

valgrind: ## run all of core's unit tests under valgrind; make check runs every fourth
	@EVERY=1 tests/suites/12-unit-valgrind

abuse: build ## abuse a server over HTTP for five minutes while honest people file
	@ABUSE_SECONDS=$${ABUSE_SECONDS:-300} DEMUR=$(OUT)/demur tests/e2e/abuse

bench: $(OUT)/demur $(patsubst %,$(OUT)/bench-%,$(bench_targets)) ## measure, one line a figure (T=name for one; T=flat N=1000000)
	@for b in $(or $(T),$(bench_targets)); do DEMUR=$(OUT)/demur $(OUT)/bench-$$b $(N) || exit 1; done

ifeq ($(VARIANT),fuzz)
fuzz-programs: $(patsubst %,$(OUT)/fuzz-%,$(fuzz_targets))
endif
fuzz: ## fuzz one parser: T=name [SECONDS=60]
	@$(MAKE) VARIANT=fuzz build/fuzz/fuzz-$(or $(T),$(error which one? T=$(fuzz_targets)))
	@tools/fuzz $(T) $(or $(SECONDS),60)

.PHONY: soak
soak: $(OUT)/group_soak $(OUT)/spoil_soak ## a million operations of the group against libsodium, every alteration of a signature
	@$(OUT)/group_soak && $(OUT)/spoil_soak

golden: $(OUT)/golden ## write the golden logs anew, when the fold's meaning is to change
	@$(OUT)/golden vectors/fold

faults: build ## make every system call of an append fail, and kill server, signer and clients there
	@DEMUR=$(CURDIR)/$(OUT)/demur FAULTS=all tests/e2e/faults
	@DEMUR=$(CURDIR)/$(OUT)/demur KILLS=all tests/e2e/killed-clients

coverage: build/vectors.complete ## what the unit tests reach of core/, and of its refusals
	@$(MAKE) -s VARIANT=coverage build/coverage/unit-core
	@tools/coverage -- $(DATA)

ctime-programs: $(patsubst %,$(OUT)/ctime-%,$(ctime_targets))
ctime: ctime-programs ## constant-time tests: secrets are poisoned and valgrind watches
	@tools/ctime $(ctime_targets)

# Man pages and completion, out of the program's own tables of commands and options.
$(OUT)/pages: $(OUT)/demur
	$(call say,pages)
	@rm -rf $@ && mkdir -p $@
	@$< help --completion bash > $@/demur.bash && $< help --completion zsh > $@/_demur
	@$< help --man > $@/demur.1 && for c in $$($< help --names); do $< help --man $$c > $@/demur-$$c.1 || exit 1; done
pages: $(OUT)/pages ## write man pages and shell completion into build/release/pages

SHARE = $(DESTDIR)$(PREFIX)/share
install-files: build $(OUT)/pages
	install -Dm755 $(OUT)/demur $(DESTDIR)$(PREFIX)/bin/demur
	install -Dm644 -t $(SHARE)/man/man1 $(OUT)/pages/*.1
	install -Dm644 $(OUT)/pages/demur.bash $(SHARE)/bash-completion/completions/demur
	install -Dm644 $(OUT)/pages/_demur $(SHARE)/zsh/$(ZSH_FUNCTIONS)/_demur
	install -Dm644 -t $(SHARE)/demur/policies policies/*
	for f in $(INSTALLED_DOCS); do install -Dm644 $$f $(SHARE)/doc/demur/$$f || exit 1; done
install: install-files ## install below PREFIX (/usr/local) and DESTDIR
	install -d $(DESTDIR)$(PREFIX)/lib/systemd/system
	sed 's,@BIN@,$(PREFIX)/bin,' packaging/demur@.service.in > $(DESTDIR)$(PREFIX)/lib/systemd/system/demur@.service
	install -Dm644 packaging/sysusers.conf $(DESTDIR)$(PREFIX)/lib/sysusers.d/demur.conf

deb: build $(OUT)/pages ## make a Debian package, build/deb/demur_VERSION_ARCHITECTURE.deb
	@tools/install-deps deb
	@rm -rf build/deb debian/demur && mkdir -p build/deb
	@DEB_FOLDER=build/deb DEB_BUILD_OPTIONS=noautodbgsym DEB_RULES_REQUIRES_ROOT=no debian/rules binary > build/deb/log 2>&1 \
	    || { cat build/deb/log; exit 1; }
	@ls build/deb/*.deb

machine: deb ## try the package under the systemd of a fresh Debian in a virtual machine (minutes; root)
	@tools/install-deps machine
	@tests/machine/boot

format: ## clang-format every C file in place
	@git ls-files '*.c' '*.h' | xargs clang-format -i

tidy: ## clang-tidy every C file that changed since it last passed
	@tools/tidy

clean: ## remove what was built (the downloaded libsodium stays in build/libsodium)
	@find build -mindepth 1 -maxdepth 1 ! -name libsodium -exec rm -rf {} +

-include $(shell find $(OUT) -name '*.d' 2>/dev/null)
