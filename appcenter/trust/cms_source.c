/* cms_source.c - streams the bytes of an archive into OpenSSL, whatever their number.
 *
 * Hides OpenSSL's BIO methods. The callback is asked for a few kilobytes at a time and is never asked twice for the same.
 */
#include "trust/cms_internal.h"

static int source_read(BIO *bio, char *buffer, int len)
{
    CmsSourceBio *opened = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (len <= 0 || opened->has_failed)
        return -1;
    gssize got = opened->source->read(opened->source->user_data, buffer, (gsize)len);
    opened->has_failed = got < 0 || got > len;
    return opened->has_failed ? -1 : (int)got;
}

static long source_control(BIO *bio, int command, long number, void *pointer)
{
    (void)bio;
    (void)number;
    (void)pointer;
    return command == BIO_CTRL_FLUSH;
}

static gpointer make_method(gpointer unused)
{
    (void)unused;
    BIO_METHOD *method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "archive");
    if (!method || BIO_meth_set_read(method, source_read) != 1 ||
        BIO_meth_set_ctrl(method, source_control) != 1)
        g_error("openssl: out of memory");
    return method;
}

void cms_source_open(CmsSourceBio *opened, CmsSource *source)
{
    static GOnce method = G_ONCE_INIT; /* OpenSSL has 127 indexes for a process's whole life */
    g_once(&method, make_method, NULL);
    opened->source = source;
    opened->has_failed = FALSE;
    opened->bio = BIO_new(method.retval);
    if (!opened->bio)
        g_error("openssl: out of memory");
    BIO_set_data(opened->bio, opened);
    BIO_set_init(opened->bio, 1);
}

void cms_source_close(CmsSourceBio *opened)
{
    BIO_free(opened->bio);
    opened->bio = NULL;
}
