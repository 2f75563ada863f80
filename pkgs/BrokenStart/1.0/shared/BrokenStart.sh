#!/bin/sh
# BrokenStart.sh - service script of Broken Start: start, stop, restart, remove.
# shellcheck source=/dev/null disable=SC2034
NAME=BrokenStart
DAEMON=brokenstartd
CONFIG=etc/brokenstart.conf
: "${QPKG_ROOT:=$(dirname "$(readlink -f "$0")")}"
. "$QPKG_ROOT/service.sh"
