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

// keyring has the keys of all of Debian's suites, those of old ones too.
const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"

// An apt asks for packages of one suite. Its lists and settings lie in a folder
// of their own: nothing of the host's apt changes, and a suite that is gone
// does no harm to the others.
type apt struct {
	dir     string
	options []string
}

// newApt fetches the lists of a suite.
func newApt(ctx context.Context, dir, suite string) (*apt, error) {
	mirror, err := debianMirror(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(keyring); err != nil {
		return nil, fmt.Errorf("no %s: install the Debian package debian-archive-keyring", keyring)
	}
	for _, d := range []string{"lists/partial", "cache/archives/partial"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			return nil, err
		}
	}
	source := fmt.Sprintf("deb [arch=amd64 signed-by=%s] %s %s main\n", keyring, mirror, suite)
	for name, content := range map[string]string{"sources.list": source, "status": ""} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			return nil, err
		}
	}
	a := &apt{dir: dir, options: []string{
		"-o", "Dir::Etc::SourceList=" + filepath.Join(dir, "sources.list"),
		"-o", "Dir::Etc::SourceParts=/dev/null",
		"-o", "Dir::Etc::Preferences=/dev/null",
		"-o", "Dir::Etc::PreferencesParts=/dev/null",
		"-o", "Dir::State::Lists=" + filepath.Join(dir, "lists"),
		"-o", "Dir::State::Status=" + filepath.Join(dir, "status"), // nothing is installed
		"-o", "Dir::Cache=" + filepath.Join(dir, "cache"),
		"-o", "Dir::Cache::PkgCache=pkgcache.bin", // images of Debian switch it off, which makes each call slow
		"-o", "Dir::Cache::SrcPkgCache=srcpkgcache.bin",
		"-o", "APT::Architecture=amd64",
		"-o", "APT::Default-Release=",
		"-o", "APT::Sandbox::User=", // the folders belong to whoever runs this
		"-o", "Acquire::Languages=none",
		"-o", "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false",
	}}
	if _, err := a.run(ctx, dir, "apt-get", "-q", "--error-on=any", "update"); err != nil {
		return nil, fmt.Errorf("suite %s: %w", suite, err)
	}
	return a, nil
}

// debianMirror is where this machine gets Debian from.
func debianMirror(ctx context.Context) (string, error) {
	out, err := output(ctx, "", nil, "apt-get", "indextargets", "--format", "$(REPO_URI)",
		"Created-By: Packages", "Origin: Debian", "Label: Debian", "Component: main")
	if err != nil {
		return "", err
	}
	mirrors := strings.Fields(out)
	if len(mirrors) == 0 {
		return "", fmt.Errorf("apt knows no mirror of Debian: run `apt-get update` (on Debian) once")
	}
	return mirrors[0], nil
}

// depends returns the names of the packages that a package depends on.
func (a *apt) depends(ctx context.Context, pkg string) (names []string, err error) {
	out, err := a.run(ctx, a.dir, "apt-cache", "show", "--no-all-versions", pkg)
	if err != nil {
		return nil, err
	}
	return parseDepends(out), nil
}

var versionConstraint = regexp.MustCompile(`\([^)]*\)`)

// parseDepends reads the field Depends of a package's description.
func parseDepends(description string) (names []string) {
	for _, line := range strings.Split(description, "\n") {
		if list, ok := strings.CutPrefix(line, "Depends:"); ok {
			list = versionConstraint.ReplaceAllString(list, "")
			return strings.FieldsFunc(list, func(r rune) bool { return strings.ContainsRune(" ,|", r) })
		}
	}
	return nil
}

// unpack fetches packages into dir and unpacks them to dir/root.
func (a *apt) unpack(ctx context.Context, dir string, pkgs ...string) (root string, err error) {
	if _, err := a.run(ctx, dir, "apt-get", append([]string{"-q", "download"}, pkgs...)...); err != nil {
		return "", err
	}
	debs, err := filepath.Glob(filepath.Join(dir, "*.deb"))
	if err != nil {
		return "", err
	}
	root = filepath.Join(dir, "root")
	for _, deb := range debs {
		if _, err := output(ctx, dir, nil, "dpkg-deb", "-x", deb, root); err != nil {
			return "", err
		}
	}
	return root, nil
}

func (a *apt) run(ctx context.Context, dir, tool string, args ...string) (string, error) {
	return output(ctx, dir, []string{"LC_ALL=C"}, tool, append(a.options, args...)...)
}
