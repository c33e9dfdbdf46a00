#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# A case for each fault that docs/faults.md lists, by the commands of a user alone: make, distil and
# bootstrap. It therefore runs on older revisions too, where the case of a fault that is still there
# fails. docs/faults.md says how, and which other tests look closer.

# shellcheck source=tests/support/support_cli.sh
. "$(dirname "$0")/../support/support_cli.sh"

if nm "$distil" 2>/dev/null | grep -q -e __asan_init -e __ubsan_ -e __tsan_init; then
    skip faults "sanitizers change what the limits of these cases allow"
    finish test_faults
fi
unset MAKEFLAGS MAKELEVEL MFLAGS MAKEOVERRIDES WERROR DEBUG SANITIZE OPT CFLAGS LDFLAGS 2>/dev/null
run_make() { # ARGUMENTS...: make in the source tree, with a build directory of this test
    make --no-print-directory -C "$root" BUILD="$dir/b" "$@" >out 2>err
    rc=$?
}
classify() { # LEVEL BLOB: the answers to 20 texts
    "$distil" classify --jsonl --isa "$1" -m "$2" -f texts 2>&1
}
sed -n '2,21s/\t.*//p' "$root/tests/data/sst2/dev.tsv" >texts

# ---- compilers and options ----------------------------------------------------------------------

# The compiler reports a warning for each C file that includes this header.
printf '#ifndef __ASSEMBLER__\nstatic inline char cut(int x) { return x; }\n#endif\n' >warning.h
run_make CFLAGS="-g -include $dir/warning.h" "$dir/b/obj/runtime/status.o"
check "warning: a compiler with a warning of its own can build" ended 0
for flag in -ffast-math -Ofast -ffinite-math-only; do
    run_make CFLAGS="-g $flag" "$dir/b/obj/runtime/encoder.o"
    check "float: $flag is refused" eval '[ "$rc" -ne 0 ]'
done
if have musl-gcc; then
    run_make CC=musl-gcc "$dir/b/obj/lambda/prefault.o"
    check "musl: the reader of the blob compiles" ended 0
else
    skip musl "musl-gcc is not installed"
fi
if have clang-19; then
    run_make CC=clang-19 WERROR=-Werror "$dir/b/obj/tools/convert/quantizer.o"
    check "clang 19: no warning stops it" ended 0
else
    skip "clang 19" "clang-19 is not installed"
fi
if [ -n "${DISTIL_TEST_FULL-}" ]; then
    run_make -j2 CC=gcc CFLAGS='-g -funsigned-char' "$dir/b/distil"
    for level in scalar avx2; do
        "$dir/b/distil" classify --jsonl --isa $level -m "$blob" -f texts >$level.jsonl 2>err
    done
    check "unsigned char: AVX2 gives the scalar answers" cmp scalar.jsonl avx2.jsonl
    # A linker that does not know an option: a stand-in that refuses it, before the real compiler.
    cat >picky <<'END'
#!/bin/sh
case " $* " in *noseparate-code*) echo "unknown option noseparate-code" >&2; exit 1 ;; esac
exec cc "$@"
END
    chmod +x picky
    run_make -j2 CC="$dir/picky" "$dir/b/bootstrap"
    check "linker: one that lacks an option still links the function" ended 0
fi

# ---- small machines -----------------------------------------------------------------------------

# The function reads a blob that is not in the page cache by threads with small stacks.
cp "$blob" cold.distil
sync cold.distil
dd if=cold.distil iflag=nocache count=0 2>/dev/null
printf 'ulimit -s 128\nexec "$@"\n' >small
"$distil" serve --local --raw --event "$root/tests/events/direct.json" -m cold.distil -- \
    env DISTIL_STORE=none sh small "$build/bootstrap" >out 2>err
check "stack: the function starts with threads of 128 KiB" says out '"sentiment":"positive"'

# ---- installation -------------------------------------------------------------------------------

echo mine >x
run_install() { # TARGET: of the build that is tested, into a folder whose name has a blank
    make --no-print-directory -o all -C "$root" BUILD="$build" "$1" DESTDIR="$dir/x y/z" \
        PREFIX=/usr >out 2>err
}
run_install install
check "install: every file is below DESTDIR" test -x "x y/z/usr/bin/distil"
run_install uninstall
check "uninstall: a file beside DESTDIR stays" is x 'mine\n'

