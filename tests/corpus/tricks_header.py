"""Tricks with the shell header, the lengths that it tells, the area behind the content and the tail."""
import struct

import qdk
from trick import plain, trick

EXTRA = qdk.tar([qdk.Entry("./Packages", b"x")])


def header_trick(name, words, edit, twin_edit=None, **keys):
    """edit, twin_edit: functions of the header's text, whose length is still @LEN@."""
    trick(name, words, lambda app: plain(app, head={"edit": edit}, **keys),
          lambda app: plain(app, head={"edit": twin_edit} if twin_edit else {}, **keys))


def swap(old, new):
    def edit(text):
        assert old in text, old
        return text.replace(old, new, 1)
    return edit


def line_before(mark, line):
    """mark: the start of a line."""
    return swap(b"\n" + mark, b"\n" + line + b"\n" + mark)


LEN = b"script_len=@LEN@"
END = b"exit 1\n"
COMMENT = line_before(END, b"# a comment")

header_trick("header_of_another_interpreter", "wanted #!/bin/sh", swap(b"#!/bin/sh", b"#!/bin/bash"))
header_trick("header_with_blank_behind_interpreter", "wanted #!/bin/sh", swap(b"#!/bin/sh", b"#!/bin/sh -c"))
header_trick("header_of_an_elf_program", "wanted #!/bin/sh", swap(b"#!/bin/sh\n", b"\x7fELF\x02\x01\x01\n"))
header_trick("header_with_carriage_returns", "wanted #!/bin/sh", lambda t: t.replace(b"\n", b"\r\n"))
header_trick("header_with_a_zero_byte", "zero byte", swap(LEN, LEN + b"\n#\0"), COMMENT)
header_trick("header_without_an_end", "no \"exit 1\" line|a zero byte", swap(b"\nexit 1\n", b"\nexit 2\n"))
header_trick("header_end_with_more_on_it", "alone", lambda t: t[:-len(END)] + b"exit 10\n")
header_trick("header_ends_before_the_lengths", "script ends|script_len", line_before(LEN, b"exit 1"), COMMENT)
header_trick("header_ends_between_the_lengths", "script ends", line_before(b"offset=", b"exit 1"), COMMENT)
header_trick("header_of_70_kib", "exit 1.*65536", line_before(LEN, b"#" * 70000), line_before(LEN, b"#" * 40000))
header_trick("header_line_of_a_megabyte", "exit 1.*65536", line_before(LEN, b"#" * (1 << 20)), COMMENT)

header_trick("script_len_twice", "second script_len", line_before(LEN, b"script_len=7"), COMMENT)
header_trick("script_len_with_leading_zero", "script_len=.*number", swap(b"@LEN@", b"0@LEN@"))
header_trick("script_len_in_hex", "script_len=.*number", swap(b"@LEN@", b"0x200"))
header_trick("script_len_of_ten_digits", "script_len=.*number", swap(b"@LEN@", b"4294967296"))
header_trick("script_len_negative", "script_len=.*number", swap(b"@LEN@", b"-1"))
header_trick("script_len_with_plus", "script_len=.*number", swap(b"@LEN@", b"+512"))
header_trick("script_len_empty", "script_len=.*number", swap(b"@LEN@", b""))
header_trick("script_len_with_a_command", "script_len=.*number", swap(b"@LEN@", b"$(touch /tmp/appcenter-escape; echo 512)"))
header_trick("script_len_with_arithmetic", "script_len=.*number", swap(b"@LEN@", b"$((500+12))"))
header_trick("script_len_and_a_command_behind", "script_len=.*number", swap(b"@LEN@", b"@LEN@;touch /tmp/appcenter-escape"))
header_trick("script_len_exported", "start of its line", swap(LEN, b"export " + LEN))
header_trick("script_len_indented", "start of its line", swap(LEN, b"\t" + LEN))
header_trick("script_len_in_a_comment", "start of its line", line_before(LEN, b"# script_len=7"), COMMENT)
header_trick("script_len_too_small", "script_len is .* ends at", swap(b"@LEN@", b"100"))
header_trick("script_len_into_the_data", "script_len is .* ends at", swap(b"@LEN@", b"9999"))

FIRST, SECOND = b"expr $script_len + ", b"expr $offset + "
header_trick("offset_before_script_len", "before the script_len", line_before(LEN, b"offset=$(/usr/bin/expr $script_len + 7)"),
             COMMENT)
