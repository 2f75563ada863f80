/* key_test.c - TUF keys against vectors of others: RFC 8032 (ed25519), and keys, ids and signatures that Python's
 * cryptography and securesystemslib made (ecdsa, rsa; all over the three bytes "abc").
 */
#include "test.h"

#include <string.h>

#define EC_ID    "3da63dfb02060ecaaa931880eee79f7a9ea6bd1984dd571e878f8c461192ef21"
#define PSS_ID   "910579cbd058c3735154f1a558b234fd1169ee7ccce3bc0deac0ea0d4ba6e4ab"
#define PKCS1_ID "90b791c125eacd51c3eb7d064509d2714b0676f3d6f12c26b6b27868fcbaed6a"

static const char ec_pem[] =
    "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAENQTpY5DyUnBKTWWm24COWV79BzYP\niN"
    "TpEW1Xs7cZw89jYOyjFLfHjk3Jsjqenj9J64fws6TNXedD4no6I289sQ==\n-----END PUBLIC KEY-----\n";
/* the same key, its point written compressed */
static const char ec_compressed_pem[] =
    "-----BEGIN PUBLIC KEY-----\nMDkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDIgADNQTpY5DyUnBKTWWm24COWV79BzYP\niN"
    "TpEW1Xs7cZw88=\n-----END PUBLIC KEY-----\n";
static const char rsa_pem[] =
    "-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAmwJEsAUxnUIguxPJSuYV\n0k"
    "ZgbeOVXNE4Gni0pqS/lNCtS79VhJz3u8m92UPPB6K4cV781Ll4mSxyLSSMRf23\nSOl7/jkR6Uqhf3S2+Rgzq33oDIXGm0fW"
    "4JGaVDGbLBV1y3SW+aPft/Oiw0QR0sxm\nsOkwhZl5atjwT/f4OuuKmdrcIOhUpdBzfh3IHqLk4eZvlKxTec0FTW0oiGb+As"
    "Vh\ni8f1GKWB7Z5eX1xaOMN8gyF6GahNTb8cc7zEylNnfHN15XwVaTHvBl5FcBb4FxGg\n3PlZ0SqfhCPnNyV1KqvRDUdx6H"
    "sB6UG9XoHjNkHxK+AL8AjCPx3fEkeeEvIhySrh\nSQIDAQAB\n-----END PUBLIC KEY-----\n";
static const char weak_pem[] =
    "-----BEGIN PUBLIC KEY-----\nMIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDXqHAX7w7ZgxXBmBWbP4JAqHLC\n7f"
    "Y0/vFAse4ZTHERKExIGV1cB0iJxna6VW4F8uGHFAvCglnq6mf2DzIYFM23gtN9\nuh4tFjGIUKX84ur5pCH8FECQVvT/sPht"
    "48/P6J2LRMbwLSgsfjxA6bOdenZp46sR\nN6h/PcgyFP1lLtdWjQIDAQAB\n-----END PUBLIC KEY-----\n";
static const char ec_sig[] =
    "3045022100fc3a20eb7c568c04a88e85d5ab9ce10d4f1923b256735751f08e67ef4464bee202200f15661d9514eac692"
    "d80e13a443e2394291b2cf1bfaeb867ed4eb4d88dc0e40";
static const char pss_sig[] =
    "185b22c2b4052e1a862ad1373aa76645154fbd2dbd2913fbb93ea15c029e00d5390808f6ab2f047df23ceea40b90cb12"
    "d590a4b0c8b2c01c6a5d7861bb2891949eb133a66277a775c61544e2feb58c57991975a46cdd4244fa890c72cb85aeeb"
    "f6b79fd79af334e1c384b045deb007f042a2e1e4ec3eb630ebdaf1b2ad4c7d75d03daf618282e89fd0aaf11b23bbde85"
    "b6c0e03b06930a88c35e00fb32daf455ffbb2f000bf9ddbd303f4030a5305a4dd0bef739bf8460207c269e219e0d0545"
    "45d79249240131bf65f7e687c2ae7b8b52e42b1547f9fea1f2af6d68ff69c8a1bd6405eee9b9ba6af64295615b5fc3c2"
    "ca5991200f16ab58a0541233961c2955";
