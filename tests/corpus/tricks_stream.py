"""Tricks with the compressed stream of the data archive: cut, prolonged, mislabelled, damaged, and bombs."""
import functools
import struct
import subprocess
import threading

import qdk
from qdk import Entry, folder, hardlink
from trick import plain, trick

METHODS = tuple(qdk.EXTENSION)
SMALL = qdk.tar([folder("./"), Entry("./readme", b"hello\n" * 200), Entry("./more", bytes(range(256)) * 40)])
ZEROS = 96 << 20


def stream_trick(name, words, method, change):
    trick(f"{method}_{name}", words, lambda app: plain(app, compression=method, data=change(qdk.compress(SMALL, method))),
          lambda app: plain(app, compression=method, data=qdk.compress(SMALL, method)))


def flip(at):
    return lambda data: data[:at] + bytes([data[at] ^ 0x55]) + data[at + 1 or None:]


for one in METHODS:
    stream_trick("cut_by_a_byte", "data archive: ", one, lambda d: d[:-1])
    stream_trick("cut_in_the_middle", "data archive: ", one, lambda d: d[:len(d) // 2])
    stream_trick("of_one_byte", "data archive: ", one, lambda d: d[:1])
    stream_trick("with_garbage_behind", "data archive: ", one, lambda d: d + b"garbage that is longer than a header")
    stream_trick("with_a_zero_behind", "data archive: ", one, lambda d: d + b"\0")
    stream_trick("with_another_magic", "data archive: wanted", one, lambda d: b"XX" + d[2:])
    stream_trick("damaged_in_the_middle", "data archive: ", one, lambda d: flip(len(d) // 2)(d))
for said in METHODS:
    for real in METHODS:
        if said != real:
            trick(f"{real}_called_{said}", f"data archive: wanted {qdk.EXTENSION[said]}",
                  lambda app, s=said, r=real: plain(app, compression=s, data=qdk.compress(SMALL, r)),
                  lambda app, s=said: plain(app, compression=s))
    trick(f"plain_tar_called_{said}", f"data archive: wanted {qdk.EXTENSION[said]}",
          lambda app, s=said: plain(app, compression=s, data=SMALL), lambda app, s=said: plain(app, compression=s))
    trick(f"{said}_twice_over", "data archive: ",
          lambda app, s=said: plain(app, compression=s, data=qdk.compress(qdk.compress(SMALL, s), s)),
          lambda app, s=said: plain(app, compression=s))

stream_trick("with_a_false_length", "length is", "gzip", lambda d: d[:-4] + struct.pack("<I", 7))
stream_trick("with_a_false_check_sum", "check sum", "gzip", lambda d: d[:-8] + b"\0\0\0\0" + d[-4:])
stream_trick("of_two_streams", "check sum", "gzip", lambda d: qdk.gzip_bytes(SMALL[:1024]) + qdk.gzip_bytes(SMALL[1024:]))
stream_trick("with_another_method", "data archive: ", "gzip", lambda d: d[:2] + b"\x07" + d[3:])
stream_trick("of_two_members", "one member", "7zip", lambda d: qdk.seven_zip(SMALL, names=("data.tar", "evil")))
stream_trick("with_hidden_bytes", "packed bytes", "7zip", lambda d: qdk.seven_zip(SMALL, junk=b"hidden"))
stream_trick("with_a_false_check_sum", "CRC", "7zip", lambda d: qdk.seven_zip(SMALL, crc=1))
stream_trick("with_a_false_size", "data archive: ", "7zip", lambda d: qdk.seven_zip(SMALL, unpacked=len(SMALL) - 512))
stream_trick("with_a_window_of_4_gib", "more memory", "7zip", lambda d: qdk.seven_zip(SMALL, dictionary=40))
stream_trick("with_a_window_of_2_gib", "data archive: ", "zstd", lambda d: window_log(d, 31))
stream_trick("with_a_dictionary_that_nobody_has", "data archive: ", "zstd", lambda d: dictionary_id(d))


def window_log(frame, log):
    """The frame header's window descriptor raised: flags say no single segment, so the byte behind them is it."""
    assert not frame[4] & 0x20
    return frame[:5] + bytes([(log - 10) << 3]) + frame[6:]


def dictionary_id(frame):
    return frame[:4] + bytes([frame[4] | 1]) + frame[5:6] + b"\x07" + frame[6:]


# ---- bombs ----


@functools.lru_cache(maxsize=None)
def bomb(method, shape):
    """Compressed once: a big file of zeros, zeros behind the tar's end, or a tar of many empty files."""
    if shape == "file":
        return qdk.compress(qdk.tar([folder("./"), Entry("./zeros", bytes(ZEROS))]), method)
    if shape == "padding":
        return qdk.compress(qdk.tar([folder("./")]) + bytes(ZEROS), method)
    return qdk.compress(qdk.tar([folder("./"), *[Entry(f"./{i}", b"") for i in range(6000)]]), method)


def few_zeros(app, method):
    return plain(app, compression=method, files=[folder("./"), Entry("./zeros", bytes(1 << 20))])


for one in METHODS:
    trick(f"{one}_bomb_of_a_file", "wanted at most .*found more", lambda app, m=one: plain(app, compression=m, data=bomb(m, "file")),
          lambda app, m=one: few_zeros(app, m))
    trick(f"{one}_bomb_behind_the_tar", "wanted at most .*found more",
          lambda app, m=one: plain(app, compression=m, data=bomb(m, "padding")), lambda app, m=one: few_zeros(app, m))
    trick(f"{one}_bomb_of_files", "at most .* files", lambda app, m=one: plain(app, compression=m, data=bomb(m, "files")),
          lambda app, m=one: plain(app, compression=m, files=[folder("./"), *[Entry(f"./{i}", b"") for i in range(20)]]),
          frozenset({"unpack", "install"}))
trick("bomb_of_hard_links", "wanted at most .*bytes in all files",
      lambda app: plain(app, files=[folder("./"), Entry("./a", b"0123456789abcdef" * (1 << 18)),
                                    *[hardlink(f"./l{i}", "./a") for i in range(100)]]),
      lambda app: plain(app, files=[folder("./"), Entry("./a", b"x"), *[hardlink(f"./l{i}", "./a") for i in range(10)]]),
      frozenset({"unpack", "install"}))
trick("bomb_of_folders_in_folders", "at most .* files",
      lambda app: plain(app, files=[folder("./"), *[Entry(f"./{i}/" + "d/" * 60 + "f", b"") for i in range(100)]]),
      lambda app: plain(app, files=[folder("./"), Entry("./" + "d/" * 60 + "f", b"")]), frozenset({"unpack", "install"}))


def huge(method, gibibytes):
    """A bomb of many gibibytes, for the long run: a tar whose one file is zeros."""
    head = qdk.tar_entry(Entry("./zeros", b"", size=gibibytes << 30))
    tool = {"gzip": ["gzip", "-9"], "zstd": ["zstd", "-q", "-3"], "xz": ["xz", "-0"]}[method]
    process = subprocess.Popen(tool, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def feed():
        process.stdin.write(head)
        for _ in range(gibibytes * 16):
            process.stdin.write(bytes(64 << 20))
        process.stdin.write(bytes(10240))
        process.stdin.close()

    feeder = threading.Thread(target=feed)
    feeder.start()
    data = process.stdout.read()
    feeder.join()
    assert process.wait() == 0
    return data
