"""Tricks with the tar of the data archive: paths, links, kinds, modes, sizes and the headers that change headers."""
import qdk
from qdk import Entry, folder, hardlink, symlink
from trick import ALL_DOORS, UNSIGNED_DOORS, plain, trick

GREEN = "./gr\u00fcn"


def tar_trick(name, words, entries, twin=None, doors=ALL_DOORS):
    """entries, twin: members of the data archive, behind its top folder."""
    def make(given):
        return lambda app: plain(app, files=[folder("./"), *given])
    trick(name, words, make(entries), make(twin) if twin is not None else None, doors)


def file(name, data=b"x", **keys):
    return Entry(name, data, **keys)


# ---- names ----
tar_trick("path_up", "\"../escape\" leaves the package", [file("../escape")], [file("./..escape")])
tar_trick("path_up_from_inside", "leaves the package", [file("./a/../../escape")], [file("./a/..b/escape")])
tar_trick("path_up_and_back", "leaves the package", [file("./a/../b")], [file("./a/b")])
tar_trick("path_that_ends_up", "leaves the package", [folder("./a/..")], [folder("./a/...")])
tar_trick("path_absolute", "absolute path", [file("/tmp/appcenter-escape")], [file("./tmp/appcenter-escape")])
tar_trick("path_absolute_behind_a_dot", "absolute path", [file(".//tmp/appcenter-escape")], [file("./tmp/x")])
tar_trick("path_with_a_double_slash", "not a normal path", [file("./a//b")], [file("./a/b")])
tar_trick("path_with_a_dot_inside", "not a normal path", [file("./a/./b")], [file("./a/.b")])
tar_trick("path_of_a_file_that_is_the_package", "not a normal path|empty", [file(".")], [file("./...")])
tar_trick("path_empty", "empty|archive: ", [file("")], [file("./ ")])
tar_trick("path_with_a_newline", "control bytes", [file("./a\nb")], [file("./a b")])
tar_trick("path_with_an_escape_sequence", "control bytes", [file("./\x1b[31mred")], [file("./[31mred")])
tar_trick("path_with_a_delete", "control bytes", [file("./a\x7f")], [file("./a~")])
tar_trick("path_in_latin_1", "UTF-8", [file(b"./gr\xfcn")], [file(GREEN)])
tar_trick("path_with_an_overlong_slash", "UTF-8", [file(b"./..\xc0\xafescape")], [file("./..escape")])
tar_trick("path_with_a_surrogate", "UTF-8", [file(b"./\xed\xa0\x80")], [file(GREEN)])
tar_trick("path_of_a_part_of_300_bytes", "more than 255 bytes", [file("./" + "n" * 300)], [file("./" + "n" * 255)])
tar_trick("path_of_5000_bytes", "longer than 4096 bytes", [file("./" + "/".join(["p" * 99] * 50))],
          [file("./" + "/".join(["p" * 99] * 20))])
tar_trick("path_of_70_folders", "more than 64 folders", [file("./" + "d/" * 70 + "f")], [file("./" + "d/" * 60 + "f")])

# ---- links ----
tar_trick("symlink_absolute", "symlink out of the package", [symlink("./l", "/etc/passwd")], [symlink("./l", "readme")],
          UNSIGNED_DOORS)
tar_trick("symlink_up", "symlink out of the package", [symlink("./l", "../../etc")], [symlink("./d/l", "../readme")],
          UNSIGNED_DOORS)
tar_trick("symlink_up_and_back", "symlink out of the package", [symlink("./d/l", "../../stage/x")],
          [symlink("./d/l", "../x")], UNSIGNED_DOORS)
tar_trick("symlink_through_a_symlink", "symlink out of the package",
          [symlink("./a/b/l", "../.."), symlink("./a/b/m", "l/..")], [symlink("./a/b/l", "../..")], UNSIGNED_DOORS)
tar_trick("symlink_that_goes_down_and_up", "symlink out of the package", [symlink("./l", "a/../../x")],
          [symlink("./l", "a/x")], UNSIGNED_DOORS)
tar_trick("symlink_with_a_newline", "control bytes", [symlink("./l", "a\nb")], [symlink("./l", "a b")])
tar_trick("symlink_to_nothing", "empty", [symlink("./l", "")], [symlink("./l", "nowhere")])
tar_trick("symlink_of_5000_bytes", "4096 bytes", [symlink("./l", "t/" * 2500)], [symlink("./l", "t/" * 1000)])
tar_trick("symlink_that_is_the_package", "not a normal path|empty", [symlink(".", "/etc")], [symlink("./x", "readme")])
tar_trick("symlink_with_content", "content|archive: ", [Entry("./l", b"x" * 100, kind="2", link="readme")],
          [symlink("./l", "readme")])