static const char pss_long_salt_sig[] =
    "84f5836af9affa10a15a78caa1c8739d1da96f5389486625e33b036009500837f75317bd8b6f6b1e9221dc43da8ead93"
    "d21ecb75b0d1ee83048918e2fa4bf1b39f1f286a5d7ee93d12fc794aa3fdc36c1ca0a35d8f0a763f2126968f23f2b913"
    "40baddcb9a0050c117e37a94ce4e5d806394f472ccd0901da36c09e6db7f7ea37e7b306f0262407d94cb1f082e07d765"
    "f5d47a811a086afca70a678b88d729a7932f065bb64758426f8e628d377112fe31581c6f4462d8d943bd453824bb6ee2"
    "5ab31e4411724e90a290d6a0ecdd9781e88e8a6c1ce125e680dc9c05cc2c33043bd4e5bb82a803fedaedb12455564c4a"
    "9421d5ec958613b666256dc6f46fd512";
static const char pkcs1_sig[] =
    "888a95bc51eb081266756149b17bc9b0dbbe05037d319f162c22547635f9c9676a0a04a9dc59e60e5d14cc8f53f82271"
    "c3aeb3757162ffc38871b1d068326e0b5890d02601cf14b711f5392c3e1b4bfa4c15d6708875074996fb91cb67014b39"
    "b1debefd2e7c998b23b8090cf1bce41319206702d809f0b7126d272a57b0e153a81573a1fabfb86475003f65f009812f"
    "ce8b28e472c7f8002a46f61a850766e4f7746b11cc8c5d39489889c1101e4f8ddbfd2e121e23595b0ebdb763c018115b"
    "620491a18f6ec74a7e044910533a0edbd24d4a53a174db00b1b8084477f376f21d56e6a8393bc144be6371b3ec28d8d2"
    "9ecc2a70c5b5b9698cf2742c7429eb90";

/* RFC 8032 section 7.1, test 2 */
#define ED_PUBLIC "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
#define ED_SIG                                                                                               \
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2e" \
    "aeb4302aeeb"                                                                                            \
    "00d291612bb0c00"
#define ED_ID            "eaf1e23f6c823132f437a2eaa299a7950f7386631deff273db195bbd26209e2b"
#define ED_WITH_NOTES_ID "fee1b193737a70217362110e98d007c784143d57dd54213e49aa2ac98889c4ae"

/* what is no key of ours, made with openssl; the last two have the exponents 1 and 65536 */
static const char p384_pem[] =
    "-----BEGIN PUBLIC KEY-----\nMHYwEAYHKoZIzj0CAQYFK4EEACIDYgAESnm94Hd8ZTZzW05tEhtJKK7xFKwLpmB+"
    "\nglzNuLNGpmI5S5+qCvdXnA8YG3LnXYZiQX8jsXA+gZZEGWzucxOWUA+0kfgjZioR\n8qo50YndwWplAfyfO/AEHmWn"
    "JodJTnFh\n-----END PUBLIC KEY-----\n";
static const char spelled_out_pem[] =
    "-----BEGIN PUBLIC KEY-----\nMIIBSzCCAQMGByqGSM49AgEwgfcCAQEwLAYHKoZIzj0BAQIhAP////8AAAABAAAA"
    "\nAAAAAAAAAAAA////////////////MFsEIP////8AAAABAAAAAAAAAAAAAAAA////\n///////////8BCBaxjXYqjqT"
    "57PrvVV2mIa8ZR0GsMxTsPY7zjw+J9JgSwMVAMSd\nNgiG5wSTamZ44ROdJreBn36QBEEEaxfR8uEsQkf4vOblY6RA8n"
    "cDfYEt6zOg9KE5\nRdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9QIhAP////8AAAAA\n//////////"
    "+85vqtpxeehPO5ysL8YyVRAgEBA0IABKYhsQcjPYnmzxygnRr0BM6W\njeIeX9mlViWYiazJ6alYhMs9NSAXE5MkA4n1"
    "zoQkcwn3eIyVlL08Y/eItmTofHE=\n-----END PUBLIC KEY-----\n";
