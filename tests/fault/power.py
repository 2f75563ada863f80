"""Power cuts: two disks of a NAS that write down every write and flush, and images of every moment of them.

One disk is the system's (configuration, database), one is the volume (apps, photos), as on a real box: an fsync of the
database must not be what makes the volume durable by accident. What a disk holds after a cut: all that was written
before its last flush, and of what came later any part, down to single sectors.
"""
import bisect
import contextlib
import os
import struct
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import nas as lab

HERE = Path(__file__).resolve().parent
WRITE, FLUSH, MARK = range(3)
HEAD = struct.Struct("=IIQQ")
SECTORS = {"ext4": 512, "btrfs": 4096}  # what is written whole or not at all: btrfs has no second superblock on a small disk
SIZES = {"ext4": (64, 64), "btrfs": (128, 128)}
MKFS = {"ext4": ("mkfs.ext4", "-q", "-m", "0", "-J", "size=4", "-E", "lazy_itable_init=0,lazy_journal_init=0"),
        "btrfs": ("mkfs.btrfs", "-q", "-M")}


def why_not():
    """Why no power can be cut here; None where it can."""
    if os.geteuid() != 0:
        return "power cuts need loop devices, which are root's"
    for path in ("/dev/fuse", "/dev/loop-control"):
        try:
            os.close(os.open(path, os.O_RDWR))
        except OSError as error:
            return f"power cuts need {path}: {error.strerror}"
    if subprocess.run(["pkg-config", "--exists", "fuse3"]).returncode != 0:
        return "power cuts need libfuse3-dev"
    return None


def build(folder):
    """The logging disks, compiled."""
    out = Path(folder) / "power_disk"
    flags = lab.run(["pkg-config", "--cflags", "--libs", "fuse3"]).stdout.split()
    lab.run([*os.environ.get("CC", "gcc").split(), "-std=gnu11", "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra", "-Werror",
             HERE / "power_disk.c", *flags, "-o", out])
    return out


@contextlib.contextmanager
def scratch():
    """A folder in memory, if there is one: images are many and nobody needs them for long."""
    with tempfile.TemporaryDirectory(prefix="power-", dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None) as name:
        yield Path(name)


class Mounted:
    """The two disks at their places: the system, and in it the volume. A context."""

    def __init__(self, folder, files, kind):
        self.folder, self.files, self.kind = Path(folder), files, kind
        self.root = self.folder / "nas"
        self.stack = contextlib.ExitStack()

    def _mount(self, file, place):
        """As at boot: a superblock that was torn in the middle of its two sectors is e2fsck's, before anybody mounts it."""
        place.mkdir(parents=True, exist_ok=True)
        mount = ["mount", "-t", self.kind, "-o", "loop,noatime", file, place]
        if lab.run(mount, expect=None if self.kind == "ext4" else 0).returncode != 0:
            lab.run(["e2fsck", "-fy", file], expect=1)  # 1: was damaged, is whole
            lab.run(mount)
        self.stack.callback(self._unmount, place)

    @staticmethod
    def _unmount(place):
        """Processes that were killed a moment ago may still have it open."""
        lab.wait_for(f"the end of {place}", lambda: lab.run(["umount", place], expect=None).returncode == 0, 20)

    def __enter__(self):
        with self.stack:
            self._mount(self.files[0], self.folder)
            self.root.mkdir(exist_ok=True)
            self._mount(self.files[1], self.root / lab.VOLUME)
            self.stack = self.stack.pop_all()
        return self

    def __exit__(self, *_):
        self.stack.close()


@dataclass
class Record:
    disk: int
    kind: int
    offset: int
    data: bytes


