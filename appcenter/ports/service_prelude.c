/* service_prelude.c - the shell text before a package's own hooks.
 *
 * QTS gives them variables (names: qpkg-format, section 5) and two functions. All values come from the environment that
 * the port sets, so that nothing of a package is ever pasted into shell text. $1: file with package_routines; $2: function
 * or variable to run. APPCENTER_ROOT is empty unless scripts run unconfined below a root.
 */
#include "ports/service_internal.h"

const char service_prelude[] =
    "SYS_QPKG_INSTALL_PATH=${SYS_QPKG_DIR%/*}\n"
    "SYS_QPKG_BASE=${SYS_QPKG_INSTALL_PATH%/.qpkg}\n"
    "SYS_PUBLIC_PATH=$SYS_QPKG_BASE/Public\n"
    "SYS_CONFIG_DIR=$APPCENTER_ROOT/etc/config\n"
    "SYS_QPKG_CONFIG_FILE=$SYS_CONFIG_DIR/qpkg.conf\n"
    "SYS_INIT_DIR=$APPCENTER_ROOT/etc/init.d\n"
    "SYS_STARTUP_DIR=$APPCENTER_ROOT/etc/rcS.d\n"
    "SYS_SHUTDOWN_DIR=$APPCENTER_ROOT/etc/rcK.d\n"
    "SYS_CPU_ARCH=$(uname -m)\n"
    "CMD_AWK=awk CMD_BASENAME=basename CMD_CAT=cat CMD_CHMOD=chmod CMD_CHOWN=chown CMD_CP=cp CMD_CUT=cut\n"
    "CMD_DATE=date CMD_DIRNAME=dirname CMD_ECHO=echo CMD_EXPR=expr CMD_FIND=find CMD_GETCFG=/sbin/getcfg\n"
    "CMD_GREP=grep CMD_GZIP=gzip CMD_HOSTNAME=hostname CMD_LN=ln CMD_LS=ls CMD_MD5SUM=md5sum "
    "CMD_MKDIR=mkdir\n"
    "CMD_MV=mv CMD_RM=rm CMD_RMDIR=rmdir CMD_SED=sed CMD_SETCFG=/sbin/setcfg CMD_SLEEP=sleep CMD_SORT=sort\n"
    "CMD_SYNC=sync CMD_TAR=tar CMD_TOUCH=touch CMD_TR=tr CMD_UNAME=uname CMD_WC=wc CMD_XARGS=xargs\n"
    "log() { printf '%s\\n' \"$*\"; }\n"
    "warn_log() { log \"$@\"; }\n"
    "err_log() { printf '%s\\n' \"$*\" >&2; exit 1; }\n"
    "appcenter_hook=$2\n"
    ". \"$1\"\n"
    "case $appcenter_hook in\n"
    "PKG_*)\n"
    "    eval \"appcenter_text=\\${$appcenter_hook-}\"\n"
    "    eval \"$appcenter_text\"\n"
    "    ;;\n"
    "*)\n"
    "    case $(type \"$appcenter_hook\" 2>/dev/null) in\n"
    "    *function*) \"$appcenter_hook\" ;;\n"
    "    esac\n"
    "    ;;\n"
    "esac\n";
