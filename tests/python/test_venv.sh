#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Installs both wheels into a new virtual environment without a network, and types the examples of
# README.md and docs/python.md there, which must print what the pages say. Checks the types of the
# package with mypy and pyright, if DISTIL_TEST_TYPES names a folder that has these programs, or the
# PATH does.

# shellcheck source=tests/support/support_cli.sh
. "${DISTIL_TEST_ROOT:-.}/tests/support/support_cli.sh"
python=${DISTIL_TEST_PYTHON:-python3}
unset DISTIL_LIBRARY 2>/dev/null

if nm -D "$build/libdistil.so" 2>/dev/null | grep -q __asan_init; then
    skip all "sanitizers need a program that was built with them"
    finish test_venv
fi
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    skip all "no Python with venv"
    finish test_venv
fi
if ! grep -q GLIBC_2 "$build/libdistil.so"; then
    skip all "a library for musl has no manylinux wheel"
    finish test_venv
fi
version=$(sed -n 's/^.define DISTIL_VERSION_[MP][A-Z]* //p' "$root/runtime/distil.h" | paste -sd .)
strip --strip-unneeded -o wheel.so "$build/libdistil.so"
strip -o wheel.distil "$build/distil"
mkdir wheels
check "the package is packed" "$python" "$root/runtime/python/make_wheel.py" wheel.so wheel.distil \
    "$version" wheels
check "the model is packed" "$python" "$root/runtime/python/make_wheel.py" --model "$blob" \
    "$version" wheels
check "a new environment" "$python" -m venv venv
check "both wheels install" venv/bin/pip install --quiet --no-index --disable-pip-version-check \
    --find-links wheels "distil[sst2]"
check "the environment is sound" venv/bin/pip check --quiet --disable-pip-version-check
check "python -m distil is the command" sh -c \
    'test "$(venv/bin/python -m distil --version)" = "$("$1" --version)"' sh "$distil"
check "python -m distil finds the installed model" sh -c \
    'venv/bin/python -m distil classify -- "so good" | grep -q "^POSITIVE "'
check "DISTIL_MODEL comes before it" sh -c \
    '! DISTIL_MODEL=nowhere venv/bin/python -m distil classify "so good" 2>err && grep nowhere err'

cat >type_examples.py <<'END'
import doctest, sys

failed, tried = 0, 0
for path in sys.argv[1:]:
    text = open(path, encoding="utf-8").read().replace("```", "")
    parser = doctest.DocTestParser()
    runner = doctest.DocTestRunner()
    runner.run(parser.get_doctest(text, {}, path, path, 0))
    failed += runner.failures
    tried += runner.tries
print(tried, "examples,", failed, "failed")
sys.exit(failed > 0 or tried < 9)
END
mkdir -p build && ln -sf "$blob" build/sst2.distil
check "README's examples print what it says" venv/bin/python type_examples.py \
    "$root/README.md" "$root/docs/python.md"

types=${DISTIL_TEST_TYPES:+$DISTIL_TEST_TYPES/}
for tool in mypy pyright; do
    if ! command -v "$types$tool" >/dev/null; then
        skip "$tool" "not installed"
        continue
    fi
    mkdir -p types && cp -r "$root/runtime/python/distil" types/
    case $tool in
    mypy) arguments="--strict --cache-dir=$dir/cache types/distil" ;;
    pyright) arguments="types/distil" ;;
    esac
    # shellcheck disable=SC2086
    check "$tool finds nothing" "$types$tool" $arguments
done
finish test_venv
