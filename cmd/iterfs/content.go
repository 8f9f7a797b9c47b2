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
	batch []byte // of the stream, what is not rendered yet
	rows  int
}

// Append renders what is left of a batch of records, or the next one. The file
// of an object that has gone, or whose number another one has by now, is ESRCH.
func (c *content) Append(ctx context.Context, dst []byte) ([]byte, error) {
	if !c.begun {
		c.begun = true
		return c.format.Head(dst), nil
	}
	if len(c.batch) == 0 {
		var err error
		c.batch, err = c.stream.Next(ctx)
		if err == io.EOF && c.only != nil && c.rows == 0 {
			return dst, unix.ESRCH
		}
		if err != nil {
			return dst, err
		}
	}
	text, rest, rows, err := c.format.Append(dst, c.batch, c.only)
	c.batch = rest
	c.rows += rows
	c.stats.Rows.Add(uint64(rows))
	return text, err
}

func (c *content) Close() error { return c.stream.Close() }
