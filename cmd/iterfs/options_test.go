// SPDX-License-Identifier: Apache-2.0

package main

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/iterfs/iterfs/bpf"
)

func TestOptions(t *testing.T) {
	never, soon := time.Duration(0), 100*time.Millisecond
	for list, want := range map[string]options{
		"layout=proc":                        {layout: layoutProc},
		"freshness=0":                        {freshness: &never},
		"freshness=100ms,allow_other":        {freshness: &soon, allowOther: true},
		"hidepid=2,gid=4":                    {view: bpf.View{HidePID: bpf.HideProcesses, GID: 4}},
		"hidepid=ptraceable":                 {view: bpf.View{HidePID: bpf.ShowPtraceable}},
		"hidepid=1,hidepid=off":              {},
		"ns=mount":                           {view: bpf.View{OfMount: true}},
		"ns=mount,ns=reader":                 {},
		"ro,rw":                              {},
		"rw,ro,iters=/x,fsname=none":         {readOnly: true, iters: "/x", source: "none"},
		"rw,dev,suid,x-systemd.automount":    {},
		"defaults,noauto,user=me,comment=it": {},
	} {
		var got, again options
		if err := got.Set(list); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v; want %+v", list, got, err, want)
		}
		if text := got.String(); text != "" && again.Set(text) != nil || !reflect.DeepEqual(again, got) {
			t.Errorf("%s: a daemon gets %q", list, text)
		}
	}
	for _, wrong := range []string{
		"", "nonsense", "layout", "layout=", "layout=flat", "freshness=1", "freshness=-1s", "allow_other=1", "hidepid=3",
		"gid=wheel", "gid=-1", "ns=me", "remount", "ro=1", "defaults=1",
	} {
		if err := new(options).Set(wrong); err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", wrong, err)
		}
	}
}

// What mount(8), umount(8) and mount.fuse3(8) run, and what is not theirs.
func TestCommandLine(t *testing.T) {
	root := rootCommand()
	for line, want := range map[string]string{
		"/sbin/mount.fuse.iterfs iterfs /mnt -o rw":     "mount.fuse.iterfs iterfs /mnt -o rw",
		"/sbin/umount.fuse.iterfs /mnt -l":              "umount.fuse.iterfs /mnt -l",
		"/sbin/umount.fuse /mnt -l":                     "umount.fuse.iterfs /mnt -l",
		"iterfs none /mnt -o rw,dev":                    "mount.fuse.iterfs none /mnt -o rw,dev",
		"iterfs mount /mnt -o layout=proc":              "mount /mnt -o layout=proc",
		"iterfs mout /mnt":                              "mout /mnt",
		"/usr/bin/iterfs umount --lazy /mnt":            "umount --lazy /mnt",
		"iterfs mount --daemon -o hidepid=2,gid=4 /mnt": "mount --daemon -o hidepid=2,gid=4 /mnt",
	} {
		if got := strings.Join(commandLine(root, strings.Fields(line)), " "); got != want {
			t.Errorf("%s is run as %s", line, got)
		}
	}
}
