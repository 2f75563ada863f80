"""Small disks for attacks: tmpfs mounts in a mount namespace of our own, on which somebody else's file eats the space.

Nothing of it is seen by other processes of the machine, and nothing is left when the tests are killed: the mounts end
with the last process of the namespace.
"""
import contextlib
import ctypes
import functools
import os
import shutil
from pathlib import Path

import nas as lab

CLONE_NEWNS = 0x00020000
MS_REC, MS_PRIVATE = 0x4000, 0x40000
MNT_DETACH = 2
FILLER = "filler"

_libc = ctypes.CDLL(None, use_errno=True)


def _call(function, *arguments):
    if function(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def why_not():
    """Why disks cannot be mounted here; None where they can."""
    if os.geteuid() != 0:
        return "small disks are mounted by root only"
    if not lab.private_roots_permitted():
        return "this system does not permit mount namespaces"
    return None


@functools.cache
def own_mounts():
    """From now on this process and what it starts have a mount namespace of their own.

    There is no way back: to return to the old one (setns) would lead out of a chroot, and a thread that is left over
    from an earlier test forbids it.
    """
    _call(_libc.unshare, CLONE_NEWNS)
    _call(_libc.mount, b"none", b"/", None, MS_REC | MS_PRIVATE, None)


class Disk:
    """A tmpfs in place of a folder, with what was in it."""

    def __init__(self, folder, size, inodes=None):
        self.folder = Path(folder)
        before = self.folder.with_name(self.folder.name + ".before")
        self.folder.rename(before)
        self.folder.mkdir()
        options = f"size={size},mode=755" + (f",nr_inodes={inodes}" if inodes else "")
        _call(_libc.mount, b"tmpfs", os.fsencode(self.folder), b"tmpfs", 0, options.encode())
        lab.run(["cp", "-a", f"{before}/.", self.folder])
        shutil.rmtree(before)

    def end(self):
        _call(_libc.umount2, os.fsencode(self.folder), MNT_DETACH)

    def fill(self, what, leave=0):
        """Somebody else's files take all bytes or all inodes but so many."""
        {"bytes": fill_bytes, "inodes": fill_inodes}[what](self.folder, leave)

    def clear(self):
        for filler in self.folder.glob(FILLER + "*"):
            filler.unlink()


def fill_bytes(folder, leave=0):
    fd = os.open(Path(folder) / FILLER, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        for size in (1 << 20, 1 << 12, 1):
            with contextlib.suppress(OSError):
                while True:
                    space = os.statvfs(folder)
                    room = space.f_bavail * space.f_frsize - leave
                    if room <= 0:
                        break
                    os.write(fd, b"\0" * min(size, room))
    finally:
        os.close(fd)


def fill_inodes(folder, leave=0):
    with contextlib.suppress(OSError):
        for i in range(1 << 20):
            if os.statvfs(folder).f_favail <= leave:
                break
            os.close(os.open(Path(folder) / f"{FILLER}.{i}", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