tar_trick("file_through_a_symlink", "no folder|symlink out", [symlink("./d", "../outside"), file("./d/file")],
          [folder("./d/"), file("./d/file")])
tar_trick("file_through_an_inner_symlink", "no folder", [folder("./e/"), symlink("./d", "e"), file("./d/file")],
          [folder("./e/"), symlink("./d", "e"), file("./e/file")])
tar_trick("folder_through_a_symlink", "no folder", [folder("./e/"), symlink("./d", "e"), folder("./d/sub/")],
          [folder("./e/"), symlink("./d", "e"), folder("./e/sub/")])
tar_trick("symlink_then_file_of_its_name", "twice", [symlink("./d", "e"), file("./d")], [symlink("./d", "e"), file("./e")])
tar_trick("symlink_then_folder_of_its_name", "twice", [symlink("./d", "e"), folder("./d/")], [symlink("./d", "e"), folder("./e/")])
tar_trick("file_then_symlink_of_its_name", "twice|symlink out", [file("./d"), symlink("./d", "/etc")], [file("./d"), symlink("./e", "d")],
          ALL_DOORS)
tar_trick("folder_then_symlink_of_its_name", "twice", [folder("./d/"), symlink("./d", "e")], [folder("./d/"), symlink("./e", "d")])
tar_trick("implied_folder_then_symlink", "twice", [file("./d/x"), symlink("./d", "e")], [file("./d/x"), folder("./d/")])
tar_trick("file_twice", "twice", [file("./d"), file("./d")], [file("./d"), file("./D")])
tar_trick("file_twice_by_two_names", "twice", [file("./d"), file("d")], [file("d")])
tar_trick("folder_twice", "twice", [folder("./d/"), folder("./d/")], [folder("./d/"), folder("./e/")])
tar_trick("file_below_a_file", "no folder", [file("./d"), file("./d/e")], [file("./d/e")])
tar_trick("hardlink_out", "leaves the package", [hardlink("./h", "../outside/file")], [file("./f"), hardlink("./h", "./f")])
tar_trick("hardlink_absolute", "absolute path", [hardlink("./h", "/etc/shadow")], [file("./f"), hardlink("./h", "./f")])
tar_trick("hardlink_to_what_comes_later", "so far", [hardlink("./h", "./f"), file("./f")], [file("./f"), hardlink("./h", "./f")])
tar_trick("hardlink_to_itself", "so far", [hardlink("./h", "./h")], [file("./f"), hardlink("./h", "f")])
tar_trick("hardlink_to_a_symlink", "so far", [symlink("./l", "readme"), hardlink("./h", "./l")],
          [symlink("./l", "readme"), file("./h")])
tar_trick("hardlink_to_a_folder", "so far", [folder("./d/"), hardlink("./h", "./d")], [folder("./d/"), file("./h")])
tar_trick("hardlink_over_a_file", "twice", [file("./f"), file("./g"), hardlink("./f", "./g")],
          [file("./f"), hardlink("./g", "./f")])

# ---- kinds and modes ----
tar_trick("fifo", "is a fifo", [Entry("./f", kind="6")], [file("./f", b"")])
tar_trick("character_device", "is a device", [Entry("./null", kind="3", raw={329: b"0000001\0", 337: b"0000003\0"})], [file("./null")])
tar_trick("block_device", "is a device", [Entry("./sda", kind="4", raw={329: b"0000010\0"})], [file("./sda")])
tar_trick("setuid_file", "setuid", [file("./su", mode=0o4755)], [file("./su", mode=0o755)])
tar_trick("setgid_file", "setuid", [file("./sg", mode=0o2755)], [file("./sg", mode=0o775)])
tar_trick("sticky_folder", "setuid", [folder("./tmp/", mode=0o1777)], [folder("./tmp/", mode=0o777)])
tar_trick("setuid_top_folder", "setuid", [folder("./", mode=0o4755)], [])
tar_trick("gnu_sparse_file", "sparse|archive: ", [Entry("./holes", b"x", kind="S", raw={
    386: b"00000001000\0", 398: b"00000000001\0", 483: b"00000002000\0"})], [file("./holes")])
tar_trick("multi_volume_rest", "archive: ", [Entry("./rest", b"x", kind="M", raw={369: b"00000001000\0"}), hardlink("./y", "./none")],
          [file("./rest")])

# ---- sizes and damaged headers ----
tar_trick("size_of_8_gib", "archive: ", [file("./big", size=8 << 30)], [file("./big", b"x" * 4096)])
tar_trick("size_negative", "archive: ", [file("./odd", raw={124: b"\xff" * 12})], [file("./odd")])
tar_trick("size_of_two_to_the_63", "archive: ", [file("./odd", raw={124: b"\x80" + bytes(3) + b"\x7f" + b"\xff" * 7})],
          [file("./odd")])
