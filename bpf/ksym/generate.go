// SPDX-License-Identifier: Apache-2.0

package ksym

//go:generate go tool bpf2go -go-package ksym -cc clang-14 -strip llvm-strip-14 -target bpfel -type symbol_record ksym ksym.bpf.c -- -O2 -g -mcpu=v3 -Wall -Werror -I..
