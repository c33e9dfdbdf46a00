# SPDX-License-Identifier: Apache-2.0
#
# Builds and runs the benchmarks; the Makefile includes it, after tests/tests.mk. A new file needs no
# edit here:
#   bench/bench_*.c      one benchmark each; other bench/*.c are shared
#   bench/harness/*.c    distil-bench, which `distil bench` runs

BENCH_SRC     := $(call src,bench/bench_*.c)
BENCH_LIB_SRC := $(filter-out $(BENCH_SRC),$(call src,bench/*.c))
HARNESS_SRC   := $(call src,bench/harness/*.c)
BENCHES := $(call exe,$(BENCH_SRC))
DEPENDENCIES += $(call obj,$(BENCH_SRC) $(BENCH_LIB_SRC) $(HARNESS_SRC) bench/probes/empty.c)

.PHONY: bench-tools
## bench-tools: distil-bench, which ./distil bench runs
bench-tools: $(BUILD)/distil-bench $(BUILD)/bench/empty

$(BENCHES): $(BUILD)/%: $(BUILD)/obj/%.o $(call obj,$(BENCH_LIB_SRC)) $(TEST_LIBS)
	$(SAY) "  LD    $@"
	$(LINK)
$(BUILD)/distil-bench: $(call obj,$(HARNESS_SRC) $(BENCH_LIB_SRC)) $(PROG_LIBS)
	$(SAY) "  LD    $@"
	$(LINK)
$(BUILD)/bench/empty: $(call obj,bench/probes/empty.c)
	$(SAY) "  LD    $@"
	$(LINK) $(if $(SANITIZE),,-static)

.PHONY: bench
## bench: build and run every benchmark (BENCH_ARGS= for their options)
bench: all $(BENCHES)
	$(Q)for program in $(BENCHES); do $$program $(BENCH_ARGS) || exit 1; done
