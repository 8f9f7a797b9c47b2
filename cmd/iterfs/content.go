// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"io"

	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/bpf"
	"github.com/iterfs/iterfs/fs"
	"github.com/iterfs/iterfs/loader"
)

// content is the text of an open file: the records of one run of an iterator,
// rendered as they come.
type content struct {
	stream *loader.Stream
	format bpf.Format
	only   *bpf.Key // the one object of a file below an object's directory
	stats  *fs.Stats

	begun bool
	rows  int
}

// Append renders one batch of records. The file of an object that has gone, or
// whose number another one has by now, is ESRCH.
func (c *content) Append(ctx context.Context, dst []byte) ([]byte, error) {
	if !c.begun {
		c.begun = true
		dst = c.format.Head(dst)
	}
	batch, err := c.stream.Next(ctx)
	if err == io.EOF && c.only != nil && c.rows == 0 {
		return dst, unix.ESRCH
	}
	if err != nil {
		return dst, err
	}
	dst, rows, err := c.format.Append(dst, batch, c.only)
	c.rows += rows
	c.stats.Rows.Add(uint64(rows))
	return dst, err
}

func (c *content) Close() error { return c.stream.Close() }
