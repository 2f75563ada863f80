#!/usr/bin/python3
"""What unpacking costs: the product's helper, with sandbox, rules and hashes, against `bsdtar -xf` of the same data.

5,000 files of 200 MiB altogether, as apps have them: half of the bytes like programs (they shrink to about a half), a third
like text (to about a quarter), the rest like pictures (not at all); in memory (/dev/shm), where no disk disturbs. Processor time (user and system, children included),
the lower quartile of rounds that take turns: what disturbs adds, and a single lucky round is none. Fails above 1.3 (gzip) and 1.5 (zstd). Not
a part of `make test`: run it on a quiet machine.
"""
import random
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent.parent), str(Path(__file__).resolve().parent.parent / "corpus")]
import nas as lab  # noqa: E402
import qdk  # noqa: E402

FILES, BYTES, ROUNDS = 5000, 200 << 20, 15
MOST = {"gzip": 1.3, "zstd": 1.5}


def payload():
    """Sizes from a few hundred bytes to a few hundred kilobytes, as apps have them."""
    luck = random.Random(20261122)
    weights = [luck.paretovariate(1.1) for _ in range(FILES)]
    scale = BYTES / sum(min(w, 60) for w in weights)
    words = [luck.randbytes(luck.randrange(1, 6)).hex().encode() for _ in range(3000)]
    codes = [luck.randbytes(luck.randrange(2, 8)) for _ in range(200)]
    common = [luck.paretovariate(0.6) for _ in range(200)]
    entries = [qdk.folder("./")]
    for i, weight in enumerate(weights):
        size = int(min(weight, 60) * scale)
        if i % 100 == 0:
            entries.append(qdk.folder(f"./d{i // 100}/"))
        if i % 6 == 0:
            data = luck.randbytes(size)
        elif i % 6 < 3:
            data = b" ".join(luck.choices(words, k=size // 2 + 1))[:size]
        else:  # instructions from a skewed table, operands between them
            data = b"".join(code + luck.randbytes(1) for code in luck.choices(codes, common, k=size // 3 + 1))[:size]
        entries.append(qdk.Entry(f"./d{i // 100}/file-{i}", data, mode=0o755 if i % 7 == 0 else 0o644))
    return entries


def children_cpu():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def cost(argv, folder):
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    begin = children_cpu()
    subprocess.run([str(a) for a in argv], check=True, stdout=subprocess.DEVNULL)
    return children_cpu() - begin


def main():
    tool = lab.BUILD / "tests" / "bench-unpack"
    tar = qdk.tar(payload())
    good = True
    with tempfile.TemporaryDirectory(dir="/dev/shm") as base:
        ours, theirs = Path(base) / "ours", Path(base) / "theirs"
        for method, most in MOST.items():
            data = qdk.compress(tar, method)
            stream, package = Path(base) / f"data.tar.{qdk.EXTENSION[method]}", Path(base) / "package.qpkg"
            stream.write_bytes(data)
            package.write_bytes(qdk.Package(compression=method, data=data).build())
            rounds = [(cost(["bsdtar", "-xf", stream, "-C", theirs], theirs),
                       cost([tool, package, ours, 1 << 30, 100000, 1000, 0], ours)) for _ in range(ROUNDS)]
            compared = subprocess.run(["diff", "-r", str(ours), str(theirs)])
            bsdtar, product = (sorted(side)[ROUNDS // 4] for side in zip(*rounds))
            ratio = product / bsdtar
            print(f"bench: unpack-{method}-cpu {product * 1000:.0f} ms", flush=True)
            print(f"bench: unpack-{method}-bsdtar-cpu {bsdtar * 1000:.0f} ms", flush=True)
            print(f"bench: unpack-{method}-ratio {ratio:.2f} times ratio {ratio / most:.2f} of limit-{most}", flush=True)
            good = good and ratio <= most and compared.returncode == 0
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
