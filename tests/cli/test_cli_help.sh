#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# What the command says about itself: the help of every command, the version and `distil isa`. The
# help, the man page and the completion of bash list the same commands and options.

# shellcheck source=tests/support/support_cli.sh
. "${DISTIL_TEST_ROOT:-.}/tests/support/support_cli.sh"

levels=$(sed -n 's/^    LEVEL.\([a-z0-9]*\),.*/\1/p' "$root/kernels/levels.h")
commands="classify rank entities answer embed tokenize eval convert inspect verify isa"
commands="$commands bench serve help"
man=$root/docs/distil.1
completion=$root/tools/command/distil.bash

# ---- lists of options, one on each line, sorted ----
options_of_help() { # FILE
    sed -n '/^Options:$/,/^$/p' "$1" | awk '/^  (    )?-/ {
        print $1
        if ($1 ~ /,$/) print $2
    }' | tr -d , | sort
}
options_of_man() { # COMMAND
    awk -v heading=".Ss $1" '/^\.S[hs] / { inside = $0 == heading }
        inside && /^\.It / { for (i = 1; i < NF; i++) if ($i == "Fl") print "-" $(i + 1) }' "$man" |
        sort
}
cat >complete.bash <<'BASH'
source "$1"
shift
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
_distil
[ ${#COMPREPLY[@]} -eq 0 ] || printf '%s\n' "${COMPREPLY[@]}"
BASH
complete() { # WORDS...: what bash offers in place of the last one
    bash --norc complete.bash "$completion" "$@" 2>&1 | sort
}

# ---- help and version ----
run
check "no arguments: status" ended 2
check "no arguments: usage on standard error" says err 'usage: distil COMMAND'
run --help
cp out overview
check "--help: status" ended 0
check "--help: exit status documented" says out '130'
check "--help: environment documented" says out 'DISTIL_MODEL'
check "--help: an example" says out 'distil classify "'
run -h
check "-h is --help" same out overview
run help
check "help is --help" same out overview
run --version
check "--version" matches out 'distil [0-9]+\.[0-9]+\.[0-9]+'
version=$(sed -n 's/^#define DISTIL_VERSION_[A-Z]* \([0-9]*\)$/\1/p' "$root/runtime/distil.h" |
    paste -s -d . -)
check "--version is the header's" says out "distil $version"
for command in $commands; do
    check "--help names $command" says overview "  $command "
    run "$command" --help
    cp out help.txt
    check "$command --help: status" ended 0
    check "$command --help: nothing on standard error" empty err
    check "$command --help: usage" says out "usage: distil $command"
    check "$command --help: examples" grep -qE "^ +(DISTIL_[A-Z]+=[^ ]+ )?distil $command" out
    check "$command --help: no line of more than 79 columns" matches out '.{0,79}'
    run help "$command"
    check "help $command: the same" same out help.txt
    run "$command" --no-such-option
    check "$command: unknown option: status" ended 2
    check "$command: unknown option: named" says err "--no-such-option"
    check "$command: unknown option: where help is" says err "--help"
    options_of_help help.txt >expected
    check "$command: --help is an option" says expected "--help"
    options_of_man "$command" >out
    check "$command: options of the man page" same out expected
    if have bash; then
        complete distil "$command" - >out
        check "$command: options of the completion" same out expected
    else
        skip "$command: completion" "no bash"
    fi
done
if [ -x "$build/distil-bench" ]; then
    run bench --help
    options_of_help out >expected
    "$build/distil-bench" --help >help.txt
    grep -oE '^ +(-[a-z], )?--?[a-z-]+' help.txt | grep -oE '[-][a-z-]+' | sort -u >options
    echo --help >>options
    while read -r option; do
        check "distil-bench $option: in the table" grep -qx -e "$option" expected
    done <options
    grep -e -- expected >out
    while read -r option; do
        check "bench $option: distil-bench knows it" grep -qx -e "$option" options
    done <out
else
    skip "options of distil-bench" "make bench-tools builds it"
fi
run clasify good
check "unknown command: status" ended 2
check "unknown command: guess" says err 'did you mean `distil classify`?'
run hello
check "unknown command: no far guess" eval '! says err "did you mean"'
run -m x classify good
check "an option before the command: status" ended 2
check "an option before the command: where it goes" says err 'options follow the command'
run help nonsense
check "help of an unknown command" ended 2

# ---- isa ----
run isa
check "isa: status" ended 0
for level in $levels; do
    check "isa: $level is listed" count 1 out "^$level +(yes|no, lacks )"
done
check "isa: one is chosen" count 1 out '<- chosen'
chosen=$(sed -n 's/^\([a-z0-9]*\) .*<- chosen$/\1/p' out)
printf 'sentence\tlabel\ngood\t1\n' >one
run_in one eval --json -
check "isa: what is chosen is what runs" says out "\"isa\":\"$chosen\""
for options in "DISTIL_ISA=scalar isa" "DISTIL_ISA=avx512vnni isa --isa scalar"; do
    # shellcheck disable=SC2086
    env ${options%% *} "$distil" ${options#* } >out 2>err
    rc=$?
    check "$options: status" ended 0
    check "$options: chosen" count 1 out '^scalar +yes +<- chosen'
done
# What the CPU runs beyond the cap is disabled, what it lacks is not; all levels are compiled.
"$distil" isa >before
DISTIL_ISA=scalar "$distil" isa >out 2>err
for level in $(echo "$levels" | grep -vx scalar); do
    reason=$(sed -n "s/^$level  *yes.*/yes, disabled by DISTIL_ISA=scalar/p
        s/^$level  *\(no, .*\)/\1/p" before)
    check "isa with a cap: $level" count 1 out "^$level +$reason\$"
done
check "isa: compiled" count 1 out '^compiled  scalar:7 avx2:7 avxvnni:2 avx512:7 avx512vnni:2$'
DISTIL_ISA=scalar "$distil" isa --json >out 2>err
check "isa --json: cap" says out '"cap":"scalar","cap_from":"DISTIL_ISA","chosen":"scalar"'
check "isa --json: kernels" says out '"qgemm":"scalar"'
check "isa --json: a level" says out '{"level":"scalar","runs":true,"disabled":false,"compiled":7}'
run isa --json
if have python3; then
    check "isa --json: parses" python3 -c 'import json; json.load(open("out"))'
else
    skip "isa json parses" "no python3"
fi
run isa extra
check "isa with an argument: status" ended 2

# ---- man page ----
rm -f out err
if have groff; then
    groff -mdoc -ww -Tutf8 -z "$man" >out 2>&1
    check "man page: groff has no warning" empty out
else
    skip "man page in groff" "no groff"
fi
if have mandoc; then
    mandoc -Tlint "$man" >out 2>&1
    check "man page: mandoc has no warning" empty out
else
    skip "man page in mandoc" "no mandoc"
fi
sed -n 's/^\.It Cm \([a-z]*\)$/\1/p' "$man" | paste -s -d ' ' - >out
check "man page: commands of the description" is out "$commands\n"
sed -n '/^\.Sh COMMANDS/,/^\.Sh INPUT/ s/^\.Ss //p' "$man" | paste -s -d ' ' - >out
check "man page: sections of commands" is out "$commands\n"
"$distil" help --man >out 2>err
lines=$(wc -l <out)
head -n "$lines" "$man" >expected
check "man page: what the program prints (make manual rewrites it)" same out expected
check "man page: the rest begins with INPUT" sh -c \
    'sed -n "$1p" "$2" | grep -qx "\.Sh INPUT"' sh $((lines + 1)) "$man"

# ---- completion ----
"$distil" help --completion >out 2>err
check "completion: what the program prints (make manual rewrites it)" same out "$completion"
if have bash; then
    completes() { # EXPECTED-LINES WORDS...
        expected=$1
        shift
        complete "$@" | paste -s -d ' ' - >out
        [ "$(cat out)" = "$expected" ]
    }
    mkdir empty
    touch a.distil b.tsv
    complete distil "" | grep -v -e - | paste -s -d ' ' - >out
    check "completion: all commands" is out \
        "$(printf '%s\n' $commands | sort | paste -s -d ' ' -)\n"
    check "completion: commands" completes "classify convert" distil c
    check "completion: options" completes "--stream --strict --stride" distil classify --str
    check "completion: levels" completes "avx512 avx512vnni" distil classify --isa avx5
    check "completion: models" completes "a.distil empty" distil classify -m ""
    check "completion: evaluation files" completes "b.tsv empty" distil eval ""
    check "completion: any file" completes "a.distil" distil classify -f a
    check "completion: --option=value" completes "sha256" distil classify --verify = s
    check "completion: help" completes "verify" distil help v
else
    skip "completion" "no bash"
fi

finish test_cli_help
