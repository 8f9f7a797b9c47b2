// SPDX-License-Identifier: Apache-2.0

package btftext

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/cilium/ebpf/btf"

	"github.com/iterfs/iterfs/bpf"
)

var (
	u8   = &btf.Int{Name: "unsigned char", Size: 1}
	u16  = &btf.Int{Name: "unsigned short", Size: 2}
	u32  = &btf.Int{Name: "unsigned int", Size: 4}
	s32  = &btf.Int{Name: "int", Size: 4, Encoding: btf.Signed}
	u64  = &btf.Int{Name: "unsigned long", Size: 8}
	s64  = &btf.Int{Name: "long", Size: 8, Encoding: btf.Signed}
	u128 = &btf.Int{Name: "__int128 unsigned", Size: 16}
	char = &btf.Int{Name: "char", Size: 1, Encoding: btf.Signed}
	flag = &btf.Int{Name: "_Bool", Size: 1, Encoding: btf.Bool}

	color = &btf.Enum{Name: "color", Size: 4, Values: []btf.EnumValue{{Name: "RED", Value: 0}, {Name: "GREEN", Value: 1}, {Name: "ALSO_GREEN", Value: 1}}}
	sign  = &btf.Enum{Name: "sign", Size: 4, Signed: true, Values: []btf.EnumValue{{Name: "MINUS", Value: math.MaxUint64}, {Name: "PLUS", Value: 1}}}
	wide  = &btf.Enum{Name: "wide", Size: 8, Values: []btf.EnumValue{{Name: "TOP", Value: 1 << 63}}}
	tiny  = &btf.Enum{Name: "tiny", Size: 1, Signed: true, Values: []btf.EnumValue{{Name: "LAST", Value: math.MaxUint64}}}
)

func array(t btf.Type, n uint32) *btf.Array { return &btf.Array{Index: u32, Type: t, Nelems: n} }

func structOf(size uint32, members ...btf.Member) *btf.Struct {
	return &btf.Struct{Name: "s", Size: size, Members: members}
}

func member(name string, t btf.Type, offset btf.Bits) btf.Member {
	return btf.Member{Name: name, Type: t, Offset: offset * 8}
}

func bits(name string, t btf.Type, offset, size btf.Bits) btf.Member {
	return btf.Member{Name: name, Type: t, Offset: offset, BitfieldSize: size}
}

// bytesOf packs values as C does, without padding.
func bytesOf(values ...any) (b []byte) {
	for _, v := range values {
		switch v := v.(type) {
		case string:
			b = append(b, v...)
		default:
			var err error
			if b, err = binary.Append(b, binary.NativeEndian, v); err != nil {
				panic(err)
			}
		}
	}
	return b
}

