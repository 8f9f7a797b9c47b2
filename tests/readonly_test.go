// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/tests/need"
)

// With ro nothing can be written, and no read costs a message for its time of access:
// the filesystem itself is read-only, as that of proc always is.
func TestReadOnlyMount(t *testing.T) {
	need.Root(t)
	dir := t.TempDir()
	out, errs, status := iterfs(t, "mount", "--daemon", "-o", "ro", dir)
	if !kernelHas(t, "mount_kattr") {
		if status != 1 || !oneLine(errs, "Linux 5.12") {
			t.Errorf("without mount_setattr(2): status %d, %q, %q", status, out, errs)
		}
		t.Skip("this kernel cannot make a tree of mounts read-only: mount_setattr(2) came with Linux 5.12")
	}
	if status != 0 {
		t.Fatalf("status %d, %q, %q", status, out, errs)
	}
	defer iterfs(t, "umount", dir)
	if err := os.WriteFile(dir+"/iters/x.o", nil, 0o600); !errors.Is(err, unix.EROFS) {
		t.Errorf("to write: %v", err)
	}
	for _, path := range []string{dir, filepath.Join(dir, "proc")} {
		mounts, err := mountinfo.GetMounts(mountinfo.SingleEntryFilter(path))
		if err != nil || len(mounts) != 1 {
			t.Fatalf("%s: %v, %v", path, mounts, err)
		}
		if flag, _, _ := strings.Cut(mounts[0].VFSOptions, ","); flag != "ro" {
			t.Errorf("the filesystem on %s is %s", path, mounts[0].VFSOptions)
		}
	}
}
