# distilbert.c
# SPDX-License-Identifier: Apache-2.0
#
# `make` builds ./distil, the libraries and the shipped model's blob; `make help` lists the rest.
# Sources are found by place and name, so that adding a file needs no edit here:
#   kernels/*.c kernels/*.S model/*.c runtime/*.c   the library (runtime/json.c: programs only)
#   tools/distil.c tools/cmd_*.c tools/convert/*.c  the command ./distil
#   tests/test_*.c tests/check_*.c                  one test program each
#   tests/fuzz/fuzz_*.c                             one fuzz target each
#   bench/bench_*.c                                 one benchmark each

.DEFAULT_GOAL := all
MAKEFLAGS += --no-builtin-rules

# ---- settings (make VAR=value) ----
CC      ?= cc
AR      ?= ar
ifeq ($(origin CC),default)
CC := cc
endif
ifeq ($(origin AR),default)
AR := ar
endif
BUILD   ?= build
OPT     ?= -O2
CFLAGS  ?= -g
LDFLAGS ?=
PREFIX  ?= /usr/local
DESTDIR ?=
WERROR  ?= -Werror
V       ?= 0
Q := $(if $(filter 1,$(V)),,@)

WARN := -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wmissing-prototypes -Wstrict-prototypes \
        -Wundef -Wvla $(WERROR)
# -ffp-contract=off: a * b + c is two roundings unless the source says fmaf (docs/numerics.md)
BASE := -std=c11 -D_DEFAULT_SOURCE -I. $(OPT) $(WARN) -ffp-contract=off -fno-math-errno \
        -fPIC -fvisibility=hidden -pthread -MMD -MP $(SANITIZE)

# Flags by the level in a file's name; scalar kernels are built with the vectoriser off.
ISA_scalar     := -fno-tree-vectorize -fno-tree-slp-vectorize
ISA_avx2       := -mavx2 -mfma -mbmi2
ISA_avxvnni    := $(ISA_avx2) -mavxvnni
ISA_avx512     := $(ISA_avx2) -mavx512f -mavx512bw -mavx512dq -mavx512vl
ISA_avx512vnni := $(ISA_avx512) -mavx512vnni
isa_flags = $(ISA_$(lastword $(subst _, ,$(basename $(notdir $(1))))))

LIB_SRC  := $(wildcard kernels/*.c kernels/*.S model/*.c) $(filter-out runtime/json.c,$(wildcard runtime/*.c))
PROG_SRC := $(wildcard runtime/json.c tools/convert/*.c tools/cmd_*.c)
CMD_SRC  := $(wildcard tools/distil.c)
TEST_LIB_SRC := tests/harness.c $(wildcard tests/kernel_cases.c tests/support_*.c)
TESTS    := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/test_*.c tests/check_*.c))
FUZZERS  := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/fuzz/fuzz_*.c))
BENCHES  := $(patsubst %.c,$(BUILD)/%,$(wildcard bench/bench_*.c))
TOOLS    := $(patsubst %.c,$(BUILD)/%,$(wildcard tools/make_*.c))
obj = $(patsubst %,$(BUILD)/obj/%.o,$(basename $(1)))

.PHONY: all
## all: ./distil, build/libdistil.a, build/libdistil.so and the shipped model's blob
all: distil $(BUILD)/libdistil.a $(BUILD)/libdistil.so $(BUILD)/sst2.distil

# Flags are remembered: a changed flag or compiler rebuilds.
FLAGS_NOW := $(CC) $(BASE) $(CFLAGS) $(CPPFLAGS) $(LDFLAGS)
$(BUILD)/flags: FORCE
	@mkdir -p $(@D); echo '$(FLAGS_NOW)' | cmp -s - $@ || echo '$(FLAGS_NOW)' > $@
FORCE:

$(BUILD)/obj/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	@echo "  CC    $<"
	$(Q)$(CC) $(BASE) $(call isa_flags,$<) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<
$(BUILD)/obj/%.o: %.S $(BUILD)/flags
	@mkdir -p $(@D)
	@echo "  AS    $<"
	$(Q)$(CC) $(BASE) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

$(BUILD)/libdistil.a: $(call obj,$(LIB_SRC))
	@echo "  AR    $@"
	$(Q)rm -f $@ && $(AR) rcsD $@ $^
$(BUILD)/libdistil.so: $(call obj,$(LIB_SRC))
	@echo "  LD    $@"
	$(Q)$(CC) $(CFLAGS) $(SANITIZE) $(LDFLAGS) -shared -Wl,-soname,libdistil.so.0 -Wl,-z,noexecstack -o $@ $^ -lm -pthread
$(BUILD)/libprog.a: $(call obj,$(PROG_SRC))
	@echo "  AR    $@"
	$(Q)rm -f $@ && $(AR) rcsD $@ $^
$(BUILD)/libtest.a: $(call obj,$(TEST_LIB_SRC))
	@echo "  AR    $@"
	$(Q)rm -f $@ && $(AR) rcsD $@ $^

LINK = $(Q)$(CC) $(CFLAGS) $(SANITIZE) $(LDFLAGS) -Wl,-z,noexecstack -o $@ $(filter %.o,$^) $(filter %.a,$^) -lm -pthread
distil: $(call obj,$(CMD_SRC)) $(BUILD)/libprog.a $(BUILD)/libdistil.a
	@echo "  LD    $@"
	$(LINK)
$(BUILD)/tests/% : $(BUILD)/obj/tests/%.o $(BUILD)/libtest.a $(BUILD)/libprog.a $(BUILD)/libdistil.a
	@mkdir -p $(@D); echo "  LD    $@"
	$(LINK)
$(BUILD)/bench/% : $(BUILD)/obj/bench/%.o $(BUILD)/libtest.a $(BUILD)/libprog.a $(BUILD)/libdistil.a
	@mkdir -p $(@D); echo "  LD    $@"
	$(LINK)
$(BUILD)/tools/% : $(BUILD)/obj/tools/%.o $(BUILD)/libprog.a $(BUILD)/libdistil.a
	@mkdir -p $(@D); echo "  LD    $@"
	$(LINK)
.SECONDARY:

$(BUILD)/sst2.distil: distil $(wildcard model/sst2/*)
	$(Q)./distil convert model/sst2 -o $@

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)
