#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# tinyproxy 1.11.1: CONNECT with a wrong password gets status 401, and without any password 407.
#
# RFC 9110 (sections 11.7.1 and 15.5.8) has a proxy ask for credentials by 407 with the header
# Proxy-Authenticate in both cases; 401 is the answer of an origin server. A client that asks for a
# password, or explains one, only after 407 gives no hint if the password is merely wrong. The
# function therefore treats 401 to CONNECT as 407 (lambda/net/proxy.c).
#
# Seen with tinyproxy-bin 1.11.1-2.1+deb12u1 of Debian 12:
#
#     without credentials: 407
#     with a wrong password: 401, Proxy-Authenticate in 0 lines
#
# Needs apt-get, dpkg-deb, curl and Debian's package archive. Exit status: 0 if the behaviour is as
# described, 1 if it has changed, 2 if the package cannot be had.

set -u
dir=$(mktemp -d) || exit 2
pid=
trap '[ -z "$pid" ] || kill "$pid"; rm -rf "$dir"' EXIT
(cd "$dir" && apt-get -q download tinyproxy-bin=1.11.1-2.1+deb12u1 >log 2>&1 &&
    dpkg-deb -x tinyproxy-bin_*.deb .) || { cat "$dir/log" >&2; exit 2; }

port=18973
cat >"$dir/conf" <<END
Port $port
Listen 127.0.0.1
Allow 127.0.0.1
BasicAuth user right
END
"$dir/usr/bin/tinyproxy" -d -c "$dir/conf" >"$dir/log" 2>&1 &
pid=$!
status_with() {
    curl -s -m 5 -D "$dir/head" -o "$dir/body" -w '%{http_connect}' -x "http://$1127.0.0.1:$port" \
        https://127.0.0.1:1/
}
for _ in 1 2 3 4 5 6 7 8 9 10; do
    none=$(status_with "")
    [ "$none" != 000 ] && break
    sleep 0.2
done
wrong=$(status_with "user:wrong@")
headers=$(grep -ci '^proxy-authenticate:' "$dir/head")
echo "without credentials: $none"
echo "with a wrong password: $wrong, Proxy-Authenticate in $headers lines"
if [ "$none" = 407 ] && [ "$wrong" = 401 ] && [ "$headers" = 0 ]; then
    echo "as described: a wrong password is answered as an origin server would"
    exit 0
fi
echo "the behaviour has changed"
exit 1
