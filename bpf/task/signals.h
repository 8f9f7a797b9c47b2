/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which signals a process ignores and which it catches, as collect_sigign_sigcatch() of fs/proc/array.c. */
#ifndef ITERFS_TASK_SIGNALS_H
#define ITERFS_TASK_SIGNALS_H

#include "kernel.h"

struct signal_sets {
	u64 ignored, caught;
};

/*
 * A literal index makes each a plain load at an offset that CO-RE works out; an
 * index that is a variable would be scaled by the size that struct k_sigaction has
 * in types.h. The bit is kept from the compiler: it would take a handler that
 * equals 1 for the bit 1, and the verifier that for a pointer.
 */
#define SIGNAL(i)                                                                           \
	do {                                                                                \
		unsigned long handler = (unsigned long)sighand->action[i].sa.sa_handler;    \
		u64 bit = 1ULL << (i);                                                      \
		asm volatile("" : "+r"(bit));                                               \
		if (handler == 1)                                                           \
			sets.ignored |= bit;                                                \
		else if (handler)                                                           \
			sets.caught |= bit;                                                 \
	} while (0)

#define EIGHT_SIGNALS(i)                                                                    \
	SIGNAL(i); SIGNAL(i + 1); SIGNAL(i + 2); SIGNAL(i + 3);                             \
	SIGNAL(i + 4); SIGNAL(i + 5); SIGNAL(i + 6); SIGNAL(i + 7)

/* Signals 1 to 31, which stat tells about. */
static __always_inline struct signal_sets old_signals(struct sighand_struct *sighand)
{
	struct signal_sets sets = {};

	EIGHT_SIGNALS(0); EIGHT_SIGNALS(8); EIGHT_SIGNALS(16); SIGNAL(24);
	SIGNAL(25); SIGNAL(26); SIGNAL(27); SIGNAL(28); SIGNAL(29); SIGNAL(30);
	return sets;
}

static __always_inline struct signal_sets all_signals(struct sighand_struct *sighand)
{
	struct signal_sets sets = {};

	EIGHT_SIGNALS(0); EIGHT_SIGNALS(8); EIGHT_SIGNALS(16); EIGHT_SIGNALS(24);
	EIGHT_SIGNALS(32); EIGHT_SIGNALS(40); EIGHT_SIGNALS(48); EIGHT_SIGNALS(56);
	return sets;
}

#endif
