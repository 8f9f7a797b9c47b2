// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/iterfs/iterfs/tests/vm/protocol"
)

const module = "github.com/iterfs/iterfs"

// applets are the programs that a test finds in its PATH. Those that tests compare
// with, such as ip or ss, are not among them: busybox's are others than the tests
// expect. (A script of sh has all of busybox at hand, links or not.)
const applets = `[ ash awk basename cat chgrp chmod chown chroot cmp cp cut date dd df diff dirname dmesg du echo
	egrep env expr false fgrep find flock free getopt grep head hostname id insmod kill killall ln losetup ls lsmod
	md5sum mkdir mkfifo mknod mktemp more mount mountpoint mv nice nohup nproc nsenter od paste pidof poweroff
	printenv printf ps pwd readlink realpath renice rm rmdir rmmod sed seq setpriv setsid sh sha256sum sleep sort stat
	strings stty su sync sysctl tac tail tar taskset tee test time timeout touch tr true truncate tty umount
	uname uniq unlink unshare uptime usleep vi wc which who whoami xargs xxd yes`

var etc = map[string]string{
	"passwd": "root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1:daemon:/:/bin/false\nnobody:x:65534:65534:nobody:/:/bin/false\n",
	"group":  "root:x:0:\ndaemon:x:1:\ntty:x:5:\nnogroup:x:65534:\n",
	"hosts":  "127.0.0.1 localhost\n::1 localhost\n",
}

// buildRoot makes what every guest has: init, busybox, iterfs and the tests of
// the packages, as an archive.
func buildRoot(ctx context.Context, patterns []string, config protocol.Config) ([]byte, error) {
	tmp, err := os.MkdirTemp("", "iterfs-vm-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(tmp)
	root := new(cpio)
	for link, target := range map[string]string{"bin": "usr/bin", "sbin": "usr/bin", "usr/sbin": "bin", "etc/mtab": "/proc/self/mounts"} {
		root.link(link, target)
	}
	root.dir("root", 0o700)
	for name, content := range etc {
		root.file("etc/"+name, 0o644, []byte(content))
	}
	if err := addBusybox(root); err != nil {
		return nil, err
	}
	progress("building iterfs")
	for name, pkg := range map[string]string{"init": module + "/tests/vm/init", protocol.Iterfs: module + "/cmd/iterfs"} {
		if err := addBuilt(ctx, root, name, filepath.Join(tmp, "program"), "build", pkg); err != nil {
			return nil, fmt.Errorf("%w (run this in a checkout of iterfs)", err)
		}
	}
	packages, err := testPackages(ctx, patterns)
	if err != nil {
		return nil, err
	}
	for _, p := range packages {
		progress("building the tests of %s", p.importPath)
		if err := addBuilt(ctx, root, protocol.Binary(p.importPath), filepath.Join(tmp, "test"), "test", "-c", p.importPath); err != nil {
			return nil, err
		}
		if err := root.tree(protocol.Dir(p.importPath)+"/testdata", filepath.Join(p.dir, "testdata")); err != nil {
			return nil, err
		}
		config.Packages = append(config.Packages, p.importPath)
	}
	text, err := json.Marshal(config)
	if err != nil {
		return nil, err
	}
	root.file(protocol.ConfigFile, 0o644, text)
	return root.end(), nil
}

func addBusybox(root *cpio) error {
	file, err := exec.LookPath("busybox")
	if err != nil {
		return err
	}
	content, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	root.file("usr/bin/busybox", 0o755, content)
	for _, applet := range strings.Fields(applets) {
		root.link("usr/bin/"+applet, "busybox")
	}
	return nil
}

// addBuilt has go build something static and adds it under a name.
func addBuilt(ctx context.Context, root *cpio, name, tmp string, verb string, args ...string) error {
	args = append([]string{verb, "-ldflags=-s -w", "-o", tmp}, args...)
	if _, err := output(ctx, "", []string{"CGO_ENABLED=0"}, "go", args...); err != nil {
		return err
	}
	content, err := os.ReadFile(tmp)
	if err != nil {
		return err
	}
	root.file(name, 0o755, content)
	return nil
}

type testPackage struct{ importPath, dir string }

// testPackages returns the packages that have tests.
func testPackages(ctx context.Context, patterns []string) (packages []testPackage, err error) {
	const format = "{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}}\t{{.Dir}}{{end}}"
	out, err := output(ctx, "", []string{"CGO_ENABLED=0"}, "go", append([]string{"list", "-f", format, "--"}, patterns...)...)
	if err != nil {
		return nil, err
	}
	for _, line := range strings.Split(out, "\n") {
		if importPath, dir, ok := strings.Cut(line, "\t"); ok {
			packages = append(packages, testPackage{importPath, dir})
		}
	}
	if len(packages) == 0 {
		return nil, fmt.Errorf("no package of %s has tests", strings.Join(patterns, " "))
	}
	return packages, nil
}

// moduleArchive holds a kernel's modules, to follow the root in memory.
func moduleArchive(k *kernel) ([]byte, error) {
	archive := new(cpio)
	for _, file := range k.modules {
		content, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		archive.file(protocol.ModulesDir+"/"+filepath.Base(file), 0o644, content)
	}
	return archive.end(), nil
}

// testArgs are the arguments of every test binary; go test gives most of them too.
func testArgs(run string) []string {
	args := []string{"-test.paniconexit0", "-test.v=test2json"}
	if run != "" {
		args = append(args, "-test.run="+run)
	}
	return args
}

// guestLimit is how long after boot the tests are to end by themselves, so that
// one that hangs tells where before the machine is switched off.
func guestLimit(timeout time.Duration) time.Duration { return timeout - min(timeout/5, 20*time.Second) }
