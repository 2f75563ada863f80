"""Local packages without the admin's word: only a strong signature under a trusted publisher's CA installs, and nothing
excuses a second signature that fails. All keys and signatures are made by openssl here."""
import subprocess

import gauntlet
import pytest
import qdk
import sweep

LEAF = "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=critical,codeSigning\n"
WITHOUT = {"eku": LEAF.replace("extendedKeyUsage=critical,codeSigning\n", ""), "usage": LEAF.replace("digitalSignature", "keyEncipherment"),
           "false": LEAF.replace("CA:FALSE", "CA:TRUE"), "tls": LEAF.replace("codeSigning", "serverAuth")}


class Authority:
    """A publisher's CA and leaves below it."""

    def __init__(self, base, organization):
        self.base, self.organization, self.leaves = base, organization, {}
        base.mkdir()
        self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "ca.key", "-out",
                     "ca.pem", "-days", "30", "-subj", f"/O={organization}/CN=CA", "-addext", "keyUsage=critical,keyCertSign")

    def openssl(self, *args, data=None):
        return subprocess.run(["openssl", *args], cwd=self.base, check=True, capture_output=True, input=data).stdout

    def leaf(self, name="good", extensions=LEAF, days="20", organization=None):
        if name not in self.leaves:
            (self.base / f"{name}.ext").write_text(extensions)
            self.openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{name}.key", "-out",
                         f"{name}.csr", "-subj", f"/O={organization or self.organization}/CN={name}")
            self.openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", days,
                         "-extfile", f"{name}.ext", "-out", f"{name}.pem")
            self.leaves[name] = (self.base / f"{name}.pem", self.base / f"{name}.key")
        return self.leaves[name]

    def strong(self, package, *options, **leaf):
        """Record 65: detached DER over content and tail, whose size field is blank."""
        signer, key = self.leaf(**leaf)
        tail = package.parts()[5]
        signed = package.content() + tail[:40] + b" " * 10 + tail[50:]
        return qdk.STRONG, self.openssl("cms", "-sign", "-binary", "-outform", "DER", "-md", "sha256", "-nosmimecap", "-signer",
                                        str(signer), "-inkey", str(key), *options, data=signed)

    def legacy(self, content):
        signer, key = self.leaf()
        return qdk.cms_record(content, signer, key)


@pytest.fixture(scope="module")
def acme(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("keys") / "acme", "Acme")


@pytest.fixture(scope="module")
def stranger(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("keys") / "stranger", "Acme")


@pytest.fixture(scope="module")
def lab_nas(tmp_path_factory, acme):
    made = gauntlet.Gauntlet(tmp_path_factory.mktemp("signed"))
    folder = made.nas.root / "etc/appcenter/publishers.d"
    folder.mkdir(parents=True)
    (folder / "acme.pem").write_bytes((acme.base / "ca.pem").read_bytes())
    return made


def attacks(acme, stranger):
    plain = qdk.Package(name="Signed")
    good = acme.strong(plain)

    def area(*records, package=plain):
        return package.with_(area_bytes=qdk.area(*records)).build()

    other = qdk.Package(name="Signed", files=[qdk.folder("./"), qdk.Entry("./evil", b"x")])
    whole = area(good)
    n = len(plain.content())
    return {
        "unsigned": (plain.build(), "no strong signature"),
        "legacy_alone": (area(acme.legacy(plain.content())), "no strong signature"),
        "gpg_alone": (area((qdk.GPG, b"\x88\x5d" * 40)), "no strong signature"),
        "strong_of_garbage": (area((qdk.STRONG, b"garbage")), "signature"),
        "strong_empty": (area((qdk.STRONG, b"")), "signature"),
        "strong_cut": (area((qdk.STRONG, good[1][:-1])), "signature"),
        "strong_with_a_byte_behind": (area((qdk.STRONG, good[1] + b"\0")), "signature"),
        "strong_of_a_stranger_of_the_same_name": (area(stranger.strong(plain)), "trusted ca"),
        "strong_of_another_package": (area(good, package=other), "does not fit"),
        "content_changed_behind_it": (whole[:n - 1] + bytes([whole[n - 1] ^ 1]) + whole[n:], "."),
        "tail_changed_behind_it": (whole[:-100] + b"TS-X73".ljust(10) + whole[-90:], "does not fit"),
        "leaf_without_code_signing": (area(acme.strong(plain, name="eku", extensions=WITHOUT["eku"])), "codeSigning"),
        "leaf_for_web_servers": (area(acme.strong(plain, name="tls", extensions=WITHOUT["tls"])), "codeSigning"),
        "leaf_that_may_not_sign": (area(acme.strong(plain, name="usage", extensions=WITHOUT["usage"])), "digitalSignature"),
        "leaf_that_is_a_ca": (area(acme.strong(plain, name="false", extensions=WITHOUT["false"])), "CA:FALSE"),
        "leaf_of_another_organization": (area(acme.strong(plain, name="mallory", organization="Mallory")), "Mallory"),
        "digest_of_sha_1": (area(acme.strong(plain, "-md", "sha1")), "SHA256|digest"),
        "without_signed_attributes": (area(acme.strong(plain, "-noattr")), "signed"),
        "that_brings_its_own_content": (area(acme.strong(plain, "-nodetach")), "detached"),
        "without_the_leaf": (area(acme.strong(plain, "-nocerts")), "certificate"),
        "by_two_signers": (area(acme.strong(plain, "-signer", str(acme.leaf("second")[0]), "-inkey", str(acme.leaf("second")[1]))),
                           "one signer"),
        "legacy_beside_it_of_other_content": (area(good, acme.legacy(b"other")), "legacy signature"),
        "legacy_beside_it_of_garbage": (area(good, (qdk.CMS, b"garbage")), "legacy signature"),
        "legacy_beside_it_detached": (area(good, qdk.cms_record(plain.content(), *acme.leaf(), options=())), "legacy signature"),
        "legacy_beside_it_of_a_longer_digest": (area(good, qdk.cms_record(b"", *acme.leaf(), digest=b"x" * 32)), "legacy signature"),
    }


def test_only_a_strong_signature_of_a_trusted_publisher_installs(lab_nas, acme, stranger):
    before, tries = lab_nas.outside(), attacks(acme, stranger)
    sweeping = sweep.Sweep("corpus", "signatures", tries, len(tries))
    for name in sweeping:
        with sweeping.at(name):
            data, words = tries[name]
            outcome = lab_nas.put(data).install(trusted=False)
            gauntlet.check_refusal(outcome, words, name, places=".")
            assert lab_nas.outside() == before
    sweeping.end()


@pytest.mark.parametrize("beside", ["nothing", "legacy", "gpg"])
def test_a_good_one_installs_whatever_else_holds(beside, lab_nas, acme):
    package = qdk.Package(name=f"Good{beside}")
    records = {"nothing": [], "legacy": [acme.legacy(package.content())], "gpg": [(qdk.GPG, b"\x88\x5d" * 40)]}[beside]
    outcome = lab_nas.put(package.with_(area_bytes=qdk.area(acme.strong(package), *records)).build()).install(trusted=False)
    assert outcome.code == 0, outcome.sentence


def test_the_admins_word_is_for_these_bytes_only(lab_nas):
    package = qdk.Package(name="Vouched").build()
    before = lab_nas.outside()
    outcome = lab_nas.put(package).install(vouched="0" * 64)
    gauntlet.check_refusal(outcome, "wanted sha256 0000", "vouched for other bytes", places=".")
    assert lab_nas.outside() == before
    assert lab_nas.install().code == 0