func TestRender(t *testing.T) {
	pair := structOf(8, member("a", u32, 0), member("b", s32, 4))
	room := make([]byte, 0, 256)
	anonymous := &btf.Union{Size: 4, Members: []btf.Member{member("whole", u32, 0), member("", structOf(4, member("low", u16, 0), member("high", u16, 2)), 0)}}
	for _, test := range []struct {
		name       string
		t          btf.Type
		data       []byte
		text, json string // "" where it is the text
	}{
		{"u8", u8, bytesOf(uint8(200)), "200", ""},
		{"u16", u16, bytesOf(uint16(65535)), "65535", ""},
		{"s32", s32, bytesOf(int32(-5)), "-5", ""},
		{"u64", u64, bytesOf(uint64(math.MaxUint64)), "18446744073709551615", ""},
		{"s64", s64, bytesOf(int64(math.MinInt64)), "-9223372036854775808", ""},
		{"u128", u128, bytesOf(uint64(5), uint64(1)), "0x10000000000000005", `"0x10000000000000005"`},
		{"small u128", u128, bytesOf(uint64(0xabc), uint64(0)), "0xabc", `"0xabc"`},
		{"bool", flag, bytesOf(uint8(2)), "true", ""},
		{"char", char, bytesOf(int8(-1)), "-1", ""},
		{"float", &btf.Float{Size: 4}, bytesOf(float32(0.1)), "0.1", ""},
		{"double", &btf.Float{Size: 8}, bytesOf(-1e300), "-1e+300", ""},
		{"no number", &btf.Float{Size: 8}, bytesOf(math.Inf(-1)), "-Inf", `"-Inf"`},
		{"long double", &btf.Float{Size: 16}, make([]byte, 16), strings.Repeat("00", 16), `"` + strings.Repeat("00", 16) + `"`},
		{"pointer", &btf.Pointer{Target: u8}, bytesOf(uint64(0xffff888000000001)), "0xffff888000000001", "18446612682070032385"},
		{"enum", color, bytesOf(uint32(1)), "GREEN", `"GREEN"`},
		{"no member", color, bytesOf(uint32(7)), "7", ""},
		{"signed enum", sign, bytesOf(int32(-1)), "MINUS", `"MINUS"`},
		{"signed no member", sign, bytesOf(int32(-2)), "-2", ""},
		{"enum64", wide, bytesOf(uint64(1 << 63)), "TOP", `"TOP"`},
		{"enum of a byte", tiny, bytesOf(int8(-1)), "LAST", `"LAST"`},
		{"typedef", &btf.Typedef{Name: "t", Type: &btf.Const{Type: &btf.Volatile{Type: u32}}}, bytesOf(uint32(3)), "3", ""},
		{"array", array(u16, 3), bytesOf([]uint16{1, 2, 3}), "[1,2,3]", ""},
		{"matrix", array(array(u8, 2), 2), bytesOf([]uint8{1, 2, 3, 4}), "[[1,2],[3,4]]", ""},
		{"no elements", array(u64, 0), nil, "[]", ""},
		{"elements of no size", array(structOf(0), 1<<31), nil, "[]", ""},
		{"text", array(char, 8), bytesOf("abc\x00junk"), `"abc"`, ""},
		{"text to the end", array(&btf.Const{Type: char}, 4), bytesOf("abcd"), `"abcd"`, ""},
		{"text with marks", array(char, 8), bytesOf("a b\"\\ü\x00"), `"a\040b\134"\134\134ü"`, `"a b\"\\ü"`},
		{"no text", array(char, 4), bytesOf("a\n\xff\x00"), "[97,10,-1,0]", ""},
		{"typedef of char", array(&btf.Typedef{Name: "s8", Type: char}, 2), bytesOf("ab"), "[97,98]", ""},
		{"struct", pair, bytesOf(uint32(1), int32(-2)), "{a=1,b=-2}", `{"a":1,"b":-2}`},
		{"nested", array(pair, 2), bytesOf([]uint32{1, 2, 3, 4}), "[{a=1,b=2},{a=3,b=4}]", `[{"a":1,"b":2},{"a":3,"b":4}]`},
		{"empty struct", structOf(4), make([]byte, 4), "{}", ""},
		{"union", &btf.Union{Size: 4, Members: []btf.Member{member("u", u32, 0), member("s", s32, 0)}}, bytesOf(int32(-1)), "{u=4294967295,s=-1}", `{"u":4294967295,"s":-1}`},
		{"anonymous members", structOf(8, member("first", u32, 0), member("", anonymous, 4)), bytesOf(uint32(9), uint32(0x20001)),
			"{first=9,whole=131073,low=1,high=2}", `{"first":9,"whole":131073,"low":1,"high":2}`},
		{"bitfields", structOf(4, bits("one", u32, 0, 1), bits("signed", s32, 1, 3), bits("", u32, 4, 3), bits("color", color, 7, 2), bits("rest", u32, 9, 23)),
			bytesOf(uint32(1 | 6<<1 | 7<<4 | 1<<7 | 5<<9)), "{one=1,signed=-2,color=GREEN,rest=5}", `{"one":1,"signed":-2,"color":"GREEN","rest":5}`},
		{"64 bits over 9 bytes", structOf(16, bits("far", u64, 3, 64)), append(bytesOf(uint64(math.MaxUint64<<3&math.MaxUint64)), 7, 0, 0, 0, 0, 0, 0, 0), "{far=18446744073709551615}", `{"far":18446744073709551615}`},
		{"flag", structOf(1, bits("off", flag, 0, 1), bits("on", flag, 1, 1)), []byte{2}, "{off=false,on=true}", `{"off":false,"on":true}`},
		{"section", &btf.Datasec{Name: ".bss", Size: 8, Vars: []btf.VarSecinfo{
			{Type: &btf.Var{Name: "hits", Type: u32}, Offset: 4, Size: 4}}}, bytesOf(uint32(1), uint32(2)), "{hits=2}", `{"hits":2}`},
		{"odd name", structOf(4, member("a b", u32, 0)), bytesOf(uint32(1)), `{a\040b=1}`, `{"a b":1}`},
	} {
		for form, want := range map[bpf.Form]string{bpf.Text: test.text, bpf.JSON: test.json} {
			if want == "" {
				want = test.text
			}
			p, err := New(test.t, len(test.data), form)
			if err != nil {
				t.Errorf("%s: %v", test.name, err)
				continue
			}
			got := string(p.Append([]byte("x"), test.data)[1:])
			if got != want {
				t.Errorf("%s: %s, want %s", test.name, got, want)
			}
			if form == bpf.JSON && !json.Valid([]byte(got)) {
				t.Errorf("%s: %s is not JSON", test.name, got)
			}
			if n := testing.AllocsPerRun(10, func() { p.Append(room, test.data) }); n > 0 && !strings.Contains(test.name, "marks") {
				t.Errorf("%s: %v allocations", test.name, n)
			}
		}
	}
}

