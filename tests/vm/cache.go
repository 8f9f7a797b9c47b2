// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// A kernel is ready to boot.
type kernel struct {
	release string
	image   string
	modules []string // files, in the order of loading
}

// getKernel takes a kernel from the cache, or fetches it. With update it asks for
// the newest of its suite.
func getKernel(ctx context.Context, cache string, c choice, update bool) (*kernel, error) {
	unlock, err := lock(ctx, cache)
	if err != nil {
		return nil, err
	}
	defer unlock()
	// A link by the name that was asked for leads to the folder of the release.
	link := filepath.Join(cache, "kernels", c.name)
	if !update {
		if k, err := cached(link); err == nil {
			return k, nil
		}
	}
	progress("kernel %s: fetching from %s", c.name, c.suite)
	tmp, err := temporary(cache)
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(tmp)
	a, err := newApt(ctx, filepath.Join(tmp, "apt"), c.suite)
	if err != nil {
		return nil, err
	}
	release, err := findRelease(ctx, a, c)
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(cache, "kernels", release)
	k, err := cached(dir)
	if err != nil {
		if err := fetchKernel(ctx, a, release, tmp, dir); err != nil {
			return nil, err
		}
		if k, err = cached(dir); err != nil {
			return nil, err
		}
	}
	if link != dir {
		if err := os.Remove(link); err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, err
		}
		if err := os.Symlink(release, link); err != nil {
			return nil, err
		}
	}
	return k, nil
}

// cached reads a folder that fetchKernel made. One with other modules than are
// wanted now is out of date.
func cached(dir string) (*kernel, error) {
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return nil, err
	}
	wanted, err := os.ReadFile(filepath.Join(dir, "wanted"))
	if err != nil {
		return nil, err
	}
	if string(wanted) != strings.Join(wantedModules, " ") {
		return nil, errors.New("other modules are wanted")
	}
	k := &kernel{release: filepath.Base(dir), image: filepath.Join(dir, "vmlinuz")}
	k.modules, err = filepath.Glob(filepath.Join(dir, "modules", "*.ko")) // sorted
	return k, err
}

// temporary makes a folder in the cache, where what is made can be renamed to its
// place, and removes what a run that was killed has left. The cache is locked.
func temporary(cache string) (string, error) {
	const prefix = "fetch-"
	stale, err := filepath.Glob(filepath.Join(cache, prefix+"*"))
	if err != nil {
		return "", err
	}
	for _, dir := range stale {
		if err := os.RemoveAll(dir); err != nil {
			return "", err
		}
	}
	return os.MkdirTemp(cache, prefix)
}

// lock keeps other runs from changing the cache meanwhile.
func lock(ctx context.Context, cache string) (unlock func(), err error) {
	if err := os.MkdirAll(filepath.Join(cache, "kernels"), 0o755); err != nil {
		return nil, err
	}
	file, err := os.Create(filepath.Join(cache, "lock"))
	if err != nil {
		return nil, err
	}
	for told := false; ; told = true {
		if err = unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); err == nil {
			return func() { file.Close() }, nil
		}
		if err != unix.EWOULDBLOCK {
			break
		}
		if !told {
			progress("waiting for another run that uses the cache %s", cache)
		}
		select {
		case <-time.After(200 * time.Millisecond):
			continue
		case <-ctx.Done():
			err = context.Cause(ctx)
		}
		break
	}
	file.Close()
	return nil, err
}
