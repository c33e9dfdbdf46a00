#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Folders with pytorch_model.bin, which save_pretrained wrote before transformers 4.35 (here: the
# real one, by tools/generate/make_torch_folders.py): one model, saved whole, in shards and in
# float64, answers as it does when it is saved as safetensors. Then what cannot be read is refused
# with a remedy that names it.

# shellcheck source=tests/support/support_cli.sh
. "${DISTIL_TEST_ROOT:-.}/tests/support/support_cli.sh"
folders=$root/tests/data/torch_folders

printf 'the film is good\na bad, dull film!\nwe very much like it\n\n' >texts.txt
answers() { # FOLDER: converts it and leaves what its model says in answers.jsonl
    run convert "$1" -o "$1.distil" && run classify -m "$1.distil" --jsonl -f texts.txt &&
        cp out answers.jsonl
}
for form in safetensors bin sharded float64; do
    cp -r "$folders/$form" "$form"
    check "converts and answers: $form" answers "$form"
    check "four lines: $form" lines 4 answers.jsonl
    [ $form != safetensors ] || cp answers.jsonl expected.jsonl
    check "the same answers: $form" same answers.jsonl expected.jsonl
done
check "the model tells its texts apart" test "$(sort -u expected.jsonl | wc -l)" -gt 1

refused() { # NAME TEXT: the folder is refused, with this text, and nothing is written
    rm -f refused.distil
    run convert "$1" -o refused.distil
    [ "$rc" -ne 0 ] && says err "$2" && [ ! -e refused.distil ]
}
cp -r bin lfs
printf 'version https://git-lfs.github.com/spec/v1\noid sha256:%064d\nsize 268\n' 0 \
    >lfs/pytorch_model.bin
check "git-lfs pointer as pytorch_model.bin" refused lfs "git lfs pull"
cp -r safetensors lfs2
cp lfs/pytorch_model.bin lfs2/model.safetensors
check "git-lfs pointer as model.safetensors" refused lfs2 "git lfs pull"

cp -r bin legacy
cp "$root/tests/data/torch/legacy.bin" legacy/pytorch_model.bin
check "a file of PyTorch before 1.6" refused legacy "torch.save(torch.load(path"
cp -r bin module
cp "$root/tests/data/torch/whole_module.bin" module/pytorch_model.bin
check "a pickled module is not executed" refused module "nothing of a file is executed"
cp -r bin short
head -c 5000 bin/pytorch_model.bin >short/pytorch_model.bin
check "a file cut short" refused short "damaged or cut short"
cp -r sharded gap
rm gap/pytorch_model-00002-of-*.bin
check "a shard that is not there" refused gap "pytorch_model-00002-of-"

for file in tf_model.h5 flax_model.msgpack model.onnx; do
    cp -r bin "other-$file"
    mv "other-$file/pytorch_model.bin" "other-$file/$file"
    check "only $file" refused "other-$file" "found only $file"
done
cp -r bin adapter
rm adapter/pytorch_model.bin
echo '{}' >adapter/adapter_config.json
check "a PEFT adapter" refused adapter "merge_and_unload"
finish test_torch_folders
