// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/native"
)

// SeesAddresses reports whether the reader may see the kernel's addresses, as
// kallsyms_show_value() of kernel/kallsyms.c decides it.
func (r Reader) SeesAddresses() (bool, error) {
	restrict, err := setting("kptr_restrict")
	if err != nil || restrict > 1 {
		return false, err
	}
	if restrict == 0 {
		// Without performance events there is no such setting.
		paranoid, err := setting("perf_event_paranoid")
		if err == nil && paranoid <= 1 {
			return true, nil
		}
	}
	return r.Capable(unix.CAP_SYSLOG), nil
}

func setting(name string) (int, error) {
	text, err := native.ReadFile("sys/kernel/" + name)
	if err != nil {
		return 0, err
	}
	value, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return 0, fmt.Errorf("read the setting %s: %w", name, err)
	}
	return value, nil
}
