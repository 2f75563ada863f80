"""Builds packages in the layout that QDK's qbuild writes, part by part, so that a test can bend each of them.

Shares nothing with the product: tar, 7-Zip, lengths, area and tail are made here from the bytes up. The header's shell
text is our own (only the lines that readers of packages look at are QDK's); everything else answers to qbuild byte by
byte, but for what depends on the builder's machine: gzip's encoder, times, and the order in which a folder is read; and
QDK's own installer and bundled xz are not in it.
"""
import bz2
import gzip
import hashlib
import io
import lzma
import struct
import subprocess
import zlib
from dataclasses import dataclass, field, replace
from pathlib import Path

BLOCK = 512
RECORD = 10240
MTIME = 1_700_000_000
TAIL_BYTES = 100
GPG, STRONG, CMS, END = 1, 65, 254, 255
EXTENSION = {"gzip": "gz", "bzip2": "bz2", "xz": "xz", "7zip": "7z", "zstd": "zst"}
# uname -m pattern, rejected platform; an arch that is not here gets no check, like "all"
ARCH_CHECKS = {
    "arm-x09": ("armv5tejl", ""), "arm-x19": ("armv5tel", ""), "arm-x31": ("armv7l", "ARM_AL"),
    "arm-x41": ("armv7l", "ARM_MS"), "arm_64": ("aarch64", ""), "x86": ("i.86\\|x86_64", "X86_EVANSPORT"),
    "x86_ce53xx": ("i686", "X86_LAKEPORT\\|X86_ATOM"), "x86_64": ("x86_64", ""),
}

# ---- tar, as GNU tar writes it ----


@dataclass
class Entry:
    """One member of a tar. raw: edits of its header, {offset: bytes}, made before the check sum (unless sum is given)."""
    name: object
    data: bytes = b""
    kind: str = "0"
    mode: int = 0o644
    link: object = ""
    size: int = None
    mtime: int = MTIME
    raw: dict = field(default_factory=dict)
    sum: bytes = None


def folder(name, mode=0o755):
    return Entry(name, kind="5", mode=mode)


def symlink(name, target):
    return Entry(name, kind="2", mode=0o777, link=target)


def hardlink(name, target):
    return Entry(name, kind="1", link=target)


def _bytes(text):
    return text if isinstance(text, bytes) else text.encode()


def _padded(data, unit=BLOCK):
    return data + bytes(-len(data) % unit)


def tar_header(entry, name, link):
    size = len(entry.data) if entry.size is None else entry.size
    head = bytearray(BLOCK)

    def put(at, data):
        head[at:at + len(data)] = data

    put(0, name[:100])
    put(100, b"%07o\0" % entry.mode)
    put(108, b"%07o\0%07o\0" % (0, 0))
    put(124, b"%011o\0" % size if size < 8 ** 11 else b"\x80" + size.to_bytes(11, "big"))
    put(136, b"%011o\0" % entry.mtime)
    put(156, entry.kind.encode("latin-1"))
    put(157, link[:100])
    put(257, b"ustar  \0")
    put(265, b"root")
    put(297, b"root")
    for at, data in entry.raw.items():
        put(at, data)
    head[148:156] = b" " * 8
    put(148, entry.sum or b"%06o\0 " % sum(head))
    return bytes(head)


def tar_entry(entry):
    """Header and padded content; with GNU's extra entries where a name is long."""
    out = b""
    name, link = _bytes(entry.name), _bytes(entry.link)
    for kind, text in (("K", link), ("L", name)):
        if len(text) > 100:
            long = Entry("././@LongLink", text + b"\0", kind=kind, mtime=0)
            out += tar_header(long, b"././@LongLink", b"") + _padded(long.data)
    return out + tar_header(entry, name, link) + _padded(entry.data)


def tar(entries, end=True, record=RECORD):
    data = b"".join(tar_entry(e) if isinstance(e, Entry) else e for e in entries)
    return _padded(data + bytes(2 * BLOCK), record) if end else data


def pax(name="./PaxHeaders/x", kind="x", **records):
    """A pax header with these records; to stand before the entry that it is about."""
    return Entry(name, b"".join(pax_record(k, v) for k, v in records.items()), kind=kind)


def pax_record(key, value):
    body = b" " + _bytes(key.replace("__", ".")) + b"=" + _bytes(value) + b"\n"
    length = len(body) + 1
    while len(b"%d" % length) + len(body) != length:
        length += 1
    return b"%d" % length + body


