#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Each folder of tests/data/folders, which tools/generate/make_folders.py wrote with the real
# transformers: a variant that transformers loads gives transformers' ids for each of 38 texts, and
# its logits where its weights are its own. Logits may differ by the error of 8-bit weights, which
# is below 5 % of their range in this small model of large weights. A variant whose name begins with
# no_ cannot be converted exactly: it is refused with a message that names the reason.

# shellcheck source=tests/support/support_cli.sh
. "${DISTIL_TEST_ROOT:-.}/tests/support/support_cli.sh"
folders=$root/tests/data/folders

assemble() { # NAME: the whole folder of a variant
    rm -rf folder folder.distil
    cp -r "$folders/base" folder
    for file in "$folders/$1"/*; do
        [ ! -f "$file" ] || cp "$file" folder/
    done
    if [ -f folder/removed ]; then
        while read -r file; do rm "folder/$file"; done <folder/removed
        rm folder/removed
    fi
}
expected_ids() { # NAME: the file of its ids
    same=$(sed -n "s/^$1 //p" "$folders/ids/same")
    echo "$folders/ids/${same:-$1}"
}
converts() { # NAME
    run convert folder -o folder.distil && [ "$rc" -eq 0 ] &&
        run verify folder.distil && [ "$rc" -eq 0 ]
}
ids_agree() { # NAME
    run tokenize -m folder.distil -f "$folders/texts.txt"
    cmp out "$(expected_ids "$1")"
}
logits_agree() { # NAME
    "$distil" classify -m folder.distil --jsonl -f "$folders/texts.txt" 2>err |
        sed 's/.*"logits":\[\([^]]*\)\].*/\1/; s/,/ /g' >out
    paste -d ' ' out "$folders/logits/$1" | awk '
        { for (i = 1; i <= NF / 2; i++) {
              v = $(i + NF / 2)
              d = $i - v
              if (d < 0) d = -d
              if (d > worst) worst = d
              if (v < low) low = v
              if (v > high) high = v } }
        END { print "worst " worst " of " high - low > "/dev/stderr"
              exit !(NR == 38 && worst < 0.05 * (high - low)) }' 2>>err
}
refused() { # NAME TEXT
    run convert folder -o folder.distil
    [ "$rc" -eq 1 ] && says err "$2" && [ ! -e folder.distil ]
}

for directory in "$folders"/*/; do
    variant=$(basename "$directory")
    case $variant in
    base | ids | logits | no_*) continue ;;
    esac
    assemble "$variant"
    check "$variant converts" converts
    check "$variant has the ids of transformers" ids_agree "$variant"
    if [ -f "$folders/logits/$variant" ]; then
        check "$variant has the logits of transformers" logits_agree "$variant"
    fi
done

# Labels that are no strings are named as config.json writes them.
labels() { # NAME LABEL...: the labels of the converted folder, in order
    assemble "$1"
    shift
    run convert folder -o folder.distil && run inspect --json folder.distil &&
        tr -d ' \n' <out >labels.txt &&
        says labels.txt "$(printf '"labels":["%s","%s","%s"]' "$@")"
}
check "labels that are numbers" labels labels_numbers 0 1.5 -3
check "labels that are booleans" labels labels_booleans false true maybe

rows=0
while read -r variant text; do
    assemble "$variant"
    check "$variant is refused" refused "$variant" "$text"
    rows=$((rows + 1))
done <<'ROWS'
no_roberta_class or BertTokenizer as tokenizer_class, found RobertaTokenizer
no_backend_without_json expected a tokenizer.json beside it
no_other_normalizer_v4 expected a normalizer of type BertNormalizer
no_other_normalizer_backend expected a normalizer of type BertNormalizer
no_other_pre_tokenizer_v4 expected a pre_tokenizer of type BertPreTokenizer
no_dirty_v4 expected true as normalizer.clean_text
no_dirty_backend expected true as normalizer.clean_text
no_unframed_v4 expected a post_processor
no_unframed_backend expected a post_processor
no_byte_level expected a model of type WordPiece, found "BPE"
no_roberta_processing expected a post_processor of type TemplateProcessing or BertProcessing
no_label_gap expected labels 0 to 2 in id2label, found no 1
no_kind_at_all write "model_type": "distilbert"
no_fp16_file model.fp16.safetensors
no_tokenizer AutoTokenizer.from_pretrained(base).save_pretrained(dir)
no_module_names save model.module.save_pretrained(dir)
no_compiled_names save model._orig_mod.save_pretrained(dir)
no_model_names save model.model.save_pretrained(dir)
no_other_gamma sa_layer_norm.weight: expected it
no_added_word covid19: expected a token with punctuation
no_added_normalized expected false as normalized, found true
no_added_single_word expected false as single_word, found true
no_room_for_text expected at least 2 as model_max_length, found 1
no_long_texts to cut longer texts, write "model_max_length": 512
no_added_file expected special tokens only
no_twice_in_vocab expected id 185 to be free
ROWS
refused_folders=$(find "$folders" -maxdepth 1 -name 'no_*' | wc -l)
check "each refused folder has a row" test "$rows" -eq "$refused_folders"
finish test_folders