static const char rsa_pss_pem[] =
    "-----BEGIN PUBLIC KEY-----\nMIIBIDALBgkqhkiG9w0BAQoDggEPADCCAQoCggEBAL6LIA6Teke+/6r5PFFpmwD0"
    "\nvrISyRwW6053x6cHRzqoM7ZKncpiSU6UOr1Mr3vebgcwpCkACeJMOsHnmNtIsmHP\neSCD1YLJYbnMnxlZzAGtGHjt"
    "/Abtb9+L84aUy6VGe8EKTdo7UI9TYgnVXWMn1QTf\noQMimSREttxKSeqZBLKrx6H2tTt4b1FdQ88x4vhinkTh5UnnWx"
    "7kXQcqCjrfpBCC\nzbLI+1M0eUaUsBdLK874beqPP3Y7Tm+tehjL2hFCIp2Qu23+DCAcZ73DzpNObWdp\ni6QDDiOuzS"
    "BYL+kQjjm2fJBHEvnkv+ptgNuhySSsysJBEGfGNvpOZNNpm2irZbMC\nAwEAAQ==\n-----END PUBLIC KEY-----\n";
static const char exponent_1_pem[] =
    "-----BEGIN PUBLIC KEY-----\nMIIBIDANBgkqhkiG9w0BAQEFAAOCAQ0AMIIBCAKCAQEAwnZ9G/RAlZUiv4OI3j6Y"
    "\n0kXCfiTLM1XsnFjIO7SlNrqje8/LhKrqwRBk8B7shsF2ROLxzQ/XogDEHRaHCv+c\n43FBBIjWxM2pKwme/Cxc100A"
    "7h32aZ1LEdbcwIxYhBgR/SWDTmkyxGJ6ZDOdEWvg\n7C8wrRgI6s2j0lHCgUbvhyugZ+BX4+uN8gY87DCLYfw3jlCyOp"
    "HCvrTleuWVGrwU\nFBa5fdnzGQZboou5zYKwPB08AGR6z+je/MUy5oRQ2c4IgwJnodVWW5prRJqUf/M1\nLbQtwWpffk"
    "TbJ8F//pHC0q2KOWEaszAO94jjMxJGHUlKqDHrEI+NYqCudxkRYEi3\n4wIBAQ==\n-----END PUBLIC KEY-----\n";
static const char exponent_even_pem[] =
    "-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAwnZ9G/RAlZUiv4OI3j6Y"
    "\n0kXCfiTLM1XsnFjIO7SlNrqje8/LhKrqwRBk8B7shsF2ROLxzQ/XogDEHRaHCv+c\n43FBBIjWxM2pKwme/Cxc100A"
    "7h32aZ1LEdbcwIxYhBgR/SWDTmkyxGJ6ZDOdEWvg\n7C8wrRgI6s2j0lHCgUbvhyugZ+BX4+uN8gY87DCLYfw3jlCyOp"
    "HCvrTleuWVGrwU\nFBa5fdnzGQZboou5zYKwPB08AGR6z+je/MUy5oRQ2c4IgwJnodVWW5prRJqUf/M1\nLbQtwWpffk"
    "TbJ8F//pHC0q2KOWEaszAO94jjMxJGHUlKqDHrEI+NYqCudxkRYEi3\n4wIDAQAA\n-----END PUBLIC KEY-----\n";

