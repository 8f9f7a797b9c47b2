// SPDX-License-Identifier: Apache-2.0

// Package protocol is what the runner of the kernel matrix and the init of its
// virtual machines agree on: where files lie in the guest, what the guest is
// told, and the messages it writes between the output of the tests.
package protocol

import (
	"encoding/json"
	"path"
	"strings"
	"time"
)

const (
	// ConfigFile holds a Config.
	ConfigFile = "/vm/config.json"
	// ModulesDir holds the kernel modules; the order of names is the order of loading.
	ModulesDir = "/vm/modules"
	// Iterfs is the program under test.
	Iterfs = "/usr/bin/iterfs"
)

// Config is what the guest is told.
type Config struct {
	Packages []string      // import paths, in the order to run
	Args     []string      // for every test binary
	Limit    time.Duration // after which, counted from boot, a test binary is to end by itself
}

// Dir is where the tests of a package run. Packages keep their places relative to
// each other, as a test may refer to ../testdata.
func Dir(importPath string) string { return path.Join("/tests", importPath) }

// Binary is the test binary of a package, under the name that go test gives it.
func Binary(importPath string) string {
	return path.Join(Dir(importPath), path.Base(importPath)+".test")
}

// The events of a boot, in order.
const (
	Begin  = "begin"  // the guest is up, Release tells its kernel
	Note   = "note"   // Text tells of something that the guest went on without
	Doctor = "doctor" // Text is what iterfs doctor prints
	Start  = "start"  // the output of Package follows
	Finish = "finish" // Package ended with Status after Took
	End    = "end"    // all ran; the guest powers off
)

// Message is a line from the guest that no test wrote.
type Message struct {
	Event   string
	Release string        `json:",omitempty"`
	Text    string        `json:",omitempty"`
	Package string        `json:",omitempty"`
	Status  int           `json:",omitempty"` // exit status, or 128 and the signal
	Took    time.Duration `json:",omitempty"`
}

// mark begins a message. A test may leave its last line open, so a message can
// follow other text in a line; go test frames its own lines likewise.
const mark = "\x16iterfs-vm "

// Line is the message as a line.
func (m Message) Line() string {
	text, err := json.Marshal(m)
	if err != nil {
		panic(err) // strings and numbers only
	}
	return mark + string(text) + "\n"
}

// Split separates what a line begins with from the message that ends it, if any.
func Split(line string) (text string, m *Message) {
	text, encoded, found := strings.Cut(line, mark)
	if !found {
		return line, nil
	}
	m = new(Message)
	if json.Unmarshal([]byte(encoded), m) != nil {
		return line, nil
	}
	return text, m
}
