#!/bin/sh
# MediaLibrary.sh - service script of Media Library. It has no daemon: other apps call bin/mediainfo. So a start is good
# when that program runs, and there is nothing to stop.
: "${QPKG_ROOT:=$(dirname "$(readlink -f "$0")")}"

case "${1:-}" in
start | restart) "$QPKG_ROOT/bin/mediainfo" --version ;;
stop | remove) ;;
*)
    echo "usage: MediaLibrary.sh start|stop|restart|remove" >&2
    exit 2
    ;;
esac
