"""Tricks with the control archive and with qpkg.cfg, which QTS would run as a shell script."""
import lzma

import qdk
from qdk import Entry, folder, hardlink, symlink
from trick import plain, trick

ESCAPE = "touch /tmp/appcenter-escape"


def control_trick(name, words, change, twin=plain):
    """change(package) gives the package that carries the trick."""
    trick(name, words, lambda app: change(plain(app)), twin)


def inner(package):
    return qdk.gzip_bytes(qdk.tar(package.control_members()))


def outer(package, *entries, data=None):
    return package.with_(control=qdk.tar([*entries, Entry("control.tar.gz", data or inner(package))]))


def more_members(*entries):
    return lambda package: package.with_(members=list(entries))


HARMLESS = more_members(Entry("./built_version", b"time = 2026-01-01 00:00:00\nsvn = 1\n"), folder("./.nc/"),
                        Entry("./.nc/x.conf", b"x"))

control_trick("control_that_is_no_tar", "control archive: ", lambda p: p.with_(control=b"\x01" * 10240))
control_trick("control_of_zeros", "control archive: ", lambda p: p.with_(control=bytes(10240)))
control_trick("control_with_a_second_member", "alone, found more",
              lambda p: p.with_(control=qdk.tar([Entry("control.tar.gz", inner(p)), Entry("evil.sh", b"x")])))
control_trick("control_behind_another_member", "wanted control.tar.gz", lambda p: outer(p, Entry("first", b"x")))
control_trick("control_named_with_a_path", "wanted control.tar.gz",
              lambda p: p.with_(control=qdk.tar([Entry("./control.tar.gz", inner(p))])))
control_trick("control_that_is_a_symlink", "wanted control.tar.gz",
              lambda p: p.with_(control=qdk.tar([symlink("control.tar.gz", "/etc/passwd")])))
control_trick("control_renamed_by_pax", "wanted control.tar.gz",
              lambda p: outer(p, qdk.pax(path="other.tar.gz")))
control_trick("control_renamed_by_a_gnu_long_name", "wanted control.tar.gz",
              lambda p: outer(p, Entry("././@LongLink", b"other.tar.gz\0", kind="L")))
control_trick("control_larger_than_its_part", "control archive: ",
              lambda p: p.with_(control=qdk.tar([Entry("control.tar.gz", inner(p), size=1 << 20)])))
control_trick("control_of_a_negative_size", "control archive: ",
              lambda p: p.with_(control=qdk.tar([Entry("control.tar.gz", inner(p), raw={124: b"\xff" * 12})])))
control_trick("control_with_a_false_check_sum", "control archive: ",
              lambda p: p.with_(control=qdk.tar([Entry("control.tar.gz", inner(p), sum=b"000000\0 ")])))
control_trick("control_with_bytes_behind_the_tar", "control archive: .*end",
              lambda p: p.with_(control=qdk.tar([Entry("control.tar.gz", inner(p))]) + b"x" * 512))
control_trick("control_inner_of_xz", "control archive: wanted gz", lambda p: outer(p, data=lzma.compress(qdk.tar(p.control_members()))))
control_trick("control_inner_plain", "control archive: wanted gz", lambda p: outer(p, data=qdk.tar(p.control_members())))
control_trick("control_inner_cut", "control archive: ", lambda p: outer(p, data=inner(p)[:-5]))
control_trick("control_inner_with_bytes_behind", "control archive: ", lambda p: outer(p, data=inner(p) + b"#!/bin/sh"))
control_trick("control_inner_with_a_false_check_sum", "check sum",
              lambda p: outer(p, data=inner(p)[:-8] + b"\0\0\0\0" + inner(p)[-4:]))
control_trick("control_inner_of_two_streams", "check sum", lambda p: outer(
    p, data=qdk.gzip_bytes(qdk.tar(p.control_members(), end=False)) + qdk.gzip_bytes(bytes(10240))))
control_trick("control_without_qpkg_cfg", "has no qpkg.cfg", lambda p: outer(p, data=qdk.gzip_bytes(qdk.tar([Entry("./x", b"")]))))
control_trick("control_with_qpkg_cfg_in_a_folder", "has no qpkg.cfg",
              lambda p: outer(p, data=qdk.gzip_bytes(qdk.tar([Entry("./a/qpkg.cfg", p.config())]))))


