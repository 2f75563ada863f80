"""Three apps of one fate group, one of which converts its data when it comes: the stock that the call sweeps draw from."""
import stock as stocks
import box as boxes
import judge as judges
import nas as lab
from box import NEW, OLD

NOTES = "Notes"
OLD_TRIO, NEW_TRIO = {**OLD, NOTES: "1.0"}, {**NEW, NOTES: "2.0"}
BEFORE, CONVERTED = b"as of 1.0", b"converted\n"
DATA = ("db", "albums/index")  # what 2.0 says that it converts
CONVERT = 'for f in db albums/index; do [ -e "$SYS_QPKG_DIR/$f" ] && echo converted > "$SYS_QPKG_DIR/$f"; done; true'
KEYS = {"1.0": ("QPKG_REQUIRE=MediaLibrary",), "2.0": ("QPKG_REQUIRE=MediaLibrary >= 2.0", "APPCENTER_MIGRATES=db albums")}


def source(base, version):
    """Its QDK source tree; a service that ends at once."""
    folder = base / f"{NOTES}_{version}.qpkg"
    lines = {"QPKG_NAME": NOTES, "QPKG_VER": version, "QPKG_AUTHOR": "tests", "QPKG_SERVICE_PROGRAM": "bin/well",
             "QPKG_RC_NUM": "150", **dict(key.split("=", 1) for key in KEYS[version])}
    files = {"qpkg.cfg": "".join(f'{key}="{value}"\n' for key, value in lines.items()),
             "package_routines": f"pkg_install()\n{{\n{CONVERT if version == '2.0' else ':'}\n}}\n",
             "shared/bin/well": "#!/bin/sh\nexit 0\n", "shared/page": f"page {version}\n"}
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755 if "/bin/" in name else 0o644)
    return folder


class Trio(boxes.Stock):
    """Beside the templates of Stock: trio (all three old, Notes with data), trio-new (upgraded), torn (one file lacks)."""

    def _prepare(self):
        super()._prepare()
        trees = {version: source(self.base / "src", version) for version in KEYS}
        self.packages += [judges.Package(tree) for tree in trees.values()]
        self.vendor.add(*(self.vendor.pack(tree, self.base / tree.name) for tree in trees.values()))
        self.vendor.publish()
        self._tear()
        nas = self._copy("old", "trio-stock")
        try:
            nas.start()
            nas.ctl("refresh")
            nas.ctl("install", f"{NOTES}=1.0", "--yes")
            for name in DATA:
                path = nas.app_dir(NOTES) / name
                path.parent.mkdir(exist_ok=True)
                path.write_bytes(BEFORE)
            self._keep(nas, "trio")
            nas.start()
            self.upgrade = nas.json("upgrade", "--yes")["id"]
            self.snapshot = next(s["id"] for s in nas.json("snapshot", "list")["snapshots"] if s["app"] == NOTES)
            self._keep(nas, "trio-new")
        finally:
            nas.stop()
            nas.kill_apps()

    def _copy(self, template, name):
        (self.base / name).mkdir()
        lab.run(["cp", "-a", self.base / template / "nas", self.base / name])
        return lab.Nas(self.base / name / "nas")

    def _tear(self):
        torn = self._copy("old", "torn")
        (torn.app_dir(TORN[0]) / TORN[1]).unlink()


TORN = ("PhotoStation", "PhotoStation.sh")  # the file that a repair brings back
