"""Every archive of the corpus is refused with a sentence and touches nothing; every twin installs."""
import re
import struct

import gauntlet
import nas as lab
import pytest
import qdk
import sweep
import tricks_control  # noqa: F401
import tricks_header  # noqa: F401
import tricks_stream
import tricks_tar  # noqa: F401
from trick import TRICKS

REFUSALS = (14, 5)
PLACES = "header|control archive|data archive|extra archive|signature area|record of type|tail|qpkg.cfg|unpacked tree"
CPU_MAX_S = 60
PEAK_MAX_KIB = 1 << 20
NEEDS_A_MEMORY_LIMIT = ("7zip_with_a_window_of_4_gib",)  # which AddressSanitizer cannot live with


def sweep_of(name, points, sample):
    return sweep.Sweep("corpus", name, points, sample)


def here(tricks):
    return [t for t in tricks if "asan" not in lab.BUILD.name or t.name not in NEEDS_A_MEMORY_LIMIT]


@pytest.fixture(scope="module")
def attacked(tmp_path_factory):
    return gauntlet.Gauntlet(tmp_path_factory.mktemp("attacked"))


@pytest.fixture(scope="module")
def blessed(tmp_path_factory):
    return gauntlet.Gauntlet(tmp_path_factory.mktemp("blessed"))


def check_refusal(outcome, words, label):
    gauntlet.COSTS.add(f"{label} by {outcome.door}", outcome)
    told = f"{outcome.door}: exit {outcome.code}: {outcome.sentence}"
    assert outcome.code in REFUSALS, told
    assert re.search(words, outcome.sentence, re.S) and re.search(PLACES, outcome.sentence), told
    assert len(outcome.sentence.splitlines()) == 1, told
    assert all(c.isprintable() for c in outcome.sentence), told
    assert outcome.cpu_s < CPU_MAX_S and outcome.peak_kib < PEAK_MAX_KIB, told


def test_a_trick_is_refused_and_touches_nothing(attacked):
    tricks = sweep_of("tricks", here(TRICKS), 100)
    before = attacked.outside()
    for trick in tricks:
        with tricks.at(trick):
            attacked.put(trick.attack("Trick"))
            for door in ("inspect", "unpack", "install"):
                if door in trick.doors:
                    check_refusal(getattr(attacked, door)(), trick.words, trick.name)
            assert attacked.outside() == before
    tricks.end()


def test_the_harmless_twin_of_a_trick_installs(blessed):
    twins = sweep_of("twins", TRICKS, 35)
    for trick in twins:
        with twins.at(trick):
            app = f"T{TRICKS.index(trick)}x"
            blessed.put(trick.twin(app))
            for door in (blessed.inspect, blessed.install):
                outcome = door()
                assert outcome.code == 0, f"{outcome.door}: exit {outcome.code}: {outcome.sentence}"
            names = [name for (name,) in blessed.nas.sql("SELECT name FROM app")]
            assert any(name.startswith(app) for name in names), names
    twins.end()


# ---- made by rule, not by name ----

EXTRA = qdk.tar([qdk.Entry("./Packages", b"x" * 300)])
AREA = qdk.area((qdk.GPG, b"g" * 70), (200, b"unknown"))
BASE = qdk.Package(name="Base", extra=EXTRA, area_bytes=AREA)


def cuts():
    """The package cut at every boundary of its parts and of its tars' blocks, and a byte to each side."""
    parts = BASE.parts()
    whole, at, boundaries = b"".join(parts), 0, {1, 2, 99, 100, 101}
    for i, part in enumerate(parts):
        boundaries |= {at - 1, at, at + 1}
        if i in (1, 3):
            boundaries |= set(range(at, at + len(part), 512))
        if i in (0, 4, 5):
            boundaries |= set(range(at, at + len(part), 37))
        at += len(part)
    boundaries |= set(range(at - 130, at))
    return [(f"cut at {n} of {len(whole)}", whole[:n]) for n in sorted(boundaries) if 0 < n < len(whole)]


