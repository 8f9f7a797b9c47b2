// SPDX-License-Identifier: Apache-2.0

package sock

import (
	"context"
	"fmt"
	"io"
	"testing"
)

// batches are records of a byte, which is the inode.
type batches []string

func (b *batches) Next(context.Context) ([]byte, error) {
	if len(*b) == 0 {
		return nil, io.EOF
	}
	next := (*b)[0]
	*b = (*b)[1:]
	return []byte(next), nil
}

func (b *batches) Close() error { return nil }

func TestOnce(t *testing.T) {
	for _, test := range []struct {
		in   batches
		want string
	}{
		{nil, ""},
		{batches{"abc", "", "de"}, "abcde"},
		{batches{"abc", "ab", "cd"}, "abcd"},
		{batches{"aabbab", "bcac", "c"}, "abc"},
	} {
		in := test.in
		records := Once(&in, func(batch []byte) (uint64, int, error) { return uint64(batch[0]), 1, nil })
		got := ""
		for {
			batch, err := records.Next(context.Background())
			got += string(batch)
			if err == io.EOF {
				break
			}
			if err != nil || len(batch) == 0 {
				t.Fatal(batch, err)
			}
		}
		if got != test.want {
			t.Errorf("%q: %q, want %q", test.in, got, test.want)
		}
	}
}

func TestOnceReportsWhatDoesNotDecode(t *testing.T) {
	torn := fmt.Errorf("torn")
	records := Once(&batches{"a"}, func([]byte) (uint64, int, error) { return 0, 0, torn })
	if _, err := records.Next(context.Background()); err != torn {
		t.Error(err)
	}
}
