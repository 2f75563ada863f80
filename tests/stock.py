"""The sample apps in their two versions: keys, archives and a repository of them, made once a test session."""
import nas as lab

OLD = {"MediaLibrary": "1.4", "PhotoStation": "6.1.1", "QVPN": "3.0", "HybridBackup": "1.0", "BrokenStart": "1.0"}
NEW = {"MediaLibrary": "2.0", "PhotoStation": "6.1.2", "QVPN": "3.1", "HybridBackup": "1.1", "BrokenStart": "1.1"}


class Session:
    """Keys, a repository with the old versions published, and all archives."""

    def __init__(self, base):
        self.base = base
        self.ports = {name: lab.free_port() for name in OLD if name != "MediaLibrary"}
        self.vendor = lab.Vendor(base / "vendor")
        (base / "vendor").mkdir()
        self.vendor.init()
        self.packages = {}
        for versions in (OLD, NEW):
            for name, version in versions.items():
                self.packages[name, version] = self.pack(name, version)
        self.vendor.add(*(self.packages[item] for item in OLD.items()))
        self.vendor.publish()

    def pack(self, name, version, change=None, out=None):
        """A sample app's archive; change(folder) may edit its source tree first."""
        out = out or f"{name}_{version}.qpkg"
        source = lab.stage(name, version, self.base / "src" / out, self.ports.get(name))
        if change:
            change(source)
        return self.vendor.pack(source, self.base / out)


def add_repository(box, vendor, web):
    box.ctl("repo", "add", "vendor", web.url, "--root-key", vendor.public / "metadata" / "1.root.json", "--yes")
    box.ctl("refresh")
