/* main.c - runs the tests of room cli. */
#include "tests.h"

#include <locale.h>
#include <signal.h>

int main(int argc, char **argv)
{
    setlocale(LC_ALL, "C.UTF-8");
    signal(SIGPIPE, SIG_IGN);
    g_test_init(&argc, &argv, NULL);
    parse_tests();
    render_tests();
    stream_tests();
    client_tests();
    return g_test_run();
}
