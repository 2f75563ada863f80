#!/bin/sh
# QVPN.sh - service script of QVPN Service: start, stop, restart, remove.
# shellcheck source=/dev/null disable=SC2034
NAME=QVPN
DAEMON=qvpnd
CONFIG=etc/qvpn.conf
: "${QPKG_ROOT:=$(dirname "$(readlink -f "$0")")}"
. "$QPKG_ROOT/service.sh"
