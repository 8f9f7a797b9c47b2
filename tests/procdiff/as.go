// SPDX-License-Identifier: Apache-2.0

package procdiff

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
)

// comparisonEnv makes the test's own program a reader, which compares and prints
// its report.
const comparisonEnv = "ITERFS_PROCDIFF"

func init() {
	if os.Getenv(comparisonEnv) != "" {
		runtime.LockOSThread() // main then runs on the first thread, whose state is that of self
	}
}

// Init is to be called first in TestMain. In a reader it does not return.
func Init() {
	request := os.Getenv(comparisonEnv)
	if request == "" {
		return
	}
	var c Comparison
	err := json.Unmarshal([]byte(request), &c)
	if err == nil {
		var r *Report
		if r, err = compare(c); err == nil {
			err = json.NewEncoder(os.Stdout).Encode(r)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// Compare compares in a process of its own, which is another user's if the
// comparison says so.
func Compare(c Comparison) (*Report, error) {
	request, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	var out, errs bytes.Buffer
	reader := exec.Command("/proc/self/exe")
	reader.Env = append(os.Environ(), comparisonEnv+"="+string(request))
	reader.Stdout, reader.Stderr = &out, &errs
	if c.UID != 0 {
		reader.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: c.UID, Gid: c.GID}}
	}
	if err := reader.Run(); err != nil {
		return nil, fmt.Errorf("%w: %s", err, errs.String())
	}
	r := &Report{}
	return r, json.Unmarshal(out.Bytes(), r)
}
