// SPDX-License-Identifier: Apache-2.0

package bpf

// A View is what a mount was told about what its readers see.
type View struct {
	// OfMount fixes the namespaces of the process that mounted; else a reader sees
	// what there is in its own.
	OfMount bool
	// HidePID and GID are the options of procfs with these names.
	HidePID HidePID
	GID     uint32
}

// HidePID says which processes a reader may not see, as the kernel's enum
// proc_hidepid has it. It binds no member of the View's group, but for Ptraceable.
type HidePID uint8

const (
	HideNothing    HidePID = 0 // HIDEPID_OFF
	HideContent    HidePID = 1 // HIDEPID_NO_ACCESS: the directories of others are closed
	HideProcesses  HidePID = 2 // HIDEPID_INVISIBLE: they are not there
	ShowPtraceable HidePID = 4 // HIDEPID_NOT_PTRACEABLE: only what one may trace is there
)
