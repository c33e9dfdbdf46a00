#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Runs every style gate and prints one line for each, followed by the findings if it failed. Then it
# prints the ratio of support to product lines, which is information and no verdict, and last the
# sum in the form that tests/run.sh prints. A gate whose tool is not installed is skipped; with
# CI=true that is a failure.
#
#     tools/check/lint.sh
#
# DISTIL_BUILD names the build directory whose objects the gates examine; the default is "build".

set -u
cd "$(dirname "$0")/../.." || exit 1
DISTIL_BUILD=${DISTIL_BUILD:-build}
export DISTIL_BUILD
passed=0
failed=0
skipped=0

# gate NAME TOOL COMMAND...: runs COMMAND, which passes with exit status 0, if TOOL is installed.
gate() {
    name=$1
    tool=$2
    shift 2
    if ! command -v "$tool" >/dev/null; then
        if [ "${CI-}" = true ]; then
            echo "FAIL  $name: $tool is not installed"
            failed=$((failed + 1))
        else
            echo "SKIP  $name: $tool is not installed"
            skipped=$((skipped + 1))
        fi
    elif output=$("$@" 2>&1); then
        echo "PASS  $name"
        passed=$((passed + 1))
    else
        echo "FAIL  $name"
        printf '%s\n' "$output" | head -n 60 | sed 's/^/      | /'
        failed=$((failed + 1))
    fi
}

format_check() {
    find kernels model runtime lambda tests bench tools docs -name '*.[ch]' -print0 |
        xargs -0 clang-format --dry-run -Werror
}

shell_syntax() {
    status=0
    for script in $(find tools tests -name '*.sh'); do
        sh -n "$script" || status=1
    done
    for script in .ci/run tools/command/distil.bash; do
        bash -n "$script" || status=1
    done
    return $status
}

gate "rooms and includes" tsort sh tools/check/check_includes.sh
gate "pages" grep sh tools/check/check_pages.sh
gate "symbols and imports" nm sh tools/check/check_symbols.sh "$DISTIL_BUILD"
gate "instructions by file" objdump sh tools/check/check_isa.sh "$DISTIL_BUILD"
gate "text" grep sh tools/check/check_text.sh
gate "C formatting" clang-format format_check
gate "shell syntax" bash shell_syntax
gate "man page" mandoc mandoc -T lint -W warning docs/distil.1

echo "INFO  $(tools/check/count_lines.sh --sum)"
echo "lint: $passed passed, $failed failed, $skipped skipped"
[ $failed -eq 0 ]