static PublicKey *key_of(const char *keytype, const char *scheme, const char *text, GError **error)
{
    g_autoptr(json_t) object =
        json_pack("{s:s, s:s, s:{s:s}}", "keytype", keytype, "scheme", scheme, "keyval", "public", text);
    return public_key_from_json(object, error);
}

static gboolean verifies(const PublicKey *key, const char *text, const char *sig_hex)
{
    g_autoptr(GBytes) sig = bytes_of_hex(sig_hex);
    return public_key_verify(key, text, strlen(text), g_bytes_get_data(sig, NULL), g_bytes_get_size(sig));
}

static const struct {
    const char *keytype;
    const char *scheme;
    const char *text;
    const char *id;
    const char *message;
    const char *sig;
} vectors[] = {
    {"ed25519", "ed25519", ED_PUBLIC, ED_ID, "\x72", ED_SIG},
    {"ecdsa", "ecdsa-sha2-nistp256", ec_pem, EC_ID, "abc", ec_sig},
    {"ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256", ec_pem, NULL, "abc", ec_sig},
    {"rsa", "rsassa-pss-sha256", rsa_pem, PSS_ID, "abc", pss_sig},
    {"rsa", "rsassa-pss-sha256", rsa_pem, PSS_ID, "abc", pss_long_salt_sig},
    {"rsa", "rsa-pkcs1v15-sha256", rsa_pem, PKCS1_ID, "abc", pkcs1_sig},
};

static void test_vectors(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(vectors); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(PublicKey) key = key_of(vectors[i].keytype, vectors[i].scheme, vectors[i].text, &error);
        g_assert_no_error(error);
        if (vectors[i].id)
            g_assert_cmpstr(public_key_id(key), ==, vectors[i].id);
        g_assert_true(verifies(key, vectors[i].message, vectors[i].sig));
        g_assert_false(verifies(key, "another", vectors[i].sig));
        g_autofree char *changed = g_strdup(vectors[i].sig);
        changed[20] = changed[20] == '0' ? '1' : '0';
        g_assert_false(verifies(key, vectors[i].message, changed));
    }
}

static void test_schemes_are_kept_apart(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(PublicKey) pss = key_of("rsa", "rsassa-pss-sha256", rsa_pem, &error);
    g_autoptr(PublicKey) pkcs1 = key_of("rsa", "rsa-pkcs1v15-sha256", rsa_pem, &error);
    g_autoptr(PublicKey) pss512 = key_of("rsa", "rsassa-pss-sha512", rsa_pem, &error);
    g_assert_no_error(error);
    g_assert_false(verifies(pss, "abc", pkcs1_sig));
    g_assert_false(verifies(pkcs1, "abc", pss_sig));
    g_assert_false(verifies(pss512, "abc", pss_sig));
}

static void test_malformed_signatures(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(PublicKey) key = key_of("ed25519", "ed25519", ED_PUBLIC, &error);
    g_autofree guint8 *zeros = g_malloc0(100000);
    g_assert_false(public_key_verify(key, "abc", 3, zeros, 0));
    g_assert_false(public_key_verify(key, "abc", 3, zeros, 63));
    g_assert_false(public_key_verify(key, "abc", 3, zeros, 64));
    g_assert_false(public_key_verify(key, "abc", 3, zeros, 100000));
}

