# distilbert.c
# SPDX-License-Identifier: Apache-2.0
#
# `make` builds ./distil, ./bootstrap, the libraries and the shipped model's blob; `make help` lists
# the rest. This file builds and installs the product; tests/tests.mk builds and runs the tests,
# bench/bench.mk the benchmarks, tools/image/image.mk the container image.
#
# The rules find sources by folder and name, so that a new file needs no edit here:
#   kernels/*.c kernels/*.S model/*.c runtime/*.c  the library, with two files of runtime/base/
#   runtime/base/*.c                               shared parts; programs use all of them
#   tools/command/*.c tools/convert/*.c            the command ./distil
#   tools/serve/*.c                                distil-serve, which `distil serve` runs
#   lambda/*.c lambda/{event,net,aws}/*.c          the function ./bootstrap, with one of tls_*.c

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
small_code = lambda/% model/blob% runtime/cpus.c $(BASE_SRC)
# Nothing unwinds through them at run time; debuggers have -g's tables.
UNWIND := -fno-asynchronous-unwind-tables
size_flags = $(if $(filter $(small_code),$(1)),$(SMALL)) $(if $(shipped),$(UNWIND))

HARDEN_LD := -Wl,-z,noexecstack -Wl,-z,relro -Wl,-z,now -Wl,--as-needed

# ---- what there is ----
version_of = $(shell sed -n 's/^.define DISTIL_VERSION_$(1) //p' runtime/distil.h)
MAJOR   := $(call version_of,MAJOR)
VERSION := $(MAJOR).$(call version_of,MINOR).$(call version_of,PATCH)