def with_config_as(*entries):
    return lambda p: outer(p, data=qdk.gzip_bytes(qdk.tar(list(entries) + [Entry("./package_routines", b"")])))


control_trick("qpkg_cfg_that_is_a_symlink", "has no qpkg.cfg", with_config_as(symlink("./qpkg.cfg", "/etc/shadow")))
control_trick("qpkg_cfg_that_is_a_folder", "has no qpkg.cfg", with_config_as(folder("./qpkg.cfg/")))
control_trick("qpkg_cfg_that_is_a_hard_link", "hard link", with_config_as(hardlink("./qpkg.cfg", "/etc/shadow")))
control_trick("qpkg_cfg_that_is_a_fifo", "fifo", with_config_as(Entry("./qpkg.cfg", kind="6")))
control_trick("qpkg_cfg_twice", "qpkg.cfg.*twice", more_members(Entry("./qpkg.cfg", b"QPKG_NAME=Evil\n")), lambda a: HARMLESS(plain(a)))
control_trick("qpkg_cfg_twice_by_another_name", "twice", more_members(Entry("qpkg.cfg", b"QPKG_NAME=Evil\n")))
control_trick("package_routines_twice", "twice", more_members(Entry("./package_routines", b"reboot\n")))
control_trick("package_routines_of_a_megabyte", "package_routines: wanted at most 262144",
              lambda p: p.with_(routines=b"#" * (1 << 20)), lambda a: plain(a, routines=b"#" * 200000))
control_trick("control_member_out_of_the_package", "leaves the package", more_members(Entry("../../etc/init.d/evil", b"x")))
control_trick("control_member_with_an_absolute_path", "absolute path", more_members(Entry("/etc/init.d/evil", b"x")))
control_trick("control_member_that_is_a_device", "is a device", more_members(Entry("./sda", kind="4")))
control_trick("control_bomb", "control archive: ", more_members(Entry("./xz.tgz", bytes(80 << 20))),
              lambda a: plain(a, members=[Entry("./xz.tgz", bytes(1 << 20))]))
control_trick("control_of_two_thousand_members", "at most 1000 files",
              more_members(*[Entry(f"./{i}", b"") for i in range(2000)]),
              lambda a: plain(a, members=[Entry(f"./{i}", b"") for i in range(200)]))

# ---- qpkg.cfg ----

BASE = {"QPKG_NAME": "@", "QPKG_VER": "1.0", "QPKG_AUTHOR": "A Tester"}


def config_package(app, text):
    text = qdk._bytes(text)
    return plain(app, cfg=qdk.config_text(BASE).replace("@", app).encode() + text)


def config_trick(name, words, text, twin=""):
    """Lines added to a good qpkg.cfg."""
    trick("qpkg_cfg_" + name, words, lambda app: config_package(app, text), lambda app: config_package(app, twin))


def key_trick(name, words, key, value, twin=None):
    """A value of one key, in double quotes."""
    def make(given):
        return lambda app: plain(app, keys={key: given} if given is not None else {})
    trick("qpkg_cfg_" + name, words, make(value), make(twin))


