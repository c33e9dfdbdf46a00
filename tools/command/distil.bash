# SPDX-License-Identifier: Apache-2.0
# Bash completion for distil. `distil help --completion` prints this script, and `make manual`
# writes it to tools/command/distil.bash.

# _distil_files [ENDING]: complete directories and files with this ending, or all files.
_distil_files() {
    local word
    while IFS= read -r word; do
        case $word in
        *."${1-}") COMPREPLY+=("$word") ;;
        *) if [ $# -eq 0 ] || [ -d "$word" ]; then COMPREPLY+=("$word"); fi ;;
        esac
    done < <(compgen -f -- "$current")
    compopt -o filenames 2>/dev/null
}

# _distil_words LIST: complete the words of LIST.
_distil_words() {
    COMPREPLY=($(compgen -W "$1" -- "$current"))
}

_distil() {
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
    local command=${COMP_WORDS[1]-} commands
    COMPREPLY=()
    commands="classify rank entities answer embed tokenize eval convert inspect verify
        isa bench serve help"
    if [ "$COMP_CWORD" -le 1 ]; then
        _distil_words "$commands -h --help -V --version"
        return
    fi
    # Bash splits --option=value into three words.
    if [ "$previous" = = ]; then
        previous=${COMP_WORDS[COMP_CWORD - 2]}
    elif [ "$current" = = ]; then
        previous=${COMP_WORDS[COMP_CWORD - 1]}
        current=
    fi
    # The value of an option.
    case $command:$previous in
    classify:-m | classify:--model) _distil_files distil; return ;;
    classify:-f | classify:--file) _distil_files; return ;;
    classify:-o | classify:--output) _distil_files; return ;;
    classify:--function) _distil_words "softmax sigmoid none"; return ;;
    classify:--top-k) return ;;
    classify:--threshold) return ;;
    classify:--input) _distil_words "lines jsonl csv tsv"; return ;;
    classify:--text-field) return ;;
    classify:--pair) return ;;
    classify:--pair-field) return ;;
    classify:--candidates) return ;;
    classify:--template) return ;;
    classify:--window) return ;;
    classify:--stride) return ;;
    classify:--combine) _distil_words "mean max first"; return ;;
    classify:--keep) _distil_words "all none"; return ;;
    classify:--label-field) return ;;
    classify:--score-field) return ;;
    classify:--error-field) return ;;
    classify:--on-error) _distil_words "keep stop drop"; return ;;
    classify:--delimiter) return ;;
    classify:--null) return ;;
    classify:--batch) return ;;
    classify:--threads) return ;;
    classify:--isa) _distil_words "scalar avx2 avxvnni avx512 avx512vnni best"; return ;;
    classify:--verify) _distil_words "none crc sha256 proof"; return ;;
    rank:-m | rank:--model) _distil_files distil; return ;;
    rank:-q | rank:--query) return ;;
    rank:-f | rank:--file) _distil_files; return ;;
    rank:--top-k) return ;;
    rank:--function) _distil_words "softmax sigmoid none"; return ;;
    rank:--batch) return ;;
    rank:--threads) return ;;
    rank:--isa) _distil_words "scalar avx2 avxvnni avx512 avx512vnni best"; return ;;
    rank:--verify) _distil_words "none crc sha256 proof"; return ;;
    entities:-m | entities:--model) _distil_files distil; return ;;
    entities:-f | entities:--file) _distil_files; return ;;
    entities:--aggregation) _distil_words "none simple first average max"; return ;;
    entities:--window) return ;;
    entities:--stride) return ;;
    entities:--batch) return ;;
    entities:--threads) return ;;
    entities:--isa) _distil_words "scalar avx2 avxvnni avx512 avx512vnni best"; return ;;
    entities:--verify) _distil_words "none crc sha256 proof"; return ;;
    answer:-m | answer:--model) _distil_files distil; return ;;
    answer:-q | answer:--question) return ;;
    answer:--context) return ;;
    answer:-f | answer:--file) _distil_files; return ;;
    answer:--top-k) return ;;
    answer:--max-answer-tokens) return ;;
    answer:--window) return ;;
    answer:--stride) return ;;
    answer:--threads) return ;;
    answer:--isa) _distil_words "scalar avx2 avxvnni avx512 avx512vnni best"; return ;;
    answer:--verify) _distil_words "none crc sha256 proof"; return ;;
    embed:-m | embed:--model) _distil_files distil; return ;;
    embed:-f | embed:--file) _distil_files; return ;;
    embed:-o | embed:--output) _distil_files; return ;;
    embed:--pooling) _distil_words "cls mean max"; return ;;
    embed:--batch) return ;;
    embed:--threads) return ;;
    embed:--isa) _distil_words "scalar avx2 avxvnni avx512 avx512vnni best"; return ;;
    embed:--verify) _distil_words "none crc sha256 proof"; return ;;
    tokenize:-m | tokenize:--model) _distil_files distil; return ;;
    tokenize:-f | tokenize:--file) _distil_files; return ;;
    eval:-m | eval:--model) _distil_files distil; return ;;
    eval:--reference) _distil_files tsv; return ;;
    eval:--original) _distil_files; return ;;
    eval:--batch) return ;;
    eval:--threads) return ;;
    eval:--isa) _distil_words "scalar avx2 avxvnni avx512 avx512vnni best"; return ;;
    eval:--verify) _distil_words "none crc sha256 proof"; return ;;
    convert:-o | convert:--output) _distil_files; return ;;
    convert:--calibrate) _distil_files; return ;;
    convert:--threads) return ;;
    inspect:-m | inspect:--model) _distil_files distil; return ;;
    verify:-m | verify:--model) _distil_files distil; return ;;
    isa:--isa) _distil_words "scalar avx2 avxvnni avx512 avx512vnni best"; return ;;
    bench:--budgets) _distil_files json; return ;;
    bench:--only) return ;;
    bench:-m | bench:--model) _distil_files distil; return ;;
    bench:--build) _distil_files; return ;;
    bench:--seconds) return ;;
    bench:-o) _distil_files; return ;;
    bench:--revision) return ;;
    bench:--tokens) return ;;
    bench:--old-model) _distil_files distil; return ;;
    bench:--new-model) _distil_files distil; return ;;
    bench:--runs) return ;;
    bench:--rate) return ;;
    bench:--texts) _distil_files; return ;;
    bench:--seed) return ;;
    bench:--cpu) return ;;
    bench:--timeout) return ;;
    serve:--port) return ;;
    serve:--timeout) return ;;
    serve:--store) _distil_words "memory http://"; return ;;
    serve:--event) _distil_files json; return ;;
    serve:-m | serve:--model) _distil_files distil; return ;;
    serve:--retry-ms) return ;;
    serve:--answer-bytes) return ;;
    serve:--faults) return ;;
    serve:--seed) return ;;
    esac
    # The name of an option, or another argument.
    case $command:$current in
    classify:-*)
        _distil_words "-m --model -f --file -o --output --resume --function --top-k --threshold
            --input --text-field --pair --pair-field --candidates --template --multi --window
            --stride --combine --keep --label-field --score-field --error-field --on-error
            --delimiter --null --escapes --tsv --json --jsonl --stream --batch --threads
            --strict --split-special-tokens --isa --verify -h --help"
        ;;
    rank:-*)
        _distil_words "-m --model -q --query -f --file --top-k --function --tsv --json --jsonl
            --batch --threads --strict --split-special-tokens --isa --verify -h --help"
        ;;
    entities:-*)
        _distil_words "-m --model -f --file --aggregation --window --stride --tsv --json --jsonl
            --batch --threads --strict --split-special-tokens --isa --verify -h --help"
        ;;
    answer:-*)
        _distil_words "-m --model -q --question --context -f --file --top-k --max-answer-tokens
            --allow-none --window --stride --jsonl --threads --split-special-tokens --isa
            --verify -h --help"
        ;;
    embed:-*)
        _distil_words "-m --model -f --file -o --output --pooling --normalize --jsonl --batch
            --threads --strict --split-special-tokens --isa --verify -h --help"
        ;;
    tokenize:-*)
        _distil_words "-m --model -f --file --json --jsonl --offsets --strict
            --split-special-tokens -h --help"
        ;;
    eval:-*)
        _distil_words "-m --model --reference --original --json --batch --threads
            --split-special-tokens --isa --verify -h --help"
        ;;
    eval:*) _distil_files tsv ;;
    convert:-*)
        _distil_words "-o --output --calibrate --threads -h --help"
        ;;
    convert:*) _distil_files ;;
    inspect:-*)
        _distil_words "-m --model --json --sections -h --help"
        ;;
    inspect:*) _distil_files distil ;;
    verify:-*)
        _distil_words "-m --model -h --help"
        ;;
    verify:*) _distil_files distil ;;
    isa:-*)
        _distil_words "--isa --json -h --help"
        ;;
    bench:-*)
        _distil_words "--list --budgets --only -m --model --build --seconds --complete -o
            --revision --tokens --no-start --old-model --new-model --json --runs --image --rate
            --texts --seed --cpu --timeout -h --help"
        ;;
    bench:*) _distil_words "run compare cold load" ;;
    serve:-*)
        _distil_words "--local --port --timeout --store --pending --event --raw -m --model
            --retry-ms --answer-bytes --faults --seed -h --help"
        ;;
    serve:*) _distil_files ;;
    help:-*)
        _distil_words "--man --completion -h --help"
        ;;
    help:*) _distil_words "$commands" ;;
    esac
}

complete -F _distil distil
