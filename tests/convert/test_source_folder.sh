#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# What people give to `distil convert` instead of a model's folder is refused with a message that
# names it and says what to do; and the output never replaces an input.

# shellcheck source=tests/support/support_cli.sh
. "${DISTIL_TEST_ROOT:-.}/tests/support/support_cli.sh"
cp -r "$root/tests/data/folders/base" model
head -n 3 "$root/tests/data/folders/texts.txt" >texts.txt

refused() { # TEXT ARGUMENTS...: conversion fails with this text, and writes nothing
    text=$1
    shift
    run convert "$@"
    [ "$rc" -eq 1 ] && says err "$text" && [ ! -e out.distil ]
}

check "a model's name on the Hub" \
    refused "hf download distilbert/distilbert-base-uncased --local-dir" \
    distilbert/distilbert-base-uncased -o out.distil
check "a folder that is not there" refused "./nothing: cannot open the folder: No such file" \
    ./nothing -o out.distil
check "a file of the folder" refused "found a file: give its folder, model" \
    model/config.json -o out.distil
(cd model && "$distil" convert config.json -o out.distil 2>../err)
check "a file of the working directory" says err "found a file: give its folder, ."

mkdir -p trainer/checkpoint-500 trainer/checkpoint-1000 trainer/checkpoint-x trainer/runs
check "a Trainer's output folder" refused "give one of them, such as trainer/checkpoint-1000" \
    trainer -o out.distil

cache=models--distilbert--x
mkdir -p $cache/refs $cache/blobs $cache/snapshots/0123abcd
printf 0123abcd >$cache/refs/main
cp model/* $cache/blobs/
for file in model/*; do
    ln -s "../../blobs/${file#model/}" "$cache/snapshots/0123abcd/${file#model/}"
done
check "the root of a model's cache" refused "give the snapshot in it, $cache/snapshots/0123abcd" \
    $cache -o out.distil
run convert $cache/snapshots/0123abcd -o cached.distil
check "the snapshot of a cache converts" test "$rc" -eq 0
rm $cache/refs/main
check "a cache without the branch main" refused "$cache/snapshots/REVISION" $cache -o out.distil

mkdir adapter
echo '{}' >adapter/adapter_config.json
check "a PEFT adapter alone" refused "merge_and_unload()" adapter -o out.distil

cp -r model roberta
sed 's/"model_type": "distilbert"/"model_type": "roberta"/' model/config.json >roberta/config.json
check "DistilRoBERTa" refused "DistilRoBERTa is a RoBERTa with fewer layers" roberta -o out.distil
cp -r model sentencepiece
rm sentencepiece/tokenizer.json
: >sentencepiece/sentencepiece.bpe.model
check "a SentencePiece vocabulary" refused "found sentencepiece.bpe.model, a SentencePiece" \
    sentencepiece -o out.distil
cp -r model bytepair
rm bytepair/tokenizer.json
: >bytepair/merges.txt
check "a byte-pair vocabulary" refused "found merges.txt, a byte-pair" bytepair -o out.distil

# A header that lists one tensor twice, with the same four bytes of data.
cp -r model twice
{
    printf '\173\000\000\000\000\000\000\000'
    printf '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},'
    printf '"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}%16s' ''
    printf '\000\000\000\000'
} >twice/model.safetensors
check "a tensor that is listed twice" refused "tensor a: listed twice: write the file again" \
    twice -o out.distil
cp -r model shards
mv shards/model.safetensors shards/one.safetensors
cp shards/one.safetensors shards/two.safetensors
printf '{"weight_map":{"classifier.weight":"%s","classifier.bias":"%s"}}' \
    one.safetensors two.safetensors >shards/model.safetensors.index.json
check "a tensor in two shards" refused "one.safetensors and in shards/two.safetensors" \
    shards -o out.distil

# Outputs that would replace an input.
cp -r model kept
for file in tokenizer.json config.json model.safetensors tokenizer_config.json; do
    check "$file as output" refused "found model/$file of the model" model -o model/$file
    check "$file is as before" cmp model/$file kept/$file
done
ln model/config.json link.json
check "another name of an input as output" refused "found model/config.json of the model" \
    model -o link.json
check "the texts of --calibrate as output" refused "found the texts of --calibrate" \
    model -o texts.txt --calibrate texts.txt
check "the texts are as before" lines 3 texts.txt
run convert model -o model/new.distil
check "a new file in the folder may be the output" test "$rc" -eq 0
run convert model -o model/new.distil
check "and a blob in the folder may be replaced" test "$rc" -eq 0

# A message about the output names the file that was asked for.
(
    ulimit -f 8
    "$distil" convert model -o limited.distil >out 2>err </dev/null
)
check "a limit on file sizes is named" says err "limited.distil: cannot write"
check "without the temporary file's name" test "$(grep -c '[.]tmp[.]' err)" -eq 0
check "and nothing is left" test ! -e limited.distil
finish test_source_folder
