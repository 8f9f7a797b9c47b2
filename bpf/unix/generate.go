// SPDX-License-Identifier: Apache-2.0

package unixsock

//go:generate go tool bpf2go -go-package unixsock -cc clang-14 -strip llvm-strip-14 -target bpfel -type unix_record unix unix.bpf.c -- -O2 -g -mcpu=v3 -Wall -Werror -I..
