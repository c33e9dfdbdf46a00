#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Installs a pinned version of Zig into a folder, from the Python package index, and writes two C
# compilers there: cc-glibc, for glibc 2.17 and later, and cc-musl, for static programs with musl.
# Both compile for the x86-64 baseline. pip refuses a package that does not have the SHA-256 below.
#
#     tools/portable/zig.sh FOLDER
#
# Zig keeps its cache in the folder, so removing the folder removes everything. If the folder is
# complete already, the script needs no network.
#
# Environment: ZIG  the command of a Zig that is installed; then the script downloads nothing

set -eu
version=0.17.1
sha256=ea6cc5d87b033cf0aedfbc8f9549a908cae6c50ac31f1698188fa48a74524b54
glibc=2.17

[ $# -eq 1 ] || { echo "usage: tools/portable/zig.sh FOLDER" >&2; exit 2; }
mkdir -p "$1"
dir=$(cd "$1" && pwd)

die() { # MESSAGE REMEDY
    printf 'zig: %s\n    remedy: %s\n' "$1" "$2" >&2
    exit 1
}

# install_zig: puts the package into $dir/package, and prints nothing unless it fails.
install_zig() {
    python3 -c 'import venv, ensurepip' 2>/dev/null ||
        die "python3 with venv is not installed" \
            "apt-get install python3-venv, or set ZIG to the command of an installed Zig"
    rm -rf "$dir/venv" "$dir/package"
    python3 -m venv "$dir/venv" >"$dir/log" 2>&1 &&
        echo "ziglang==$version --hash=sha256:$sha256" >"$dir/wanted" &&
        "$dir/venv/bin/pip" install --quiet --no-deps --require-hashes --only-binary :all: \
            --target "$dir/package" -r "$dir/wanted" >>"$dir/log" 2>&1 || {
        tail -n 5 "$dir/log" >&2
        die "Zig $version cannot be installed from the Python package index" \
            "read $dir/log, or set ZIG to the command of an installed Zig"
    }
    rm -rf "$dir/venv"
}

if [ -z "${ZIG-}" ]; then
    ZIG=$dir/package/ziglang/zig
    [ "$("$ZIG" version 2>/dev/null || true)" = $version ] || install_zig
fi
"$ZIG" version >/dev/null || die "$ZIG does not run" "unset ZIG, and Zig $version is downloaded"

# write_compiler NAME TARGET: writes $dir/NAME, a compiler for a target of Zig.
write_compiler() {
    cat >"$dir/$1.tmp" <<EOF
#!/bin/sh
# Written by tools/portable/zig.sh: the C compiler of Zig for $2.
export ZIG_GLOBAL_CACHE_DIR='$dir/cache' ZIG_LOCAL_CACHE_DIR='$dir/cache'
exec '$ZIG' cc -target $2 "\$@"
EOF
    chmod 755 "$dir/$1.tmp"
    mv -f "$dir/$1.tmp" "$dir/$1"
}
write_compiler cc-glibc x86_64-linux-gnu.$glibc
write_compiler cc-musl x86_64-linux-musl
