# distilbert.c
# SPDX-License-Identifier: Apache-2.0
#
# `make` builds ./distil, ./bootstrap, the libraries and the shipped model's blob; `make help` lists
# the other targets. This file builds and installs the product. tests/tests.mk builds and runs the
# tests, bench/bench.mk the benchmarks, tools/image/image.mk the container image, and
# tools/portable/portable.mk the builds for older machines.
#
# The rules find sources by folder and name, so a new file needs no edit here:
#   kernels/*.c kernels/*.S model/*.c runtime/*.c  the library, with the files of BASE_LIB
#   runtime/base/*.c                               small parts that all programs share
#   tools/command/*.c tools/convert/*.c            the command ./distil
#   tools/serve/*.c                                distil-serve, which `distil serve` runs
#   lambda/*.c lambda/{event,net,aws}/*.c          the function ./bootstrap; TLS= chooses tls_*.c

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
PREFIX  ?= /usr/local
BINDIR  ?= $(PREFIX)/bin
LIBDIR  ?= $(PREFIX)/lib
INCDIR  ?= $(PREFIX)/include
DATADIR ?= $(PREFIX)/share
DESTDIR ?=
FUZZ_SECONDS ?= 600
# DynamoDB speaks only TLS, so what is deployed has it unless TLS=none is given.
TLS     ?= $(if $(filter image check-image zip,$(MAKECMDGOALS)),openssl,none)
EMBED   ?=
V       ?= 0
Q   := $(if $(filter 1,$(V)),,@)
SAY := @$(if $(filter 1,$(V)),:,echo)

# ---- flags ----
WARN := -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wmissing-prototypes -Wstrict-prototypes \
        -Wundef -Wvla
# Warnings are errors for those who change the code. A user's compiler may be newer than any that
# this project has seen, so its new warnings must not stop a plain `make`.
STRICT_GOALS := check check-full lint tests sanitize asan ubsan tsan fuzz
WERROR ?= $(if $(DEBUG)$(filter $(STRICT_GOALS),$(MAKECMDGOALS)),-Werror)
# -ffp-contract=off makes the compiler round a * b + c twice, as docs/numerics.md requires. Where
# the source wants one rounding it calls fmaf.
COMMON := -std=c11 -D_DEFAULT_SOURCE -I. $(OPT) $(WARN) -ffp-contract=off -fno-math-errno \
        -fPIC -fvisibility=hidden -pthread $(SANITIZE)

# These options follow CFLAGS, so that they win. runtime/base/strict_float.h refuses options that
# change the results of float operations where the compiler defines a macro for them. clang defines
# none for most parts of -ffast-math, so these options undo them, or make stops.
STRICT_FLOAT := -ffp-contract=off $(if $(findstring clang,$(shell $(CC) --version 2>/dev/null)),\
    -fno-unsafe-math-optimizations -fno-associative-math -fno-reciprocal-math -fsigned-zeros \
    -fno-approx-func -fdenormal-fp-math=ieee)
ifneq ($(filter -fno-honor-%,$(CC) $(OPT) $(CPPFLAGS) $(CFLAGS)),)
$(error distil needs IEEE 754: remove -fno-honor-nans and -fno-honor-infinities from the flags)
endif

# The level at the end of a file name of kernels/ or of the converter chooses its flags. The
# vectoriser is off for scalar kernels, so that speed-ups over them mean something.
ISA_scalar     := -fno-tree-vectorize -fno-tree-slp-vectorize
ISA_avx2       := -mavx2 -mfma -mbmi2
ISA_avxvnni    := $(ISA_avx2) -mavxvnni
ISA_avx512     := $(ISA_avx2) -mavx512f -mavx512bw -mavx512dq -mavx512vl
ISA_avx512vnni := $(ISA_avx512) -mavx512vnni
LEVELS := $(shell sed -n 's/^    LEVEL.\([a-z0-9]*\),.*/\1/p' kernels/levels.h)
$(foreach l,$(LEVELS),$(if $(ISA_$(l)),,$(error Makefile: set ISA_$(l), the flags of that level)))
level = $(lastword $(subst _, ,$(basename $(notdir $(1)))))
isa_flags = $(if $(filter kernels/% tools/convert/%,$(1)),$(ISA_$(level)))

