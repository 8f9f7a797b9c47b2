// SPDX-License-Identifier: Apache-2.0

package ipv6route

//go:generate go tool bpf2go -go-package ipv6route -cc clang-14 -strip llvm-strip-14 -target bpfel -type route_record ipv6Route ipv6_route.bpf.c -- -O2 -g -mcpu=v3 -Wall -Werror -I..
