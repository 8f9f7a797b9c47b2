// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"fmt"
	"math"
	"strconv"
	"testing"
)

func TestAppendField(t *testing.T) {
	check := func(v uint64) {
		t.Helper()
		want := " " + strconv.FormatUint(v, 10)
		if got := string(AppendField(nil, v)); got != want {
			t.Errorf("AppendField(%d) = %q", v, got)
		}
		signed := int64(v)
		want = " " + strconv.FormatInt(signed, 10)
		if got := string(AppendSignedField([]byte("x"), signed)); got != "x"+want {
			t.Errorf("AppendSignedField(%d) = %q", signed, got)
		}
		if got := string(AppendSignedField(nil, -signed)); got != " "+strconv.FormatInt(-signed, 10) {
			t.Errorf("AppendSignedField(%d) = %q", -signed, got)
		}
	}
	for p := uint64(1); ; p *= 10 {
		for _, v := range []uint64{p - 1, p, p + 1, p + p/2, p*2 - 1} {
			check(v)
		}
		if p == 1e19 {
			break
		}
	}
	for i := range 64 {
		check(1 << i)
		check(1<<i - 1)
	}
	check(math.MaxUint64)
}

func TestAppendPadded(t *testing.T) {
	for _, v := range []uint64{0, 1, 9, 10, 1234567, 12345678, 123456789, math.MaxUint64} {
		if got, want := string(AppendPadded([]byte("x"), v, 8)), fmt.Sprintf("x%8d", v); got != want {
			t.Errorf("AppendPadded(%d) = %q, want %q", v, got, want)
		}
	}
}

func BenchmarkAppendField(b *testing.B) {
	buf := make([]byte, 0, 64)
	for b.Loop() {
		buf = AppendField(buf[:0], 140724824075488)
	}
}

func BenchmarkAppendUint(b *testing.B) {
	buf := make([]byte, 0, 64)
	for b.Loop() {
		buf = strconv.AppendUint(append(buf[:0], ' '), 140724824075488, 10)
	}
}

func TestNumbersStandRight(t *testing.T) {
	for _, v := range []int64{0, 9, 10, 99, 100, -1, -10, math.MaxInt64, math.MinInt64} {
		for _, width := range []int{0, 1, 5, 25} {
			want := fmt.Sprintf("x%*d", width, v)
			if got := string(appendSigned([]byte("x"), v, width)); got != want {
				t.Errorf("%d in %d: %q, want %q", v, width, got, want)
			}
			want = fmt.Sprintf("x%*d", width, uint64(v))
			if got := string(AppendPadded([]byte("x"), uint64(v), width)); got != want {
				t.Errorf("%d in %d: %q, want %q", uint64(v), width, got, want)
			}
		}
	}
}

func TestAppendHex(t *testing.T) {
	for _, v := range []uint64{0, 1, 0xf, 0x10, 0xabc, 0xfffff, 1 << 32, math.MaxUint64} {
		for _, n := range []int{1, 2, 8} {
			want := fmt.Sprintf("%0*x", n, v)
			if got := string(AppendHex([]byte("x"), v, n)); got != "x"+want {
				t.Errorf("%#x: %q, want %q", v, got[1:], want)
			}
		}
	}
	if got := string(AppendDevice(nil, 254<<20|1)); got != "fe:01" {
		t.Errorf("device 254:1 is %s", got)
	}
}
