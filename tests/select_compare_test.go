// SPDX-License-Identifier: Apache-2.0

package tests

import (
	enc "encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
)

// compare compares what the oracle tells before and after. A path that once came
// out right for every object is right: others may lead to what never rests.
func (o *oracleTarget) compare(t *testing.T, m *mount, c *ebpf.Collection) {
	t.Helper()
	right, objects := make([]bool, len(o.paths)), 0
	persistently(t, func() (complaints []string) {
		before, got, after := runOracle(t, c), o.selected(t, m), runOracle(t, c)
		objects = max(objects, len(got))
		if len(got) == 0 && len(before) > 0 && len(after) > 0 {
			complaints = append(complaints, "select/ has none of the objects, or hides their addresses")
		}
		for i, p := range o.paths {
			if right[i] {
				continue
			}
			compared, wrong := 0, ""
			for key, values := range before {
				if len(values) != len(o.paths) || len(after[key]) != len(o.paths) || got[key] == nil || values[i] != after[key][i] {
					continue
				}
				compared++
				if v, err := p.asC(got[key][i]); err != nil || v != p.normal(values[i]) {
					wrong = fmt.Sprintf("%s of %#x is %v, in C %d (%d)", p.path(), key, got[key][i], int64(values[i].V), values[i].Failed)
				}
			}
			right[i] = compared > 0 && wrong == ""
			if wrong != "" {
				complaints = append(complaints, wrong)
			}
		}
		return complaints
	})
	n := 0
	for _, ok := range right {
		if ok {
			n++
		}
	}
	t.Logf("%d paths of %d, %d objects", n, len(o.paths), objects)
	if n < len(o.paths)*9/10 {
		t.Errorf("only %d of %d paths could be compared", n, len(o.paths))
	}
}

// normal is the oracle's value in the order of bytes that select/ shows.
func (g generated) normal(v oracleValue) oracleValue {
	switch {
	case v.Failed != 0:
		return oracleValue{Failed: -1}
	case g.bigWidth > 0:
		v.V = swap(v.V, g.bigWidth)
	}
	return v
}

func swap(v uint64, width int) uint64 {
	var b [8]byte
	enc.LittleEndian.PutUint64(b[:], v)
	return enc.BigEndian.Uint64(b[:]) >> (64 - 8*width)
}

// selected asks select/ for all paths, as many at a time as a name holds.
func (o *oracleTarget) selected(t *testing.T, m *mount) map[uint64][]any {
	t.Helper()
	rows := map[uint64][]any{}
	for begin := 0; begin < len(o.paths); {
		query, end := o.asked, begin
		for end < len(o.paths) && len(query)+len(o.paths[end].asked()) < 900 {
			query += "," + o.object + "." + o.paths[end].asked()
			end++
		}
		d := json.NewDecoder(strings.NewReader(m.read(t, "select/"+o.name+"/"+o.where+query+".json")))
		d.UseNumber()
		for {
			var row map[string]any
			if err := d.Decode(&row); err == io.EOF {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			if row[o.asked] == "hidden" { // another test is about that
				continue
			}
			key := keyOf(t, row, o.asked)
			for _, p := range o.paths[begin:end] {
				rows[key] = append(rows[key], row[o.object+"."+p.asked()])
			}
		}
		begin = end
	}
	for key, row := range rows {
		if len(row) != len(o.paths) { // it came or went
			delete(rows, key)
		}
	}
	return rows
}

// keyOf is the oracle's key of a row.
func keyOf(t *testing.T, row map[string]any, asked string) (key uint64) {
	t.Helper()
	for column := range strings.SplitSeq(asked, ",") {
		n, err := strconv.ParseUint(fmt.Sprint(row[column]), 0, 64)
		if err != nil {
			t.Fatalf("%s is %v", column, row[column])
		}
		if column == "fd" {
			key = key<<20 ^ n
		} else {
			key = n
		}
	}
	return key
}
