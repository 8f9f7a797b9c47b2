// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//go:build ignore

/* No iterator at all. */
#include "kernel.h"

SEC("socket")
int filter(void *ctx)
{
	return 0;
}
