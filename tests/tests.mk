# SPDX-License-Identifier: Apache-2.0
#
# Builds and runs the tests. The Makefile includes this file, which finds tests by folder and name.
# A new test needs no edit here:
#   tests/*/test_*.c tests/unit/*/test_*.c tests/unit/*/check_*.c  a test program each
#   tests/*/test_*.sh tests/unit/*/test_*.sh        a test script each
#   tests/support/*.c                               code that test programs share
#   tests/programs/tool_*.c tests/convert/make_*.c  a program each that tests and people run
#   tests/fuzz/fuzz_*.c                             a fuzz target each; seeds in corpus/NAME/

TEST_LIB_SRC  := $(call src,tests/support/*.c tests/convert/checkpoint_writer.c)
TEST_SRC      := $(call src,tests/*/test_*.c tests/*/*/test_*.c tests/*/*/check_*.c)
TEST_TOOL_SRC := $(call src,tests/programs/tool_*.c tests/convert/make_*.c)
FUZZ_SRC      := $(call src,tests/fuzz/fuzz_*.c)
SCRIPTS       := $(call src,tests/*/test_*.sh tests/*/*/test_*.sh)

exe = $(patsubst %.c,$(BUILD)/%,$(1))
TESTS      := $(call exe,$(TEST_SRC))
TEST_TOOLS := $(call exe,$(TEST_TOOL_SRC))
FUZZERS    := $(call exe,$(FUZZ_SRC))
DEPENDENCIES += $(call obj,$(TEST_LIB_SRC) $(TEST_SRC) $(TEST_TOOL_SRC) $(FUZZ_SRC) \
    tests/fuzz/driver.c)

.PHONY: tests
## tests: build every test program, fuzz target and generator, but run none
tests: $(TESTS) $(TEST_TOOLS) $(FUZZERS) $(BUILD)/json_check bench-tools \
    $(BUILD)/bench/bench_model $(BUILD)/bench/bench_kernels

$(BUILD)/libtest.a: $(call obj,$(TEST_LIB_SRC)) $(BUILD)/sources
	$(SAY) "  AR    $@"
	$(ARCHIVE)
TEST_LIBS := $(BUILD)/libtest.a $(PROG_LIBS)
$(TESTS) $(TEST_TOOLS): $(BUILD)/%: $(BUILD)/obj/%.o $(TEST_LIBS)
	$(SAY) "  LD    $@"
	$(LINK)
# `make check` links each fuzz target with the driver, which replays its seeds; `make fuzz` links it
# with libFuzzer instead.
ifeq ($(FUZZ_ENGINE),)
FUZZ_MAIN := $(BUILD)/obj/tests/fuzz/driver.o
endif
$(FUZZERS): $(BUILD)/%: $(BUILD)/obj/%.o $(FUZZ_MAIN) $(TEST_LIBS)
	$(SAY) "  LD    $@"
	$(LINK) $(FUZZ_ENGINE)

.PHONY: check check-full asan ubsan tsan sanitize fuzz lint
RUN_TESTS = CC='$(CC)' DISTIL_BUILD='$(abspath $(BUILD))' tests/run.sh \
    $(TESTS) $(FUZZERS) $(SCRIPTS)
## check: build and run every test in under two minutes
check: all tests
	$(Q)$(RUN_TESTS)
## check-full: build and run every test, the long cases too
check-full: all tests
	$(Q)DISTIL_TEST_FULL=1 $(RUN_TESTS)

# json_check tells whether the function's JSON reader accepts a file.
$(BUILD)/json_check: $(BUILD)/tests/programs/tool_json_check
	$(Q)cp $< $@

SANITIZED = +$(Q)$(MAKE) --no-print-directory OPT='-O1 -fno-omit-frame-pointer' check
## sanitize: run every test under AddressSanitizer and UndefinedBehaviorSanitizer
sanitize:
	$(SANITIZED) BUILD=$(BUILD)/sanitize \
	    SANITIZE='-fsanitize=address,undefined -fno-sanitize-recover=all'
## asan: run every test under AddressSanitizer alone
asan:
	$(SANITIZED) BUILD=$(BUILD)/asan SANITIZE='-fsanitize=address'
## ubsan: run every test under UndefinedBehaviorSanitizer alone
ubsan:
	$(SANITIZED) BUILD=$(BUILD)/ubsan SANITIZE='-fsanitize=undefined -fno-sanitize-recover=all'

# These tests start threads in the library and in the function.
TSAN_TESTS := $(filter %/test_threads %/test_calls %/test_prefault %/test_log,$(TESTS))
## tsan: run the tests of threads under ThreadSanitizer
tsan:
	+$(Q)$(MAKE) --no-print-directory OPT='-O1 -fno-omit-frame-pointer' BUILD=$(BUILD)/tsan \
	    SANITIZE=-fsanitize=thread tsan-run
.PHONY: tsan-run
tsan-run: $(BUILD)/distil $(BLOB) $(TSAN_TESTS)
	$(Q)DISTIL_BUILD='$(abspath $(BUILD))' tests/run.sh $(TSAN_TESTS)

## fuzz: run each fuzz target for FUZZ_SECONDS (600) under libFuzzer; needs clang
fuzz:
	+$(Q)$(MAKE) --no-print-directory CC=clang BUILD=$(BUILD)/fuzz OPT=-O1 \
	    SANITIZE='-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all' \
	    FUZZ_ENGINE=-fsanitize=fuzzer fuzz-run
# Each target is run by a rule of its own, so `make -j2 fuzz` runs two at a time.
FUZZ_RUNS := $(addsuffix .run,$(FUZZERS))
.PHONY: fuzz-run $(FUZZ_RUNS)
fuzz-run: $(FUZZ_RUNS)
$(FUZZ_RUNS): %.run: %
	$(Q)name=$(patsubst fuzz_%,%,$(notdir $*)); found=$(BUILD)/corpus/$$name; mkdir -p $$found; \
	    echo "  FUZZ  $$name, $(FUZZ_SECONDS) s"; \
	    $* -max_total_time=$(FUZZ_SECONDS) -timeout=20 -print_final_stats=1 \
	        -artifact_prefix=$(BUILD)/crash-$$name- $$found tests/fuzz/corpus/$$name

## lint: run the style gates: rooms, symbols, instructions, text, formatting
lint: all
	$(Q)DISTIL_BUILD='$(BUILD)' tools/check/lint.sh
