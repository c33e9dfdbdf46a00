# distilbert.c
# SPDX-License-Identifier: Apache-2.0
#
# `make` builds ./distil, ./bootstrap, the libraries and the shipped model's blob; `make help` lists
# the rest.
# Sources are found by place and name, so that adding a file needs no edit here:
#   kernels/*.c kernels/*.S model/*.c runtime/*.c   the library (runtime/json.c: programs only)
#   tools/distil.c tools/cmd_*.c tools/convert/*.c tools/serve/*.c  the command ./distil
#   lambda/*.c                                      the function ./bootstrap (of tls_*.c one)
#   tests/test_*.c tests/check_*.c                  one test program each
#   tests/test_*.sh                                 one test script each
#   tests/tool_*.c                                  one program each that test scripts use
#   tests/fuzz/fuzz_*.c                             one fuzz target each, seeds in corpus/<name>/
#   bench/bench_*.c                                 one benchmark each; other bench/*.c are shared
#   bench/harness/*.c                               distil-bench, which `distil bench` runs
#   tools/make_*.c                                  one generator of test inputs each

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

# ---- settings (make VAR=value) ----
ifeq ($(origin CC),default)
CC := cc
endif
ifeq ($(origin AR),default)
AR := ar
endif
STRIP   ?= strip
BUILD   ?= build
OPT     ?= -O2
CFLAGS  ?= -g
LDFLAGS ?=
WERROR  ?= -Werror
PREFIX  ?= /usr/local
BINDIR  ?= $(PREFIX)/bin
LIBDIR  ?= $(PREFIX)/lib
INCDIR  ?= $(PREFIX)/include
DATADIR ?= $(PREFIX)/share
DESTDIR ?=
FUZZ_SECONDS ?= 600
TLS     ?= none
EMBED   ?=
V       ?= 0
Q   := $(if $(filter 1,$(V)),,@)
SAY := @$(if $(filter 1,$(V)),:,echo)

# ---- flags ----
WARN := -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wmissing-prototypes -Wstrict-prototypes \
        -Wundef -Wvla $(WERROR)
# -ffp-contract=off: a * b + c is two roundings unless the source says fmaf (docs/numerics.md)
BASE := -std=c11 -D_DEFAULT_SOURCE -I. $(OPT) $(WARN) -ffp-contract=off -fno-math-errno \
        -fPIC -fvisibility=hidden -pthread $(SANITIZE)

# Flags by the level in a kernel's name; scalar kernels are built with the vectoriser off.
ISA_scalar     := -fno-tree-vectorize -fno-tree-slp-vectorize
ISA_avx2       := -mavx2 -mfma -mbmi2
ISA_avxvnni    := $(ISA_avx2) -mavxvnni
ISA_avx512     := $(ISA_avx2) -mavx512f -mavx512bw -mavx512dq -mavx512vl
ISA_avx512vnni := $(ISA_avx512) -mavx512vnni
level = $(lastword $(subst _, ,$(basename $(notdir $(1)))))
isa_flags = $(if $(filter kernels/%,$(1)),$(ISA_$(level)))

# Asserts state what callers in the tree must keep: they are on in sanitizer builds and with
# DEBUG=1, off in what is shipped.
shipped = $(filter kernels/% model/% runtime/% lambda/%,$(1))
assert_flags = $(if $(SANITIZE)$(DEBUG),,$(if $(shipped),-DNDEBUG))

# What a program does not use of these is left out of it.
SECTIONS := -ffunction-sections -fdata-sections
section_flags = $(if $(filter model/% runtime/% lambda/%,$(1)),$(SECTIONS))
# The function waits for others, and what opens a model or reads an event runs once for it: their
# program is to be small, with a static libc that is 0.75 MB of it.
SMALL := $(if $(filter -O2,$(OPT)),-Os)
small_code := lambda/% model/blob% runtime/cpus.c runtime/json.c
# Nothing unwinds through them at run time; debuggers have -g's tables.
UNWIND := -fno-asynchronous-unwind-tables
size_flags = $(if $(filter $(small_code),$(1)),$(SMALL)) $(if $(shipped),$(UNWIND))

HARDEN_LD := -Wl,-z,noexecstack -Wl,-z,relro -Wl,-z,now -Wl,--as-needed

