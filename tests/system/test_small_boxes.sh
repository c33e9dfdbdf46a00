#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Tests of the command and of the function in small boxes: small stacks, little address space, few
# descriptors, no threads, the seccomp filters of containers and of services, locales, control
# groups, huge pages on and off, and a process that is stopped and goes on. The answers must be
# those that the programs give outside of the box, or there must be a message and an exit status
# that says so.

# shellcheck source=tests/support/support_cli.sh
. "${DISTIL_TEST_ROOT:-.}/tests/support/support_cli.sh"
box=$build/tests/programs/tool_box
if [ ! -x "$box" ] || [ ! -x "$build/bootstrap" ]; then
    skip boxes "$box or bootstrap is not built"
    finish test_small_boxes
fi
sanitized=
nm "$distil" 2>/dev/null | grep -q -e __asan_init -e __tsan_init -e __ubsan && sanitized=1
# The shell of a user that is not root cannot enter a directory of mode 700.
chmod 755 "$dir"
PYTHONDONTWRITEBYTECODE=1
export PYTHONDONTWRITEBYTECODE

tail -n +2 "$root/tests/data/sst2/dev.tsv" | cut -f 1 | head -n 40 >texts
printf '{"texts":["%s","%s","%s"]}' 'A gorgeous film.' 'Dull.' 'It is one.' >event.json

# ---- what the programs answer outside -------------------------------------------------------

run_in texts classify --jsonl
check "outside: status" ended 0
cp out expected
run classify --jsonl "A gorgeous, witty, seductive movie."
cp out expected_one
run convert "$root/tests/data/heads/multi5" -o expected.distil
check "outside: convert" ended 0

# run_function WORDS...: runs the function with these words before it on one event, and writes its
# answer without the time that it took to the file answer, and what it printed to the file out.
run_function() {
    timeout 120 "$distil" serve --local --port 0 --raw --event event.json -- "$@" \
        "$build/bootstrap" >out 2>err </dev/null
    rc=$?
    grep '^\[\|^{"statusCode"' out | sed 's/"inference_time_ms":[0-9.]*//g' >answer
}
# says_why_not: succeeds if the function told the Runtime API or its log why it cannot answer, and
# was not ended by a signal, which the Runtime API's answer would name.
says_why_not() {
    ! grep -q 'signal: \|Segmentation fault\|Aborted' out err &&
        grep -q '"errorType"\|^bootstrap: \|"level":"FATAL"' out err
}
run_function env
check "outside: the function's status" ended 0
check "outside: the function answers" says answer '"sentiment":"positive"'
cp answer expected_answer

# ---- inside ---------------------------------------------------------------------------------

# inside NAME WORDS...: runs the command with these words before it in every way that uses threads,
# and requires the answers that it gives outside.
inside() {
    box_name=$1
    shift
    for options in "" "--threads 4" "--threads 4 --batch 1"; do
        # shellcheck disable=SC2086
        timeout 120 "$@" "$distil" classify --jsonl $options <texts >out 2>err
        rc=$?
        check "$box_name: classify $options" eval 'ended 0 && same out expected'
    done
    timeout 120 "$@" "$distil" classify --jsonl --threads 4 "A gorgeous, witty, seductive movie." \
        >out 2>err </dev/null
    rc=$?
    check "$box_name: one text by four threads" eval 'ended 0 && same out expected_one'
}

# inside_tools NAME WORDS...: the same for the other commands.
inside_tools() {
    box_name=$1
    shift
    timeout 120 "$@" "$distil" convert "$root/tests/data/heads/multi5" -o again.distil >out 2>err \
        </dev/null
    rc=$?
    check "$box_name: convert" eval 'ended 0 && same again.distil expected.distil'
    timeout 120 "$@" "$distil" verify "$blob" >out 2>err </dev/null
    rc=$?
    check "$box_name: verify" eval 'ended 0 && count 7 out " ok "'
    timeout 120 "$@" "$distil" inspect --json "$root/tests/golden/tiny.distil" >out 2>err </dev/null
    rc=$?
    check "$box_name: inspect" eval 'ended 0 && same out "$root/tests/golden/tiny.json"'
}

