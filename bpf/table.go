// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"cmp"
	"strconv"
	"strings"
)

// A Table is a header line of column names, then a row a record. Columns are
// separated by spaces and aligned as far as their values keep to Width; a value
// never holds white space, and a missing one is "-".
type Table[R any] struct {
	Source  Source[R]
	Columns []Column[R]
}

// A Column has exactly one of Number and Text. Both report whether the record
// has the value at all.
type Column[R any] struct {
	Name string
	// Key is the name in JSON; without one it is Name in lower case.
	Key string
	// Doc tells what the value is, Unit in what it counts ("KiB", "ms since
	// boot"; "" for plain numbers and text), Source the kernel's field or function.
	Doc, Unit, Source string
	Width             int

	Number func(r R) (int64, bool)
	// Unsigned says that Number's values are the bits of a uint64.
	Unsigned bool
	// Text appends the value as it is; the table escapes it.
	Text func(dst []byte, r R) ([]byte, bool)
	// JSON, where a string of the text is not what JSON should have, appends the
	// value's JSON; it is asked for values that are there.
	JSON func(dst []byte, r R) []byte
}

// A ColumnDoc tells what a column is; see Column.
type ColumnDoc struct {
	Name, Type, Unit, Source, Doc string
}

// String is what the column is, in a line: doc (unit; source).
func (c ColumnDoc) String() string {
	details := c.Unit
	if c.Unit != "" && c.Source != "" {
		details += "; "
	}
	if details += c.Source; details != "" {
		return c.Doc + " (" + details + ")"
	}
	return c.Doc
}

// File is the table at path, with its JSON twin.
func (t Table[R]) File(path, program, doc string) File {
	return File{Path: path, Doc: doc, Columns: t.Docs(), Program: program, Format: t.Text(), JSON: t.JSON()}
}

// InfoFile is the table with a line a column, for the file of a single object.
func (t Table[R]) InfoFile(path, program, doc string) File {
	f := t.File(path, program, doc)
	f.Format = t.Info()
	return f
}

// Docs tells what the columns are.
func (t Table[R]) Docs() []ColumnDoc {
	docs := make([]ColumnDoc, len(t.Columns))
	for i, c := range t.Columns {
		docs[i] = ColumnDoc{Name: c.Name, Type: "text", Unit: c.Unit, Source: c.Source, Doc: c.Doc}
		if c.Number != nil {
			docs[i].Type = "number"
		}
	}
	return docs
}

// Always makes a Column.Number of a value that no record lacks.
func Always[R any](value func(r R) int64) func(R) (int64, bool) {
	return func(r R) (int64, bool) { return value(r), true }
}

// As is the table in a form.
func (t Table[R]) As(form Form) Format {
	if form == JSON {
		return t.JSON()
	}
	return t.Text()
}

// Text is the table as text.
func (t Table[R]) Text() Format {
	var head []byte
	for i := range t.Columns {
		c, start := &t.Columns[i], len(head)
		if c.Number != nil {
			head = AppendSpaces(head, c.Width-len(c.Name))
		}
		head = t.end(append(head, c.Name...), start, i)
	}
	return format[R]{source: t.Source, head: string(head), row: always(t.appendRow)}
}

// JSON is one object a line, with the columns' names in lower case as keys.
func (t Table[R]) JSON() Format {
	keys := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		keys[i] = "," + strconv.Quote(cmp.Or(c.Key, strings.ToLower(c.Name))) + ":"
	}
	keys[0] = "{" + keys[0][1:]
	return t.Source.Lines(func(dst []byte, r R) []byte {
		for i := range t.Columns {
			dst = append(dst, keys[i]...)
			dst = t.Columns[i].appendJSON(dst, r)
		}
		return append(dst, "}\n"...)
	})
}

// Info is one line a column, "name:\tvalue": the file of a single object.
func (t Table[R]) Info() Format {
	return t.Source.Lines(func(dst []byte, r R) []byte {
		for i := range t.Columns {
			dst = append(dst, strings.ToLower(t.Columns[i].Name)...)
			dst = append(dst, ":\t"...)
			dst = t.Columns[i].appendText(dst, r, 0)
			dst = append(dst, '\n')
		}
		return dst
	})
}

func (t Table[R]) appendRow(dst []byte, r R) []byte {
	for i := range t.Columns {
		start := len(dst)
		dst = t.Columns[i].appendText(dst, r, t.Columns[i].Width)
		dst = t.end(dst, start, i)
	}
	return dst
}

// end ends column i, which begins at start: with a space behind its width, or the
// row's newline. The last column is not padded.
func (t Table[R]) end(dst []byte, start, i int) []byte {
	if i == len(t.Columns)-1 {
		return append(dst, '\n')
	}
	return append(AppendSpaces(dst, t.Columns[i].Width-(len(dst)-start)), ' ')
}

// appendText appends a value. A number stands right in the width.
func (c *Column[R]) appendText(dst []byte, r R, width int) []byte {
	if c.Number != nil {
		if n, ok := c.Number(r); ok {
			return c.appendNumber(dst, n, width)
		}
		return append(AppendSpaces(dst, width-1), '-')
	}
	start := len(dst)
	dst, ok := c.Text(dst, r)
	if !ok || len(dst) == start {
		return append(dst[:start], '-')
	}
	return EscapeTail(dst, start)
}

func (c *Column[R]) appendNumber(dst []byte, n int64, width int) []byte {
	if c.Unsigned {
		return AppendPadded(dst, uint64(n), width)
	}
	return appendSigned(dst, n, width)
}

func (c *Column[R]) appendJSON(dst []byte, r R) []byte {
	if c.Number != nil {
		if n, ok := c.Number(r); ok {
			return c.appendNumber(dst, n, 0)
		}
		return append(dst, "null"...)
	}
	start := len(dst)
	dst, ok := c.Text(dst, r)
	switch {
	case !ok:
		return append(dst[:start], "null"...)
	case c.JSON != nil:
		return c.JSON(dst[:start], r)
	}
	return QuoteTail(dst, start)
}