static void test_unknown_members(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(json_t) object =
        json_of("{'keytype':'ed25519','scheme':'ed25519','keyval':{'public':'" ED_PUBLIC "'},"
                "'x-note':'n\xc3\xa9\\n','n':{'b':[2,true,null],'a':1}}");
    g_autoptr(PublicKey) key = public_key_from_json(object, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(public_key_id(key), ==, ED_WITH_NOTES_ID);
    g_assert_true(json_equal(object, public_key_json(key)));
}

static void test_material(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(PublicKey) plain = key_of("ecdsa", "ecdsa-sha2-nistp256", ec_pem, &error);
    g_autoptr(PublicKey) alias = key_of("ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256", ec_pem, &error);
    g_autoptr(PublicKey) compressed = key_of("ecdsa", "ecdsa-sha2-nistp256", ec_compressed_pem, &error);
    g_autoptr(PublicKey) pss = key_of("rsa", "rsassa-pss-sha256", rsa_pem, &error);
    g_autoptr(PublicKey) pkcs1 = key_of("rsa", "rsa-pkcs1v15-sha256", rsa_pem, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(public_key_id(plain), !=, public_key_id(alias));
    g_assert_cmpstr(public_key_material(plain), ==, public_key_material(alias));
    g_assert_cmpstr(public_key_id(plain), !=, public_key_id(compressed));
    g_assert_cmpstr(public_key_material(plain), ==, public_key_material(compressed));
    g_assert_cmpstr(public_key_material(pss), ==, public_key_material(pkcs1));
    g_assert_cmpstr(public_key_material(plain), !=, public_key_material(pss));
}

static const struct {
    const char *keytype;
    const char *scheme;
    const char *text;
    const char *refusal;
} misfits[] = {
    {"ed25519", "ecdsa-sha2-nistp256", ED_PUBLIC, "no support for keytype \"ed25519\""},
    {"dilithium", "dilithium3", "abc", "no support for keytype \"dilithium\""},
    {"ed25519", "ed25519", "3d40", "wanted 64 hex digits"},
    {"ed25519", "ed25519", ec_pem, "wanted 64 hex digits"},
    {"ecdsa", "ecdsa-sha2-nistp256", ED_PUBLIC, "wanted a public key in pem form"},
    {"ecdsa", "ecdsa-sha2-nistp256", rsa_pem, "wanted a key for ecdsa-sha2-nistp256, found one of type RSA"},
    {"rsa", "rsassa-pss-sha256", ec_pem, "wanted a key for rsassa-pss-sha256, found one of type EC"},
    {"rsa", "rsassa-pss-sha256", weak_pem, "wanted rsa of 2048 to 8192 bits, found 1024"},
    {"rsa", "rsassa-pss-sha256", "", "wanted a public key in pem form"},
    {"ecdsa", "ecdsa-sha2-nistp256", p384_pem, "wanted curve prime256v1, found secp384r1"},
    {"ecdsa", "ecdsa-sha2-nistp256", spelled_out_pem, "wanted curve prime256v1, found one without a name"},
    {"rsa", "rsassa-pss-sha256", rsa_pss_pem,
     "wanted a key for rsassa-pss-sha256, found one of type RSA-PSS"},
    {"rsa", "rsassa-pss-sha256", exponent_1_pem, "wanted an odd rsa exponent above 1"},
    {"rsa", "rsassa-pss-sha256", exponent_even_pem, "wanted an odd rsa exponent above 1"},
};

static void test_misfits(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(misfits); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(PublicKey) key = key_of(misfits[i].keytype, misfits[i].scheme, misfits[i].text, &error);
        g_assert_null(key);
        assert_error(&error, APPCENTER_ERROR_CORRUPT, misfits[i].refusal);
    }
}

static void test_shapes(void)
{
    static const char *const shapes[] = {
        "[]",
        "{}",
        "'text'",
        "null",
        "{'keytype':7,'scheme':'ed25519','keyval':{'public':'00'}}",
        "{'keytype':'ed25519','scheme':'ed25519'}",
        "{'keytype':'ed25519','scheme':'ed25519','keyval':'00'}",
        "{'keytype':'ed25519','scheme':'ed25519','keyval':{'public':null}}",
    };
    for (gsize i = 0; i < G_N_ELEMENTS(shapes); i++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *text = g_strdelimit(g_strdup(shapes[i]), "'", '"');
        g_autoptr(json_t) object = json_parse_strict(text, strlen(text), 8, FALSE, NULL);
        g_assert_nonnull(object);
        g_assert_null(public_key_from_json(object, &error));
        assert_error(&error, APPCENTER_ERROR_CORRUPT, "key: ");
    }
}

static void check_round_trip(KeyKind kind, const char *passphrase)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(PrivateKey) made = private_key_generate(kind, &error);
    g_assert_no_error(error);
    char *pem = private_key_to_pem(made, passphrase, &error);
    g_assert_no_error(error);
    g_assert_true(g_str_has_prefix(pem, passphrase ? "-----BEGIN ENCRYPTED PRIVATE KEY-----"
                                                   : "-----BEGIN PRIVATE KEY-----"));
    g_autoptr(PrivateKey) read = private_key_from_pem(pem, strlen(pem), passphrase, &error);
    g_assert_no_error(error);
    private_pem_free(pem);
    g_assert_cmpstr(public_key_id(private_key_public(made)), ==, public_key_id(private_key_public(read)));

    g_autoptr(GBytes) sig = private_key_sign(read, "abc", 3, &error);
    g_assert_no_error(error);
    g_autoptr(PublicKey) key = public_key_from_json(public_key_json(private_key_public(made)), &error);
    g_assert_no_error(error);
    g_assert_true(public_key_verify(key, "abc", 3, g_bytes_get_data(sig, NULL), g_bytes_get_size(sig)));
    g_assert_false(public_key_verify(key, "abd", 3, g_bytes_get_data(sig, NULL), g_bytes_get_size(sig)));
}