header_trick("offset_of_another_variable", "wanted offset=", swap(FIRST, b"expr $other + "))
header_trick("offset_with_backticks", "wanted offset=", swap(b"offset=$(/usr/bin/expr $offset", b"offset=`/usr/bin/expr $offset"))
header_trick("offset_with_a_command", "wanted offset=", swap(SECOND, b"expr $(reboot) + "))
header_trick("offset_with_leading_zero", "wanted offset=", swap(SECOND, SECOND + b"0"))
header_trick("offset_negative", "wanted offset=", swap(SECOND, SECOND + b"-"))
header_trick("offset_of_two_to_the_63", "wanted offset=", swap(SECOND, SECOND + b"9223372036854775807"))
header_trick("offset_that_wraps_at_64_bits", "wanted offset=", swap(SECOND, SECOND + b"18446744073709551616"))
header_trick("offset_with_a_second_command", "wanted offset=", lambda t: t.replace(b")\nexit 1", b");reboot\nexit 1"))
header_trick("offset_missing", "two offset lines", lambda t: t[:t.index(b"offset=$(/usr/bin/expr $offset")] + END)
header_trick("offset_third_without_extra", "want a file of",
             line_before(END, b"offset=$(/usr/bin/expr $offset + 999)"), COMMENT)
header_trick("offset_fourth", "fourth offset", line_before(END, b"offset=$(/usr/bin/expr $offset + 1)"), COMMENT, extra=EXTRA)
header_trick("offset_in_a_comment", "start of its line", line_before(END, b"# offset=7"), COMMENT)
header_trick("offset_plain_number", "wanted offset=", line_before(b"offset=", b"offset=512"), COMMENT)

# a display name goes into header lines as it is: what if it has lines of its own?
header_trick("display_name_with_script_len", "second script_len",
             line_before(LEN, b'echo "Nice\nscript_len=1\napp"'), line_before(LEN, b'echo "Nice app"'))
header_trick("display_name_with_offset", "offset line",
             line_before(LEN, b'echo "Nice\noffset=1\napp"'), line_before(LEN, b'echo "Nice app"'))
header_trick("display_name_with_exit", "alone|script ends|script_len",
             line_before(LEN, b'echo "Nice\nexit 1 app"'), line_before(LEN, b'echo "Nice exit 1 app"'))
header_trick("display_name_with_control_name", "starts with control.tar.gz",
             line_before(LEN, b'echo "Nice\ncontrol.tar.gz"'), line_before(LEN, b'echo "Nice control.tar.gz"'))
header_trick("two_compressions_named", "both data.tar", line_before(END, b"cat data.tar.xz"), COMMENT)
header_trick("unknown_compression_named", "found data.tar.lz4", lambda t: t.replace(b"data.tar.gz", b"data.tar.lz4"))
header_trick("no_compression_named", "names no data.tar", lambda t: t.replace(b"data.tar.gz", b"data"))
header_trick("arch_that_is_none", "none of QDK's", swap(b'"x86_64"', b'"mips64"'), COMMENT, arch="x86_64")
header_trick("arch_that_is_a_pattern_for_all", "none of QDK's", swap(b'"x86_64"', b'".*"'), COMMENT, arch="x86_64")
header_trick("arch_named_twice", "second pattern",
             line_before(LEN, b'[ $(/usr/bin/expr match "$cpu_arch" "aarch64") -ne 0 ] || exit 1'), COMMENT, arch="x86_64")

# ---- the parts' lengths against each other ----


def shifted(app, **by):
    """The parts as they are, the header telling other lengths."""
    parts = plain(app, extra=EXTRA).parts()
    real = {"control": len(parts[1]), "data": len(parts[2]), "extra": len(parts[3])}
    return plain(app, extra=EXTRA, lengths={k: real[k] + by.get(k, 0) for k in real})


def with_extra(app):
    return plain(app, extra=EXTRA)


trick("control_takes_from_the_data", "archive: ", lambda app: shifted(app, control=1, data=-1), with_extra)
trick("control_gives_to_the_data", "archive: ", lambda app: shifted(app, control=-512, data=512), with_extra)
trick("data_takes_from_the_extra", "archive: ", lambda app: shifted(app, data=512, extra=-512), with_extra)
trick("data_gives_to_the_extra", "archive: ", lambda app: shifted(app, data=-1, extra=1), with_extra)
trick("extra_takes_from_the_tail", "want a file of", lambda app: shifted(app, extra=1), with_extra)
trick("extra_gives_to_the_area", "signature area", lambda app: shifted(app, extra=-1), with_extra)
trick("extra_that_is_no_tar", "extra archive: ", lambda app: plain(app, extra=b"x" * 10240), with_extra)
trick("extra_with_a_path_out", "extra archive: .*leaves the package",
      lambda app: plain(app, extra=qdk.tar([qdk.Entry("../../etc/passwd", b"x")])), with_extra)
