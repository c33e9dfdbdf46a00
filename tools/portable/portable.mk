# SPDX-License-Identifier: Apache-2.0
#
# Targets that build for machines with an older C library than this one, or without glibc. The
# Makefile includes this file.
#
# The compiler is Zig's, which has the symbol versions of old glibc and the sources of musl. The
# first `make portable` downloads it from the Python package index, 90 MB, into build/zig; no other
# target does.
.PHONY: portable build-portable same-bits-glibc same-bits-musl check-portable package-portable
GLIBC       := 2.17
ZIG_DIR     := $(abspath $(BUILD))/zig
GLIBC_BUILD := $(BUILD)/glibc$(GLIBC)
MUSL_BUILD  := $(BUILD)/musl
GLIBC_MAKE   = +$(Q)$(MAKE) --no-print-directory TLS=none BUILD=$(GLIBC_BUILD) CC=$(ZIG_DIR)/cc-glibc
MUSL_MAKE    = +$(Q)$(MAKE) --no-print-directory TLS=none BUILD=$(MUSL_BUILD) CC=$(ZIG_DIR)/cc-musl
PORTABLE_PROGRAMS := distil distil-serve bootstrap
SAME_BITS   := tests/unit/runtime/test_same_bits

$(ZIG_DIR)/cc-glibc: tools/portable/zig.sh
	$(SAY) "  ZIG   $(ZIG_DIR)"
	$(Q)tools/portable/zig.sh $(ZIG_DIR)

build-portable: $(ZIG_DIR)/cc-glibc
	$(GLIBC_MAKE) all
	$(MUSL_MAKE) all
	$(Q)tools/portable/check_portable.sh $(GLIBC) $(GLIBC_BUILD)/libdistil.so \
	    $(addprefix $(GLIBC_BUILD)/,$(PORTABLE_PROGRAMS))
	$(Q)tools/portable/check_portable.sh static $(addprefix $(MUSL_BUILD)/,$(PORTABLE_PROGRAMS))

## portable: build for glibc 2.17 in build/glibc2.17 and static with musl in build/musl; uses Zig
portable: same-bits-glibc same-bits-musl
same-bits-glibc: build-portable
	$(GLIBC_MAKE) $(GLIBC_BUILD)/$(SAME_BITS)
	$(Q)DISTIL_BUILD=$(GLIBC_BUILD) tests/run.sh $(GLIBC_BUILD)/$(SAME_BITS)
same-bits-musl: build-portable
	$(MUSL_MAKE) $(MUSL_BUILD)/$(SAME_BITS)
	$(Q)DISTIL_BUILD=$(MUSL_BUILD) tests/run.sh $(MUSL_BUILD)/$(SAME_BITS)

## check-portable: build and run every test with each of the two portable builds
check-portable: portable
	$(GLIBC_MAKE) check
	$(MUSL_MAKE) check

package-portable: build-portable
	$(Q)tools/package.sh $(GLIBC_BUILD) $(VERSION) $(PACKAGE)-glibc$(GLIBC).tar.gz
	$(SAY) "  TAR   $(PACKAGE)-glibc$(GLIBC).tar.gz"
	$(Q)tools/package.sh $(MUSL_BUILD) $(VERSION) $(PACKAGE)-musl-static.tar.gz
	$(SAY) "  TAR   $(PACKAGE)-musl-static.tar.gz"

# Once Zig has been downloaded, `make package` packs the portable builds too, and the wheel gets the
# library and the command for old glibc.
ifneq ($(wildcard $(ZIG_DIR)/cc-glibc)$(filter portable,$(MAKECMDGOALS)),)
package: package-portable
WHEEL_LIB ?= $(GLIBC_BUILD)/libdistil.so
WHEEL_COMMAND ?= $(GLIBC_BUILD)/distil
$(GLIBC_BUILD)/libdistil.so $(GLIBC_BUILD)/distil: build-portable
endif