static void test_round_trip(void)
{
    check_round_trip(KEY_ED25519, NULL);
    check_round_trip(KEY_ECDSA, NULL);
    check_round_trip(KEY_RSA, NULL);
    check_round_trip(KEY_ED25519, "correct horse");
    check_round_trip(KEY_ECDSA, "p\xc3\xa4sse");
}

static void test_passphrase(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(PrivateKey) key = private_key_generate(KEY_ED25519, &error);
    char *pem = private_key_to_pem(key, "right", &error);
    g_assert_no_error(error);
    g_assert_null(private_key_from_pem(pem, strlen(pem), "wrong", &error));
    assert_error(&error, APPCENTER_ERROR_UNTRUSTED, "the passphrase does not open it");
    g_assert_null(private_key_from_pem(pem, strlen(pem), NULL, &error));
    assert_error(&error, APPCENTER_ERROR_UNTRUSTED, "none was given");
    g_assert_null(private_key_from_pem("nonsense", 8, NULL, &error));
    assert_error(&error, APPCENTER_ERROR_CORRUPT, "wanted a private key in pem form");
    g_assert_null(private_key_to_pem(key, "", &error));
    assert_error(&error, APPCENTER_ERROR_INVALID, "passphrase of at least one character");
    private_pem_free(pem);
}

/* A "public key" that is a locked private one must not ask for a passphrase on the terminal. */
static void test_locked_key_as_public(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(PrivateKey) private_key = private_key_generate(KEY_ECDSA, &error);
    char *pem = private_key_to_pem(private_key, "right", &error);
    g_assert_no_error(error);
    g_autoptr(PublicKey) key = key_of("ecdsa", "ecdsa-sha2-nistp256", pem, &error);
    g_assert_null(key);
    assert_error(&error, APPCENTER_ERROR_CORRUPT, "wanted a public key in pem form");
    private_pem_free(pem);
}