# function_inside NAME WORDS...: the same for the function, with one loop and with four.
function_inside() {
    box_name=$1
    shift
    run_function "$@"
    check "$box_name: the function" eval 'ended 0 && same answer expected_answer'
    run_function env AWS_LAMBDA_MAX_CONCURRENCY=4 "$@"
    check "$box_name: the function, four loops" eval 'ended 0 && same answer expected_answer'
}

# ---- threads that the system refuses --------------------------------------------------------

if "$box" --refuse-threads 1 true 2>why; then
    for n in 1 2 3; do
        inside "thread $n is refused" "$box" --refuse-threads $n
        function_inside "thread $n is refused" "$box" --refuse-threads $n
    done
    run_function env AWS_LAMBDA_MAX_CONCURRENCY=4 "$box" --refuse-threads 3
    check "the log says how many loops run" says out '"why":"the system refuses more threads"'
    "$box" --refuse-threads 3 "$distil" classify --threads 4 <texts >out 2>err
    check "the command says that a thread is missing" says err 'cannot start thread 3 of 4'
else
    skip "refused threads" "$(cat why)"
fi

if [ -n "$sanitized" ]; then
    skip "ulimit -u" "sanitizers start a thread at the end"
elif [ "$(id -u)" -eq 0 ] && have setpriv && have prlimit &&
    setpriv --reuid=61234 --regid=61234 --clear-groups "$distil" --version >/dev/null 2>&1; then
    for n in 1 2 4; do
        inside "ulimit -u $n" setpriv --reuid=61234 --regid=61234 --clear-groups \
            prlimit --nproc=$n
        function_inside "ulimit -u $n" setpriv --reuid=61234 --regid=61234 --clear-groups \
            prlimit --nproc=$n
    done
else
    skip "ulimit -u" "no root, setpriv or prlimit, or another user cannot run the build"
fi

# ---- stack, address space, descriptors ------------------------------------------------------

if [ -n "$sanitized" ]; then
    skip "small stacks and address spaces" "sanitizers need more memory"
else
    # limited KIND VALUE COMMAND...: runs the command with a limit of this shell.
    cat >limited <<'EOF'
ulimit "$1" "$2" || exit 77
shift 2
exec "$@"
EOF
    inside "ulimit -s 64" sh limited -s 64
    inside_tools "ulimit -s 64" sh limited -s 64
    function_inside "ulimit -s 64" sh limited -s 64

    # From too little for the program to enough for all: a complete answer, or a message.
    complete=0
    refused=0
    for size in 4 8 20 30 34 38 42 46 50 54 60 70 90 120 400; do
        sh limited -v ${size}000 "$distil" classify --jsonl --threads 4 <texts >out 2>err
        rc=$?
        if [ $rc -eq 0 ]; then
            complete=$((complete + 1))
            check "ulimit -v ${size}000: answers" same out expected
        else
            refused=$((refused + 1))
            check "ulimit -v ${size}000: status $rc" [ $rc -lt 128 ]
            check "ulimit -v ${size}000: a message" [ -s err ]
            check "ulimit -v ${size}000: no half answers" [ ! -s out ]
        fi
    done
    check "ulimit -v: some sizes are too small, some are enough" \
        [ $complete -gt 0 -a $refused -gt 0 ]
    for size in 20 32 40 48 60 90 200; do
        run_function sh limited -v ${size}000
        check "ulimit -v ${size}000: the function answers or says why not" eval \
            'same answer expected_answer || says_why_not'
    done
fi

if [ -n "$sanitized" ]; then
    skip "ulimit -n" "sanitizers need descriptors"
