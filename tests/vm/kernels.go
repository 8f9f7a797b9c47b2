// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// A choice is a kernel that can be asked for: what metapackage installs in a
// suite of Debian, or one that is called by its release.
type choice struct {
	name, suite string
	optional    bool // no failure when the suite cannot be had any more
}

const metapackage = "linux-image-cloud-amd64"

var choices = []choice{
	{name: "5.10", suite: "bullseye", optional: true}, // its end of life has passed
	{name: "6.1", suite: "bookworm"},
	{name: "6.12", suite: "trixie"},
	{name: "newest", suite: "trixie-backports"},
}

var releaseName = regexp.MustCompile(`^[0-9]+\.[0-9]+\.[0-9]+[0-9a-z+.~-]*-cloud-amd64$`)

// parseKernels reads the list of the flag -kernels.
func parseKernels(list string) (chosen []choice, err error) {
	if list == "all" {
		return choices, nil
	}
	known := map[string]choice{}
	var names []string
	for _, c := range choices {
		known[c.name] = c
		names = append(names, c.name)
	}
	taken := map[string]bool{}
	for _, name := range strings.Split(list, ",") {
		c, ok := known[name]
		if !ok && releaseName.MatchString(name) {
			c, ok = choice{name: name, suite: "trixie-backports"}, true
		}
		if !ok {
			return nil, fmt.Errorf("no kernel %q: there are all, %s, and releases such as 6.16.12+deb13-cloud-amd64", name, strings.Join(names, ", "))
		}
		if !taken[name] {
			taken[name] = true
			chosen = append(chosen, c)
		}
	}
	return chosen, nil
}

// findRelease returns the release of the kernel that the metapackage installs.
func findRelease(ctx context.Context, a *apt, c choice) (string, error) {
	if releaseName.MatchString(c.name) {
		return c.name, nil
	}
	// Left-over versions vanish from a suite; the metapackage's stays.
	names, err := a.depends(ctx, metapackage)
	if err != nil {
		return "", err
	}
	for _, name := range names {
		if release, ok := strings.CutPrefix(name, "linux-image-"); ok && releaseName.MatchString(release) {
			return release, nil
		}
	}
	return "", fmt.Errorf("suite %s: %s depends on no kernel: %q", c.suite, metapackage, names)
}

// fetchKernel puts a kernel's image and the wanted modules into dir, whole or not
// at all; tmp is a folder to work in.
func fetchKernel(ctx context.Context, a *apt, release, tmp, dir string) error {
	// Since 6.19 the package only pulls in one with the image and one with the modules.
	pkgs := []string{"linux-image-" + release}
	names, err := a.depends(ctx, pkgs[0])
	if err != nil {
		return err
	}
	for _, name := range names {
		if name == "linux-binary-"+release || name == "linux-modules-"+release {
			pkgs = append(pkgs, name)
		}
	}
	root, err := a.unpack(ctx, tmp, pkgs...)
	if err != nil {
		return err
	}
	made := filepath.Join(tmp, "made")
	if err := copyModules(ctx, root, filepath.Join(made, "modules"), wantedModules); err != nil {
		return err
	}
	images, err := filepath.Glob(filepath.Join(root, "boot", "vmlinuz-*"))
	if err != nil {
		return err
	}
	for _, lib := range []string{"lib", "usr/lib"} { // since 7.2
		more, err := filepath.Glob(filepath.Join(root, lib, "modules", "*", "vmlinuz"))
		if err != nil {
			return err
		}
		images = append(images, more...)
	}
	if len(images) == 0 {
		return fmt.Errorf("no image in %s", strings.Join(pkgs, ", "))
	}
	if err := os.Rename(images[0], filepath.Join(made, "vmlinuz")); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(made, "wanted"), []byte(strings.Join(wantedModules, " ")), 0o644); err != nil {
		return err
	}
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	return os.Rename(made, dir)
}
