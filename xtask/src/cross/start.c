/*
 * What zig's start code calls first in a program, and what FreeBSD's C library has for it since 14.0 only. Programs that
 * bring it along run with older libraries too. With those, whoever starts a program does what is done here.
 *
 * For programs that are linked dynamically: the loader has run what initialises them.
 */

#include <stdlib.h>
#include <string.h>

/* Defined by the start code, for the C library. */
extern char **environ;
extern const char *__progname;

_Noreturn void
__libc_start1(int argument_count, char **arguments, char **environment, void (*end_of_loader)(void),
    int (*program)(int, char **, char **))
{
	if (environ == NULL)
		environ = environment;
	if (argument_count > 0 && arguments[0] != NULL) {
		const char *slash = strrchr(arguments[0], '/');
		__progname = slash == NULL ? arguments[0] : slash + 1;
	}
	atexit(end_of_loader);
	exit(program(argument_count, arguments, environment));
}
