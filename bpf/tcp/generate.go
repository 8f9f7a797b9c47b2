// SPDX-License-Identifier: Apache-2.0

package tcp

//go:generate go tool bpf2go -go-package tcp -cc clang-14 -strip llvm-strip-14 -target bpfel -type ends -type tcp_record tcp tcp.bpf.c -- -O2 -g -mcpu=v3 -Wall -Werror -I..