# Assertions check what the project's own callers must guarantee. Sanitizer builds and DEBUG=1
# compile them; the shipped product does not.
shipped = $(filter kernels/% model/% runtime/% lambda/%,$(1))
assert_flags = $(if $(SANITIZE)$(DEBUG),,$(if $(shipped),-DNDEBUG))

# Each function and object gets a section of its own, so the linker can drop those that a program
# does not use.
SECTIONS := -ffunction-sections -fdata-sections
section_flags = $(if $(filter model/% runtime/% lambda/%,$(1)),$(SECTIONS))
# The Makefile compiles these files for size. The function mostly waits for other services, and the
# code that opens a model or reads an event runs once per start or per event. ./bootstrap must stay
# below 1 MB, of which the static libc takes 0.75 MB. encoder.c only calls kernels, for many rows at
# a time. The files of the command and of the converter are those that run once or for few bytes.
# clang's -Os lets functions grow by inlining, and its -Oz does not.
SMALL := $(if $(filter -O2,$(OPT)),$(if $(findstring clang,$(shell $(CC) --version)),-Oz,-Os))
small_code = lambda/% model/blob% model/heads.c kernels/cpu.c kernels/dispatch.c $(BASE_SRC) \
    $(patsubst %,tools/command/cmd_%.c, manuals help completion mdoc options isa inspect verify \
    model run eval entities embed answer rank zero_shot save convert original reference) \
    $(patsubst %,tools/convert/%.c, torch_% hf_% source_% safetensors checkpoint blob_writer \
    convert original) \
    $(patsubst %,runtime/%.c, \
    classify context cpus encoder failure head model options pairs prefetch results scratch \
    special status top_labels weights windows)
# No code unwinds the stack through the product at run time, and debuggers use the tables of -g.
UNWIND := -fno-asynchronous-unwind-tables
size_flags = $(if $(filter $(small_code),$(1)),$(SMALL)) $(if $(shipped),$(UNWIND))

# A thread of the product may have a small stack, so no function may use more than 16 KiB of it.
# Sanitizers make frames larger.
FRAME := $(if $(SANITIZE),,-Wframe-larger-than=16384)
frame_flags = $(if $(filter kernels/% model/% runtime/% lambda/% tools/%,$(1)),$(FRAME))

# Not every linker knows all of these options, so the files link_options, boot_options and
# map_option of the build directory hold those that it accepts.
HARDEN_LD := -Wl,-z,noexecstack -Wl,-z,relro -Wl,-z,now -Wl,--as-needed
BOOT_LDFLAGS := -static -no-pie -Wl,--gc-sections -Wl,-z,noseparate-code \
    -Wl,-T,lambda/no_unwind.ld

# ---- sources and targets ----
version_of = $(shell sed -n 's/^.define DISTIL_VERSION_$(1) //p' runtime/distil.h)
VERSION := $(call version_of,MAJOR).$(call version_of,MINOR).$(call version_of,PATCH)
ABI     := $(shell sed -n 's/^.define DISTIL_ABI //p' runtime/distil.h)

