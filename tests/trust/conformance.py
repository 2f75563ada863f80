#!/usr/bin/env python3
"""Runs the public TUF conformance suite against our client, serially; its own closing line comes last.

Neither the suite nor its peers are part of this project: the caller names folders. What the suite imports must be below
the peers' folder, as packages or as checkouts side by side. No list of expected failures is used: one beside the client
is refused.
"""
import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

PACKAGES = ("tuf", "securesystemslib")
# securesystemslib asks for names that Debian 12's cryptography has under older ones
ALIASES = """
try:
    from cryptography.hazmat.primitives.asymmetric import types
    for new, old in (("PrivateKeyTypes", "PRIVATE_KEY_TYPES"), ("PublicKeyTypes", "PUBLIC_KEY_TYPES")):
        if not hasattr(types, new):
            setattr(types, new, getattr(types, old))
except ImportError:
    pass
"""


def import_path(peers):
    """The folders, of these and those right below, that hold what the suite imports."""
    folders = [folder for peer in peers for folder in (peer, *sorted(peer.iterdir())) if folder.is_dir()]
    found = [folder for folder in folders if any((folder / name / "__init__.py").exists() for name in PACKAGES)]
    for name in PACKAGES:
        if not any((folder / name / "__init__.py").exists() for folder in found):
            sys.exit(f"conformance: wanted the package {name} below {' '.join(map(str, peers))}, found none")
    return found


def tests_of(suite):
    for folder in (suite / "tuf_conformance", suite):
        if (folder / "conftest.py").exists():
            return folder
    sys.exit(f"conformance: wanted a checkout of tuf-conformance in {suite}, found no conftest.py")


def folder(text):
    path = Path(text)
    if not text or not path.is_dir():
        sys.exit(f"conformance: wanted a folder, found {text!r}; make conformance SUITE=DIR PEERS=DIR")
    return path.resolve()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("--suite", "--peers", "--client"):
        parser.add_argument(name, required=True)
    parser.add_argument("arguments", nargs="*", help="for pytest")
    options = parser.parse_args()
    client = Path(options.client).resolve()
    tests = tests_of(folder(options.suite))
    path = [tests.parent, *import_path([folder(peer) for peer in options.peers.split(":")])]
    if Path(f"{client}.xfails").exists():
        sys.exit("conformance: no failure is expected, but there is a list of expected ones")
    with tempfile.TemporaryDirectory() as site:
        (Path(site) / "sitecustomize.py").write_text(ALIASES)
        environment = dict(os.environ, PYTHONPATH=":".join([site, *map(str, path)]), PYTHONDONTWRITEBYTECODE="1",
                           PYTEST_DISABLE_PLUGIN_AUTOLOAD="1", TMPDIR=site)
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(tests.parent), str(tests),
                   "--entrypoint", str(client), *options.arguments]
        return subprocess.run(command, env=environment, cwd=site, stdin=subprocess.DEVNULL).returncode


if __name__ == "__main__":
    sys.exit(main())