config_trick("with_a_command", "qpkg.cfg:4: wanted KEY=VALUE", ESCAPE + "\n", "# " + ESCAPE + "\n")
config_trick("with_a_command_in_a_value", "unescaped \\$", f'QPKG_SUMMARY="$({ESCAPE})"\n', f"QPKG_SUMMARY='$({ESCAPE})'\n")
config_trick("with_backticks", "unescaped `", f'QPKG_SUMMARY="`{ESCAPE}`"\n', f"QPKG_SUMMARY='`{ESCAPE}`'\n")
config_trick("with_a_variable", "unescaped \\$", 'QPKG_SUMMARY="$HOME"\n', 'QPKG_SUMMARY="\\$HOME"\n')
config_trick("with_arithmetic", "unescaped \\$", 'QPKG_RC_NUM="$((1+1))"\n', 'QPKG_RC_NUM="2"\n')
config_trick("with_a_command_behind_a_value", "end of the value", f'QPKG_SUMMARY="x";{ESCAPE}\n', f'QPKG_SUMMARY="x;{ESCAPE}"\n')
config_trick("with_a_command_behind_a_bare_value", "end of the value", f"QPKG_RC_NUM=5;{ESCAPE}\n", "QPKG_RC_NUM=5 # five\n")
config_trick("with_and", "end of the value", f"QPKG_RC_NUM=5&&{ESCAPE}\n", "QPKG_RC_NUM=5\n")
config_trick("with_a_pipe", "end of the value", "QPKG_RC_NUM=5|sh\n", "QPKG_SUMMARY='5|sh'\n")
config_trick("with_a_redirection", "end of the value", "QPKG_RC_NUM=5>/tmp/appcenter-escape\n", "QPKG_SUMMARY='5>x'\n")
config_trick("with_an_assignment_before_a_command", "end of the value", f"QPKG_RC_NUM=5 {ESCAPE}\n", "QPKG_RC_NUM=5\n")
config_trick("with_quotes_over_two_lines", "quotes do not end", 'QPKG_SUMMARY="one\ntwo"\n', 'QPKG_SUMMARY="one two"\n')
config_trick("with_a_line_continued", "quotes do not end|another escape", 'QPKG_SUMMARY="one\\\ntwo"\n', 'QPKG_SUMMARY="one\\\\two"\n')
config_trick("with_single_quotes_open", "quotes do not end", "QPKG_SUMMARY='one\n", "QPKG_SUMMARY='one'\n")
config_trick("with_quotes_glued", "end of the value", "QPKG_SUMMARY='one'\"two\"\n", "QPKG_SUMMARY='one\"two\"'\n")
config_trick("with_an_odd_escape", "another escape", 'QPKG_SUMMARY="a\\nb"\n', 'QPKG_SUMMARY="a\\\\nb"\n')
config_trick("with_a_carriage_return", "control byte 0x0d", "QPKG_SUMMARY=x\r\n", "QPKG_SUMMARY=x\n")
config_trick("with_a_zero_byte", "control byte 0x00", b"QPKG_SUMMARY=x\0y\n", "QPKG_SUMMARY=xy\n")
config_trick("with_an_escape_sequence", "control byte 0x1b", 'QPKG_SUMMARY="\x1b]0;x\x07"\n', 'QPKG_SUMMARY="]0;x"\n')
config_trick("in_latin_1", "not UTF-8", b"QPKG_SUMMARY='gr\xfcn'\n", "QPKG_SUMMARY='grün'\n")
config_trick("with_an_overlong_slash", "not UTF-8", b"QPKG_SUMMARY='\xc0\xaf'\n", "QPKG_SUMMARY='/'\n")
config_trick("that_sets_path", "key that starts with", "PATH=/tmp\n", "QPKG_PATH_LIKE=/tmp\n")
config_trick("that_sets_ifs", "key that starts with|found something", "IFS=x\n", "QPKG_IFS=x\n")
config_trick("that_sets_ld_preload", "key that starts with", "LD_PRELOAD=/tmp/x.so\n", "QPKG_LD_PRELOAD=/tmp/x.so\n")
config_trick("that_rebinds_the_installer", "key that starts with", "CMD_TAR=/tmp/evil\n", "QPKG_CMD_TAR=/tmp/evil\n")
config_trick("with_a_bare_prefix", "key that starts with", "QPKG_=x\n", "QPKG_X=x\n")
config_trick("with_a_small_key", "wanted KEY=VALUE", "qpkg_name=x\n", "QPKG_NAMED=x\n")
config_trick("with_export", "wanted KEY=VALUE", "export QPKG_X=x\n", "QPKG_X=x\n")
config_trick("with_an_indented_key", "wanted KEY=VALUE", "  QPKG_X=x\n", "  # QPKG_X=x\n")
config_trick("with_a_function", "wanted KEY=VALUE", "QPKG_x(){\n:\n}\n", "QPKG_X=x\n")
config_trick("with_plus_equals", "wanted KEY=VALUE", "QPKG_NAME+=x\n", "QPKG_X=x\n")
config_trick("with_blanks_round_equals", "wanted KEY=VALUE", "QPKG_X = x\n", "QPKG_X=x\n")
config_trick("with_an_array", "end of the value", "QPKG_X=(a b)\n", "QPKG_X='(a b)'\n")
config_trick("that_reads_another_file", "wanted KEY=VALUE", ". /tmp/evil\n", "#. /tmp/evil\n")
config_trick("with_a_here_document", "wanted KEY=VALUE", "cat <<X\nX\n", "QPKG_X='<<X'\n")
config_trick("of_70_kib", "at most 65536 bytes", "#" * 70000 + "\n", "#" * 40000 + "\n")