# ---- blobs --------------------------------------------------------------------------------------

# spoil.py BLOB KIND COLUMNS VALUE: writes a 32-bit word over the sums of all columns in the first
# section of that kind, which is a matrix. Opening a blob looks at no checksum of its contents.
cat >spoil.py <<'END'
import struct
import sys

path, kind, columns, value = sys.argv[1], *map(int, sys.argv[2:5])
with open(path, "r+b") as file:
    file.seek(24)
    (count,) = struct.unpack("<I", file.read(4))
    file.seek(256)
    table = [struct.unpack("<IIQQII", file.read(32)) for _ in range(count)]
    offset = next(entry[2] for entry in table if entry[0] == kind)
    file.seek(offset + 8 * columns)
    file.write(struct.pack("<I", value) * columns)
END
if have python3; then
    # The sums of a layer's first feed-forward matrix (kind 17), which has 1,536 columns here.
    for value in 2147483647 2147483648 4194304; do
        cp "$blob" absurd.distil
        python3 spoil.py absurd.distil 17 1536 $value
        classify scalar absurd.distil >expected
        for level in avx2 avx512 avx512vnni; do
            classify $level absurd.distil >out
            check "sums of $value: $level answers as scalar" same out expected
        done
    done
else
    skip blobs "python3 is not installed"
fi

# ---- messages -----------------------------------------------------------------------------------

model=$root/model/sst2
copy_model() { # NAME: a folder of links to the files of a model
    mkdir "$1" && ln -s "$model"/* "$1/"
}
refuse() { # CASE WORDS FOLDER: the folder is not converted, and the message has the words
    words=$2
    ! "$distil" convert "$3" -o made.distil >out 2>err
    rc=$?
    check "message: $1" eval '[ "$rc" -eq 0 ] && grep -qiE -e "$words" err'
}
copy_model pointer && rm pointer/model.safetensors
printf 'version https://git-lfs.github.com/spec/v1\noid sha256:%064d\nsize 66\n' 7 \
    >pointer/model.safetensors
refuse "a pointer of git-lfs" 'git lfs pull' pointer
mkdir adapter && echo '{"peft_type":"LORA"}' >adapter/adapter_config.json
refuse "an adapter without its model" 'adapter.*merge' adapter
mkdir -p cache/blobs cache/refs cache/snapshots/0123
refuse "the root of a cache of the Hub" 'snapshots|cache of the Hub' cache
refuse "a name on the Hub" 'hub' distilbert-base-uncased/sst2
copy_model roberta && rm roberta/config.json
sed 's/"model_type": *"distilbert"/"model_type": "roberta"/
    s/DistilBertFor/RobertaFor/' "$model/config.json" >roberta/config.json
refuse "DistilRoBERTa" 'DistilRoBERTa' roberta
refuse "a file in the place of the folder" 'found a file' "$model/config.json"
if have python3; then
    copy_model wrapped && rm wrapped/model.safetensors
    python3 - "$model/model.safetensors" wrapped/model.safetensors <<'END'
import json
import struct
import sys

data = open(sys.argv[1], "rb").read()
(size,) = struct.unpack("<Q", data[:8])
header = {name if name == "__metadata__" else "module." + name: entry
          for name, entry in json.loads(data[8 : 8 + size]).items()}
text = json.dumps(header).encode()
text += b" " * (-len(text) % 8)
open(sys.argv[2], "wb").write(struct.pack("<Q", len(text)) + text + data[8 + size :])
END
    refuse "tensors under module." 'module\.save_pretrained' wrapped
    copy_model equal && rm equal/config.json
    python3 - "$model/config.json" >equal/config.json <<'END'
import json
import sys

config = json.load(open(sys.argv[1]))
config["id2label"] = {"0": "same", "1": "same"}
config["label2id"] = {"same": 1}
print(json.dumps(config))
END
    "$distil" convert equal -o equal.distil >out 2>err &&
        "$distil" classify --jsonl -m equal.distil good >answer 2>err
    check "labels: two that are equal stay two members" python3 -c '
import json, sys
pairs = []
json.loads(open("answer").read(), object_pairs_hook=lambda p: pairs.append(p))
assert any(len({k for k, _ in p}) == len(p) == 2 for p in pairs)'
fi
finish test_faults