class Tape:
    """The disks before, all that was done to them since, and at which record the admin had been told what."""

    def __init__(self, bases, log, sector):
        self.bases, self.sector = bases, sector
        self.records = list(self._read(log))
        self.marks = [i for i, record in enumerate(self.records) if record.kind == MARK]
        self.cuts = [i for i, record in enumerate(self.records) if record.kind != MARK]
        self.flushes = [i for i, record in enumerate(self.records) if record.kind == FLUSH]

    @staticmethod
    def _read(log):
        text, at = Path(log).read_bytes(), 0
        while at < len(text):
            disk, kind, offset, length = HEAD.unpack_from(text, at)
            at += HEAD.size
            yield Record(disk, kind, offset, text[at:at + length])
            at += length

    def told(self, cut):
        """How many commands had been acknowledged when the power went, right behind record `cut`."""
        return bisect.bisect_left(self.marks, cut)


class Rig:
    """Logging disks in a folder of their own; records what happens to them."""

    def __init__(self, folder, program, kind):
        self.folder, self.program, self.kind = Path(folder), program, kind
        self.folder.mkdir()
        self.files = [self.folder / "system", self.folder / "volume"]
        for file, size in zip(self.files, SIZES[kind]):
            with open(file, "wb") as out:
                out.truncate(size << 20)
            lab.run([*MKFS[kind], file])

    def fill(self, template):
        """The NAS as it is when the recording begins."""
        with Mounted(self.folder / "mnt", self.files, self.kind) as disks:
            lab.run(["cp", "-a", f"{template}/.", disks.root])
        self.bases = []
        for file in self.files:
            base = file.with_name(file.name + ".base")
            lab.run(["cp", "--sparse=always", file, base])
            self.bases.append(base)

    @contextlib.contextmanager
    def recording(self):
        """The disks, mounted on the log; .tape is there when it is over."""
        log, fuse = self.folder / "log", self.folder / "fuse"
        fuse.mkdir()
        process = subprocess.Popen([self.program, log, fuse, *self.files], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            lab.wait_for("the logging disks", (fuse / "mark").exists, 10)
            with Mounted(self.folder / "mnt", [fuse / "disk0", fuse / "disk1"], self.kind) as disks:
                yield disks
        finally:
            subprocess.run(["umount", fuse], check=False)
            process.wait(20)
        self.tape = Tape(self.bases, log, SECTORS[self.kind])

    def mark(self, word):
        """Written into the log: from here on the admin knows."""
        (self.folder / "fuse/mark").write_text(word)


KEEPS = ("nothing", "all", "some", "sectors")


class Cutter:
    """Makes the disks of a moment. Moments come in order, so that what is durable is only ever added to."""

    def __init__(self, tape, folder):
        self.tape, self.folder = tape, Path(folder)
        self.durable = [self.folder / f"durable{i}" for i in range(len(tape.bases))]
        for base, file in zip(tape.bases, self.durable):
            lab.run(["cp", "--sparse=always", base, file])
        self.pending = [[] for _ in tape.bases]
        self.at = -1

    def cut(self, moment, keep, chance):
        """Image files, as the power went right behind record `moment`. keep: what became of what was not flushed."""
        assert moment >= self.at, "moments come in order"
        for record in self.tape.records[self.at + 1:moment + 1]:
            self._take(record)
        self.at = moment
        images = []
        for i, (file, pending) in enumerate(zip(self.durable, self.pending)):
            image = self.folder / f"image{i}"
            lab.run(["cp", "--sparse=always", file, image])
            with open(image, "r+b") as out:
                for record in self._survivors(pending, keep, chance):
                    out.seek(record.offset)
                    out.write(record.data)
            images.append(image)
        return images

    def _take(self, record):
        if record.kind == WRITE:
            self.pending[record.disk].append(record)
        elif record.kind == FLUSH:
            with open(self.durable[record.disk], "r+b") as out:
                for before in self.pending[record.disk]:
                    out.seek(before.offset)
                    out.write(before.data)
            self.pending[record.disk] = []

    def _survivors(self, pending, keep, chance):
        sector = self.tape.sector
        if keep == "all":
            return list(pending)
        if keep == "some":
            return [record for record in pending if chance.random() < 0.5]
        if keep == "sectors":
            return [Record(record.disk, WRITE, record.offset + at, record.data[at:at + sector]) for record in pending
                    for at in range(0, len(record.data), sector) if chance.random() < 0.5]
        return []