trick("qpkg_cfg_without_a_name", "QPKG_NAME: wanted", lambda a: plain(a, cfg='QPKG_VER="1.0"\nQPKG_AUTHOR="x"\n'))
trick("qpkg_cfg_without_a_version", "QPKG_VER: wanted", lambda a: plain(a, cfg=f'QPKG_NAME="{a}"\nQPKG_AUTHOR="x"\n'))
trick("qpkg_cfg_without_an_author", "QPKG_AUTHOR: wanted", lambda a: plain(a, cfg=f'QPKG_NAME="{a}"\nQPKG_VER="1.0"\n'))
trick("qpkg_cfg_empty", "QPKG_NAME: wanted", lambda a: plain(a, cfg=b"\n"))
key_trick("named_with_a_slash", "QPKG_NAME: wanted", "QPKG_NAME", "../../etc")
key_trick("named_dot_dot", "QPKG_NAME: wanted", "QPKG_NAME", "..")
key_trick("named_with_a_blank", "QPKG_NAME: wanted", "QPKG_NAME", "My App")
key_trick("named_with_a_bracket", "QPKG_NAME: wanted", "QPKG_NAME", "App]")
key_trick("named_with_an_option", "QPKG_NAME: wanted", "QPKG_NAME", "-rf")
key_trick("named_with_50_letters", "QPKG_NAME: wanted", "QPKG_NAME", "n" * 50)
key_trick("of_a_version_with_a_command", "QPKG_VER: wanted", "QPKG_VER", "1.0;reboot")
key_trick("of_a_version_with_an_index", "QPKG_VER: wanted", "QPKG_VER", "a[0]")
key_trick("of_a_version_with_a_path", "QPKG_VER: wanted", "QPKG_VER", "../1.0")
key_trick("of_a_config_file_outside", "QPKG_CONFIG: wanted", "QPKG_CONFIG", "../../etc/passwd", "readme")
key_trick("of_a_config_file_that_climbs", "QPKG_CONFIG: wanted", "QPKG_CONFIG", "/etc/config/../passwd", "readme")
key_trick("of_a_service_program_outside", "QPKG_SERVICE_PROGRAM: wanted", "QPKG_SERVICE_PROGRAM", "../../bin/sh")
key_trick("of_an_absolute_service_program", "QPKG_SERVICE_PROGRAM: wanted", "QPKG_SERVICE_PROGRAM", "/bin/sh")
key_trick("of_a_pid_file_that_climbs", "QPKG_SERVICE_PIDFILE: wanted", "QPKG_SERVICE_PIDFILE", "/var/run/../../etc/passwd",
          "/var/run/x.pid")
key_trick("of_a_port_too_large", "QPKG_SERVICE_PORT: wanted", "QPKG_SERVICE_PORT", "65536", "65535")
key_trick("of_a_start_order_that_is_text", "QPKG_RC_NUM: wanted", "QPKG_RC_NUM", "1 -o x", "1")
key_trick("of_an_unknown_operator", "QPKG_REQUIRE: ", "QPKG_REQUIRE", "QNAP_FW => 1", "QNAP_FW >= 1")
key_trick("of_two_operators", "QPKG_REQUIRE: ", "QPKG_REQUIRE", "QNAP_FW >= 1 < 2", "QNAP_FW >= 1, QNAP_FW < 20")
key_trick("of_a_requirement_with_a_command", "QPKG_REQUIRE: ", "QPKG_REQUIRE", "a;reboot > 1", "QNAP_FW>1")
key_trick("of_a_requirement_that_is_a_path", "QPKG_REQUIRE: ", "QPKG_REQUIRE", "../x", "QNAP_FW|OPT/python")
key_trick("of_an_empty_alternative", "QPKG_REQUIRE: ", "QPKG_REQUIRE", "QNAP_FW||X", ", QNAP_FW ,")
key_trick("of_five_hundred_requirements", "QPKG_REQUIRE: ", "QPKG_REQUIRE", ",".join(f"A{i}" for i in range(500)), "QNAP_FW")
key_trick("of_alternatives_in_a_conflict", "QPKG_CONFLICT: ", "QPKG_CONFLICT", "Foo|Bar", "Foo, Bar < 2")
key_trick("of_a_least_firmware_with_a_command", "QTS_MINI_VERSION: wanted", "QTS_MINI_VERSION", "5.0 -o 1", "5.0")
key_trick("of_a_health_check_elsewhere", "APPCENTER_HEALTH: wanted", "APPCENTER_HEALTH", "ftp:/x")
