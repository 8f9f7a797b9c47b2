// SPDX-License-Identifier: Apache-2.0

package kmemcache

//go:generate go tool bpf2go -go-package kmemcache -cc clang-14 -strip llvm-strip-14 -target bpfel -type cache_record kmemCache kmem_cache.bpf.c -- -O2 -g -mcpu=v3 -Wall -Werror -I..
