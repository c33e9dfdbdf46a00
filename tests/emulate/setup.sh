#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Makes the emulator that run.sh uses; see README.md.
#
#     tests/emulate/setup.sh
#
# The script downloads two Debian packages, whose signatures apt checks, and does not install them:
# the source of Bochs 3.0, which it compiles in about two minutes, and a Linux kernel. It keeps the
# parts that exist, so running it again takes seconds and needs no network.
#
# Environment: EMULATE_DIR     the directory of the result (build/emulate)
#              EMULATE_MIRROR  the address of a Debian mirror (the one that apt uses here)
#              JOBS            the number of compilations at the same time (number of processors)

set -eu
LC_ALL=C
export LC_ALL
here=$(cd "$(dirname "$0")" && pwd)
dir=${EMULATE_DIR:-$here/../../build/emulate}
jobs=${JOBS:-$(nproc 2>/dev/null || echo 2)}

# These releases do not depend on the one that this machine runs, so that the emulated machine is
# the same everywhere. trixie has Bochs 3.0, which knows AVX-VNNI and emulates F16C and XSAVE
# correctly, unlike 2.7. bookworm has Linux 6.1.
bochs_suite=trixie
kernel_suite=bookworm
recipe=2 # A change of this number makes every machine build Bochs and the kernel again.
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

die() { # MESSAGE REMEDY
    printf 'emulate/setup: %s\n    remedy: %s\n' "$1" "$2" >&2
    exit 1
}

# ---- required tools --------------------------------------------------------------------------

# Check that the tools for compiling and downloading exist. If the user is root on Debian, install
# those that are missing.
need() {
    missing=
    for tool in gcc g++ make ld strip xz tar flock apt-get dpkg-deb; do
        command -v $tool >/dev/null || missing="$missing $tool"
    done
    [ -e $keyring ] || missing="$missing debian-archive-keyring"
    echo 'int main(void) { return 0; }' >"$dir/static.c"
    gcc -static -o "$dir/static" "$dir/static.c" 2>/dev/null || missing="$missing libc.a"
    rm -f "$dir/static" "$dir/static.c"
    [ -n "$missing" ] || return 0
    packages='gcc g++ make binutils xz-utils tar util-linux libc6-dev debian-archive-keyring'
    if ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null; then
        die "missing:$missing; the parts come as Debian packages" \
            "run it on Debian 12 or in a container of it, then set EMULATE_DIR to its result"
    fi
    if [ "$(id -u)" -ne 0 ] || [ -n "${tried-}" ]; then
        die "missing:$missing" "as root: apt-get install $packages"
    fi
    echo "emulate/setup: installing what is missing:$missing"
    # shellcheck disable=SC2086
    if ! install_packages $packages >"$dir/apt.log" 2>&1; then
        die "cannot install$missing (see $dir/apt.log)" "apt-get install $packages"
    fi
    tried=1
    need
}

install_packages() { # PACKAGE...
    DEBIAN_FRONTEND=noninteractive
    export DEBIAN_FRONTEND
    apt-get -q update && apt-get -q install -y --no-install-recommends "$@"
}

# ---- packages, from a private apt state that leaves the machine's own lists unchanged ---------

mirror() {
    if [ -n "${EMULATE_MIRROR-}" ]; then
        echo "$EMULATE_MIRROR"
        return
    fi
    grep -qx 'ID=debian' /etc/os-release ||
        die "this is not Debian: apt's mirror does not have its packages" \
            "set EMULATE_MIRROR to the address of a Debian mirror"
    # shellcheck disable=SC2016
    apt-get indextargets --no-release-info --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' \
        'Identifier: Packages' |
        awk '$3 == "main" && $2 !~ /-/ { print $1; exit }'
}

private_apt() {
    apt-get -q -c "$apt/configuration" "$@" >>"$dir/apt.log" 2>&1
}

open_apt() {
    [ -z "${apt-}" ] || return 0
    address=$(mirror)
    [ -n "$address" ] ||
        die "apt has no Debian mirror configured" "set EMULATE_MIRROR to the address of one"
    apt=$dir/apt
    mkdir -p "$apt/sources" "$apt/lists/partial" "$apt/cache/archives/partial"
    {
        printf 'Dir::Etc::%s "/dev/null";\n' sourcelist preferences preferencesparts
        printf 'Dir::Etc::sourceparts "%s";\nDir::State::lists "%s";\nDir::Cache "%s";\n' \
            "$apt/sources" "$apt/lists" "$apt/cache"
        printf 'Acquire::Languages "none";\nAcquire::Retries "3";\n'
        printf 'APT::Update::Error-Mode "any";\nAPT::Sandbox::User "%s";\n' "$(id -un)"
    } >"$apt/configuration"
    {
        printf 'Types: deb-src\nURIs: %s\nSuites: %s\nComponents: main\nTargets: Sources\n' \
            "$address" $bochs_suite
        printf 'Signed-By: %s\n\n' $keyring
        printf 'Types: deb\nURIs: %s\nSuites: %s\nComponents: main\nTargets: Packages\n' \
            "$address" $kernel_suite
        printf 'Architectures: amd64\nSigned-By: %s\n' $keyring
    } >"$apt/sources/emulate.sources"
    private_apt update ||
        die "cannot read the lists of $bochs_suite and $kernel_suite (see $dir/apt.log)" \
            "check the network and apt's settings, or set EMULATE_MIRROR"
}

# ---- parts ----------------------------------------------------------------------------------

# Compile Bochs without the devices that a PC can do without and without its debugger, since the
# tests need only its CPUs. The patch raises the limit of 8 MiB on a block of the emulator's memory:
# Bochs reads a file into one block, and the initramfs is larger.
make_bochs() {
    [ ! -x "$dir/bochs" ] || return 0
    open_apt
    rm -rf "$dir/source"
    mkdir -p "$dir/source"
    (cd "$dir/source" && private_apt source --download-only --tar-only bochs) ||
        die "cannot download the source of bochs (see $dir/apt.log)" "run this again"
    tar -C "$dir/source" --strip-components=1 -xJf "$dir/source"/bochs_3.*.orig.tar.xz ||
        die "the source is not that of Bochs 3 in .tar.xz ($(ls "$dir/source"))" \
            "set bochs_suite in $0 to the Debian release that has it"
    sed -i '/"block_size",/,/128);/s/ 4, 8192,/ 4, 1048576,/' "$dir/source/config.cc"
    grep -q ' 4, 1048576,' "$dir/source/config.cc" ||
        die "config.cc of Bochs has no block_size of at most 8192 KiB" "adapt $0 to this version"
    echo "emulate/setup: compiling Bochs, about two minutes (log: $dir/bochs.log)"
    (
        cd "$dir/source"
        unset MAKEFLAGS MFLAGS MAKELEVEL
        ./configure --quiet --enable-cpu-level=6 --enable-x86-64 --enable-avx --enable-evex \
            --enable-protection-keys --enable-cet --enable-configurable-msrs \
            --enable-all-optimizations --disable-show-ips --disable-stats --disable-pci \
            --disable-cdrom --disable-docbook --disable-plugins --disable-debugger \
            --disable-xpm --with-nogui CFLAGS=-O2 CXXFLAGS='-O2 -pipe' &&
            nice make -j"$jobs" bochs
    ) >"$dir/bochs.log" 2>&1 || {
        tail -n 20 "$dir/bochs.log" >&2
        die "Bochs does not compile (see $dir/bochs.log)" "check the compiler's message above"
    }
    strip -o "$dir/bochs.tmp" "$dir/source/bochs"
    mv "$dir/bochs.tmp" "$dir/bochs"
    rm -rf "$dir/source"
}

# Print the unsigned little-endian number of SIZE bytes at OFFSET of FILE.
number() { # FILE OFFSET SIZE
    od -An -v -j "$2" -N "$3" -t "u$3" "$1" | tr -d ' '
}

# Extract the kernel. Its image consists of a setup part in sectors of 512 bytes, whose header
# describes the image, and the part that runs in 32-bit mode.
make_kernel() {
    [ ! -e "$dir/kernel.header" ] || return 0
    open_apt
    rm -rf "$dir/package"
    mkdir -p "$dir/package"
    kernel=$(apt-cache -c "$apt/configuration" depends linux-image-cloud-amd64 |
        sed -n 's/^ *Depends: \(linux-image-\)/\1/p' | head -n 1)
    (cd "$dir/package" && private_apt download "$kernel") ||
        die "cannot download the kernel package '$kernel' (see $dir/apt.log)" "run this again"
    dpkg-deb --fsys-tarfile "$dir/package"/linux-image-*.deb |
        tar -x -C "$dir/package" --wildcards './boot/vmlinuz-*'
    image=$(echo "$dir/package"/boot/vmlinuz-*)
    [ "$(number "$image" $((0x202)) 2)" -ge $((0x20c)) ] ||
        die "$image does not have the boot protocol 2.12" "report this"
    setup_bytes=$((($(number "$image" $((0x1f1)) 1) + 1) * 512))
    header_end=$((0x202 + $(number "$image" $((0x201)) 1)))
    tail -c +$((setup_bytes + 1)) "$image" >"$dir/kernel"
    tail -c +$((0x1f1 + 1)) "$image" | head -c $((header_end - 0x1f1)) >"$dir/kernel.tmp"
    echo "$kernel" >"$dir/kernel.name"
    mv "$dir/kernel.tmp" "$dir/kernel.header"
    rm -rf "$dir/package"
}

# Compile the project's own parts. This takes a second and happens at each run.
make_own() {
    flags='-std=c11 -O2 -D_DEFAULT_SOURCE -Wall -Wextra'
    # shellcheck disable=SC2086
    gcc $flags -o "$dir/pack" "$here/pack.c" &&
        gcc $flags -static -o "$dir/init" "$here/init.c" &&
        (cd "$dir" && gcc -c -DSETUP_HEADER='"kernel.header"' -o boot.o "$here/boot.S") &&
        ld -m elf_x86_64 --oformat binary -Ttext 0xf0000 -e 0xf0000 -o "$dir/boot.rom" \
            "$dir/boot.o" && rm -f "$dir/boot.o"
    head -c 512 /dev/zero >"$dir/vga.rom" # The emulator requires a VGA ROM, but nothing calls it.
}

# Check that the emulator passes arguments, output and status on, and that an emulated CPU executes
# the instructions that it has and no others.
prove() {
    gcc -std=c11 -O2 -D_DEFAULT_SOURCE -static -o "$dir/proof" "$here/proof.c"
    begin=$(date +%s%N)
    prove_on sapphire_rapids 'avx2 avxvnni avx512 avx512vnni'
    tenths=$((($(date +%s%N) - begin) / 100000000))
    prove_on core2_penryn_t9600 ''
    rm -f "$dir/proof"
    echo "emulate/setup: ready in $dir: Bochs 3, $(cat "$dir/kernel.name")," \
        "a boot takes $((tenths / 10)).$((tenths % 10)) s"
}

prove_on() { # CPU INSTRUCTION-SETS
    status=0
    output=$(EMULATE_DIR=$dir "$here/run.sh" -m "$1" -t 120 "$dir/proof" one 'two  three') ||
        status=$?
    # shellcheck disable=SC2086
    [ "$status $output" = "$(printf '%s\n' '2 two  three' $2)" ] ||
        die "the emulated $1 is not as expected: status $status, output: $output" \
            "remove $dir and run this again"
}

[ "$(uname -sm)" = 'Linux x86_64' ] ||
    die "this is $(uname -sm); test programs are made for Linux x86_64" "run it there"
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
need
exec 9>"$dir/lock"
flock 9 # A second setup.sh waits here and then finds all parts.
if [ "$(cat "$dir/recipe" 2>/dev/null)" != $recipe ]; then
    rm -f "$dir/bochs" "$dir"/kernel* "$dir/boot.rom"
    echo $recipe >"$dir/recipe"
fi
make_bochs
make_kernel
make_own
rm -rf "$dir/apt"
prove