tar_trick("size_with_a_minus", "archive: ", [file("./odd", raw={124: b"-0000000001\0"})], [file("./odd")])
tar_trick("size_one_block_more", "archive: ", [file("./last", size=20000)], [file("./last")])
tar_trick("check_sum_false", "archive: ", [file("./x", sum=b"000123\0 ")], [file("./x")])
tar_trick("folder_with_content", "content|archive: ", [Entry("./d/", b"x" * 700, kind="5", raw={257: b"ustar\x0000"})],
          [folder("./d/")])
trick("tar_without_an_end_mark", "no end mark|archive: ",
      lambda app: plain(app, data=qdk.gzip_bytes(qdk.tar([folder("./"), file("./x")], end=False))))
trick("tar_behind_a_tar", "behind the tar's end mark",
      lambda app: plain(app, data=qdk.gzip_bytes(qdk.tar([folder("./")]) + qdk.tar([file("../escape")]))),
      lambda app: plain(app, data=qdk.gzip_bytes(qdk.tar([folder("./")]) + bytes(10240))))
trick("no_tar_at_all", "archive: ", lambda app: plain(app, data=qdk.gzip_bytes(b"hello")))
trick("zip_instead_of_tar", "archive: ", lambda app: plain(app, data=qdk.gzip_bytes(b"PK\x03\x04" + bytes(600))))
trick("cpio_instead_of_tar", "archive: ", lambda app: plain(app, data=qdk.gzip_bytes(b"070701" + b"0" * 104 + b"TRAILER!!!\0" + bytes(500))))
trick("mtree_instead_of_tar", "archive: ", lambda app: plain(app, data=qdk.gzip_bytes(b"#mtree\n./x type=file contents=/etc/shadow\n" * 30)))

# ---- headers about headers ----
tar_trick("pax_path_up", "leaves the package", [qdk.pax(path="../../escape"), file("./x")], [qdk.pax(path="./inside"), file("./x")])
tar_trick("pax_path_absolute", "absolute path", [qdk.pax(path="/tmp/appcenter-escape"), file("./x")],
          [qdk.pax(path=GREEN), file("./x")])
tar_trick("pax_path_with_a_zero", "archive: ", [qdk.pax(path=b"./a\0b"), file("./x"), file("./a")],
          [qdk.pax(path="./a"), file("./x")])
tar_trick("pax_link_path_up", "leaves the package", [qdk.pax(linkpath="../../outside/file"), hardlink("./h", "./readme")],
          [file("./f"), qdk.pax(linkpath="./f"), hardlink("./h", "./x")])
tar_trick("pax_symlink_path_out", "symlink out", [qdk.pax(linkpath="/etc/shadow"), symlink("./l", "readme")],
          [qdk.pax(linkpath="readme"), symlink("./l", "x")], UNSIGNED_DOORS)
tar_trick("pax_size_that_lies", "archive: ", [qdk.pax(size="999999999999"), file("./x")], [qdk.pax(size="1"), file("./x")])
tar_trick("pax_size_negative", "archive: ", [qdk.pax(size="-1"), file("./x")], [qdk.pax(mtime="1.5"), file("./x")])
tar_trick("pax_global_path", "archive: |twice", [qdk.pax("./g", "g", path="../escape"), file("./x"), file("./x")],
          [qdk.pax("./g", "g", comment="harmless"), file("./x")])
tar_trick("pax_record_that_lies_about_its_length", "archive: ", [Entry("./p", b"999 path=./y\n", kind="x"), file("./x")],
          [qdk.pax(path="./y"), file("./x")])
tar_trick("pax_sparse_map", "archive: ", [qdk.pax(GNU__sparse__major="1", GNU__sparse__minor="0", GNU__sparse__name="./s",
                                                  GNU__sparse__realsize="9999999"), file("./x")], [file("./x")])
tar_trick("pax_name_in_latin_1", "archive: ", [qdk.pax(path=b"./gr\xfcn"), file("./x")], [qdk.pax(path=GREEN), file("./x")])
tar_trick("gnu_long_name_up", "leaves the package", [file("../" + "n" * 120)], [file("./" + "n" * 120)])
tar_trick("gnu_long_name_absolute", "absolute path", [file("/tmp/" + "n" * 120)], [file("./tmp/" + "n" * 120)])
tar_trick("gnu_long_link_out", "symlink out", [symlink("./l", "/" + "t" * 120)], [symlink("./l", "t" * 120)], UNSIGNED_DOORS)
tar_trick("gnu_long_name_of_a_gibibyte", "archive: ", [Entry("././@LongLink", b"x", kind="L", size=1 << 30), file("./x")],
          [file("./" + "n" * 200)])
tar_trick("gnu_long_name_with_nobody_behind", "archive: ", [Entry("././@LongLink", b"./x\0", kind="L")], [file("./x")])
