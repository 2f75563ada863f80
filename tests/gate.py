"""A gate in the pipe between a job and its daemon: a job can be held at exactly one of its progress lines.

The daemon starts what APPCENTER_JOB names: a few lines of Python that hand the daemon's pipe to the gate, take one of
the gate's instead, and become the real job, in the same process. The gate's pipe holds one line only, so a job is
blocked in write(2) at the next line until the gate has taken the one before; and a line is looked at where it lies
(tee(2)) before it is taken. So whoever holds line L knows that the job is behind L and not beyond the line after it.
"""
import ctypes
import fcntl
import itertools
import json
import os
import select
import signal
import socket
import sys
import threading
import time
from pathlib import Path

import nas as lab

F_SETPIPE_SZ = 1031
NUMBERS = itertools.count()
LIBC = ctypes.CDLL(None, use_errno=True)

BECOME_THE_JOB = """#!{python} -ISB
import os, signal, socket, sys
with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
    s.connect({address!r})
    socket.send_fds(s, [str(os.getpid()).encode()], [1])
    _, fds, _, _ = socket.recv_fds(s, 1, 1)
os.dup2(fds[0], 1)
os.close(fds[0])
signal.signal(signal.SIGPIPE, signal.SIG_DFL)
os.execv({job!r}, [{job!r}, *sys.argv[1:]])
"""


class Stop:
    """Where to act: a line that matches. act(pid) runs while the job is held; hold: the job stays held until release()."""

    def __init__(self, matches, settled, act=None, hold=False):
        self.matches, self.settled, self.act, self.hold = matches, settled, act, hold


def at(phase, app, step, when):
    """Matches one line of progress."""
    def matches(event):
        return event.get("event") == "step" and (event["phase"], event["app"], event["step"], event["when"]) == (
            phase, app, step, when)
    return matches


class Gate:
    """All jobs of one NAS go through it. stops are met in their order; without any, lines pass as they come."""

    def __init__(self, base, nas):
        self.address = f"\0appcenter-gate-{os.getpid()}-{next(NUMBERS)}"
        program = Path(base) / "gate-job"
        program.write_text(BECOME_THE_JOB.format(python=sys.executable, address=self.address,
                                                 job=lab.program("appcenter-job")))
        program.chmod(0o755)
        nas.env["APPCENTER_JOB"] = str(program)
        self.lines, self.stops, self.errors = [], [], []
        self.held, self.go_on = threading.Event(), threading.Event()
        self.held_pid, self.dead_daemon = 0, threading.Event()
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(self.address)
        self.listener.listen(8)
        self.threads = []
        self.acceptor = threading.Thread(target=self._accept, daemon=True)
        self.acceptor.start()

    def close(self):
        self.stops = []
        self.go_on.set()
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.acceptor.join(10)
        for thread in self.threads:
            thread.join(30)

    # --- for the test ---

    def hold_at(self, *stops):
        """The last one holds; those before it act and let go."""
        self.held.clear()
        self.go_on.clear()
        self.lines = []
        self.stops = list(stops)
        self.stops[-1].hold = True

    def wait(self, seconds=60):
        """The pid of the job that is held."""
        if not self.held.wait(seconds):
            raise AssertionError(f"no job came to the line within {seconds} s; seen: {self.lines[-6:]} {self.errors}")
        return self.held_pid

    def release(self):
        self.stops = []
        self.go_on.set()

    def daemon_died(self):
        """Nobody reads any more: jobs find their pipe closed, as without a gate."""
        self.dead_daemon.set()
        self.dead_daemon = threading.Event()  # of the next one
        self.release()

    # --- one thread a job ---

    def _accept(self):
        while True:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(peer,), daemon=True)
            self.threads.append(thread)
            thread.start()

    def _serve(self, peer):
        with peer:
            pid, fds, _, _ = socket.recv_fds(peer, 64, 1)
            out = fds[0]
            read_end, write_end = os.pipe2(os.O_CLOEXEC | os.O_DIRECT)
            fcntl.fcntl(write_end, F_SETPIPE_SZ, 4096)
            socket.send_fds(peer, [b"x"], [write_end])
            os.close(write_end)
        try:
            self._relay(int(pid), read_end, out)
        except BaseException as error:  # the test's thread must hear of it
            self.errors.append(repr(error))
        finally:
            os.close(read_end)
            os.close(out)

    def _relay(self, pid, read_end, out):
        look = os.pipe()
        died = self.dead_daemon
        try:
            while True:
                if not select.select([read_end], [], [], 0.2)[0]:
                    if died.is_set():
                        return
                    continue
                size = LIBC.tee(read_end, look[1], 65536, 0)
                if size == 0:
                    return
                self._look(pid, os.read(look[0], size))
                if died.is_set():
                    return
                try:
                    write_all(out, os.read(read_end, 65536))
                except BrokenPipeError:
                    return
        finally:
            os.close(look[0])
            os.close(look[1])

    def _look(self, pid, text):
        try:
            event = json.loads(text)
        except ValueError:  # a long result comes in pieces
            return
        self.lines.append(event)
        if not self.stops or not self.stops[0].matches(event):
            return
        stop = self.stops.pop(0)
        if stop.settled:
            wait_until_blocked(pid)
        if stop.act:
            stop.act(pid)
        if stop.hold:
            self.held_pid = pid
            self.held.set()
            self.go_on.wait(120)


def write_all(fd, data):
    while data:
        data = data[os.write(fd, data):]


def wait_until_blocked(pid, seconds=60):
    """Until the job waits in its write to the pipe (or is gone): all that comes before its next line is done."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            words = Path(f"/proc/{pid}/syscall").read_text().split()
            state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        except OSError:
            return
        if state in "ZX" or (words[0] in ("1", "64") and words[1] == "0x1"):  # write(2) on x86-64, on arm64
            return
        time.sleep(0.002)
    raise AssertionError(f"job {pid} did not come to its next line within {seconds} s")


def kill(pid, number=signal.SIGKILL):
    """A signal to a process that may be gone."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass
