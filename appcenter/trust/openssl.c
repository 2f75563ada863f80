/* openssl.c - OpenSSL's error queue as one sentence, and its memory BIOs in GLib's terms.
 *
 * Nothing here decides anything about trust; it hides the parts of OpenSSL that need care each time (the queue that must
 * be emptied, the terminal that must not be asked).
 */
#include "trust/openssl.h"

#include <openssl/err.h>
#include <string.h>

gboolean openssl_set_error(GError **error, AppcenterError kind, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *sentence = g_strdup_vprintf(format, args);
    va_end(args);
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    error_set(error, kind, "%s%s%s", sentence, reason ? ": " : "", reason ? reason : "");
    ERR_clear_error();
    return FALSE;
}

static BIO *bio_or_abort(BIO *bio)
{
    if (!bio)
        g_error("openssl: out of memory");
    return bio;
}

BIO *openssl_bio_over(const void *data, gsize len)
{
    g_return_val_if_fail(len <= G_MAXINT, bio_or_abort(BIO_new(BIO_s_mem())));
    return bio_or_abort(BIO_new_mem_buf(len > 0 ? data : "", (int)len));
}

BIO *openssl_bio_secret(void)
{
    return bio_or_abort(BIO_new(BIO_s_secmem()));
}

char *openssl_bio_text(BIO *bio)
{
    char *data = NULL;
    long len = BIO_get_mem_data(bio, &data);
    return g_strndup(data ? data : "", len > 0 ? (gsize)len : 0);
}

int openssl_answer_passphrase(char *buffer, int size, int is_writing, void *user_data)
{
    OpensslPassphrase *answer = user_data;
    (void)is_writing;
    answer->was_asked = TRUE;
    gsize len = answer->passphrase ? strlen(answer->passphrase) : 0;
    if (len == 0 || size < 0 || len > (gsize)size)
        return -1;
    memcpy(buffer, answer->passphrase, len);
    return (int)len;
}
