// SPDX-License-Identifier: Apache-2.0

package netlink

//go:generate go tool bpf2go -go-package netlink -cc clang-14 -strip llvm-strip-14 -target bpfel -type netlink_record netlink netlink.bpf.c -- -O2 -g -mcpu=v3 -Wall -Werror -I..
