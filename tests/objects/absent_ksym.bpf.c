// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//go:build ignore

/* A variable that no kernel has. */
#include "kernel.h"

extern const int no_such_variable __ksym;

SEC("iter/task")
int nothing(struct bpf_iter__task *ctx)
{
	return no_such_variable & 1;
}
