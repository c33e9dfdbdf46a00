# SPDX-License-Identifier: Apache-2.0
# Bash completion for distil: commands, options, levels, files. Needs nothing but bash.

_distil_files() { # [EXTENSION]: directories, and files that end with it; without one all files
    local word
    while IFS= read -r word; do
        case $word in
        *."${1-}") COMPREPLY+=("$word") ;;
        *) if [ $# -eq 0 ] || [ -d "$word" ]; then COMPREPLY+=("$word"); fi ;;
        esac
    done < <(compgen -f -- "$current")
    compopt -o filenames 2>/dev/null
}

_distil_words() {
    COMPREPLY=($(compgen -W "$1" -- "$current"))
}

_distil() {
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
    local command=${COMP_WORDS[1]-} options
    local commands="classify tokenize eval convert inspect verify isa bench serve help"
    local common="-m --model -f --file --json --jsonl --split-special-tokens --strict -h --help"
    COMPREPLY=()

    if [ "$COMP_CWORD" -le 1 ]; then
        _distil_words "$commands -h --help -V --version"
        return
    fi
    # --option=value arrives as three words.
    if [ "$previous" = = ]; then
        previous=${COMP_WORDS[COMP_CWORD - 2]}
    elif [ "$current" = = ]; then
        previous=${COMP_WORDS[COMP_CWORD - 1]}
        current=
    fi
    case $previous in
    -m | --model)
        _distil_files distil
        return
        ;;
    --store)
        _distil_words "memory http://"
        return
        ;;
    --event)
        _distil_files json
        return
        ;;
    -f | --file | -o | --output | --calibrate)
        _distil_files
        return
        ;;
    --reference)
        _distil_files tsv
        return
        ;;
    --isa)
        _distil_words "scalar avx2 avxvnni avx512 avx512vnni best"
        return
        ;;
    --verify)
        _distil_words "none crc sha256"
        return
        ;;
    --threads | --batch | --port | --timeout | --retry-ms | --answer-bytes | --faults | --seed)
        return
        ;;
    esac
    case $command in
    classify)
        options="$common --tsv --stream --batch --threads --isa --verify"
        ;;
    tokenize)
        options=$common
        ;;
    eval)
        options="-m --model --reference --json --batch --threads --split-special-tokens --isa"
        options="$options --verify -h --help"
        ;;
    isa)
        options="--isa --json -h --help"
        ;;
    bench)
        options="run compare cold load --list --budgets --only -m --model --build --seconds -o"
        options="$options --complete --revision --tokens --no-start --old-model --new-model --json"
        options="$options --runs --rate --texts"
        options="$options --seed --cpu --timeout -h --help"
        ;;
    serve)
        options="--local --port --timeout --store --pending --event --raw -m --model --retry-ms"
        options="$options --answer-bytes --faults --seed -h --help"
        ;;
    convert)
        options="-o --output --calibrate -h --help"
        ;;
    inspect)
        options="-m --model --json --sections -h --help"
        ;;
    verify)
        options="-m --model -h --help"
        ;;
    help)
        _distil_words "$commands"
        return
        ;;
    *)
        return
        ;;
    esac
    case $current in
    -*)
        _distil_words "$options"
        return
        ;;
    esac
    case $command in
    eval) _distil_files tsv ;;
    inspect | verify) _distil_files distil ;;
    convert | serve) _distil_files ;;
    esac
}

complete -F _distil distil
