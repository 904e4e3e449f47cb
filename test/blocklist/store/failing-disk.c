/*
 * A disk that fails: preloaded, it counts the calls that put something into the files of one folder, and lets the n-th
 * fail, or all from the n-th on. Counted over all threads of the process, unlike strace's injection.
 *
 *   FAILING_FOLDER  the folder, an absolute path
 *   FAILING_AT      n, from 1; 0: none, calls are only counted
 *   FAILING_ON      "once"; "on" for all that follow too; a number, of calls; or "die": the power fails instead
 *   FAILING_ERRNO   the error's number
 *   FAILING_COUNT   a file for the number of calls, written at exit
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static atomic_int calls;

static int within(const char *path)
{
	const char *folder = getenv("FAILING_FOLDER");
	size_t length = folder ? strlen(folder) : 0;

	return length > 0 && strncmp(path, folder, length) == 0 && (path[length] == '/' || path[length] == '\0');
}

static int concerns(int fd)
{
	char link[64], path[PATH_MAX];
	ssize_t length;

	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	length = readlink(link, path, sizeof path - 1);
	if (length < 0)
		return 0;
	path[length] = '\0';
	return within(path);
}

/* Whether this call is the one; errno is then set. */
static int fails(int concerned)
{
	const char *at = getenv("FAILING_AT"), *on = getenv("FAILING_ON"), *number = getenv("FAILING_ERRNO");
	int saved = errno, n, wanted, span;

	if (!concerned)
		return 0;
	n = atomic_fetch_add(&calls, 1) + 1;
	wanted = at ? atoi(at) : 0;
	span = !on || strcmp(on, "once") == 0 ? 1 : strcmp(on, "on") == 0 ? INT_MAX : atoi(on);
	if (wanted > 0 && n == wanted && on && strcmp(on, "die") == 0)
		kill(getpid(), SIGKILL);
	if (wanted == 0 || n < wanted || n - wanted >= span) {
		errno = saved;
		return 0;
	}
	errno = number ? atoi(number) : EIO;
	return 1;
}

/* Which call it was, for who wants to know whose. */
static int told(const char *name)
{
	int saved = errno;

	dprintf(STDERR_FILENO, "failed: %s\n", name);
	errno = saved;
	return -1;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define FAILING(type, name, parameters, arguments)                                                                     \
	type name parameters                                                                                           \
	{                                                                                                              \
		static __typeof__(&name) real;                                                                         \
		if (!real)                                                                                             \
			real = REAL(name);                                                                             \
		return fails(concerns(fd)) ? told(#name) : real arguments;                                             \
	}

FAILING(ssize_t, write, (int fd, const void *data, size_t size), (fd, data, size))
FAILING(ssize_t, pwrite, (int fd, const void *data, size_t size, off_t at), (fd, data, size, at))
FAILING(ssize_t, pwrite64, (int fd, const void *data, size_t size, off64_t at), (fd, data, size, at))
FAILING(ssize_t, writev, (int fd, const struct iovec *parts, int count), (fd, parts, count))
FAILING(ssize_t, pwritev, (int fd, const struct iovec *parts, int count, off_t at), (fd, parts, count, at))
FAILING(ssize_t, pwritev64, (int fd, const struct iovec *parts, int count, off64_t at), (fd, parts, count, at))
FAILING(int, fsync, (int fd), (fd))
FAILING(int, fdatasync, (int fd), (fd))
FAILING(int, ftruncate, (int fd, off_t size), (fd, size))
FAILING(int, ftruncate64, (int fd, off64_t size), (fd, size))

int rename(const char *from, const char *to)
{
	static __typeof__(&rename) real;

	if (!real)
		real = REAL(rename);
	return fails(within(to)) ? told("rename") : real(from, to);
}

__attribute__((destructor)) static void report(void)
{
	const char *path = getenv("FAILING_COUNT");
	FILE *file = path ? fopen(path, "w") : NULL;

	if (!file)
		return;
	fprintf(file, "%d\n", atomic_load(&calls));
	fclose(file);
}
