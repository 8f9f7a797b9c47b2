// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//go:build ignore

/* A good program and one that no verifier takes, unless it is told to be good. */
#include "kernel.h"

const volatile bool good = 0;

SEC("iter/task")
int fine(struct bpf_iter__task *ctx)
{
	return 0;
}

SEC("iter/task")
int refused(struct bpf_iter__task *ctx)
{
	if (good)
		return 0;
	return ctx->task->pid & 1; /* may be NULL */
}
