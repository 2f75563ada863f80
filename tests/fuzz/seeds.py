#!/usr/bin/python3
"""Makes what the fuzz targets start from: DIR/TARGET/..., good archives and every trick of the attack corpus, cut small."""
import hashlib
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TOP / "corpus"), str(TOP)]
import qdk  # noqa: E402
import tricks_control  # noqa: E402,F401
import tricks_header  # noqa: E402,F401
import tricks_stream  # noqa: E402,F401
import tricks_tar  # noqa: E402,F401
from trick import TRICKS  # noqa: E402

LARGEST = 40_000
REQUIREMENTS = ["", "QNAP_FW >= 5.0", "Foo|Bar>1,OPT/python", "QVPN Service", "A=1,B==2,C!=3,D<4,E<=5,F>6,G>=7", "Foo>=", "Foo => 1",
                "a,,b", "x|", " A  >=  1.0-rc1 | B , C", "A >= 1 < 2", "A\tB", "é", ",".join(f"A{i}" for i in range(300))]


def save(base, target, data):
    folder = base / target
    folder.mkdir(parents=True, exist_ok=True)
    if len(data) <= LARGEST:
        (folder / hashlib.sha1(data).hexdigest()).write_bytes(data)


def small_header(package):
    """Its header with lengths that fit the 40 bytes that the target puts behind it."""
    keys = {"arch": package.arch, "ext": qdk.EXTENSION[package.compression], **package.head}
    return qdk.header(control=10, data=20, extra=10 if package.extra else None, **keys)


def main():
    base = Path(sys.argv[1])
    packages = [qdk.Package(arch=arch, compression=method, extra=extra)
                for arch in ("all", *qdk.ARCH_CHECKS) for method in qdk.EXTENSION for extra in (None, qdk.tar([qdk.Entry("./x", b"x")]))]
    for package in packages:
        save(base, "header", small_header(package))
        save(base, "inspect", package.build())
    for trick in TRICKS:
        data = trick.attack("Fuzz")
        save(base, "inspect", data)
        save(base, "header", data[:data.find(b"exit 1\n") + 7])
    for package in (t.attack.__closure__[0].cell_contents("Fuzz") for t in TRICKS):
        if isinstance(package, qdk.Package):
            save(base, "config", package.config())
            save(base, "area", package.area_bytes)
            save(base, "tail", package.parts()[5])
            save(base, "inspect", b"\0\0" + qdk.tar(package.files, record=512))
            save(base, "inspect", b"\1\0" + qdk.tar(package.files, record=512))
            save(base, "inspect", b"\0\1" + qdk.tar(package.control_members(), record=512))
    for text in REQUIREMENTS:
        save(base, "requirement", text.encode())


if __name__ == "__main__":
    main()