src = $(sort $(wildcard $(1)))
BASE_LIB  := runtime/base/utf8.c runtime/base/checksum.c
LIB_SRC   := $(call src,kernels/*.c kernels/*.S model/*.c runtime/*.c $(BASE_LIB))
BASE_SRC  := $(filter-out $(BASE_LIB),$(call src,runtime/base/*.c))
CMD_SRC   := tools/command/distil.c
PROG_SRC  := $(filter-out $(CMD_SRC),$(call src,tools/command/*.c tools/convert/*.c))
SERVE_MAIN := tools/serve/distil_serve.c
SERVE_SRC := $(filter-out $(SERVE_MAIN),$(call src,tools/serve/*.c))
BOOT_SRC  := lambda/main.c lambda/embed.c lambda/served_model.c lambda/start_error.c
TLS_SRC   := lambda/net/tls_$(TLS).c
LAMBDA_SRC := $(filter-out $(BOOT_SRC) lambda/net/tls_%,\
    $(call src,lambda/*.c lambda/event/*.c lambda/net/*.c lambda/aws/*.c)) $(TLS_SRC)

ifeq ($(wildcard $(TLS_SRC)),)
$(error TLS=$(TLS): none or openssl)
endif

# With TLS the programs need OpenSSL's headers and, to be static, its archives. This looks for both
# before anything is compiled, except for goals that compile nothing.
ifeq ($(TLS)$(filter clean help,$(MAKECMDGOALS)),openssl)
hash := \#
have_openssl := $(shell echo '$(hash)include <openssl/ssl.h>' | $(CC) $(CPPFLAGS) $(CFLAGS) -E - \
    >/dev/null 2>&1 && [ "$$($(CC) $(LDFLAGS) -print-file-name=libssl.a)" != libssl.a ] && echo yes)
ifeq ($(have_openssl),)
$(error OpenSSL's headers and static libraries are not installed: apt-get install libssl-dev; \
or build without TLS by TLS=none, and then the function cannot reach DynamoDB)
endif
endif

obj = $(patsubst %,$(BUILD)/obj/%.o,$(basename $(1)))
exe = $(patsubst %.c,$(BUILD)/%,$(1))
SHARED := $(BUILD)/libdistil.so
LIBS   := $(BUILD)/libdistil.a $(SHARED) $(BUILD)/libdistil.so.$(ABI)
BLOB   := $(BUILD)/sst2.distil
# Only the build in build/ copies its programs to ./distil and ./bootstrap. A build in another
# directory keeps its programs there.
COMMAND := $(BUILD)/distil $(if $(filter build,$(BUILD)),distil)
BOOTSTRAP := $(BUILD)/bootstrap $(if $(filter build,$(BUILD)),bootstrap)

# ---- build ----
.PHONY: all
## all: build distil, bootstrap, distil-serve, libraries and the model's blob (the default)
all: $(COMMAND) $(BOOTSTRAP) $(BUILD)/distil-serve $(LIBS) $(BLOB)

# The files flags, sources and embed_file hold the settings of the last build. A rule rewrites one
# only when its setting has changed, and then make rebuilds what depends on it.
export DISTIL_EMBED := $(EMBED)
export DISTIL_FLAGS := $(CC) $(shell $(CC) --version 2>/dev/null | head -n 1) $(COMMON) \
    $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) $(DEBUG) $(foreach l,$(LEVELS),$(ISA_$(l))) \
    $(SECTIONS) $(SMALL) $(UNWIND) $(HARDEN_LD) $(BOOT_LDFLAGS) \
    $(STRICT_FLOAT)
export DISTIL_SOURCES = $(LIB_SRC) $(BASE_SRC) $(PROG_SRC) $(CMD_SRC) $(SERVE_SRC) $(LAMBDA_SRC) \
    $(BOOT_SRC) $(TEST_LIB_SRC) $(BENCH_LIB_SRC) $(HARNESS_SRC)
remember = @mkdir -p $(@D); printf '%s\n' "$$$(1)" | cmp -s - $@ || printf '%s\n' "$$$(1)" >$@
.PHONY: FORCE
$(BUILD)/flags: FORCE
	$(call remember,DISTIL_FLAGS)
$(BUILD)/sources: FORCE
	$(call remember,DISTIL_SOURCES)
$(BUILD)/embed_file: FORCE
	$(call remember,DISTIL_EMBED)

# `make bootstrap EMBED=FILE` puts the blob FILE into ./bootstrap.
embed_flags = $(if $(EMBED),$(if $(filter lambda/embed.c,$(1)),-DEMBED_FILE='"$(EMBED)"'))
$(BUILD)/obj/lambda/embed.o: $(BUILD)/embed_file $(EMBED)
ifneq ($(EMBED),)
.PHONY: check-embed
$(BUILD)/obj/lambda/embed.o: | check-embed
# The first bytes tell a blob from any other file (docs/blob-format.md).
check-embed:
	$(Q)[ "$$(head -c 6 '$(EMBED)' | tail -c 5)" = DBLOB ] || { \
	    echo "EMBED=$(EMBED): not a blob; 'distil convert DIR -o FILE' makes one" >&2; exit 2; }
endif

COMPILE = $(Q)$(CC) $(COMMON) -MMD -MP $(call assert_flags,$<) $(call isa_flags,$<) \
    $(call size_flags,$<) $(call section_flags,$<) $(call embed_flags,$<) $(CPPFLAGS) \
    $(call frame_flags,$<) $(CFLAGS) $(STRICT_FLOAT) $(WERROR) -c -o $@ $<
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
$(BUILD)/libbase.a: $(call obj,$(BASE_SRC)) $(BUILD)/sources
	$(SAY) "  AR    $@"
	$(ARCHIVE)
$(BUILD)/libprog.a: $(call obj,$(PROG_SRC)) $(BUILD)/sources
	$(SAY) "  AR    $@"
	$(ARCHIVE)
$(BUILD)/libserve.a: $(call obj,$(SERVE_SRC)) $(BUILD)/sources
	$(SAY) "  AR    $@"
	$(ARCHIVE)
$(BUILD)/liblambda.a: $(call obj,$(LAMBDA_SRC)) $(BUILD)/sources
	$(SAY) "  AR    $@"
	$(ARCHIVE)

LINK_PROBES := $(addprefix $(BUILD)/,link_options boot_options map_option)
$(LINK_PROBES): export CC := $(CC)
$(LINK_PROBES): export CFLAGS := $(CFLAGS)
$(LINK_PROBES): export LDFLAGS := $(LDFLAGS)
$(BUILD)/link_options: $(BUILD)/flags tools/link_options.sh
	$(Q)tools/link_options.sh $(HARDEN_LD) >$@
$(BUILD)/map_option: $(BUILD)/flags tools/link_options.sh
	$(Q)tools/link_options.sh -Wl,-Map=$(BUILD)/bootstrap.map >$@
$(BUILD)/boot_options: $(BUILD)/flags tools/link_options.sh lambda/no_unwind.ld
	$(Q)tools/link_options.sh $(BOOT_LDFLAGS) >$@
	$(Q)grep -q static $@ || \
	    echo "  NOTE  bootstrap is linked dynamically: $(CC) finds no static C library" >&2

# -z defs makes the linker refuse undefined symbols. Sanitizer builds go without it, because the
# program that loads the shared object provides the sanitizer's run-time symbols.
$(SHARED): $(call obj,$(LIB_SRC)) $(BUILD)/sources $(BUILD)/link_options
	$(SAY) "  LD    $@"
	$(Q)$(CC) $(CFLAGS) $(SANITIZE) $(LDFLAGS) -shared -Wl,-soname,libdistil.so.$(ABI) \
	    $(if $(SANITIZE),,-Wl,-z,defs) $$(cat $(BUILD)/link_options) -o $@ $(filter %.o,$^) \
	    -lm -pthread
$(BUILD)/libdistil.so.$(ABI): $(SHARED)
	$(Q)ln -sf libdistil.so $@

# The linker drops these libraries from programs that do not call them (--as-needed).
LIBS_none    :=
LIBS_openssl := -lssl -lcrypto
# The archives call each other's functions, so the linker searches them as a group.
LINK = $(Q)mkdir -p $(@D) && $(CC) $(CFLAGS) $(SANITIZE) $(LDFLAGS) \
    $$(cat $(BUILD)/link_options) -o $@ \
    $(filter %.o,$^) -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(LIBS_$(TLS)) -lm -pthread
# The user's command links nothing of the function. distil-serve, tests and benchmarks do.
COMMAND_LIBS := $(BUILD)/libprog.a $(BUILD)/libdistil.a $(BUILD)/libbase.a $(BUILD)/link_options
PROG_LIBS := $(BUILD)/libserve.a $(BUILD)/liblambda.a $(COMMAND_LIBS)
$(BUILD)/distil: $(call obj,$(CMD_SRC)) $(COMMAND_LIBS)
	$(SAY) "  LD    $@"
	$(LINK)
$(BUILD)/distil-serve: $(call obj,$(SERVE_MAIN)) $(PROG_LIBS)
	$(SAY) "  LD    $@"
	$(LINK)
ifeq ($(BUILD),build)
distil: $(BUILD)/distil
	$(Q)cp $< $@.tmp && mv -f $@.tmp $@
endif

# ./bootstrap runs in an image that holds nothing else, so it is static. A fixed address saves the
# relocations at the start, and the linker script drops unwind tables. bootstrap.debug keeps the
# symbols. A sanitizer's run-time library needs a dynamic program, so those builds link normally.
$(BUILD)/bootstrap.debug: $(call obj,$(BOOT_SRC)) $(BUILD)/liblambda.a $(BUILD)/libdistil.a \
    $(BUILD)/libbase.a $(BUILD)/link_options $(BUILD)/boot_options $(BUILD)/map_option \
    lambda/no_unwind.ld
	$(SAY) "  LD    $@"
	$(LINK) $(if $(SANITIZE),,$$(cat $(BUILD)/boot_options)) \
	    $$(cat $(BUILD)/map_option)
$(BUILD)/bootstrap: $(BUILD)/bootstrap.debug
	$(Q)$(if $(SANITIZE),cp $< $@,$(STRIP) -o $@ $<)
ifeq ($(BUILD),build)
bootstrap: $(BUILD)/bootstrap
	$(Q)cp $< $@.tmp && mv -f $@.tmp $@
else
# ./distil and ./bootstrap are those of the build directory build. With another one, these names
# stand for the programs within it.
.PHONY: distil bootstrap
distil: $(BUILD)/distil
bootstrap: $(BUILD)/bootstrap
endif

# The converter writes a temporary file and renames it, so an interrupted make leaves no partial
# blob.
$(BLOB): $(BUILD)/distil $(filter-out %.md,$(call src,model/sst2/*))
	$(SAY) "  BLOB  $@"
	$(Q)$(BUILD)/distil convert model/sst2 -o $@

DEPENDENCIES := $(call obj,$(LIB_SRC) $(BASE_SRC) $(PROG_SRC) $(CMD_SRC) $(SERVE_SRC) \
    $(SERVE_MAIN) $(LAMBDA_SRC) $(BOOT_SRC))

# ---- running the function on this machine ----
.PHONY: run-lambda
EVENT ?= tests/events/sns.json
STORE ?=
## run-lambda: run bootstrap on EVENT=FILE with STORE=memory or http://... and DISTIL_MODEL=BLOB
run-lambda: $(BUILD)/distil $(BUILD)/distil-serve $(BUILD)/bootstrap $(BLOB)
	$(Q)$(BUILD)/distil serve --local --event '$(EVENT)' -m '$(or $(DISTIL_MODEL),$(BLOB))' \
	    $(if $(STORE),--store '$(STORE)') $(if $(filter memory,$(STORE)),--pending) \
	    -- $(BUILD)/bootstrap

# ---- documents that the command prints ----
.PHONY: manual
## manual: rewrite docs/distil.1 (above INPUT) and the completion of bash from the command's table
manual: $(BUILD)/distil
	$(Q)$(BUILD)/distil help --completion >tools/command/distil.bash
	$(Q){ $(BUILD)/distil help --man && sed -n '/^\.Sh INPUT/,$$p' docs/distil.1; } \
	    >$(BUILD)/distil.1 && cp $(BUILD)/distil.1 docs/distil.1

# ---- install ----
.PHONY: install uninstall package
# `distil serve` looks for distil-serve beside distil, so both are installed in the same folder.
# The script gets the paths in its environment: make's lists and the shell would split them.
install uninstall: export DISTIL_BUILD := $(BUILD)
install uninstall: export DISTIL_VERSION := $(VERSION)
install uninstall: export DISTIL_DESTDIR := $(DESTDIR)
install uninstall: export DISTIL_PREFIX := $(PREFIX)
install uninstall: export DISTIL_BINDIR := $(BINDIR)
install uninstall: export DISTIL_LIBDIR := $(LIBDIR)
install uninstall: export DISTIL_INCDIR := $(INCDIR)
install uninstall: export DISTIL_DATADIR := $(DATADIR)
## install: install command, libraries, header and model under DESTDIR/PREFIX (/usr/local)
install: all
	$(Q)tools/install.sh install
## uninstall: remove the files that install put there
uninstall:
	$(Q)tools/install.sh uninstall

PACKAGE := $(BUILD)/distil-$(VERSION)-linux-x86_64
## package: build/distil-VERSION-linux-x86_64.tar.gz; after `make portable` those builds' too
package: all
	$(Q)tools/package.sh $(BUILD) $(VERSION) $(PACKAGE).tar.gz
	$(SAY) "  TAR   $(PACKAGE).tar.gz"
include tools/portable/portable.mk

# ---- Python ----
.PHONY: wheel wheel-model
WHEEL_LIB ?= $(SHARED)
WHEEL_COMMAND ?= $(BUILD)/distil
## wheel: pack the Python package (WHEEL_LIB=FILE WHEEL_COMMAND=FILE) as build/distil-....whl
wheel: $(WHEEL_LIB) $(WHEEL_COMMAND)
	$(Q)$(STRIP) --strip-unneeded -o $(BUILD)/wheel.so $(WHEEL_LIB)
	$(Q)$(STRIP) -o $(BUILD)/wheel.distil $(WHEEL_COMMAND)
	$(Q)rm -f $(BUILD)/distil-*.whl
	$(Q)python3 runtime/python/make_wheel.py $(BUILD)/wheel.so $(BUILD)/wheel.distil $(VERSION) \
	    $(BUILD)
## wheel-model: pack the shipped model for Python as build/distil_sst2-....whl
wheel-model: $(BLOB)
	$(Q)rm -f $(BUILD)/distil_sst2-*.whl
	$(Q)python3 runtime/python/make_wheel.py --model $(BLOB) $(VERSION) $(BUILD)

# ---- databases ----
# These need a database's header or its format, so `make` alone does not build them.
.PHONY: sqlite-extension duckdb-extension
sqlite-extension duckdb-extension: export DISTIL_BUILD := $(BUILD)
sqlite-extension duckdb-extension: export CC := $(CC)
## sqlite-extension: build/sqlite/distil.so, SQL functions for SQLite; needs sqlite3ext.h
sqlite-extension: $(BUILD)/libdistil.a
	$(Q)tools/build_extension.sh sqlite $(BUILD)/sqlite
## duckdb-extension: build/duckdb/distil.duckdb_extension, SQL functions for DuckDB
duckdb-extension: $(BUILD)/libdistil.a
	$(Q)tools/build_extension.sh duckdb $(BUILD)/duckdb

include tests/tests.mk
include bench/bench.mk
include tools/image/image.mk

-include $(DEPENDENCIES:.o=.d)

# ---- other targets ----
.PHONY: clean help
## clean: remove build/, ./distil and ./bootstrap
clean:
	$(Q)rm -rf $(BUILD) $(if $(filter build,$(BUILD)),distil bootstrap)
## help: print this list
help:
	@sed -n 's/^## \([^:]*\): */  \1\t/p' $(filter %Makefile %.mk,$(MAKEFILE_LIST)) | expand -t 16
	@echo
	@echo "  Settings: CC CFLAGS CPPFLAGS LDFLAGS AR BUILD=dir DEBUG=1 V=1 PREFIX DESTDIR"
	@echo "            TLS=openssl or none (HTTPS in ./bootstrap), EMBED=FILE (a blob within it)"
	@echo "  Sanitizer, fuzz and other-BUILD builds have directories of their own."
