// SPDX-License-Identifier: Apache-2.0

package objects

//go:generate sh -c "for f in *.bpf.c; do clang-14 -target bpf -O2 -g -mcpu=v3 -fdebug-compilation-dir=. -Wall -Werror -c $DOLLAR{f} -o $DOLLAR{f%c}o && llvm-strip-14 -g $DOLLAR{f%c}o || exit 1; done"
