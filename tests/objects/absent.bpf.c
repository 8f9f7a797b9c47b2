// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//go:build ignore

/* A target that no kernel has. */
#include "kernel.h"

SEC("iter/no_such_thing")
int nothing(struct bpf_iter__task *ctx)
{
	return 0;
}