/* What a token exports, and what we write ourselves, name the same key. */
static void test_public_text(void)
{
    for (int kind = KEY_ED25519; kind <= KEY_RSA; kind++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(PrivateKey) made = private_key_generate((KeyKind)kind, &error);
        g_assert_no_error(error);
        const PublicKey *half = private_key_public(made);
        g_autofree char *object = json_to_text(public_key_json(half));
        g_autoptr(PublicKey) from_object = public_key_from_text(object, strlen(object), &error);
        g_assert_no_error(error);
        g_assert_cmpstr(public_key_id(from_object), ==, public_key_id(half));
        if (kind == KEY_ED25519)
            continue;
        const char *pem =
            json_string_value(json_object_get(json_object_get(public_key_json(half), "keyval"), "public"));
        g_autoptr(PublicKey) from_pem = public_key_from_text(pem, strlen(pem), &error);
        g_assert_no_error(error);
        g_assert_cmpstr(public_key_id(from_pem), ==, public_key_id(half));
        g_assert_cmpstr(public_key_scheme(from_pem), ==, public_key_scheme(half));
    }
}

static void test_public_text_misfits(void)
{
    g_autoptr(GError) error = NULL;
    g_assert_null(public_key_from_text(weak_pem, strlen(weak_pem), &error));
    assert_error(&error, APPCENTER_ERROR_CORRUPT, "wanted rsa of 2048");
    g_assert_null(public_key_from_text("{}", 2, &error));
    assert_error(&error, APPCENTER_ERROR_CORRUPT, "keytype");
    g_assert_null(public_key_from_text("", 0, &error));
    assert_error(&error, APPCENTER_ERROR_CORRUPT, "public key in pem form");
}

static GBytes *sign_with(const PublicKey *key, const void *data, gsize len, gpointer other, GError **error)
{
    (void)key;
    return private_key_sign(other, data, len, error);
}

/* A token that holds another key answers, too; its answer is no signature of ours. */
static void test_external(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(PrivateKey) held = private_key_generate(KEY_ECDSA, &error);
    g_autoptr(PrivateKey) stranger = private_key_generate(KEY_ECDSA, &error);
    g_assert_no_error(error);
    const json_t *object = public_key_json(private_key_public(held));
    g_autoptr(PrivateKey) good = private_key_external(public_key_from_json(object, NULL), sign_with, held);
    g_autoptr(PrivateKey) bad = private_key_external(public_key_from_json(object, NULL), sign_with, stranger);
    g_autoptr(GBytes) sig = private_key_sign(good, "abc", 3, &error);
    g_assert_no_error(error);
    g_assert_true(public_key_verify(private_key_public(held), "abc", 3, g_bytes_get_data(sig, NULL),
                                    g_bytes_get_size(sig)));
    g_assert_null(private_key_sign(bad, "abc", 3, &error));
    assert_error(&error, APPCENTER_ERROR_UNTRUSTED, "bytes that are none");
    g_assert_null(private_key_to_pem(good, NULL, &error));
    assert_error(&error, APPCENTER_ERROR_INVALID, "is not held here");
}

void key_tests_add(void)
{
    g_test_add_func("/key/a_public_half_is_read_as_object_and_as_pem", test_public_text);
    g_test_add_func("/key/a_public_half_that_is_none_is_refused", test_public_text_misfits);
    g_test_add_func("/key/what_an_external_signer_answers_is_checked", test_external);
    g_test_add_func("/key/signatures_and_ids_of_others_are_read", test_vectors);
    g_test_add_func("/key/one_scheme_does_not_pass_for_another", test_schemes_are_kept_apart);
    g_test_add_func("/key/a_malformed_signature_is_just_not_good", test_malformed_signatures);
    g_test_add_func("/key/unknown_members_are_part_of_the_id", test_unknown_members);
    g_test_add_func("/key/one_key_in_two_forms_is_one_material", test_material);
    g_test_add_func("/key/material_that_does_not_fit_is_refused", test_misfits);
    g_test_add_func("/key/wrong_shapes_are_refused", test_shapes);
    g_test_add_func("/key/a_made_key_signs_after_a_round_trip", test_round_trip);
    g_test_add_func("/key/a_wrong_passphrase_is_told_from_bad_pem", test_passphrase);
    g_test_add_func("/key/a_locked_key_as_public_key_asks_nobody", test_locked_key_as_public);
}
