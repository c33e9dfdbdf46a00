#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Compares this library with ONNX Runtime and OpenVINO on the same checkpoints, interleaved on one
# core. Everything that the script makes is under build/peers. docs/performance.md describes what is
# measured and how.
set -euo pipefail

usage()
{
    cat <<'EOF'
usage: bench/peers/run.sh [--quick] [--publish] [--models NAMES] [--cap avx2] [options]

Builds the library, installs the peers into build/peers/venv (needs Python 3.11 or later and the
Python package index, about 800 MB), exports and quantises the checkpoints, and measures latency,
accuracy, start time and memory: some 11 minutes, after 2 for what is done once. Results:

  build/peers/results.jsonl         one JSON object for each measurement
  build/peers/report.md             the same as tables
  build/peers/peers-latency.svg     latency by number of tokens

  --quick          a sanity check of a few minutes: fewer lengths and rounds
  --publish        also put tables and chart into docs/performance.md, and the JSON lines into
                   bench/results/peers.jsonl
  --models NAMES   "base sst2" (the default), "base" or "sst2"
  --cap avx2       all three as on a CPU with AVX2 alone, the peers by patched copies of their
                   libraries to which CPUID shows no more (needs objdump); no start times. Results
                   have names of their own: results-avx2.jsonl, ..., and so has what is published
  --prepare-only   stop before measuring
  --report-only    only make the tables and the chart again from results.jsonl
  --python FILE    the Python that makes the virtual environment (python3)

and those of the measurement:
EOF
}

cd "$(dirname "$0")/../.."
build=${BUILD:-build}
out=build/peers
models="base sst2"
python=python3
publish=()
cap=
stop=
help=
pass=()
while [ $# -gt 0 ]; do
    case $1 in
    --help | -h) help=1 ;;
    --publish) publish=(--publish docs/performance.md) ;;
    --prepare-only | --report-only) stop=$1 ;;
    --models) models=${2:?"--models needs names"} && shift ;;
    --cap) cap=${2:?"--cap needs a level"} && shift ;;
    --python) python=${2:?"--python needs a file"} && shift ;;
    *) pass+=("$1") ;;
    esac
    shift
done

case $cap in
"" | avx2) ;;
*)
    echo "bench/peers/run.sh: --cap $cap: expected avx2" >&2
    exit 2
    ;;
esac
suffix=${cap:+-$cap}

# Python's byte code stays out of the source tree. With NNCF_CI set, NNCF sends no usage statistics.
export PYTHONPYCACHEPREFIX=$PWD/$out/pycache NNCF_CI=1

if [ -n "$help" ]; then
    usage
    "$python" bench/peers/compare.py --help | sed -n '/^  --tokens/,$ p'
    exit
fi

announce()
{
    printf '== %s\n' "$*" >&2
}

write_report()
{
    "$out/venv/bin/python" bench/peers/report.py "$out/results$suffix.jsonl" "$out" "${publish[@]}"
    if [ ${#publish[@]} -gt 0 ]; then
        mkdir -p bench/results
        cp "$out/results$suffix.jsonl" "bench/results/peers$suffix.jsonl"
    fi
    announce "$out/report$suffix.md, $out/peers-latency$suffix.svg${publish[*]:+, ${publish[1]}}"
}

if [ "$stop" = --report-only ]; then
    write_report
    exit
fi

announce "library and command"
make -s "$build/distil" "$build/libdistil.so" "$build/bench/ceiling.so"
mkdir -p "$out"

if ! cmp -s bench/peers/requirements.txt "$out/venv/requirements.txt"; then
    announce "virtual environment"
    rm -rf "$out/venv"
    "$python" -m venv "$out/venv"
    "$out/venv/bin/pip" install --quiet --requirement bench/peers/requirements.txt
    cp bench/peers/requirements.txt "$out/venv/requirements.txt"
fi

if [ -n "$cap" ]; then
    if ! cat bench/peers/{requirements.txt,hide_cpuid.py} | cmp -s - "$out/capped/stamp"; then
        announce "copies of the peers' libraries without CPUID"
        "$out/venv/bin/python" bench/peers/hide_cpuid.py "$out"/venv/lib/python*/site-packages \
            "$out/capped"
        cat bench/peers/{requirements.txt,hide_cpuid.py} >"$out/capped/stamp"
    fi
    "${CC:-cc}" -std=c11 -O2 -shared -fPIC -o "$out/capped/hide_cpuid.so" bench/peers/hide_cpuid.c
    pass+=(--cap "$cap" --capped "$out/capped")
fi

# prepare NAME CHECKPOINT BLOB [ARGS...] makes the files that the peers need of a model, and adds
# the model to the arguments of compare.py.
selected=()
prepare()
{
    local name=$1 checkpoint=$2 blob=$3
    shift 3
    announce "$name: graphs and quantised models"
    "$out/venv/bin/python" bench/peers/prepare.py "$checkpoint" "$out/$name" \
        --vocab "$checkpoint/vocab.txt" --calibration tests/data/sst2/calibration.txt \
        --dev tests/data/sst2/dev.tsv "$@"
    selected+=(--model "$name:$out/$name:$blob:$checkpoint/vocab.txt")
}

for model in $models; do
    case $model in
    base)
        make -s "$build/tests/convert/make_checkpoint"
        if [ "$build/tests/convert/make_checkpoint" -nt "$out/base.distil" ] ||
            [ "$build/distil" -nt "$out/base.distil" ]; then
            announce "base: synthetic checkpoint and blob"
            rm -rf "$out/base-checkpoint"
            "$build/tests/convert/make_checkpoint" "$out/base-checkpoint"
            "$build/distil" convert "$out/base-checkpoint" -o "$out/base.distil"
        fi
        prepare base "$out/base-checkpoint" "$out/base.distil"
        ;;
    sst2)
        make -s "$build/sst2.distil"
        prepare sst2 model/sst2 "$build/sst2.distil" --golden tests/golden/sst2_dev.tsv
        ;;
    *)
        echo "bench/peers/run.sh: model $model: expected base or sst2" >&2
        exit 2
        ;;
    esac
done
[ "$stop" = --prepare-only ] && exit

announce "measurement"
"$out/venv/bin/python" bench/peers/compare.py --library "$build/libdistil.so" \
    --ceilings "$build/bench/ceiling.so" --command "$build/distil" \
    --output "$out/results$suffix.jsonl" "${selected[@]}" "${pass[@]}"
write_report
