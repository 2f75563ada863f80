#!/bin/sh
# lint.sh - what the linker cannot hold: who includes whom, and which file alone includes a foreign library.
set -eu
status=0
say() { # message, then what grep found
    [ -z "$2" ] || { printf '%s\n%s\n' "lint: $1" "$2"; status=1; }
}

# Floors: a room includes its own headers and those below it only.
allowed() {
    case $1 in
    base) echo 'base' ;;
    model) echo 'model|base' ;;
    trust) echo 'trust|base' ;;
    qpkg) echo 'qpkg|trust|model|base' ;;
    ports) echo 'ports|qpkg|trust|model|base' ;;
    engine) echo 'engine|ports|qpkg|trust|model|base' ;;
    vendor) echo 'vendor|ports|qpkg|trust|model|base' ;;
    job) echo 'job|engine|ports|qpkg|trust|model|base' ;;
    daemon) echo 'daemon|ports|model|base' ;;
    cli) echo 'cli|model|base' ;;
    compat) echo 'compat|base' ;;
    esac
}
for room in base model trust qpkg ports engine vendor job daemon cli compat; do
    say "$room includes what is not below it" "$(grep -nE '^#include "[a-z]+/' appcenter/$room/*.[ch] |
        grep -vE "#include \"($(allowed $room))/" || true)"
done
# Siblings in ports do not know each other: a file includes ports/ headers of its own noun only.
for file in appcenter/ports/*.[ch]; do
    noun=$(basename "$file" | sed 's/[_.].*//')
    [ "$noun" != ledger ] || noun=store
    say "$file includes a sibling" "$(grep -nE '^#include "ports/' "$file" | grep -vE "\"ports/$noun[_.]" || true)"
done
# The daemon: store and system of the ports only.
say "daemon includes another port" "$(grep -nE '#include "ports/' appcenter/daemon/*.[ch] |
    grep -vE '"ports/(store|system)\.h"' || true)"

only() { # pattern of an include, files that may have it
    say "$1 outside of $2" "$(grep -lE "#include <$1" -r appcenter | grep -vE "$2" || true)"
}
only 'openssl/' '^appcenter/trust/'
only 'curl/' '^appcenter/(ports/fetch|cli/client)'
only 'archive' '^appcenter/ports/archive'
only 'zstd' '^appcenter/ports/(archive|delta)'
only 'solv/' '^appcenter/ports/solve'
only 'sqlite3' '^appcenter/ports/store'
only 'microhttpd' '^appcenter/daemon/'
only 'seccomp' '^appcenter/base/'

say "a shell is reached from C" "$(grep -nE '\b(system|popen)\(' -r appcenter --include=*.c || true)"
say "unbounded string call" "$(grep -nE '\b(strcpy|strcat|sprintf|vsprintf|strtok|atoi|gets)\(' -r appcenter --include=*.c || true)"
say "SQL in C" "$(grep -nE '"(SELECT|INSERT|UPDATE|DELETE) ' -r appcenter --include=*.c || true)"
say "unfinished words" "$(grep -nE 'TODO|FIXME|XXX([^X]|$)' -r appcenter tests pkgs Makefile --include=*.[ch] --include=*.py --include=*.sh |
    grep -vE 'tests/lint.sh|XXXXXX' || true)"
say "files that have grown past a room's size" "$(wc -l appcenter/*/*.[ch] | awk '$1 > 600 && $2 != "total"' || true)"
exit $status
