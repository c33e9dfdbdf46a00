#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Tests of distil inspect and distil verify: the content of the golden blob, each kind of damage and
# the place that is reported for it, the shipped model, usage.

# shellcheck source=tests/support/support_cli.sh
. "${DISTIL_TEST_ROOT:-.}/tests/support/support_cli.sh"

golden=$root/tests/golden/tiny.distil

# damage OFFSET BYTES: make bad.distil, a copy of the golden blob with BYTES at OFFSET. printf
# expands the octal escapes in BYTES.
damage() {
    cp "$golden" bad.distil
    # shellcheck disable=SC2059
    printf "$2" | dd of=bad.distil bs=1 seek="$1" conv=notrunc 2>/dev/null
}

# ---- inspect ----
run inspect --json "$golden"
check "inspect: status" ended 0
check "inspect: the golden content" cmp -s out "$root/tests/golden/tiny.json"
run inspect "$golden"
check "inspect: text status" ended 0
check "inspect: text" says out '1 layer, dim 32, hidden 64, 1 head of 32'
check "inspect: head" says out 'sequence classification, probabilities by softmax: pre_class'
check "inspect: labels" says out 'NEGATIVE, POSITIVE'
check "inspect: no sections unless asked for" lines 20 out
run inspect --sections "$golden"
check "inspect: sections" lines 43 out
check "inspect: an offset" says out 'embed_word          -        8896        7296  4e2a5bee'
run inspect
check "inspect: the shipped model without a name" says out 'sst2.distil'
run inspect -m "$golden"
check "inspect: -m" says out '228 tokens'
run inspect one two
check "inspect: two files" ended 2
run inspect missing
check "inspect: missing file" ended 1
check "inspect: says why" says err 'missing: the file cannot be opened: No such file'
run inspect "$root/README.md"
check "inspect: another format" ended 1
check "inspect: and the remedy" says err 'distil convert DIR'
damage 8 '\001'
run inspect bad.distil
check "inspect: format version 1" ended 1
check "inspect: says to convert again" says err 'version: expected 2; convert again'
damage 40 '\015'
run inspect bad.distil
check "inspect: damaged header" ended 1
check "inspect: byte of it" says err 'byte 252: header_crc32c'

# ---- verify ----
run verify "$golden" "$blob"
check "verify: status" ended 0
check "verify: every step of both" count 14 out '^  .* ok  '
check "verify: nothing on stderr" empty err

damage 9000 '\001\002\003'
run verify bad.distil
check "verify: word embedding damaged" ended 4
check "verify: CRC-32C" says out 'CRC-32C      FAILED  byte 8896 (embed_word)'
check "verify: SHA-256" says out 'SHA-256      FAILED'
check "verify: the proof does not depend on it" says out 'lane proof   ok'
damage 19648 '\200' # a weight of qkv: column 0 of the first position
run verify bad.distil
check "verify: weight damaged" ended 4
check "verify: lane" says out 'lane proof   FAILED  byte 19648 (layer 0 qkv)'
damage 27200 '\000\000\300\177' # the first scale of ffn_out
run verify bad.distil
check "verify: scale is NaN" ended 4
check "verify: number" says out 'numbers      FAILED  byte 27200 (layer 0 ffn_out): not a finite'
damage 6976 '\001\000\000\000\001\000\000\000' # two rows of the embedding
run verify bad.distil
check "verify: an embedding row twice" says out 'vocabulary   FAILED  byte 6980 (embed_row)'
head -c 36000 "$golden" >bad.distil
run verify bad.distil
check "verify: cut off" ended 3
check "verify: cut off: the structure" says out 'structure    FAILED  byte 36000:'
check "verify: where" says err 'byte 36000'
run verify bad.distil "$golden"
check "verify: goes on with the next" count 7 out '^  .* ok  '
check "verify: and remembers" ended 3
run verify "$dir"
check "verify: a directory" ended 1
run verify /dev/null
check "verify: a device" ended 1
run verify "$root/README.md"
check "verify: another format" ended 3
run verify missing
check "verify: missing file" ended 1

# Damage of every kind, where everything that is not damaged is right: one check fails, with a line
# and an exit status of its own.
if have python3; then
    # fault NAME: make bad.distil with one fault. Checksums are right again after faults that are
    # not theirs.
    fault() {
        python3 "$root/tests/cli/damage_blob.py" "$golden" "$1" bad.distil
    }
    while read -r name status line; do
        fault "$name"
        run verify bad.distil
        check "verify: $name: status" ended "$status"
        check "verify: $name: its line" says out "$line"
        check "verify: $name: no other" count 1 out FAILED
    done <<'EOF'
header_crc 4 CRC-32C      FAILED  byte 252
section_crc 4 CRC-32C      FAILED
sha256 5 SHA-256      FAILED  byte 128
field 3 structure    FAILED  byte 44
gap 3 structure    FAILED
slot 3 structure    FAILED
order 3 structure    FAILED
group 3 structure    FAILED
token 6 vocabulary   FAILED
row 6 vocabulary   FAILED
number 7 numbers      FAILED
scale 7 numbers      FAILED
lane 8 lane proof   FAILED
sum 9 column sums  FAILED
EOF
    fault slot
    cp bad.distil wrong.distil
    fault lane
    run verify "$golden" bad.distil wrong.distil
    check "verify: the status of the first that is not sound" ended 8
    for name in lane sum; do
        fault $name
        run classify -m bad.distil good
        check "$name: nobody has looked" ended 0
        run classify -m bad.distil --verify sha256 good
        check "$name: the checksums are right" ended 0
        run classify -m bad.distil --verify proof good
        check "$name: --verify proof" ended 1
        check "$name: --verify proof says where" says err 'distil: bad.distil: byte 1'
    done
    run classify -m "$golden" --verify proof good
    check "--verify proof: a sound blob" ended 0
else
    skip "verify: one fault at a time" "python3 is not installed"
fi
run verify --json "$golden"
check "verify: unknown option" ended 2

finish test_cli_blob