elif have prlimit; then
    complete=0
    for n in 3 4 5 6 8; do
        prlimit --nofile=$n "$distil" classify --jsonl --threads 4 <texts >out 2>err
        rc=$?
        if [ $rc -eq 0 ]; then
            complete=$((complete + 1))
            check "ulimit -n $n: answers" same out expected
        else
            check "ulimit -n $n: status $rc" [ $rc -lt 128 ]
            check "ulimit -n $n: a message" [ -s err ]
        fi
    done
    check "ulimit -n: five descriptors are enough" [ $complete -ge 2 ]
    for n in 3 4 5 6 8; do
        run_function prlimit --nofile=$n
        check "ulimit -n $n: the function answers or says why not" eval \
            'same answer expected_answer || says_why_not'
    done
else
    skip "ulimit -n" "prlimit is not installed"
fi

# ---- seccomp --------------------------------------------------------------------------------

rules=$root/tests/system/seccomp_rules.py
printf '#include <asm/unistd.h>\n' | ${CC:-cc} -E -dM - 2>/dev/null |
    sed -n 's/^#define __NR_\([a-z0-9_]*\) \([0-9]*\)$/\1 \2/p' >numbers
profile=/usr/share/containers/seccomp.json
if [ -n "$sanitized" ]; then
    skip seccomp "sanitizers make system calls of their own"
elif [ ! -s numbers ] || ! have python3; then
    skip seccomp "no Python, or no headers of the kernel"
else
    if [ -r $profile ]; then
        for errno in "" 1; do
            # shellcheck disable=SC2086
            python3 "$rules" container $profile numbers $errno >rules
            check "rules of containers" at_least 300 rules
            inside "container's filter, errno '$errno'" "$box" --filter "$dir/rules"
            inside_tools "container's filter, errno '$errno'" "$box" --filter "$dir/rules"
            function_inside "container's filter, errno '$errno'" "$box" --filter "$dir/rules"
        done
    else
        skip "container's filter" "golang-github-containers-common is not installed"
    fi
    if have systemd-analyze && systemd-analyze syscall-filter >sets 2>err; then
        python3 "$rules" service sets numbers >rules
        check "rules of services" at_least 100 rules
        inside "service's filter" "$box" --filter "$dir/rules"
        inside_tools "service's filter" "$box" --filter "$dir/rules"
        function_inside "service's filter" "$box" --filter "$dir/rules"
    else
        skip "service's filter" "systemd-analyze is not installed"
    fi
    # Without this the cases above would prove nothing.
    printf 'default allow\n%s errno1\n' "$(sed -n 's/^mmap //p' numbers)" >rules
    "$box" --filter "$dir/rules" "$distil" --version >out 2>err
    check "a filter without mmap stops the command" [ $? -ne 0 ]
fi

# ---- locales --------------------------------------------------------------------------------

if have localedef && [ -d /usr/share/i18n/locales ]; then
    mkdir locales
    for language in tr_TR de_DE; do
        localedef -i $language -f UTF-8 "locales/$language.UTF-8" >out 2>&1
        LOCPATH=$dir/locales LC_ALL=$language.UTF-8 locale decimal_point >out 2>err
        check "$language: the C library uses it" line_is 1 out ,
        set -- env LOCPATH="$dir/locales" LC_ALL=$language.UTF-8 LANGUAGE=$language
        inside $language "$@"
        inside_tools $language "$@"
        function_inside $language "$@"
    done
else
    skip locales "localedef or the sources of locales are not installed"
fi

# ---- huge pages -----------------------------------------------------------------------------

"$box" --no-huge-pages true 2>why
if [ $? -ne 77 ]; then
    inside "no huge pages" "$box" --no-huge-pages
    function_inside "no huge pages" "$box" --no-huge-pages
else
    skip "no huge pages" "$(cat why)"
fi
inside "huge pages for malloc" env GLIBC_TUNABLES=glibc.malloc.hugetlb=1

# ---- control groups -------------------------------------------------------------------------