src = $(sort $(wildcard $(1)))
BASE_LIB  := runtime/base/utf8.c runtime/base/checksum.c
LIB_SRC   := $(call src,kernels/*.c kernels/*.S model/*.c runtime/*.c $(BASE_LIB))
BASE_SRC  := $(filter-out $(BASE_LIB),$(call src,runtime/base/*.c))
CMD_SRC   := tools/command/distil.c
PROG_SRC  := $(filter-out $(CMD_SRC),$(call src,tools/command/*.c tools/convert/*.c))
SERVE_MAIN := tools/serve/distil_serve.c
SERVE_SRC := $(filter-out $(SERVE_MAIN),$(call src,tools/serve/*.c))
BOOT_SRC  := lambda/main.c lambda/embed.c
TLS_SRC   := lambda/net/tls_$(TLS).c
LAMBDA_SRC := $(filter-out $(BOOT_SRC) lambda/net/tls_%,\
    $(call src,lambda/*.c lambda/event/*.c lambda/net/*.c lambda/aws/*.c)) $(TLS_SRC)

ifeq ($(wildcard $(TLS_SRC)),)
$(error TLS=$(TLS): none or openssl)
endif

obj = $(patsubst %,$(BUILD)/obj/%.o,$(basename $(1)))
exe = $(patsubst %.c,$(BUILD)/%,$(1))
SHARED := $(BUILD)/libdistil.so
LIBS   := $(BUILD)/libdistil.a $(SHARED) $(BUILD)/libdistil.so.$(MAJOR)
BLOB   := $(BUILD)/sst2.distil
# Only the plain build owns ./distil and ./bootstrap; a build elsewhere has its own and leaves them.
COMMAND := $(BUILD)/distil $(if $(filter build,$(BUILD)),distil)
BOOTSTRAP := $(BUILD)/bootstrap $(if $(filter build,$(BUILD)),bootstrap)

# ---- build ----
.PHONY: all
## all: ./distil, ./bootstrap, build/distil-serve, libraries, the shipped model's blob (the default)
all: $(COMMAND) $(BOOTSTRAP) $(BUILD)/distil-serve $(LIBS) $(BLOB)

# Flags, compiler and lists of sources are remembered: what changes them rebuilds what they made.
export DISTIL_EMBED := $(EMBED)
export DISTIL_FLAGS := $(CC) $(shell $(CC) --version 2>/dev/null | head -n 1) $(BASE) $(CPPFLAGS) \
    $(CFLAGS) $(LDFLAGS) $(DEBUG) $(ISA_scalar) $(ISA_avx512vnni) $(ISA_avxvnni) \
    $(SECTIONS) $(SMALL) $(UNWIND)
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
# The archives use each other's functions in both directions, hence the group.
LINK = $(Q)mkdir -p $(@D) && $(CC) $(CFLAGS) $(SANITIZE) $(LDFLAGS) $(HARDEN_LD) -o $@ \
    $(filter %.o,$^) -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(LIBS_$(TLS)) -lm -pthread
# The command that users install has nothing of the function in it; other programs may.
COMMAND_LIBS := $(BUILD)/libprog.a $(BUILD)/libdistil.a $(BUILD)/libbase.a
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

# The function, for an image that holds nothing else: static, at a fixed address (no relocation to
# do at the start), without unwind tables, its symbols kept in bootstrap.debug. A sanitizer's
# run-time library wants a dynamic program.
BOOT_LDFLAGS = -static -no-pie -Wl,--gc-sections -Wl,-z,noseparate-code -Wl,-T,lambda/no_unwind.ld
$(BUILD)/bootstrap.debug: $(call obj,$(BOOT_SRC)) $(BUILD)/liblambda.a \
    $(BUILD)/libdistil.a $(BUILD)/libbase.a lambda/no_unwind.ld
	$(SAY) "  LD    $@"
	$(LINK) $(if $(SANITIZE),,$(BOOT_LDFLAGS)) -Wl,-Map=$(BUILD)/bootstrap.map
$(BUILD)/bootstrap: $(BUILD)/bootstrap.debug
	$(Q)$(if $(SANITIZE),cp $< $@,$(STRIP) -o $@ $<)
ifeq ($(BUILD),build)
bootstrap: $(BUILD)/bootstrap
	$(Q)cp $< $@.tmp && mv -f $@.tmp $@
endif

# The converter renames a finished file into place: an interrupted make leaves no half blob behind.
$(BLOB): $(BUILD)/distil $(filter-out %.md,$(call src,model/sst2/*))
	$(SAY) "  BLOB  $@"
	$(Q)$(BUILD)/distil convert model/sst2 -o $@

DEPENDENCIES := $(call obj,$(LIB_SRC) $(BASE_SRC) $(PROG_SRC) $(CMD_SRC) $(SERVE_SRC) \
    $(SERVE_MAIN) $(LAMBDA_SRC) $(BOOT_SRC))

# ---- the function on this machine ----
.PHONY: run-lambda
EVENT ?= tests/events/sns.json
STORE ?=
## run-lambda: bootstrap with one event: EVENT=FILE, STORE=memory or http://..., DISTIL_MODEL=BLOB
run-lambda: $(BUILD)/distil $(BUILD)/distil-serve $(BUILD)/bootstrap $(BLOB)
	$(Q)$(BUILD)/distil serve --local --event '$(EVENT)' -m '$(or $(DISTIL_MODEL),$(BLOB))' \
	    $(if $(STORE),--store '$(STORE)') $(if $(filter memory,$(STORE)),--pending) \
	    -- $(BUILD)/bootstrap

# ---- install ----
.PHONY: install uninstall package
COMPLETION := $(DATADIR)/bash-completion/completions/distil
INSTALLED := $(BINDIR)/distil $(BINDIR)/distil-serve $(INCDIR)/distil.h $(LIBDIR)/libdistil.a \
    $(LIBDIR)/libdistil.so $(LIBDIR)/libdistil.so.$(MAJOR) $(LIBDIR)/libdistil.so.$(VERSION) \
    $(LIBDIR)/pkgconfig/distil.pc $(DATADIR)/man/man1/distil.1 $(COMPLETION) \
    $(DATADIR)/distil/sst2.distil
# distil-serve is installed beside distil, where `distil serve` looks for it.
## install: command, libraries, header, man page and model under DESTDIR/PREFIX (/usr/local)
install: all
	$(Q)install -d $(sort $(dir $(addprefix $(DESTDIR),$(INSTALLED))))
	$(Q)install -m 755 $(BUILD)/distil $(BUILD)/distil-serve $(DESTDIR)$(BINDIR)/
	$(Q)install -m 644 runtime/distil.h $(DESTDIR)$(INCDIR)/distil.h
	$(Q)install -m 644 $(BUILD)/libdistil.a $(DESTDIR)$(LIBDIR)/libdistil.a
	$(Q)install -m 755 $(SHARED) $(DESTDIR)$(LIBDIR)/libdistil.so.$(VERSION)
	$(Q)ln -sf libdistil.so.$(VERSION) $(DESTDIR)$(LIBDIR)/libdistil.so.$(MAJOR)
	$(Q)ln -sf libdistil.so.$(MAJOR) $(DESTDIR)$(LIBDIR)/libdistil.so
	$(Q)sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIBDIR@|$(LIBDIR)|' -e 's|@INCDIR@|$(INCDIR)|' \
	    -e 's|@VERSION@|$(VERSION)|' tools/distil.pc.in >$(DESTDIR)$(LIBDIR)/pkgconfig/distil.pc
	$(Q)chmod 644 $(DESTDIR)$(LIBDIR)/pkgconfig/distil.pc
	$(Q)install -m 644 docs/distil.1 $(DESTDIR)$(DATADIR)/man/man1/distil.1
	$(Q)install -m 644 tools/command/distil.bash $(DESTDIR)$(COMPLETION)
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

include tests/tests.mk
include bench/bench.mk
include tools/image/image.mk

-include $(DEPENDENCIES:.o=.d)

# ---- rest ----
.PHONY: clean help
## clean: remove build/, ./distil and ./bootstrap
clean:
	$(Q)rm -rf $(BUILD) $(if $(filter build,$(BUILD)),distil bootstrap)
## help: this list
help:
	@sed -n 's/^## \([^:]*\): */  \1\t/p' $(filter %Makefile %.mk,$(MAKEFILE_LIST)) | expand -t 16
	@echo
	@echo "  Settings: CC CFLAGS CPPFLAGS LDFLAGS AR BUILD=dir DEBUG=1 V=1 PREFIX DESTDIR"
	@echo "            TLS=openssl (HTTPS in ./bootstrap), EMBED=FILE (a blob within ./bootstrap)"
	@echo "  Sanitizer, fuzz and other-BUILD builds have directories of their own."
