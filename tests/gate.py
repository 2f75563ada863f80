"""A gate at a job's progress lines: a job can be held at exactly one of them, and killed there.

tests/gate.c, preloaded into appcenter-job, asks before and behind each write of a line and waits for the answer. So a
job is held at a line when it has written it and done nothing since; at the end of a line's work when it is about to
write its next one; or it is let go for a moment in between, and never beyond its next line.
"""
import itertools
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time
from pathlib import Path

NUMBERS = itertools.count()
HERE = Path(__file__).resolve().parent
AT, MIDWAY, END = "at the line", "in the work behind it", "at the end of that work"


def at(phase, app, step, when):
    """Matches one line of progress."""
    def matches(event):
        return event.get("event") == "step" and (event["phase"], event["app"], event["step"], event["when"]) == (
            phase, app, step, when)
    return matches


class Stop:
    """A line that matches, and where behind it. act(pid) runs while the job is held there; the last stop holds."""

    def __init__(self, matches, where=AT, act=None, delay=0.0):
        self.matches, self.where, self.act, self.delay = matches, where, act, delay


class Gate:
    """All jobs of one NAS go through it. Stops are met in their order; without any, lines pass as they come."""

    hook = None

    def __init__(self, nas):
        name = f"appcenter-test-gate-{os.getpid()}-{next(NUMBERS)}"
        nas.env["TEST_GATE"] = name
        nas.env["LD_PRELOAD"] = self._hook()
        options = os.environ.get("ASAN_OPTIONS", "")
        nas.env["ASAN_OPTIONS"] = f"{options}:verify_asan_link_order=0".lstrip(":")
        self.lines, self.stops, self.errors = [], [], []
        self.held, self.go_on, self.held_pid = threading.Event(), threading.Event(), 0
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind("\0" + name)
        self.listener.listen(8)
        self.threads = []
        self.acceptor = threading.Thread(target=self._accept, daemon=True)
        self.acceptor.start()

    @classmethod
    def _hook(cls):
        if cls.hook is None:
            folder = Path(tempfile.mkdtemp(prefix="gate-"))
            out = folder / "gate.so"
            compiler = os.environ.get("CC", "gcc").split()
            subprocess.run([*compiler, "-std=gnu11", "-D_GNU_SOURCE", "-O1", "-Wall", "-Wextra", "-Werror", "-fPIC",
                            "-shared", "-o", str(out), str(HERE / "gate.c"), "-ldl"], check=True)
            cls.hook = str(out)
        return cls.hook

    @classmethod
    def forget_hook(cls):
        """At the end of a run."""
        if cls.hook:
            shutil.rmtree(Path(cls.hook).parent)
            cls.hook = None

    def close(self):
        self.release()
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

    def wait(self, seconds=60):
        """The pid of the job that is held."""
        if not self.held.wait(seconds):
            raise AssertionError(f"no job came to the line within {seconds} s; seen: {self.lines[-6:]} {self.errors}")
        return self.held_pid

    def release(self):
        self.stops = []
        self.go_on.set()

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
        try:
            with peer, peer.makefile("rb") as stream:
                pid, = struct.unpack_from("i", peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
                self._relay(pid, peer, stream)
        except ConnectionError:
            pass  # the job was killed
        except BaseException as error:  # the test's thread must hear of it
            self.errors.append(repr(error))

    def _relay(self, pid, peer, stream):
        stop = None
        while when := stream.read(1):
            size = stream.read(4)
            text = stream.read(*struct.unpack("I", size)) if len(size) == 4 else b""
            if when == b"b":
                if stop and stop.where == END:
                    self._stop(pid, stop)
                stop = None
            else:
                stop = self._look(json.loads(text))
                if stop and stop.where == AT:
                    self._stop(pid, stop)
                elif stop and stop.where == MIDWAY:
                    peer.sendall(b"g")
                    time.sleep(stop.delay)
                    self._stop(pid, stop)
                    continue
            peer.sendall(b"g")

    def _look(self, event):
        self.lines.append(event)
        if self.stops and self.stops[0].matches(event):
            return self.stops[0]
        return None

    def _stop(self, pid, stop):
        if stop not in self.stops:
            return  # released meanwhile
        self.stops.remove(stop)
        if stop.act:
            stop.act(pid)
        if not self.stops:
            self.held_pid = pid
            self.held.set()
            self.go_on.wait(120)


def kill(pid, number=signal.SIGKILL):
    """A signal to a process that may be gone."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass
