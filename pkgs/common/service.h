/* service.h - what makes a small program a service: its config file, its port, its daemon, its pid file.
 *
 * A start either comes to listen, and the program that was called ends with 0, or says on stderr why not and ends
 * with 1. The daemon keeps the environment that it was started with: by it others know whose process it is. All
 * paths are relative to the app's folder, where the service script starts the program.
 */
#ifndef COMMON_SERVICE_H
#define COMMON_SERVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One line to stderr, which is the log once the service is announced. */
void service_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Value of `key = value` in a config file; the last one counts. False when there is none, or it is too long. */
bool service_read_setting(const char *path, const char *key, char *value, size_t size);
/* Setting `port`, 1 to 65535; 0 after saying what is wrong. */
uint16_t service_read_port(const char *path);

/* Goes on in a daemon. What called the program ends when the daemon announces itself, or dies before. */
void service_detach(void);
/* Loopback only. -1 after saying why not. */
int service_listen(uint16_t port);
/* Pid file (temp, rename), stderr to the log, end of the caller with 0. False after saying why not. */
bool service_announce(const char *pid_path, const char *log_path);

/* Has TERM or INT arrived? They are held back but during service_wait. */
bool service_is_stopping(void);
/* Milliseconds of a clock that only goes forward. */
int64_t service_now_ms(void);
/* Until the descriptor is ready (true) or the deadline has passed. A stop shortens the wait to grace_ms from then. */
bool service_wait(int fd, short events, int64_t deadline_ms, int64_t grace_ms);

#endif
