// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//go:build ignore

/* Nothing of any BPF map. */
#include "kernel.h"

SEC("iter/bpf_map")
int nothing(void *ctx)
{
	return 0;
}
