/* signer.c - asks a program for a signature; see signer.h. */
#include "vendor/signer.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define SIGNER_TIMEOUT_S        300 /* a person may have to touch a token */
#define SIGNER_MAX_ANSWER_BYTES 16384

struct Signer {
    char **argv;
    char *role;
};

Signer *signer_new(const char *command, const char *role, GError **error)
{
    g_autoptr(GError) wrong = NULL;
    g_autoptr(Signer) signer = g_new0(Signer, 1);
    signer->role = g_strdup(role);
    if (!g_shell_parse_argv(command, NULL, &signer->argv, &wrong)) {
        error_set(error, APPCENTER_ERROR_INVALID, "--signer: %s", wrong->message);
        return NULL;
    }
    g_autofree char *found = g_find_program_in_path(signer->argv[0]);
    char *program = found ? g_canonicalize_filename(found, NULL) : NULL; /* it is started in "/" */
    if (!program) {
        error_set(error, APPCENTER_ERROR_INVALID, "--signer: there is no program %s", signer->argv[0]);
        return NULL;
    }
    g_free(signer->argv[0]);
    signer->argv[0] = program;
    return g_steal_pointer(&signer);
}

void signer_free(Signer *signer)
{
    if (!signer)
        return;
    g_strfreev(signer->argv);
    g_free(signer->role);
    g_free(signer);
}

static char **environment(const Signer *signer, const PublicKey *key, const void *data, gsize len)
{
    g_autofree char *sha256 = digest_hex_of(DIGEST_SHA256, data, len);
    char **env = g_environ_setenv(g_get_environ(), "APPVENDOR_ROLE", signer->role, TRUE);
    env = g_environ_setenv(env, "APPVENDOR_KEY_ID", public_key_id(key), TRUE);
    env = g_environ_setenv(env, "APPVENDOR_SCHEME", public_key_scheme(key), TRUE);
    return g_environ_setenv(env, "APPVENDOR_SHA256", sha256, TRUE);
}

static int nameless_file(const void *data, gsize len, GError **error)
{
    g_auto(Fd) fd = open(g_get_tmp_dir(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0)
        return error_set_errno(error, "cannot make a temporary file in %s", g_get_tmp_dir()), -1;
    if (!files_write_all(fd, data, len, error))
        return -1;
    if (lseek(fd, 0, SEEK_SET) != 0)
        return error_set_errno(error, "cannot rewind"), -1;
    return fd_steal(&fd);
}

/* In the child: its answer may be any bytes, so it goes to a file and only its complaints go to the pipe. */
static gboolean answer_to_file(gpointer fd)
{
    return dup2(*(const int *)fd, STDOUT_FILENO) >= 0;
}

static GBytes *run(const Signer *signer, char **env, int in, int out, GError **error)
{
    g_auto(ProcessResult) result = {0};
    ProcessSpec spec = PROCESS_SPEC_INIT;
    spec.argv = (const char *const *)signer->argv;
    spec.envp = (const char *const *)env;
    spec.cwd_fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    spec.stdin_fd = in;
    spec.timeout_s = SIGNER_TIMEOUT_S;
    spec.child_setup = answer_to_file;
    spec.child_setup_data = &out;
    gboolean ok = process_run_checked(&spec, &result, error);
    fd_close(spec.cwd_fd);
    if (!ok)
        return NULL;
    if (lseek(out, 0, SEEK_SET) != 0)
        return error_set_errno(error, "cannot rewind"), NULL;
    return files_read_fd(out, SIGNER_MAX_ANSWER_BYTES, error);
}

/* Hex, when all of it is hex; NULL otherwise. */
static GBytes *from_hex(const char *text)
{
    gsize len = strlen(text);
    g_autofree char *lower = g_ascii_strdown(text, -1);
    g_autofree guint8 *bytes = g_malloc(len / 2 + 1);
    if (len == 0 || len % 2 != 0 || !units_unhex(lower, bytes, len / 2))
        return NULL;
    return g_bytes_new(bytes, len / 2);
}

static GBytes *from_base64(const char *text)
{
    gsize len = 0;
    guchar *bytes = g_base64_decode(text, &len);
    return g_bytes_new_take(bytes, len);
}

/* A text may stand for bytes in two ways; which one is meant, the key itself knows. */
static GBytes *read_answer(const PublicKey *key, GBytes *answer, const void *data, gsize len)
{
    g_autofree char *text = g_strndup(g_bytes_get_data(answer, NULL), g_bytes_get_size(answer));
    g_strstrip(text);
    g_autoptr(GBytes) hex = from_hex(text);
    g_autoptr(GBytes) base64 = from_base64(text);
    GBytes *readings[] = {hex, base64};
    for (gsize i = 0; i < G_N_ELEMENTS(readings); i++)
        if (readings[i] && public_key_verify(key, data, len, g_bytes_get_data(readings[i], NULL),
                                             g_bytes_get_size(readings[i])))
            return g_bytes_ref(readings[i]);
    return g_bytes_ref(answer);
}

GBytes *signer_sign(const PublicKey *key, const void *data, gsize len, gpointer user_data, GError **error)
{
    const Signer *signer = user_data;
    g_auto(Fd) in = nameless_file(data, len, error);
    g_auto(Fd) out = in < 0 ? -1 : nameless_file("", 0, error);
    if (out < 0)
        return NULL;
    g_auto(GStrv) env = environment(signer, key, data, len);
    g_autoptr(GBytes) answer = run(signer, env, in, out, error);
    if (!answer) {
        g_prefix_error(error, "signer for key %.16s of %s: ", public_key_id(key), signer->role);
        return NULL;
    }
    return read_answer(key, answer, data, len);
}