# ---- what there is ----
version_of = $(shell sed -n 's/^.define DISTIL_VERSION_$(1) //p' runtime/distil.h)
MAJOR   := $(call version_of,MAJOR)
VERSION := $(MAJOR).$(call version_of,MINOR).$(call version_of,PATCH)

src = $(sort $(wildcard $(1)))
LIB_SRC   := $(filter-out runtime/json.c,$(call src,kernels/*.c kernels/*.S model/*.c runtime/*.c))
PROG_SRC  := $(call src,runtime/json.c tools/convert/*.c tools/serve/*.c tools/cmd_*.c)
CMD_SRC   := $(call src,tools/distil.c)
BOOT_SRC  := lambda/main.c lambda/embed.c
LAMBDA_SRC := $(filter-out $(BOOT_SRC) lambda/tls_%,$(call src,lambda/*.c)) \
    lambda/tls_$(TLS).c
TEST_LIB_SRC := $(call src,tests/harness.c tests/kernel_*.c tests/support_*.c)
TEST_SRC  := $(call src,tests/test_*.c tests/check_*.c)
TEST_TOOL_SRC := $(call src,tests/tool_*.c)
FUZZ_SRC  := $(call src,tests/fuzz/fuzz_*.c)
BENCH_SRC := $(call src,bench/bench_*.c)
BENCH_LIB_SRC := $(filter-out $(BENCH_SRC),$(call src,bench/*.c))
HARNESS_SRC := $(call src,bench/harness/*.c)
TOOL_SRC  := $(call src,tools/make_*.c)

ifeq ($(wildcard lambda/tls_$(TLS).c),)
$(error TLS=$(TLS): none or openssl)
endif

obj = $(patsubst %,$(BUILD)/obj/%.o,$(basename $(1)))
exe = $(patsubst %.c,$(BUILD)/%,$(1))
TESTS   := $(call exe,$(TEST_SRC))
TEST_TOOLS := $(call exe,$(TEST_TOOL_SRC))
FUZZERS := $(call exe,$(FUZZ_SRC))
BENCHES := $(call exe,$(BENCH_SRC))
TOOLS   := $(call exe,$(TOOL_SRC))
SCRIPTS := $(call src,tests/test_*.sh)

SHARED := $(BUILD)/libdistil.so
LIBS   := $(BUILD)/libdistil.a $(SHARED) $(BUILD)/libdistil.so.$(MAJOR)
BLOB   := $(BUILD)/sst2.distil
# Only the plain build owns ./distil and ./bootstrap; a build elsewhere has its own and leaves them.
COMMAND := $(BUILD)/distil $(if $(filter build,$(BUILD)),distil)
BOOTSTRAP := $(BUILD)/bootstrap $(if $(filter build,$(BUILD)),bootstrap)

# ---- build ----
.PHONY: all tests bench-tools
## all: ./distil, ./bootstrap, build/libdistil.{a,so}, the shipped model's blob (the default)
all: $(COMMAND) $(BOOTSTRAP) $(LIBS) $(BLOB)

## tests: every test program, fuzz replay and generator, not run
tests: $(TESTS) $(TEST_TOOLS) $(FUZZERS) $(TOOLS) $(BUILD)/json_check bench-tools \
    $(BUILD)/bench/bench_model $(BUILD)/bench/bench_kernels
## bench-tools: distil-bench, which ./distil bench runs
bench-tools: $(BUILD)/distil-bench $(BUILD)/bench/empty

# Flags, compiler and lists of sources are remembered: what changes them rebuilds what they made.
export DISTIL_EMBED := $(EMBED)
export DISTIL_FLAGS := $(CC) $(shell $(CC) --version 2>/dev/null | head -n 1) $(BASE) $(CPPFLAGS) \
    $(CFLAGS) $(LDFLAGS) $(DEBUG) $(ISA_scalar) $(ISA_avx512vnni) $(ISA_avxvnni) \
    $(SECTIONS) $(SMALL) $(UNWIND)
export DISTIL_SOURCES := $(LIB_SRC) $(PROG_SRC) $(CMD_SRC) $(LAMBDA_SRC) $(BOOT_SRC) \
    $(TEST_LIB_SRC) $(BENCH_LIB_SRC) $(HARNESS_SRC)
remember = @mkdir -p $(@D); printf '%s\n' "$$$(1)" | cmp -s - $@ || printf '%s\n' "$$$(1)" >$@
.PHONY: FORCE
$(BUILD)/flags: FORCE
	$(call remember,DISTIL_FLAGS)
$(BUILD)/sources: FORCE
	$(call remember,DISTIL_SOURCES)
$(BUILD)/embed_file: FORCE
	$(call remember,DISTIL_EMBED)

# make bootstrap EMBED=FILE puts the blob FILE into ./bootstrap.
embed_flags = $(if $(EMBED),$(if $(filter lambda/embed.c,$(1)),-DEMBED_FILE='"$(EMBED)"'))
$(BUILD)/obj/lambda/embed.o: $(BUILD)/embed_file $(EMBED)

COMPILE = $(Q)$(CC) $(BASE) -MMD -MP $(call assert_flags,$<) $(call isa_flags,$<) \
    $(call size_flags,$<) $(call section_flags,$<) $(call embed_flags,$<) $(CPPFLAGS) $(CFLAGS) \
    -c -o $@ $<
$(BUILD)/obj/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(SAY) "  CC    $<"
	$(COMPILE)
$(BUILD)/obj/%.o: %.S $(BUILD)/flags
	@mkdir -p $(@D)
	$(SAY) "  AS    $<"
	$(COMPILE)

ARCHIVE = $(Q)rm -f $@ && $(AR) rcsD $@ $(filter %.o,$^)
$(BUILD)/libdistil.a: $(call obj,$(LIB_SRC)) $(BUILD)/sources
	$(SAY) "  AR    $@"
	$(ARCHIVE)
$(BUILD)/libprog.a: $(call obj,$(PROG_SRC)) $(BUILD)/sources
	$(SAY) "  AR    $@"
	$(ARCHIVE)
$(BUILD)/liblambda.a: $(call obj,$(LAMBDA_SRC)) $(BUILD)/sources
	$(SAY) "  AR    $@"
	$(ARCHIVE)
$(BUILD)/libtest.a: $(call obj,$(TEST_LIB_SRC)) $(BUILD)/sources
	$(SAY) "  AR    $@"
	$(ARCHIVE)

# Sanitizers leave their run-time symbols open in a shared object, so only plain links are closed.
$(SHARED): $(call obj,$(LIB_SRC)) $(BUILD)/sources
	$(SAY) "  LD    $@"
	$(Q)$(CC) $(CFLAGS) $(SANITIZE) $(LDFLAGS) -shared -Wl,-soname,libdistil.so.$(MAJOR) \
	    $(if $(SANITIZE),,-Wl,-z,defs) $(HARDEN_LD) -o $@ $(filter %.o,$^) -lm -pthread
$(BUILD)/libdistil.so.$(MAJOR): $(SHARED)
	$(Q)ln -sf libdistil.so $@

# What the TLS library needs; only objects that call it pull it in.
LIBS_none    :=
LIBS_openssl := -lssl -lcrypto
# libtest, libprog and liblambda use each other's functions, hence the group.
LINK = $(Q)mkdir -p $(@D) && $(CC) $(CFLAGS) $(SANITIZE) $(LDFLAGS) $(HARDEN_LD) -o $@ \
    $(filter %.o,$^) -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(LIBS_$(TLS)) -lm -pthread
$(BUILD)/distil: $(call obj,$(CMD_SRC)) $(BUILD)/libprog.a $(BUILD)/liblambda.a \
    $(BUILD)/libdistil.a
	$(SAY) "  LD    $@"
	$(LINK)
ifeq ($(BUILD),build)
distil: $(BUILD)/distil
	$(Q)cp $< $@.tmp && mv -f $@.tmp $@
endif

# The function, for an image that holds nothing else: static, at a fixed address (no relocation to
# do at the start), without unwind tables, its symbols kept in bootstrap.debug. A sanitizer's
# run-time library wants a dynamic program.
BOOT_LDFLAGS = -static -no-pie -Wl,--gc-sections -Wl,-z,noseparate-code -Wl,-T,lambda/no_unwind.ld
$(BUILD)/bootstrap.debug: $(call obj,$(BOOT_SRC)) $(BUILD)/obj/runtime/json.o \
    $(BUILD)/liblambda.a $(BUILD)/libdistil.a lambda/no_unwind.ld
	$(SAY) "  LD    $@"
	$(LINK) $(if $(SANITIZE),,$(BOOT_LDFLAGS)) -Wl,-Map=$(BUILD)/bootstrap.map
$(BUILD)/bootstrap: $(BUILD)/bootstrap.debug
	$(Q)$(if $(SANITIZE),cp $< $@,$(STRIP) -o $@ $<)
ifeq ($(BUILD),build)
bootstrap: $(BUILD)/bootstrap
	$(Q)cp $< $@.tmp && mv -f $@.tmp $@
endif

TEST_LIBS := $(BUILD)/libtest.a $(BUILD)/libprog.a $(BUILD)/liblambda.a $(BUILD)/libdistil.a
$(TESTS) $(TEST_TOOLS): $(BUILD)/%: $(BUILD)/obj/%.o $(TEST_LIBS)
	$(SAY) "  LD    $@"
	$(LINK)
# Each fuzz target twice: replaying its seeds with the driver (make check), and with libFuzzer
# (make fuzz).
ifeq ($(FUZZ_ENGINE),)
FUZZ_MAIN := $(BUILD)/obj/tests/fuzz/driver.o
endif
$(FUZZERS): $(BUILD)/%: $(BUILD)/obj/%.o $(FUZZ_MAIN) $(TEST_LIBS)
	$(SAY) "  LD    $@"
	$(LINK) $(FUZZ_ENGINE)
$(BENCHES): $(BUILD)/%: $(BUILD)/obj/%.o $(call obj,$(BENCH_LIB_SRC)) $(TEST_LIBS)
	$(SAY) "  LD    $@"
	$(LINK)
$(BUILD)/distil-bench: $(call obj,$(HARNESS_SRC) $(BENCH_LIB_SRC)) $(BUILD)/liblambda.a \
    $(BUILD)/libprog.a \
    $(BUILD)/libdistil.a
	$(SAY) "  LD    $@"
	$(LINK)
$(BUILD)/bench/empty: $(call obj,bench/probes/empty.c)
	$(SAY) "  LD    $@"
	$(LINK) $(if $(SANITIZE),,-static)
$(TOOLS): $(BUILD)/%: $(BUILD)/obj/%.o $(BUILD)/libprog.a $(BUILD)/libdistil.a
	$(SAY) "  LD    $@"
	$(LINK)

# The converter renames a finished file into place: an interrupted make leaves no half blob behind.
$(BLOB): $(BUILD)/distil $(filter-out %.md,$(call src,model/sst2/*))
	$(SAY) "  BLOB  $@"
	$(Q)$(BUILD)/distil convert model/sst2 -o $@

-include $(patsubst %.o,%.d,$(call obj,$(LIB_SRC) $(PROG_SRC) $(CMD_SRC) $(LAMBDA_SRC) \
    $(BOOT_SRC) $(TEST_LIB_SRC) $(TEST_SRC) $(TEST_TOOL_SRC) $(FUZZ_SRC) tests/fuzz/driver.c \
    $(BENCH_SRC) $(BENCH_LIB_SRC) $(HARNESS_SRC) bench/probes/empty.c $(TOOL_SRC)))

# ---- tests ----
.PHONY: check check-full asan ubsan sanitize fuzz lint
RUN_TESTS = CC='$(CC)' DISTIL_BUILD='$(abspath $(BUILD))' tests/run.sh \
    $(TESTS) $(FUZZERS) $(SCRIPTS)
## check: build and run every test, under two minutes
check: all tests
	$(Q)$(RUN_TESTS)
## check-full: the same with the long cases
check-full: all tests
	$(Q)DISTIL_TEST_FULL=1 $(RUN_TESTS)

# What the reader of events takes for JSON, as a program.
$(BUILD)/json_check: $(BUILD)/tests/tool_json_check
	$(Q)cp $< $@

SANITIZED = +$(Q)$(MAKE) --no-print-directory OPT='-O1 -fno-omit-frame-pointer' check
## sanitize: every test under AddressSanitizer and UndefinedBehaviorSanitizer
sanitize:
	$(SANITIZED) BUILD=$(BUILD)/sanitize \
	    SANITIZE='-fsanitize=address,undefined -fno-sanitize-recover=all'
## asan: every test under AddressSanitizer alone
asan:
	$(SANITIZED) BUILD=$(BUILD)/asan SANITIZE='-fsanitize=address'
## ubsan: every test under UndefinedBehaviorSanitizer alone
ubsan:
	$(SANITIZED) BUILD=$(BUILD)/ubsan SANITIZE='-fsanitize=undefined -fno-sanitize-recover=all'

## fuzz: each fuzz target for FUZZ_SECONDS (600) under libFuzzer; needs clang
fuzz:
	+$(Q)$(MAKE) --no-print-directory CC=clang BUILD=$(BUILD)/fuzz OPT=-O1 \
	    SANITIZE='-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all' \
	    FUZZ_ENGINE=-fsanitize=fuzzer fuzz-run
.PHONY: fuzz-run
fuzz-run: $(FUZZERS)
	$(Q)for target in $(FUZZERS); do \
	    name=$${target##*/fuzz_}; found=$(BUILD)/corpus/$$name; mkdir -p $$found; \
	    echo "  FUZZ  $$name, $(FUZZ_SECONDS) s"; \
	    $$target -max_total_time=$(FUZZ_SECONDS) -timeout=20 -print_final_stats=1 \
	        -artifact_prefix=$(BUILD)/crash-$$name- $$found tests/fuzz/corpus/$$name || exit 1; \
	done

## lint: style gates: includes, symbols, instructions, text, formatting
lint: all
	$(Q)DISTIL_BUILD='$(BUILD)' tools/lint.sh

# ---- the function on this machine ----
.PHONY: run-lambda
EVENT ?= tests/events/sns.json
STORE ?=
## run-lambda: bootstrap with one event: EVENT=FILE, STORE=memory or http://..., DISTIL_MODEL=BLOB
run-lambda: $(BUILD)/distil $(BUILD)/bootstrap $(BLOB)
	$(Q)$(BUILD)/distil serve --local --event '$(EVENT)' -m '$(or $(DISTIL_MODEL),$(BLOB))' \
	    $(if $(STORE),--store '$(STORE)') $(if $(filter memory,$(STORE)),--pending) \
	    -- $(BUILD)/bootstrap

# ---- benchmarks ----
.PHONY: bench
## bench: build and run every benchmark (BENCH_ARGS= for their options)
bench: all $(BENCHES)
	$(Q)for program in $(BENCHES); do $$program $(BENCH_ARGS) || exit 1; done

# ---- install ----
.PHONY: install uninstall package
COMPLETION := $(DATADIR)/bash-completion/completions/distil
INSTALLED := $(BINDIR)/distil $(INCDIR)/distil.h $(LIBDIR)/libdistil.a $(LIBDIR)/libdistil.so \
    $(LIBDIR)/libdistil.so.$(MAJOR) $(LIBDIR)/libdistil.so.$(VERSION) \
    $(LIBDIR)/pkgconfig/distil.pc $(DATADIR)/man/man1/distil.1 $(COMPLETION) \
    $(DATADIR)/distil/sst2.distil
## install: command, libraries, header, man page and model under DESTDIR/PREFIX (/usr/local)
install: all
	$(Q)install -d $(sort $(dir $(addprefix $(DESTDIR),$(INSTALLED))))
	$(Q)install -m 755 $(BUILD)/distil $(DESTDIR)$(BINDIR)/distil
	$(Q)install -m 644 runtime/distil.h $(DESTDIR)$(INCDIR)/distil.h
	$(Q)install -m 644 $(BUILD)/libdistil.a $(DESTDIR)$(LIBDIR)/libdistil.a
	$(Q)install -m 755 $(SHARED) $(DESTDIR)$(LIBDIR)/libdistil.so.$(VERSION)
	$(Q)ln -sf libdistil.so.$(VERSION) $(DESTDIR)$(LIBDIR)/libdistil.so.$(MAJOR)
	$(Q)ln -sf libdistil.so.$(MAJOR) $(DESTDIR)$(LIBDIR)/libdistil.so
	$(Q)sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIBDIR@|$(LIBDIR)|' -e 's|@INCDIR@|$(INCDIR)|' \
	    -e 's|@VERSION@|$(VERSION)|' tools/distil.pc.in >$(DESTDIR)$(LIBDIR)/pkgconfig/distil.pc
	$(Q)chmod 644 $(DESTDIR)$(LIBDIR)/pkgconfig/distil.pc
	$(Q)install -m 644 docs/distil.1 $(DESTDIR)$(DATADIR)/man/man1/distil.1
	$(Q)install -m 644 tools/distil.bash $(DESTDIR)$(COMPLETION)
	$(Q)install -m 644 $(BLOB) $(DESTDIR)$(DATADIR)/distil/sst2.distil
	$(SAY) "  installed under $(DESTDIR)$(PREFIX)"
## uninstall: remove what install put there
uninstall:
	$(Q)rm -f $(addprefix $(DESTDIR),$(INSTALLED))
	$(Q)rmdir $(DESTDIR)$(DATADIR)/distil 2>/dev/null || true

PACKAGE := distil-$(VERSION)-linux-x86_64
## package: build/distil-VERSION-linux-x86_64.tar.gz, the installed tree with licence and notice
package: all
	$(Q)rm -rf $(BUILD)/package
	+$(Q)$(MAKE) --no-print-directory install PREFIX=/usr DESTDIR=$(abspath $(BUILD)/package)
	$(Q)mv $(BUILD)/package/usr $(BUILD)/package/$(PACKAGE)
	$(Q)cp README.md LICENSE NOTICE CHANGELOG.md $(BUILD)/package/$(PACKAGE)
	$(Q)tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -C $(BUILD)/package -cf - \
	    $(PACKAGE) | gzip -9n >$(BUILD)/$(PACKAGE).tar.gz
	$(SAY) "  TAR   $(BUILD)/$(PACKAGE).tar.gz"

# ---- container image ----
# Of another model than the shipped one: MODEL_DIR=, a Hugging Face folder; MODEL_LICENCE=.
# CALIBRATE=, a file of texts: converted as `distil convert --calibrate` does.
.PHONY: image zip check-image
MODEL_DIR  ?= model/sst2
OWN_MODEL  := $(filter-out model/sst2,$(MODEL_DIR))
CALIBRATE  ?=
IMAGE_BLOB := $(if $(OWN_MODEL)$(CALIBRATE),$(BUILD)/image-model.distil,$(BLOB))
MODEL_LICENCE ?= $(if $(OWN_MODEL),,Apache-2.0)
ROOTS_PEM  := $(if $(filter-out none,$(TLS)),$(BUILD)/roots.pem)
IN_IMAGE   := -b $(BUILD)/bootstrap -m $(IMAGE_BLOB) $(addprefix -c ,$(ROOTS_PEM))
$(BUILD)/image-model.distil: $(BUILD)/distil FORCE
	$(Q)$(BUILD)/distil convert $(MODEL_DIR) $(addprefix --calibrate ,$(CALIBRATE)) -o $@
$(BUILD)/roots.pem: tools/image/roots.sh
	$(Q)tools/image/roots.sh >$@
## image: build/image and image.tar, the function's OCI image; MODEL_DIR=DIR, TLS=openssl
image: $(BUILD)/bootstrap $(BUILD)/distil $(IMAGE_BLOB) $(ROOTS_PEM)
	$(SAY) "  IMAGE $(BUILD)/image.tar"
	$(Q)tools/image/assemble.sh $(IN_IMAGE) -o $(BUILD)/image
	$(Q)tools/image/describe.sh $(IN_IMAGE) -i $(BUILD)/image -d $(BUILD)/distil \
	    $(addprefix -l ,$(MODEL_LICENCE)) $(if $(OWN_MODEL),,-e tests/data/sst2/dev.tsv)
## check-image: the gate: image, of the same settings, held against every rule and started
check-image: image
	$(Q)tools/check_image --distil $(BUILD)/distil \
	    $(if $(OWN_MODEL),,--max-mb 30 --expect positive) $(BUILD)/image.tar
## zip: build/function.zip, the function for the runtime provided.al2023
zip: $(BUILD)/bootstrap $(IMAGE_BLOB) $(ROOTS_PEM)
	$(SAY) "  ZIP   $(BUILD)/function.zip"
	$(Q)tools/image/zip.sh $(IN_IMAGE) -o $(BUILD)/function.zip

# ---- rest ----
.PHONY: clean help
## clean: remove build/, ./distil and ./bootstrap
clean:
	$(Q)rm -rf $(BUILD) $(if $(filter build,$(BUILD)),distil bootstrap)
## help: this list
help:
	@sed -n 's/^## \([^:]*\): */  \1\t/p' Makefile | expand -t 16
	@echo
	@echo "  Settings: CC CFLAGS CPPFLAGS LDFLAGS AR BUILD=dir DEBUG=1 V=1 PREFIX DESTDIR"
	@echo "            TLS=openssl (HTTPS in ./bootstrap), EMBED=FILE (a blob within ./bootstrap)"
	@echo "  Sanitizer, fuzz and other-BUILD builds have directories of their own."