trick("extra_without_an_end", "extra archive: ", lambda app: plain(app, extra=qdk.tar([qdk.Entry("./x", b"x")], end=False)),
      with_extra)
trick("a_byte_behind_the_tail", "signature area|tail", lambda app: plain(app).build() + b"\n")
trick("two_tails", "signature area|tail", lambda app: plain(app).build() + plain(app).parts()[5])
trick("two_packages_in_one_file", "signature area", lambda app: plain(app).build() + plain("Other").build())
trick("an_empty_file", "header: |wanted", lambda app: b"")
trick("a_file_of_99_bytes", "header: ", lambda app: b"#!/bin/sh\nexit 1\n".ljust(99))
trick("a_web_page", "wanted #!/bin/sh", lambda app: b"<!DOCTYPE html><html>not found</html>" * 100)

# ---- the area ----

GOOD_AREA = qdk.area((qdk.GPG, b"\x88\x5d" * 40))


def area_trick(name, words, area):
    trick(name, words, lambda app: plain(app, area_bytes=area), lambda app: plain(app, area_bytes=GOOD_AREA))


def record(kind, length, payload=b""):
    return bytes([kind]) + struct.pack(">I", length) + payload


area_trick("area_of_another_magic", "signature area.*wanted \"QDK\"", b"qdk" + GOOD_AREA[3:])
area_trick("area_without_an_end", "end mark|record", GOOD_AREA[:-1])
area_trick("area_with_bytes_behind_the_end", "behind its end mark", GOOD_AREA + b"hidden")
area_trick("area_of_three_bytes", "signature area", b"QDK")
area_trick("area_within_an_area", "signature area", GOOD_AREA + GOOD_AREA)
area_trick("area_record_of_4_gib", "record of type 1: wanted at most", b"QDK" + record(1, 0xffffffff, b"x") + b"\xff")
area_trick("area_record_into_the_tail", "record of type 1: wanted at most", b"QDK" + record(1, 60, b"x" * 40) + b"\xff")
area_trick("area_record_over_the_end_mark", "end mark|record", b"QDK" + record(1, 11, b"x" * 10) + b"\xff")
area_trick("area_record_one_byte_short", "signature area", b"QDK" + record(1, 9, b"x" * 10) + b"\xff")
area_trick("area_record_head_cut", "record of 5 bytes", b"QDK\x01\x00\x00")
area_trick("area_two_records_of_a_type", "two records of type 1", qdk.area((1, b"first"), (1, b"second")))
area_trick("area_two_strong_signatures", "two records of type 65", qdk.area((65, b"first"), (65, b"second")))
area_trick("area_of_a_hundred_records", "more than 64 records", qdk.area(*[(t, b"x") for t in range(100, 200)]))
area_trick("area_of_garbage", "signature area", b"\0" * 5000)

# ---- the tail ----


def tail_trick(trick_name, words, **keys):
    trick(trick_name, words, lambda app: plain(app, tail_keys=keys), lambda app: plain(app, tail_keys={"model": "TS-X73"}))


tail_trick("tail_of_another_app", "the tail says \"Other\"", name="Other")
tail_trick("tail_of_another_version", "the tail says \"9.9\"", version="9.9")
tail_trick("tail_of_an_empty_name", "the tail says", name="")
tail_trick("tail_with_a_control_byte", "tail: name: wanted printable", name="A\nB")
tail_trick("tail_with_an_escape", "tail: model: wanted printable", model="\x1b[31m")
tail_trick("tail_of_a_firmware_patch", "firmware patch", magic="QNAPQFIX")
tail_trick("tail_of_another_magic", "tail: wanted \"QNAPQPKG\"", magic="QNAPQPKX")
trick("tail_of_blanks", "tail: wanted", lambda app: plain(app, tail_bytes=b" " * 100))
trick("tail_of_101_bytes", "signature area|tail", lambda app: plain(app, tail_bytes=plain(app).parts()[5] + b" "))
trick("tail_of_99_bytes", "want a file of", lambda app: plain(app, tail_bytes=plain(app).parts()[5][1:]))
trick("tail_with_zero_bytes", "tail: .*wanted printable",
      lambda app: plain(app, tail_bytes=plain(app).parts()[5].replace(b" ", b"\0")))
trick("name_that_differs_behind_its_twentieth_letter", "the tail says",
      lambda app: plain(app, cfg=qdk.config_text({"QPKG_NAME": "L" * 19 + app, "QPKG_VER": "1.0", "QPKG_AUTHOR": "x"})),
      lambda app: plain((app + "L" * 30)[:30]))
