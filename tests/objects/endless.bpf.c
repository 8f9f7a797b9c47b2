// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//go:build ignore

/* A loop that the verifier gives up on, after a long log. */
#include "kernel.h"

SEC("iter/task")
int endless(struct bpf_iter__task *ctx)
{
	volatile int sum = 0;
	__u64 i;

	for (i = 0; i < 10000000; i++)
		sum += i;
	return sum & 1;
}
