#!/bin/sh
# HybridBackup.sh - service script of Hybrid Backup: start, stop, restart, remove.
# shellcheck source=/dev/null disable=SC2034
NAME=HybridBackup
DAEMON=hybridbackupd
CONFIG=etc/hybridbackup.conf
: "${QPKG_ROOT:=$(dirname "$(readlink -f "$0")")}"
. "$QPKG_ROOT/service.sh"
