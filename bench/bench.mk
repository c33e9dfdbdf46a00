# SPDX-License-Identifier: Apache-2.0
#
# Builds and runs the benchmarks. The Makefile includes this file after tests/tests.mk. New files
# need no edit here:
#
#   bench/bench_*.c      one benchmark each; all of them share the other files bench/*.c
#   bench/harness/*.c    distil-bench, the program that `distil bench` starts

BENCH_SRC     := $(call src,bench/bench_*.c)
BENCH_LIB_SRC := $(filter-out $(BENCH_SRC),$(call src,bench/*.c))
HARNESS_SRC   := $(call src,bench/harness/*.c)
BENCHES := $(call exe,$(BENCH_SRC))
DEPENDENCIES += $(call obj,$(BENCH_SRC) $(BENCH_LIB_SRC) $(HARNESS_SRC) bench/probes/empty.c)

.PHONY: bench-tools
## bench-tools: distil-bench, which ./distil bench starts, and what it needs
bench-tools: $(BUILD)/distil-bench $(BUILD)/bench/empty $(BUILD)/bench/ceiling.so

$(BENCHES): $(BUILD)/%: $(BUILD)/obj/%.o $(call obj,$(BENCH_LIB_SRC)) $(TEST_LIBS)
	$(SAY) "  LD    $@"
	$(LINK)
$(BUILD)/distil-bench: $(call obj,$(HARNESS_SRC) $(BENCH_LIB_SRC)) $(PROG_LIBS)
	$(SAY) "  LD    $@"
	$(LINK)
# It is static if the compiler finds a static C library, as ./bootstrap is.
$(BUILD)/bench/empty: $(call obj,bench/probes/empty.c) $(BUILD)/link_options $(BUILD)/boot_options
	$(SAY) "  LD    $@"
	$(LINK) $(if $(SANITIZE),,$$(grep -o -e -static $(BUILD)/boot_options))

# The ceilings as a library, which bench/peers/run.sh loads into Python.
CEILING_SRC := bench/ceiling.c bench/machine.c runtime/base/clock.c
$(BUILD)/bench/ceiling.so: $(CEILING_SRC) $(BUILD)/sources
	$(SAY) "  LD    $@"
	$(Q)mkdir -p $(@D) && $(CC) $(COMMON) -fvisibility=default -shared -fPIC -o $@ $(CEILING_SRC)

.PHONY: bench
## bench: build and run every benchmark (BENCH_ARGS= for their options)
bench: all $(BENCHES)
	$(Q)for program in $(BENCHES); do $$program $(BENCH_ARGS) || exit 1; done
