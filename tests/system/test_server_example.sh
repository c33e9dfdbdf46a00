#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Compiles the example of docs/server.c as its comment says, and runs it: several clients at the
# same time get the answers of the command, and SIGTERM ends the server with status 0, also while a
# client is connected and silent.

# shellcheck source=tests/support/support_cli.sh
. "${DISTIL_TEST_ROOT:-.}/tests/support/support_cli.sh"

check "the example has fewer than 80 lines" test "$(wc -l <"$root/docs/server.c")" -lt 80
if nm "$build/distil" | grep -q -e __asan_init -e __ubsan_ -e __tsan_; then
    skip server "sanitizers would have to be linked into the program too"
    finish test_server_example
fi
if ! command -v bash >/dev/null; then
    skip server "the clients need bash"
    finish test_server_example
fi
# The command in the file's comment, with the paths of this build.
sed -n 's/^ \*     cc /cc /p' "$root/docs/server.c" | sed "
    s|^cc|${CC:-cc} -std=c11 -Wall -Wextra -Werror|
    s|docs/|$root/docs/|; s|-Iruntime|-I$root/runtime|; s|build/libdistil|$build/libdistil|
    s|-o build/|-o |" >compile
check "the command is in the file" test "$(wc -l <compile)" -eq 1
check "it compiles" sh compile

./server >out 2>err
check "without arguments it prints the usage" test $? -eq 2
./server "$dir/none.distil" 1 >out 2>err
check "without a model it says so" grep -q none.distil err

# Starts the server on the first port that is free.
port=$((20000 + $$ % 20000))
for _ in 1 2 3 4 5 6 7 8 9 10; do
    ./server "$blob" "$port" 2>err &
    server=$!
    for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
        bash -c "exec 3<>/dev/tcp/127.0.0.1/$port" 2>/dev/null && break
        sleep 0.1
    done
    kill -0 $server 2>/dev/null && break
    port=$((port + 7))
done

i=0
while [ $i -lt 40 ]; do
    i=$((i + 1))
    echo "text $i is a gorgeous and witty movie, not a dull one, $i times of ten"
done >texts
"$distil" classify -m "$blob" <texts | awk '{ print $1 }' >expected
cat >client <<'END'
exec 3<>"/dev/tcp/127.0.0.1/$1"
while read -r line; do
    echo "$line" >&3
    read -r answer <&3 && echo "${answer%% *}"
done <texts >"answers$2"
END
clients=
for k in 1 2 3 4 5 6; do
    bash client "$port" $k &
    clients="$clients $!"
done
for k in $clients; do
    wait "$k"
done
for k in 1 2 3 4 5 6; do
    check "client $k gets the answers of the command" cmp "answers$k" expected
done

bash -c "exec 3<>/dev/tcp/127.0.0.1/$port; sleep 20" &
silent=$!
sleep 0.3
kill -TERM $server
wait $server
check "SIGTERM ends it with status 0" test $? -eq 0
check "before the silent client ends" kill -0 $silent
kill $silent
check "nothing was wrong" test ! -s err
finish test_server_example
