"""A kernel without Landlock or seccomp: told once, and packages install all the same. Such a kernel is played by a filter
that the daemon is started under."""
import platform
import subprocess
import sys

import nas as lab
import pytest
import qdk

# landlock_create_ruleset has one number everywhere, seccomp has not
CALLS = {"Landlock": 444, "seccomp filters": {"x86_64": 317, "aarch64": 277}[platform.machine()]}
WITHOUT = """
import ctypes, os, struct, sys
call, libc = int(sys.argv[1]), ctypes.CDLL(None, use_errno=True)
code = [(0x20, 0, 0, 0), (0x15, 0, 1, call), (0x06, 0, 0, 0x00050000 | 38), (0x06, 0, 0, 0x7fff0000)]
filters = ctypes.create_string_buffer(b"".join(struct.pack("<HBBI", *line) for line in code))
program = ctypes.create_string_buffer(struct.pack("<H6xQ", len(code), ctypes.addressof(filters)))
assert libc.prctl(38, 1, 0, 0, 0) == 0 and libc.prctl(22, 2, program) == 0, ctypes.get_errno()
os.execv(sys.argv[2], sys.argv[2:])
"""


@pytest.mark.parametrize("what", CALLS)
def test_a_kernel_that_lacks_it_is_told_once_and_still_installs(what, make_nas, tmp_path):
    nas = make_nas()
    with open(tmp_path / "nas.log", "wb") as log:
        nas.daemon = subprocess.Popen([sys.executable, "-c", WITHOUT, str(CALLS[what]), lab.program("appcenterd"), "--root",
                                       str(nas.root), "--foreground"], env=nas.env, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    lab.wait_for("the daemon's socket", nas.answers, 60)
    for name in ("One", "Two"):
        package = tmp_path / f"{name}.qpkg"
        package.write_bytes(qdk.Package(name=name).build())
        nas.ctl("install", package, "--trust-sha256", lab.sha256(package), "--yes")
    assert nas.app("One") and nas.app("Two")
    assert nas.log().count(f"this kernel has no {what}") == 1
    other = next(w for w in CALLS if w != what)
    assert f"this kernel has no {other}" not in nas.log()
