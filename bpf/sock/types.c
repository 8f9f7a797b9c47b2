// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//go:build ignore

/* The record that several targets write, for its twin in Go; no program. */
#include "socket.h"

EXPORT_RECORD(socket_record);
EXPORT_RECORD(socket_name);
