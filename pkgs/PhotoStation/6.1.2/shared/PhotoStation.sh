#!/bin/sh
# PhotoStation.sh - service script of Photo Station: start, stop, restart, remove.
# shellcheck source=/dev/null disable=SC2034
NAME=PhotoStation
DAEMON=photostation
CONFIG=etc/photostation.conf
: "${QPKG_ROOT:=$(dirname "$(readlink -f "$0")")}"
. "$QPKG_ROOT/service.sh"