# ---- compression ----


def number7(n):
    """7-Zip's variable-length number."""
    for extra in range(8):
        if n < 1 << (7 * (extra + 1)):
            first = (0xff << (8 - extra)) & 0xff
            return bytes([first | n >> (8 * extra)]) + (n & ((1 << 8 * extra) - 1)).to_bytes(extra, "little")
    return b"\xff" + n.to_bytes(8, "little")


def seven_zip(data, names=("data.tar",), unpacked=None, crc=None, pack_size=None, dictionary=16, junk=b""):
    """A 7-Zip archive of one LZMA2 stream, its header plain; what it says of the stream may be a lie."""
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 20}]
    packed = lzma.compress(data, lzma.FORMAT_RAW, filters=filters)
    unpacked = len(data) if unpacked is None else unpacked
    crc = zlib.crc32(data) if crc is None else crc
    pack_info = b"\x06" + number7(0) + number7(1) + b"\x09" + number7(pack_size or len(packed)) + b"\x00"
    coder = b"\x01\x21\x21\x01" + bytes([dictionary])
    coders = b"\x07\x0b\x01\x00" + coder + b"\x0c" + number7(unpacked) + b"\x00"
    sums = b"\x08\x0a\x01" + struct.pack("<I", crc) + b"\x00"
    text = b"".join(n.encode("utf-16-le") + b"\0\0" for n in names)
    empty = b""
    if len(names) > 1:  # the first has the stream, the others are empty
        bits = int("0" + "1" * (len(names) - 1), 2) << (-len(names) % 8)
        vector = bits.to_bytes((len(names) + 7) // 8, "big")
        empty = b"\x0e" + number7(len(vector)) + vector
    files = b"\x05" + number7(len(names)) + empty + b"\x11" + number7(len(text) + 1) + b"\x00" + text + b"\x00"
    head = b"\x01\x04" + pack_info + coders + sums + b"\x00" + files + b"\x00"
    start = struct.pack("<QQI", len(packed) + len(junk), len(head), zlib.crc32(head))
    return (b"7z\xbc\xaf\x27\x1c\x00\x04" + struct.pack("<I", zlib.crc32(start)) + start + packed + junk + head)


def gzip_bytes(data, level=6, name="", mtime=0):
    """As tar -z makes it: no name, no time, of Unix; with a name as gzip makes it of a file."""
    out = io.BytesIO()
    with gzip.GzipFile(fileobj=out, mode="wb", compresslevel=level, mtime=mtime, filename=name) as stream:
        stream.write(data)
    made = out.getvalue()
    return made[:9] + b"\x03" + made[10:]


def zstd_bytes(data, *options):
    return subprocess.run(["zstd", "-q", "-c", *(options or ("-3",))], input=data, capture_output=True, check=True).stdout


def compress(data, method):
    return {"gzip": gzip_bytes, "bzip2": bz2.compress, "xz": lzma.compress, "7zip": seven_zip, "zstd": zstd_bytes}[method](data)


# ---- the parts of a package ----


def header(control, data, extra=None, arch="all", ext="gz", before=(), behind=(), edit=None):
    """The shell header, its own length written in. before, behind: more lines around those with lengths; edit changes the
    text while script_len is still @LEN@."""
    lines = ["#!/bin/sh", *before]
    if arch in ARCH_CHECKS:
        machine, rejected = ARCH_CHECKS[arch]
        lines += ["arch_ok(){", "local cpu_arch=$(/bin/uname -m)",
                  f'if [ $(/usr/bin/expr match "$reject_platform" "{rejected}") == 0 ]; then',
                  f'[ $(/usr/bin/expr match "$cpu_arch" "{machine}") -ne 0 ] || return 1', "fi", "}", "arch_ok || exit 1"]
    lines += ['_EXTRACT_DIR="$1"', "script_len=@LEN@",
              '/bin/dd if="${0}" bs=$script_len skip=1 | /bin/tar -xO | /bin/tar -xzv -C $_EXTRACT_DIR || exit 1',
              f"offset=$(/usr/bin/expr $script_len + {control})",
              f'/bin/dd if="${{0}}" bs=$offset skip=1 | /bin/cat | /bin/dd bs=1024 count={(data + 1023) // 1024} '
              f"of=$_EXTRACT_DIR/data.tar.{ext} || exit 1",
              f"offset=$(/usr/bin/expr $offset + {data})"]
    if extra is not None:
        lines += ["/bin/dd if=${0} bs=$offset skip=1 | /bin/tar -xv -C $_EXTRACT_DIR || exit 1",
                  f"offset=$(/usr/bin/expr $offset + {extra})"]
    text = _bytes("\n".join([*lines, *behind, "exit 1"]) + "\n")
    return fill_length(edit(text) if edit else text)


def fill_length(text):
    for digits in range(1, 8):
        length = len(text) - len(b"@LEN@") * text.count(b"@LEN@") + digits * text.count(b"@LEN@")
        if len(str(length)) == digits:
            return text.replace(b"@LEN@", b"%d" % length)
    raise AssertionError("a header of ten megabytes")


def tail(name, version, file_bytes, model="", firmware="", magic="QNAPQPKG"):
    encrypt = str(file_bytes * 3589 + 1_000_000_000)[:10]
    text = f"{model:10.10}{'':30}{encrypt}{firmware:10.10}{name:20.20}{version:10.10}{magic:10.10}"
    return text.encode()


def area(*records):
    """records: (type, payload)."""
    return b"QDK" + b"".join(bytes([t]) + struct.pack(">I", len(p)) + p for t, p in records) + b"\xff"


def config_text(keys):
    """qpkg.cfg: KEY="VALUE" a line; a list gives several lines."""
    lines = []
    for key, value in keys.items():
        for one in value if isinstance(value, (list, tuple)) else [value]:
            lines.append(f'{key}="{one}"')
    return "\n".join(lines) + "\n"


@dataclass
class Package:
    """What goes into one. Any part may be given as bytes instead: control (the outer tar), inner (control.tar.gz), data,
    extra, head, area_bytes, tail_bytes; cfg as text. Lengths follow the parts unless lengths says otherwise."""
    name: str = "Plain"
    version: str = "1.0"
    arch: str = "all"
    compression: str = "gzip"
    keys: dict = field(default_factory=dict)
    cfg: object = None
    routines: bytes = b"pkg_init(){\n:\n}\n"
    files: list = field(default_factory=lambda: [folder("./"), Entry("./readme", b"hello\n")])
    members: list = field(default_factory=list)  # more members of the control archive
    inner: bytes = None
    control: bytes = None
    data: bytes = None
    extra: bytes = None
    head: dict = field(default_factory=dict)     # keywords of header(), or {"bytes": b""}
    lengths: dict = field(default_factory=dict)  # control, data, extra
    area_bytes: bytes = b""
    tail_keys: dict = field(default_factory=dict)
    tail_bytes: bytes = None

    def with_(self, **changes):
        return replace(self, **changes)

    def config(self):
        if self.cfg is not None:
            return _bytes(self.cfg)
        keys = {"QPKG_NAME": self.name, "QPKG_VER": self.version, "QPKG_AUTHOR": "A Tester", **self.keys}
        return _bytes(config_text(keys))

    def control_members(self):
        return [folder("./"), Entry("./qpkg.cfg", self.config()), Entry("./package_routines", self.routines),
                Entry("./qinstall.sh", b"#!/bin/sh\nexit 1\n", mode=0o755),
                Entry("./built_info", b"time = 20260101\n"), *self.members]

    def parts(self):
        """[header, control, data, extra, area, tail]"""
        inner = gzip_bytes(tar(self.control_members())) if self.inner is None else self.inner
        control = tar([Entry("control.tar.gz", inner)]) if self.control is None else self.control
        data = compress(tar(self.files), self.compression) if self.data is None else self.data
        extra = b"" if self.extra is None else self.extra
        said = {"control": len(control), "data": len(data), "extra": None if self.extra is None else len(extra),
                **self.lengths}
        keys = {"arch": self.arch, "ext": EXTENSION[self.compression], **self.head}
        head = keys["bytes"] if "bytes" in keys else header(**said, **keys)
        size = sum(map(len, (head, control, data, extra, self.area_bytes))) + TAIL_BYTES
        last = self.tail_bytes
        if last is None:
            last = tail(**{"name": self.name, "version": self.version, "file_bytes": size, **self.tail_keys})
        return [head, control, data, extra, self.area_bytes, last]

    def build(self):
        return b"".join(self.parts())

    def content(self):
        """The bytes that QDK's signatures cover."""
        return b"".join(self.parts()[:4])


# ---- from a source tree ----


def _tree_entries(base, top=""):
    found = []
    for path in sorted(Path(base).iterdir()):
        name = f"{top}{path.name}"
        if path.is_symlink():
            found.append(symlink("./" + name, str(path.readlink())))
        elif path.is_dir():
            found += [folder("./" + name + "/", path.stat().st_mode & 0o7777), *_tree_entries(path, name + "/")]
        else:
            found.append(Entry("./" + name, path.read_bytes(), mode=path.stat().st_mode & 0o7777))
    return found


def _shell_value(text, key):
    values = [line.split('"')[1] for line in text.splitlines() if line.startswith(key + "=") and line.count('"') >= 2]
    return values


def from_tree(source, arch="all", compression="gzip", extra_files=(), **changes):
    """A package of a QDK source tree: qpkg.cfg, package_routines, shared/, ARCH/, config/, icons/, as qbuild puts them
    together (the later folder wins; icons get fixed names; absolute config files travel in conf.tar.gz)."""
    source = Path(source)
    cfg = (source / "qpkg.cfg").read_text()
    name, version = _shell_value(cfg, "QPKG_NAME")[-1], _shell_value(cfg, "QPKG_VER")[-1][:10]
    files = {"./": folder("./")}
    for layer in ("shared", arch):
        if (source / layer).is_dir():
            files.update({e.name: e for e in _tree_entries(source / layer)})
    for suffix in ("", "_80", "_gray"):
        for ending in ("gif", "png"):
            icon = source / "icons" / f"{name}{suffix}.{ending}"
            if icon.is_file():
                files[f"./.qpkg_icon{suffix}.gif"] = Entry(f"./.qpkg_icon{suffix}.gif", icon.read_bytes())
    members, sums, absolute = [], "", []
    for path in " ".join(_shell_value(cfg, "QPKG_CONFIG")).split():
        origin = source / "config" / path.lstrip("/")
        if path.startswith("/"):
            absolute.append(Entry("./" + path[1:], origin.read_bytes(), mode=origin.stat().st_mode & 0o7777))
        elif origin.is_file():
            files["./" + path] = Entry("./" + path, origin.read_bytes(), mode=origin.stat().st_mode & 0o7777)
        content = absolute[-1].data if path.startswith("/") else files["./" + path].data
        sums += f"{path} = {hashlib.md5(content).hexdigest()}\n"
    if sums:
        members.append(Entry("./md5sum", sums.encode()))
    if absolute:
        members.append(Entry("./conf.tar.gz", gzip_bytes(tar(absolute), 9, "conf.tar", MTIME)))
    routines = source / "package_routines"
    extra = tar([Entry("./" + Path(f).name, Path(f).read_bytes()) for f in extra_files]) if extra_files else None
    return Package(name=name, version=version, arch=arch, compression=compression, cfg=cfg, members=members, extra=extra,
                   routines=routines.read_bytes() if routines.is_file() else b"", files=list(files.values()), **changes)


# ---- QDK's signature ----


def throwaway_ca(base):
    """A CA and a leaf below it, made by openssl in folder base: (ca.pem, leaf.pem, leaf.key)."""
    base = Path(base)
    ca, ca_key, leaf, key, request = (base / n for n in ("ca.pem", "ca.key", "leaf.pem", "leaf.key", "leaf.csr"))

    def openssl(*args):
        subprocess.run(["openssl", *map(str, args)], check=True, capture_output=True)

    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", ca_key, "-out", ca, "-days", "30", "-subj",
            "/O=Throw-away/CN=Throw-away CA")
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", request, "-subj", "/O=Throw-away/CN=Leaf")
    openssl("x509", "-req", "-in", request, "-CA", ca, "-CAkey", ca_key, "-CAcreateserial", "-days", "30", "-out", leaf)
    return ca, leaf, key


def cms_record(content, leaf, key, digest=None, options=("-nodetach",)):
    """Record 254 over content: S/MIME text that holds the 20 bytes of SHA-1 (or the digest given)."""
    digest = hashlib.sha1(content).digest() if digest is None else digest
    done = subprocess.run(["openssl", "cms", "-sign", "-binary", *options, "-signer", str(leaf), "-inkey", str(key)],
                          input=digest, capture_output=True, check=True)
    return CMS, done.stdout