def false_lengths():
    """Every length told too small or too large, by a byte, a block, a record and the widths of integers."""
    made = []
    real = dict(zip(("control", "data", "extra"), map(len, BASE.parts()[1:4])))
    steps = [1, 7, 100, 511, 512, 1024, 10240, 1 << 16, 1 << 31, (1 << 31) - 1, 1 << 32, (1 << 32) - 1, (1 << 53), (1 << 63) - 1]
    for part, length in real.items():
        for step in steps:
            for told in (length + step, length - step):
                if told != length and told >= 0:
                    made.append((f"{part} told {told} for {length}", BASE.with_(lengths={part: told}).build()))
    for a, b in (("control", "data"), ("data", "extra"), ("extra", "control")):
        for step in (1, 16, 511, 512, 1024, 10240):
            if real[b] > step:
                lengths = {a: real[a] + step, b: real[b] - step}
                made.append((f"{a} takes {step} from {b}", BASE.with_(lengths=lengths).build()))
    return made


def false_areas():
    """The area with every byte of its marks and lengths turned to something else."""
    made = []
    content, tail = BASE.content(), BASE.parts()[5]
    fixed = [0, 1, 2, 4, 5, 6, 7, 3 + 5 + 70 + 1, 3 + 5 + 70 + 4, len(AREA) - 1]
    for at in fixed:
        for value in (0x00, 0x01, 0x7f, 0xfe, 0xff):
            if AREA[at] != value:
                area = AREA[:at] + bytes([value]) + AREA[at + 1:]
                made.append((f"area byte {at} is {value:#x}", content + area + tail))
    for length in (0, 1, 69, 71, 75, 76, 77, 1000, 1 << 31, (1 << 32) - 1):
        area = b"QDK\x01" + struct.pack(">I", length) + AREA[8:]
        made.append((f"area record of {length} for 70", content + area + tail))
    return made


@pytest.mark.parametrize("make", [cuts, false_lengths, false_areas], ids=lambda m: m.__name__)
def test_what_does_not_add_up_is_refused(make, attacked):
    before, archives = attacked.outside(), sweep_of(make.__name__, make(), 35)
    for label, data in archives:
        with archives.at(label):
            check_refusal(attacked.put(data).inspect(), "", label)
    archives.end()
    assert attacked.outside() == before


def test_the_corpus_is_as_large_as_it_says():
    assert len(TRICKS) >= 350
    assert len(TRICKS) + len(cuts()) + len(false_lengths()) + len(false_areas()) >= 600


def test_a_package_that_is_cut_nowhere_and_lies_nowhere_installs(blessed):
    assert blessed.put(BASE.build()).inspect().code == 0
    outcome = blessed.install()
    assert outcome.code == 0, outcome.sentence


def test_a_flipped_byte_is_harmless_or_refused(attacked):
    whole = BASE.build()
    luck = sweep.chance("flips")
    before, flips = attacked.outside(), sweep_of("flips", luck.sample(range(len(whole)), 1000), 40)
    for at in flips:
        with flips.at(f"byte {at}"):
            flipped = whole[:at] + bytes([whole[at] ^ (1 << luck.randrange(8))]) + whole[at + 1:]
            for outcome in (attacked.put(flipped).inspect(), attacked.unpack()):
                gauntlet.COSTS.add(f"a flip at {at}", outcome)
                assert outcome.code in (0, *REFUSALS), outcome
    flips.end()
    assert attacked.outside() == before


@pytest.mark.parametrize("method", ["zstd", "gzip", "xz"] if sweep.TORTURE else ["zstd"])
def test_a_bomb_of_gibibytes_stops_early(method, attacked):
    data = tricks_stream.huge(method, 4 if sweep.TORTURE else 1)
    before = attacked.outside()
    attacked.put(qdk.Package(name="Huge", compression=method, data=data).build())
    for outcome in (attacked.inspect(), attacked.unpack(), attacked.install()):
        check_refusal(outcome, "wanted at most .*found more", f"huge {method}")
    assert attacked.outside() == before
