"""Memory that is not there, at any request for it: the job ends and nothing else, recovery finds old or new.

A point is (who, which request, once or from then on). Who: the job that upgrades, the recovery of an upgrade that was
killed at its last step, or the daemon, which its supervisor (this test) starts again.
"""
import contextlib
import mmap
import os
import resource
import struct
import subprocess
from pathlib import Path

import box as boxes
import gate as gates
import judge as judges
import nas as lab
import pytest
from box import NEW, OLD
from sweep import Sweep, chance

HERE = Path(__file__).resolve().parent
WORLDS = {"old": OLD, "new": NEW}
LAST = gates.at("do", "PhotoStation", "HEALTH", "begin")
DRAWN = 300  # of each row: more than 10,000 requests, seconds each
UPGRADE_OF_THE_DAEMON = 2000  # requests that it makes at most while the job runs

pytestmark = pytest.mark.skipif(b"__asan_init" in Path(lab.program("appcenter-job")).read_bytes(),
                                reason="AddressSanitizer has a malloc of its own")


@pytest.fixture(scope="module")
def shim(tmp_path_factory):
    out = tmp_path_factory.mktemp("malloc") / "malloc.so"
    compiler = os.environ.get("CC", "gcc").split()
    subprocess.run([*compiler, "-std=gnu11", "-D_GNU_SOURCE", "-O1", "-Wall", "-Wextra", "-Werror", "-fno-builtin",
                    "-fPIC", "-shared", "-o", str(out), str(HERE / "malloc.c")], check=True)
    return out


@pytest.fixture(autouse=True)
def no_core_files():
    before = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_CORE, before)


class Page:
    """The shim's counters, shared with every process that it is in."""

    def __init__(self, path, program):
        path.write_bytes(struct.pack("5Q88s", 0, 0, 0, 0, 0, program.encode()))
        with path.open("r+b") as file:
            self.map = mmap.mmap(file.fileno(), 128)

    def _get(self, i):
        return struct.unpack_from("Q", self.map, 8 * i)[0]

    @property
    def count(self):
        return self._get(0)

    @property
    def failed(self):
        return self._get(3)

    def arm(self, number, for_ever):
        """The number-th request from now on fails."""
        struct.pack_into("Q", self.map, 16, for_ever)
        struct.pack_into("Q", self.map, 8, self.count + number)


@contextlib.contextmanager
def box_without_memory(stock, shim, program):
    """A NAS whose next upgrade can be refused memory."""
    box = stock.box("old", WORLDS)
    page = Page(box.folder / "malloc", program)
    box.nas.env.update(G_SLICE="always-malloc", TEST_MALLOC=str(box.folder / "malloc"))
    box.nas.env["LD_PRELOAD"] += f":{shim}"
    with box:
        yield box, page


@pytest.fixture(scope="module")
def requests(stock, shim):
    """How many requests a whole upgrade makes."""
    with box_without_memory(stock, shim, "appcenter-job") as (box, page):
        before = page.count
        box.ask("upgrade")
        code, words = box.answer()
        assert code == 0 and box.verdict() == "new", words
        assert page.count - before > 1000, page.count
        return page.count - before


def finish(box, code, words):
    """The daemon answers, and what the command said is so."""
    assert box.nas.json("status")["installed"] == 2
    world = box.verdict()
    assert code != 0 or world == "new", f"exit 0 in the old world:\n{words}"
    return world


def points(name, bound):
    drawn = chance(name).sample(range(1, bound + 1), min(DRAWN, bound))
    return [(number, chance(f"{name} {number}").random() < 0.5) for number in drawn]


def test_a_job_without_memory_ends_and_nothing_else(stock, shim, requests):
    sweep = Sweep("malloc", "job", points("malloc job", requests), sample=2)
    for number, for_ever in sweep:
        with sweep.at((number, for_ever)), box_without_memory(stock, shim, "appcenter-job") as (box, page):
            page.arm(number, for_ever)
            box.ask("upgrade")
            code, words = box.answer()
            assert box.nas.daemon.poll() is None, "the daemon went with the job"
            finish(box, code, words)
            assert page.failed or number > requests * 0.98, "nothing was refused"  # two runs are not quite the same
    sweep.end()


def test_a_recovery_without_memory_is_done_again(stock, shim, requests):
    sweep = Sweep("malloc", "recovery", points("malloc recovery", requests // 4), sample=1)
    for number, for_ever in sweep:
        with sweep.at((number, for_ever)), box_without_memory(stock, shim, "appcenter-job") as (box, page):
            def die(pid, page=page, number=number, for_ever=for_ever):
                gates.kill(pid)
                judges.wait_until_dead(pid)
                page.arm(number, for_ever)

            box.gate.hold_at(gates.Stop(LAST, act=die))
            box.ask("upgrade")
            box.gate.wait()
            box.gate.release()
            code, words = box.answer()
            assert box.nas.daemon.poll() is None, "the daemon went with the job"
            assert finish(box, code, words) == "old"
    sweep.end()


def test_a_daemon_without_memory_starts_again_and_finds_old_or_new(stock, shim):
    sweep = Sweep("malloc", "daemon", points("malloc daemon", UPGRADE_OF_THE_DAEMON), sample=1)
    for number, for_ever in sweep:
        with sweep.at((number, for_ever)), box_without_memory(stock, shim, "appcenterd") as (box, page):
            page.arm(number, for_ever)
            box.ask("upgrade")
            code, words = box.answer()
            with contextlib.suppress(lab.Failed):  # a last word that may be too much for it
                box.nas.json("status")
            if box.nas.daemon.poll() is not None:
                box.nas.start()
            page.arm(0, False)
            finish(box, code, words)
    sweep.end()
