#!/bin/sh
# deps.sh yes|no GROUP... - checks what the groups (build, test, conformance, lint) need; as root on Debian, and only
# with `yes`, installs what is missing. Otherwise prints the one command to run and fails.
set -eu
may_install=$1
shift
missing=

need_library() { # pkg-config name, Debian package
    pkg-config --exists "$1" 2>/dev/null || missing="$missing $2"
}
need_program() {
    PATH="$PATH:/usr/sbin:/sbin" command -v "$1" >/dev/null 2>&1 || missing="$missing $2"
}

for group in "$@"; do
    case $group in
    build)
        need_program gcc gcc
        need_program ar binutils
        need_program pkg-config pkg-config
        [ -e /usr/include/stdio.h ] || missing="$missing libc6-dev"
        need_library glib-2.0 libglib2.0-dev
        need_library jansson libjansson-dev
        need_library libcurl libcurl4-openssl-dev
        need_library libarchive libarchive-dev
        need_library openssl libssl-dev
        need_library sqlite3 libsqlite3-dev
        need_library libzstd libzstd-dev
        need_library zlib zlib1g-dev
        need_library libseccomp libseccomp-dev
        need_library libsolv libsolv-dev
        need_library libmicrohttpd libmicrohttpd-dev
        ;;
    test)
        need_program python3 python3
        /usr/bin/python3 -c 'import pytest' 2>/dev/null || missing="$missing python3-pytest"
        /usr/bin/python3 -c 'import cryptography' 2>/dev/null || missing="$missing python3-cryptography"
        need_program nginx nginx-light
        need_program openssl openssl
        need_program unshare util-linux
        need_program zstd zstd
        need_library fuse3 libfuse3-dev
        need_program fusermount3 fuse3
        need_program mkfs.ext4 e2fsprogs
        need_program mkfs.btrfs btrfs-progs
        ;;
    conformance)
        need_program faketime faketime
        /usr/bin/python3 -c 'import pytest' 2>/dev/null || missing="$missing python3-pytest"
        /usr/bin/python3 -c 'import cryptography' 2>/dev/null || missing="$missing python3-cryptography"
        ;;
    fuzz)
        need_program clang clang
        clang -print-resource-dir >/dev/null 2>&1 && ls "$(clang -print-resource-dir)"/lib/linux/libclang_rt.fuzzer-* \
            >/dev/null 2>&1 || missing="$missing libclang-rt-14-dev"
        ;;
    bench)
        need_program bsdtar libarchive-tools
        need_program testsolv libsolv-tools
        ;;
    lint)
        need_program clang clang
        need_program clang-format clang-format
        need_program clang-tidy clang-tidy
        need_program cppcheck cppcheck
        ;;
    esac
done
[ -n "$missing" ] || exit 0

# shellcheck disable=SC2086
missing=$(printf '%s\n' $missing | sort -u | tr '\n' ' ')
install="apt-get install -y --no-install-recommends $missing"
if [ "$may_install" != yes ] || [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    echo "missing: $missing" >&2
    echo "install it as root with:" >&2
    echo "  $install" >&2
    exit 1
fi

# A package must not start a system server here (nginx would): Debian asks this file before it starts one.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
    trap 'rm -f $policy' EXIT
    printf '#!/bin/sh\nexit 101\n' >$policy
    chmod 755 $policy
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -q
# shellcheck disable=SC2086
$install
case " $missing " in
*" nginx-light "*) [ ! -d /run/systemd/system ] || systemctl disable --now nginx.service >/dev/null 2>&1 || true ;;
esac