func TestTypesThatHaveNoText(t *testing.T) {
	deep := btf.Type(u32)
	for range 100 {
		deep = structOf(4, member("m", deep, 0))
	}
	cyclic := structOf(8)
	cyclic.Members = []btf.Member{member("self", cyclic, 0)}
	unnamed := structOf(8)
	unnamed.Members = []btf.Member{member("", unnamed, 0)}
	explosive := btf.Type(u32)
	for range 30 {
		explosive = &btf.Union{Size: 4, Members: []btf.Member{member("a", explosive, 0), member("b", explosive, 0)}}
	}
	for name, test := range map[string]struct {
		t    btf.Type
		size int
	}{
		"void":               {&btf.Void{}, 0},
		"function":           {&btf.FuncProto{}, 0},
		"forward":            {&btf.Fwd{Name: "f"}, 0},
		"another size":       {u32, 8},
		"odd integer":        {&btf.Int{Size: 3}, 3},
		"beyond its struct":  {structOf(4, member("m", u64, 0)), 4},
		"bits beyond it":     {structOf(4, bits("m", u32, 31, 2)), 4},
		"bits of a struct":   {structOf(4, bits("m", structOf(4), 0, 2)), 4},
		"too many bits":      {structOf(16, bits("m", u128, 0, 65)), 16},
		"between bytes":      {structOf(8, btf.Member{Name: "m", Type: u32, Offset: 3}), 8},
		"beyond its section": {&btf.Datasec{Size: 4, Vars: []btf.VarSecinfo{{Type: &btf.Var{Type: u32}, Offset: 2}}}, 4},
		"deep":               {deep, 4},
		"cyclic":             {cyclic, 8},
		"cyclic unnamed":     {unnamed, 8},
		"explosive":          {explosive, 4},
		"vast":               {array(array(u64, math.MaxUint32), math.MaxUint32), 8},
	} {
		if p, err := New(test.t, test.size, bpf.Text); err == nil {
			t.Errorf("%s: printed as %s", name, p.Append(nil, make([]byte, test.size)))
		}
	}
}

func TestHex(t *testing.T) {
	if got := string(Hex(3, bpf.Text).Append(nil, []byte{0, 0xab, 9})); got != "00ab09" {
		t.Error(got)
	}
	if got := string(Hex(3, bpf.JSON).Append(nil, []byte{0, 0xab, 9})); got != `"00ab09"` {
		t.Error(got)
	}
	p, err := New(u64, 8, bpf.Text)
	if err != nil {
		t.Fatal(err)
	}
	if got := string(p.Append(nil, []byte{1, 2})); got != "0102" {
		t.Errorf("too few bytes for the type: %s", got)
	}
}

func TestWidth(t *testing.T) {
	for _, test := range []struct {
		t    btf.Type
		size int
		want int
	}{{u8, 1, 3}, {s32, 4, 11}, {u64, 8, 20}, {color, 4, 0}, {structOf(4), 4, 0}} {
		p, err := New(test.t, test.size, bpf.Text)
		if err != nil || p.Width() != test.want {
			t.Errorf("%v: width %d, %v, want %d", test.t, p.Width(), err, test.want)
		}
	}
	if w := Hex(5, bpf.Text).Width(); w != -10 {
		t.Errorf("hex: width %d", w)
	}
}