# in_group DIRECTORY COMMAND...: runs the command in a control group.
cat >in_group <<'EOF'
echo $$ >"$1/cgroup.procs" || exit 77
shift
exec "$@"
EOF
# threads_of PID: prints the number of threads of a process.
threads_of() {
    sed -n 's/^Threads:[[:space:]]*//p' "/proc/$1/status"
}
# group_threads GROUP: prints the number of threads that --threads 0 starts in a group.
group_threads() {
    rm -f out
    mkfifo input
    sh in_group "$1" "$distil" classify --threads 0 --stream <input >out 2>err &
    pid=$!
    exec 9>input
    printf 'Dull.\n' >&9
    for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
        [ ! -s out ] || break
        sleep 0.5
    done
    threads_of $pid
    exec 9>&-
    wait $pid
    rm input
}
group=
for root_of in /sys/fs/cgroup/cpu /sys/fs/cgroup/cpu,cpuacct /sys/fs/cgroup; do
    [ -z "$group" ] || break
    mkdir "$root_of/distil-test-$$" 2>/dev/null || continue
    if [ -w "$root_of/distil-test-$$/cpu.cfs_quota_us" ]; then
        group=$root_of/distil-test-$$
        set_quota() { echo "$1" >"$group/cpu.cfs_quota_us"; }
    elif [ -w "$root_of/distil-test-$$/cpu.max" ]; then
        group=$root_of/distil-test-$$
        set_quota() { echo "$1 100000" >"$group/cpu.max"; }
    else
        rmdir "$root_of/distil-test-$$"
    fi
done
if [ -z "$group" ]; then
    skip "control groups" "this user cannot make one"
else
    set_quota -1 2>/dev/null || set_quota max
    all=$(nproc)
    check "no quota: a thread for each CPU" [ "$(group_threads "$group")" -eq "$all" ]
    set_quota 100000
    check "a quota of one CPU: one thread" [ "$(group_threads "$group")" -eq 1 ]
    set_quota 50000
    check "half a CPU: one thread" [ "$(group_threads "$group")" -eq 1 ]
    inside "half a CPU" sh in_group "$group"
    function_inside "half a CPU" sh in_group "$group"
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        rmdir "$group" 2>/dev/null && break
        sleep 0.2
    done
fi

# ---- a process that is stopped and goes on --------------------------------------------------

# stopped PID SECONDS: stops a process again and again while it works.
stopped() {
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        kill -STOP "$1" 2>/dev/null || return 0
        sleep 0.1
        kill -CONT "$1" 2>/dev/null
        sleep "$2"
    done
}
for _ in 1 2 3 4 5 6 7 8 9 10 11 12; do cat texts; done >many
for _ in 1 2 3 4 5 6 7 8 9 10 11 12; do cat expected; done >expected_many
for options in "" "--threads 4" "--threads 4 --batch 1"; do
    # shellcheck disable=SC2086
    "$distil" classify --jsonl $options <many >out 2>err &
    pid=$!
    stopped $pid 0.03
    wait $pid
    rc=$?
    check "stopped and continued: classify $options" eval 'ended 0 && same out expected_many'
done
# The wrapper leaves the function's process id behind, and becomes the function.
cat >leave_pid <<'EOF'
echo $$ >pid
exec "$@"
EOF
rm -f pid
(
    for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
        [ ! -s pid ] || break
        sleep 0.05
    done
    stopped "$(cat pid)" 0.02
) &
stopper=$!
events=
for _ in 1 2 3 4 5 6 7 8 9 10; do events="$events --event event.json"; done
# shellcheck disable=SC2086
timeout 120 "$distil" serve --local --port 0 --raw $events -- sh leave_pid "$build/bootstrap" \
    >out 2>err </dev/null
rc=$?
wait $stopper
grep '^\[\|^{"statusCode"' out | sed 's/"inference_time_ms":[0-9.]*//g' | sort -u >answer
check "stopped and continued: the function" eval 'ended 0 && same answer expected_answer'

finish test_small_boxes
